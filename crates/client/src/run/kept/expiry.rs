//! When kept files go: by their age, and the oldest first when there are too many bytes.
//!
//! Nothing is removed unannounced: files of a run are kept until a date that is told when they are kept; what is to go for
//! want of room is marked by one submit and removed by the next one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use azml_core::id::RunId;
use jiff::Timestamp;

use super::KeptRun;

/// Marks the kept files of a run that the next submit removes if there is still no room.
const MARK: &str = "to-be-removed";
/// The prefix of the names of folders that are being removed.
const REMOVED: &str = ".removed-";

/// The limits of age and size up to which files are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// For how long; zero: for ever.
    pub age: Duration,
    /// The most bytes of one project; 0: any number.
    pub bytes: u64,
}

impl Expiry {
    /// Until when files are kept that are kept since then; `None`: for ever.
    pub fn until(&self, since: Timestamp) -> Option<Timestamp> {
        if self.age.is_zero() {
            return None;
        }
        since.checked_add(self.age).ok()
    }
}

/// The kept files of one run that were, or are to be, removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    pub run: RunId,
    /// The number of files.
    pub files: usize,
    /// The number of bytes.
    pub bytes: u64,
    /// True if their time was over; otherwise there was no room for them.
    pub is_old: bool,
}

/// The result of one round of expiry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// The runs whose files were removed.
    pub removed: Vec<Removed>,
    /// The runs whose files the next round removes.
    pub next: Vec<Removed>,
}

/// Removes kept files whose time is over, and those that were marked the last time and are still too many; marks those that
/// are too many now. Those of runs in `alive` and the newest ones are never removed for want of room.
///
/// `before` is called before anything of a run is removed.
pub fn expire(
    all: &Path,
    expiry: Expiry,
    now: Timestamp,
    alive: &BTreeSet<RunId>,
    before: &dyn Fn(&Removed),
) -> io::Result<Removal> {
    sweep(all);
    let mut done = Removal::default();
    let mut left = Vec::new();
    for (run, kept) in KeptRun::all(all)? {
        if alive.contains(&run) {
            continue;
        }
        let (files, bytes) = kept.totals()?;
        let is_old = kept.since().and_then(|since| expiry.until(since)).is_some_and(|until| until <= now);
        let what = Removed { run, files, bytes, is_old };
        if is_old {
            remove(kept, what, before, &mut done.removed)?;
        } else {
            left.push((what, kept));
        }
    }
    let mut sum: u64 = left.iter().map(|(what, _)| what.bytes).sum();
    let newest = left.len().saturating_sub(1);
    for (at, (what, kept)) in left.into_iter().enumerate() {
        let mark = kept.folder().join(MARK);
        let is_too_much = expiry.bytes > 0 && sum > expiry.bytes && at < newest && what.bytes > 0;
        if !is_too_much {
            drop(fs::remove_file(mark));
            continue;
        }
        sum -= what.bytes;
        if mark.exists() {
            remove(kept, what, before, &mut done.removed)?;
        } else {
            File::create(mark)?;
            done.next.push(what);
        }
    }
    Ok(done)
}

fn remove(
    kept: KeptRun,
    what: Removed,
    before: &dyn Fn(&Removed),
    removed: &mut Vec<Removed>,
) -> io::Result<()> {
    before(&what);
    match kept.remove() {
        // Another azml was quicker.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => {
            removed.push(what);
            done
        }
    }
}

/// Removes what an azml was about to remove when it was killed.
fn sweep(all: &Path) {
    let Ok(entries) = fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(REMOVED)
            && let Err(error) = super::remove_all(&entry.path())
        {
            tracing::warn!(%error, folder = %entry.path().display(), "kept files can't be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::super::List;
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_511_000_000 + day * DAY).unwrap()
    }

    fn keep(all: &Path, n: u64, since: i64, bytes: usize) -> RunId {
        let run = RunId::new("iris", n).unwrap();
        let folder = all.join(run.as_str());
        fs::create_dir_all(folder.join("files/ckpt")).unwrap();
        fs::write(folder.join("files/ckpt/best.pt"), vec![1; bytes]).unwrap();
        List { kept_utc: day(since), files: 1, bytes: bytes as u64, ..List::default() }
            .write(&folder)
            .unwrap();
        run
    }

    fn runs(all: &Path) -> Vec<u64> {
        KeptRun::all(all).unwrap().iter().map(|(run, _)| run.epoch_ms()).collect()
    }

    #[test]
    fn what_is_old_goes_and_what_is_too_much_goes_one_round_after_it_was_told() {
        let dir = tempfile::tempdir().unwrap();
        let all = dir.path().join("kept");
        let expiry = Expiry { age: Duration::from_hours(30 * 24), bytes: 25_000 };
        let told = RefCell::new(Vec::new());
        let round = |at: i64, alive: &[&RunId]| {
            let alive = alive.iter().map(|run| (*run).clone()).collect();
            expire(&all, expiry, day(at), &alive, &|what| told.borrow_mut().push(what.run.epoch_ms()))
                .unwrap()
        };
        assert_eq!(round(0, &[]), Removal::default());
        let first = keep(&all, 9, 0, 10_000);
        keep(&all, 10, 1, 10_000);
        assert_eq!(round(29, &[]), Removal::default());
        assert_eq!(round(30, &[&first]), Removal::default(), "it still runs");
        let done = round(30, &[]);
        assert_eq!(done.removed, [Removed { run: first, files: 1, bytes: 10_000, is_old: true }]);
        assert_eq!((runs(&all), told.borrow().as_slice()), (vec![10], &[9][..]));

        keep(&all, 11, 20, 10_000);
        keep(&all, 12, 21, 10_000);
        let next: Vec<u64> = round(22, &[]).next.iter().map(|what| what.run.epoch_ms()).collect();
        assert_eq!((next, runs(&all)), (vec![10], vec![10, 11, 12]), "told, and not yet removed");
        let done = round(23, &[]);
        assert_eq!((done.removed.len(), done.next.len(), runs(&all)), (1, 0, vec![11, 12]));
        assert!(!done.removed[0].is_old);

        // Larger than all that may be kept, and the newest: it stays.
        keep(&all, 13, 24, 90_000);
        assert_eq!(round(25, &[]).next.len(), 2);
        assert_eq!((round(26, &[]).removed.len(), runs(&all)), (2, vec![13]));
        assert_eq!((round(27, &[]), runs(&all)), (Removal::default(), vec![13]));
    }

    #[test]
    fn room_that_was_made_meanwhile_takes_the_mark_away_and_zero_is_no_limit() {
        let dir = tempfile::tempdir().unwrap();
        let all = dir.path().join("kept");
        let expiry = Expiry { age: Duration::ZERO, bytes: 15_000 };
        let round = || expire(&all, expiry, day(5_000), &BTreeSet::new(), &|_| {}).unwrap();
        keep(&all, 1, 0, 10_000);
        keep(&all, 2, 0, 10_000);
        assert_eq!(round().next.len(), 1);
        KeptRun::find(&all, &RunId::new("iris", 2).unwrap()).unwrap().remove().unwrap();
        assert_eq!(round(), Removal::default());
        keep(&all, 2, 0, 10_000);
        assert_eq!((round().removed.len(), runs(&all)), (0, vec![1, 2]), "told once more before it goes");
        let without = Expiry { age: Duration::ZERO, bytes: 0 };
        assert_eq!(expire(&all, without, day(9_000), &BTreeSet::new(), &|_| {}).unwrap(), Removal::default());
    }
}
