//! Pushing beside a run: in a thread, so that the script never waits for the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, after, select, unbounded};

use super::signals::{Cancel, NotStopped};
use crate::error::CommandError;

/// A thread that pushes when it is told to.
#[derive(Debug)]
pub struct Delivery {
    ask: Sender<()>,
    done: Receiver<Result<(), CommandError>>,
    asked: Arc<AtomicUsize>,
}

/// Asks for pushes from another thread.
#[derive(Clone, Debug)]
pub struct Asker {
    ask: Sender<()>,
    asked: Arc<AtomicUsize>,
}

impl Asker {
    /// Asks for what is unpushed by now to be pushed.
    pub fn push(&self) {
        if self.ask.send(()).is_ok() {
            self.asked.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The result of a run's pushes.
#[derive(Debug)]
pub enum Outcome {
    /// Everything is at the remote.
    Pushed,
    /// The remote refused or could not be reached.
    Failed(CommandError),
    /// It takes longer than the run's end waits.
    Unfinished,
}

impl Delivery {
    /// Starts the thread, which calls `push` once for each [`Self::push`].
    pub fn start(
        mut push: impl FnMut() -> Result<(), CommandError> + Send + 'static,
    ) -> std::io::Result<Self> {
        let (ask, asked) = unbounded::<()>();
        let (tell, done) = unbounded();
        std::thread::Builder::new().name("push".to_owned()).spawn(move || {
            // A question of its own fails while the script has the terminal.
            let _not_stopped = NotStopped::new();
            for () in asked {
                if tell.send(push()).is_err() {
                    break;
                }
            }
        })?;
        Ok(Self { ask, done, asked: Arc::new(AtomicUsize::new(0)) })
    }

    /// Pushes what is unpushed by now.
    pub fn push(&self) {
        self.asker().push();
    }

    /// The result of a push that has ended, if it was not asked for before; `None` while there is none.
    pub fn ended(&self) -> Option<Result<(), CommandError>> {
        let ended = self.done.try_recv().ok();
        if ended.is_some() {
            self.asked.fetch_sub(1, Ordering::Relaxed);
        }
        ended
    }

    /// Returns whether no push is going on or waits.
    pub fn is_idle(&self) -> bool {
        self.asked.load(Ordering::Relaxed) == 0
    }

    /// For another thread that has something to push.
    pub fn asker(&self) -> Asker {
        Asker { ask: self.ask.clone(), asked: Arc::clone(&self.asked) }
    }

    /// Waits for what was asked, but not longer than `wait`, and not when a signal comes.
    pub fn finish(self, wait: Duration, cancel: &Cancel) -> Outcome {
        let timeout = after(wait);
        let mut last = Outcome::Pushed;
        for _ in 0..self.asked.load(Ordering::Relaxed) {
            select! {
                recv(self.done) -> done => match done {
                    Ok(Ok(())) => last = Outcome::Pushed,
                    Ok(Err(error)) => last = Outcome::Failed(error),
                    Err(_) => return Outcome::Unfinished,
                },
                recv(cancel.received()) -> _ => return Outcome::Unfinished,
                recv(timeout) -> _ => return Outcome::Unfinished,
            }
        }
        last
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::never;

    use super::*;

    /// Longer than any of these tests may take.
    const TIMEOUT: Duration = Duration::from_mins(1);

    #[test]
    fn the_last_push_decides() {
        let mut answers = vec![Ok(()), Err(CommandError::failed("no"))].into_iter().rev().collect::<Vec<_>>();
        let delivery = Delivery::start(move || answers.pop().unwrap()).unwrap();
        delivery.push();
        delivery.push();
        assert!(
            matches!(delivery.finish(TIMEOUT, &Cancel::from_channel(never())), Outcome::Failed(error) if error.to_string() == "no")
        );
        let delivery = Delivery::start(|| Ok(())).unwrap();
        assert!(matches!(delivery.finish(Duration::ZERO, &Cancel::from_channel(never())), Outcome::Pushed));
    }

    #[test]
    fn a_slow_push_is_not_waited_for() {
        let (_never, blocked) = crossbeam_channel::bounded::<()>(0);
        let delivery = Delivery::start(move || {
            let _ = blocked.recv();
            Ok(())
        })
        .unwrap();
        delivery.push();
        assert!(matches!(
            delivery.finish(Duration::from_millis(1), &Cancel::from_channel(never())),
            Outcome::Unfinished
        ));
    }

    #[test]
    fn a_signal_ends_the_waiting() {
        let (_never, blocked) = crossbeam_channel::bounded::<()>(0);
        let delivery = Delivery::start(move || {
            let _ = blocked.recv();
            Ok(())
        })
        .unwrap();
        delivery.push();
        let (sender, received) = unbounded();
        sender.send(signal_hook::consts::SIGINT).unwrap();
        assert!(matches!(delivery.finish(TIMEOUT, &Cancel::from_channel(received)), Outcome::Unfinished));
    }
}
