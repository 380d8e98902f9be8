//! Work on several threads of one call.
//!
//! Threads are started for each call: a command does one or two such things in its life, so that a pool that outlives
//! the call would start as many.

use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Returns how many threads the machine runs at once, at most `most` and at least one.
pub fn threads(most: usize) -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(most).max(1)
}

/// Calls `work` with each share of `items`, on one thread a share; returns the results in the order of the items.
pub fn map_shares<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let (first, rest) = items.split_at(items.len().div_ceil(threads.max(1)));
    std::thread::scope(|scope| {
        let shares = rest.chunks(first.len().max(1));
        let others: Vec<_> = shares.map(|share| scope.spawn(|| work(share))).collect();
        let mut results = vec![work(first)];
        results.extend(others.into_iter().map(|other| other.join().expect("no share of the work panics")));
        results
    })
}

/// Calls `work` with `first`, and with each task that a call adds to its list. Each thread has a state of its own, which
/// is returned.
///
/// A thread works through the tasks that it makes, the newest first, and shares them when another has none.
///
/// # Errors
/// The first error of `work`; further tasks are not begun then.
pub fn run_tasks<T: Send, S: Default + Send, E: Send>(
    first: T,
    threads: usize,
    work: impl Fn(T, &mut S, &mut Vec<T>) -> Result<(), E> + Sync,
) -> Result<Vec<S>, E> {
    let queue = WorkQueue {
        state: Mutex::new(QueueState { tasks: vec![first], busy: 0, failed: None }),
        more: Condvar::new(),
        idle: AtomicUsize::new(0),
    };
    let states = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| queue.work(&work))).collect();
        let mut states = vec![queue.work(&work)];
        states.extend(others.into_iter().map(|other| other.join().expect("no task panics")));
        states
    });
    let state = queue.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.failed.map_or(Ok(states), Err)
}

struct WorkQueue<T, E> {
    state: Mutex<QueueState<T, E>>,
    more: Condvar,
    /// Threads that wait for a task.
    idle: AtomicUsize,
}

struct QueueState<T, E> {
    tasks: Vec<T>,
    /// Threads that work on a task, and may add further ones.
    busy: usize,
    failed: Option<E>,
}

impl<T, E> WorkQueue<T, E> {
    fn work<S: Default>(&self, work: &impl Fn(T, &mut S, &mut Vec<T>) -> Result<(), E>) -> S {
        let mut state = S::default();
        while let Some(task) = self.take() {
            let mut tasks = vec![task];
            while let Some(task) = tasks.pop() {
                if let Err(error) = work(task, &mut state, &mut tasks) {
                    self.lock().failed.get_or_insert(error);
                    tasks.clear();
                }
                // The oldest are nearest to the top, and likely to be the most work.
                if tasks.len() > 1 && self.idle.load(Ordering::Relaxed) > 0 {
                    let kept = tasks.split_off(tasks.len().div_ceil(2));
                    self.lock().tasks.append(&mut tasks);
                    tasks = kept;
                    self.more.notify_all();
                }
            }
            self.lock().busy -= 1;
        }
        // The first thread that ends wakes those that wait.
        self.more.notify_all();
        state
    }

    /// Returns a task, and waits for one while another thread may add some; `None` at the end.
    fn take(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.failed.is_some() {
                return None;
            }
            if let Some(task) = state.tasks.pop() {
                state.busy += 1;
                return Some(task);
            }
            if state.busy == 0 {
                return None;
            }
            self.idle.fetch_add(1, Ordering::Relaxed);
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_make_tasks_and_an_error_ends_them() {
        for threads in [1, 2, 5] {
            let count = |limit: u32| {
                run_tasks(1, threads, move |n: u32, sum: &mut u64, more: &mut Vec<u32>| {
                    *sum += u64::from(n);
                    more.extend([2 * n, 2 * n + 1].into_iter().filter(|n| *n < 1_000));
                    if n == limit { Err(n) } else { Ok(()) }
                })
            };
            assert_eq!(count(0).unwrap().into_iter().sum::<u64>(), 999 * 1_000 / 2);
            assert_eq!(count(777).unwrap_err(), 777);
        }
    }

    #[test]
    fn shares_come_back_in_order() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [0, 1, 3, 200] {
            assert_eq!(map_shares(&items, threads, <[usize]>::to_vec).concat(), items);
        }
        assert_eq!(map_shares(&[0; 0], 4, <[usize]>::len), [0]);
    }
}
