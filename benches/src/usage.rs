//! The resources of processes, read from `/proc`: processor time, memory that is theirs and no file's, threads and descriptors.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The unit in which the kernel tells user space processor time, on every Linux.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// The time between two readings of memory.
const INTERVAL: Duration = Duration::from_millis(10);

/// A process and all that descend from it.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = stat(pid).and_then(|fields| fields.first().copied()) {
            children.entry(u32::try_from(parent).unwrap_or_default()).or_default().push(pid);
        }
    }
    let mut all = vec![root];
    let mut at = 0;
    while at < all.len() {
        all.extend(children.remove(&all[at]).unwrap_or_default());
        at += 1;
    }
    all
}

/// The numbers of `/proc/PID/stat`, from the parent's id on.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in front of it may hold anything.
    let rest = &text[text.rfind(')')? + 1..];
    Some(rest.split_whitespace().skip(1).map(|field| field.parse().unwrap_or_default()).collect())
}

/// The processor time of these processes so far, without that of their children.
pub(crate) fn cpu(pids: &[u32]) -> Duration {
    let ticks: u64 =
        pids.iter().filter_map(|pid| stat(*pid)).flat_map(|fields| [fields[10], fields[11]]).sum();
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

/// The resources of one process at one moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Bytes in memory that are the process's own and no file's.
    pub(crate) anonymous: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
}

impl Figures {
    /// Reads them; `None` if the process has ended.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            anonymous: field("RssAnon:")? * 1024,
            threads: field("Threads:")?,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64,
        })
    }
}

/// Bytes in memory that belong to these processes and not to a file.
fn anonymous(pids: &[u32]) -> u64 {
    pids.iter().filter_map(|pid| Figures::of(*pid)).map(|figures| figures.anonymous).sum()
}

/// The most memory that the processes had at once while `work` was done, children that came and went included.
pub(crate) fn peak<T>(roots: &[u32], work: impl FnOnce() -> T) -> (T, u64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                let all: Vec<u32> = roots.iter().flat_map(|root| tree(*root)).collect();
                most = anonymous(&all).max(most);
                std::thread::sleep(INTERVAL);
            }
            most
        });
        let value = work();
        done.store(true, Ordering::Relaxed);
        (value, watcher.join().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::{cpu, peak, tree};

    #[test]
    fn this_process_is_seen() {
        let own = std::process::id();
        assert_eq!(tree(own)[0], own);
        let (block, most) = peak(&[own], || {
            let block = vec![1_u8; 64 << 20];
            std::thread::sleep(std::time::Duration::from_millis(100));
            block
        });
        assert!(most > block.len() as u64, "{most}");
        assert!(cpu(&[own]).as_millis() < 3_600_000);
    }
}
