//! The state of a run in progress: a folder with a lock that dies with the process that submitted it.
//!
//! `<state>/projects/<guid>/runs/<run_id>/` holds `lock`, `pid` (of the submitting azml), `script` (which process the
//! script is), `record.json`, `metrics.jsonl` and the script's folder `work/`; `cancel`, if a member of a sweep is to end;
//! `elsewhere`, if the run is given to an engine; `reserve`, room on the disk for the end.
//! Whoever can take the lock knows that the submitter is gone; a folder without a record is a submit that never came to its run.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use azml_core::id::{ProjectId, RunId};
use azml_core::limits::RUN_RECORD;
use azml_core::run::RunRecord;
use azml_core::small_file::{self, NotSmall};
use rustix::fs::{FallocateFlags, fallocate};

use super::disk::remove_all;
use super::logged::Logged;
use super::outputs::Outputs;
use super::process_table;
use super::secrets::Secrets;
use crate::env::AZML_METRICS_FILE;
use crate::metrics;

const LOCK: &str = "lock";
const PID: &str = "pid";
const RECORD: &str = "record.json";
const WORK: &str = "work";
const SCRIPT: &str = "script";
const OUTPUTS: &str = "outputs.json";
const CANCEL: &str = "cancel";
const ELSEWHERE: &str = "elsewhere";
const RESERVE: &str = "reserve";

/// The folder of a project's runs in progress.
pub fn runs_dir(state_dir: &Path, project: &ProjectId) -> PathBuf {
    project_dir(state_dir, project).join("runs")
}

/// The folder of a project's state outside the project folder.
pub fn project_dir(state_dir: &Path, project: &ProjectId) -> PathBuf {
    state_dir.join("projects").join(project.to_string())
}

/// The run of this process; the lock is given back when this is dropped.
#[derive(Debug)]
pub struct Live {
    dir: PathBuf,
    id: RunId,
    has_record: AtomicBool,
    _lock: File,
}

impl Drop for Live {
    /// A submit that never came to its run leaves nothing.
    fn drop(&mut self) {
        if !*self.has_record.get_mut() {
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

impl Live {
    /// Takes the first free run id from `epoch_ms` on: nobody else on this computer gets it.
    pub fn claim(
        runs_dir: &Path,
        project: &str,
        epoch_ms: u64,
        mut taken: impl FnMut(&RunId) -> bool,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(runs_dir)?;
        let mut at = epoch_ms;
        loop {
            let id = RunId::new(project, at).map_err(io::Error::other)?;
            at += 1;
            if taken(&id) {
                continue;
            }
            let dir = runs_dir.join(id.as_str());
            match std::fs::create_dir(&dir) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            if let Some(live) = Self::lock(dir, id)? {
                return Ok(live);
            }
        }
    }

    /// Takes an id again whose run is over; `None` if it goes on, or has not been closed.
    pub fn reclaim(runs_dir: &Path, id: &RunId) -> io::Result<Option<Self>> {
        Self::reclaim_as(runs_dir, id, id.as_str())
    }

    /// Makes a folder for a further attempt at a run: the process of the one before may still write into its own.
    pub fn again(runs_dir: &Path, id: &RunId, attempt: u32) -> io::Result<Option<Self>> {
        Self::reclaim_as(runs_dir, id, &format!("{id}.{attempt}"))
    }

    fn reclaim_as(runs_dir: &Path, id: &RunId, name: &str) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(runs_dir)?;
        let dir = runs_dir.join(name);
        match std::fs::create_dir(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(error) => return Err(error),
        }
        Self::lock(dir, id.clone())
    }

    /// Locks the fresh folder of a run; `None` if another process took it for an abandoned one.
    fn lock(dir: PathBuf, id: RunId) -> io::Result<Option<Self>> {
        let lock = File::create(dir.join(LOCK))?;
        // Another process may take the fresh folder for an abandoned one, and remove it.
        if lock.try_lock().is_err() || !dir.join(LOCK).exists() {
            return Ok(None);
        }
        std::fs::write(dir.join(PID), std::process::id().to_string())?;
        Ok(Some(Self { dir, id, has_record: AtomicBool::new(false), _lock: lock }))
    }

    /// The run's id.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// The path of the run's folder.
    pub fn work(&self) -> PathBuf {
        self.dir.join(WORK)
    }

    /// The folder that an earlier attempt at the run has left, if there is one.
    pub fn work_of_earlier(&self, attempt: u32) -> Option<PathBuf> {
        let runs_dir = self.dir.parent()?;
        let earlier = (2..attempt).rev().map(|earlier| format!("{}.{earlier}", self.id));
        let mut earlier = earlier.chain([self.id.to_string()]).map(|name| runs_dir.join(name).join(WORK));
        earlier.find(|work| attempt > 1 && work.is_dir())
    }

    /// The file to which the script logs its metrics.
    pub fn metrics_file(&self) -> PathBuf {
        self.dir.join(metrics::FILE)
    }

    /// Reads what the script has logged so far.
    pub fn logged(&self) -> io::Result<Logged> {
        Logged::read(&self.dir)
    }

    /// The folder of the run in progress.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// Keeps the record: from now on a dead submitter is noticed.
    pub fn keep(&self, record: &RunRecord) -> io::Result<()> {
        self.has_record.store(true, Ordering::Relaxed);
        write_whole(&self.dir, RECORD, &record.to_stored())
    }

    /// Keeps what tells the script's process from a later one of its number.
    pub fn keep_script(&self, start_token: &str) -> io::Result<()> {
        write_whole(&self.dir, SCRIPT, start_token.as_bytes())
    }

    /// Keeps which outputs the run declares, for whoever collects them if this process dies.
    pub fn keep_outputs(&self, outputs: &Outputs) -> io::Result<()> {
        let entries = outputs.to_entries();
        if entries.is_empty() {
            return Ok(());
        }
        write_whole(&self.dir, OUTPUTS, &serde_json::to_vec(&entries)?)
    }

    /// Says that the run is given to an engine: from now on a dead submitter is no news of it.
    pub fn set_elsewhere(&self) -> io::Result<()> {
        File::create(self.dir.join(ELSEWHERE)).map(drop)
    }

    /// Keeps what the run's logs must not show, for the same.
    pub fn keep_secrets(&self, secrets: &Secrets) -> io::Result<()> {
        secrets.keep(&self.dir)
    }

    /// Takes room on the disk, as far as there is some, for what is written when the script has ended.
    pub fn reserve(&self, bytes: u64) {
        let path = self.dir.join(RESERVE);
        let taken =
            File::create(&path).and_then(|file| Ok(fallocate(file, FallocateFlags::empty(), 0, bytes)?));
        if let Err(error) = taken {
            tracing::debug!(%error, "no room is reserved");
            self.give_back();
        }
    }

    /// Gives back what [`Self::reserve`] has taken.
    pub fn give_back(&self) {
        drop(std::fs::remove_file(self.dir.join(RESERVE)));
    }

    /// The run is over and its record is in the history.
    pub fn finish(self) -> io::Result<()> {
        remove_all(&self.dir)
    }
}

/// A run that some process submitted on this computer.
#[derive(Debug)]
pub struct Found {
    dir: PathBuf,
    /// The record as this computer knows it.
    pub record: RunRecord,
    /// The azml that submitted it.
    pub submitter: Option<u32>,
    /// The start token of the script's process.
    pub script: Option<String>,
    /// True if that azml is still there.
    pub is_watched: bool,
    lock: Option<File>,
}

impl Found {
    /// Reads what the script has logged so far.
    pub fn logged(&self) -> io::Result<Logged> {
        Logged::read(&self.dir)
    }

    /// The file to which the script logs its metrics.
    pub fn metrics_file(&self) -> PathBuf {
        self.dir.join(metrics::FILE)
    }

    /// The script's folder.
    pub fn work(&self) -> PathBuf {
        self.dir.join(WORK)
    }

    /// The outputs that the run declares.
    pub fn outputs(&self) -> Outputs {
        let entries: Option<Vec<String>> = small_file::read(&self.dir.join(OUTPUTS))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Outputs::declared(&entries.unwrap_or_default()).unwrap_or_default()
    }

    /// The secrets that its logs must not show; `root` is the project folder.
    pub fn secrets(&self, root: &Path) -> Secrets {
        Secrets::kept(&self.dir, root)
    }

    /// The process group that a run whose azml is gone has left running; `known` is the run's record as the history has it.
    ///
    /// An azml that died when it had just started the script did not record its process: the variables that each script
    /// gets tell which it is. A process that outlives a run by design, in a group of its own, is none of it.
    pub fn left_running(&self, known: &RunRecord) -> Option<u32> {
        let recorded = known.pid.or(self.record.pid);
        let group = recorded.filter(|pid| process_table::still_runs(*pid, self.script.as_deref()));
        if group.is_some() || (recorded.is_some() && known.status.is_over()) {
            return group;
        }
        process_table::leader_with(AZML_METRICS_FILE, &self.metrics_file())
    }

    /// Returns whether the run was given to an engine, which says how it stands.
    pub fn is_elsewhere(&self) -> bool {
        self.dir.join(ELSEWHERE).exists()
    }

    /// Asks the azml that watches the run as one of several to end this one.
    pub fn ask_to_cancel(&self) -> io::Result<()> {
        File::create(self.dir.join(CANCEL)).map(drop)
    }

    /// Forgets a run whose submitter is gone, and whose folder has been moved elsewhere.
    pub fn close(self) -> io::Result<()> {
        if self.lock.is_some() { remove_all(&self.dir) } else { Ok(()) }
    }
}

/// The folders of runs; none if there is no folder for them.
fn folders(runs_dir: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(runs_dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// All runs that are or seem to be in progress here.
pub fn find(runs_dir: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for dir in folders(runs_dir)? {
        // A folder without a lock is not a run's.
        let Ok(lock) = small_file::open(&dir.join(LOCK)) else { continue };
        let lock = match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        let record = small_file::read_at_most(&dir.join(RECORD), RUN_RECORD);
        let record = record.ok().and_then(|bytes| RunRecord::from_stored(&bytes).ok());
        let Some(record) = record else {
            // Without a record it never came to its run. One that can't be read is for fsck: what the run left is here.
            if lock.is_some() && !dir.join(RECORD).exists() {
                remove_all(&dir)?;
            }
            continue;
        };
        let submitter =
            small_file::read_to_string(&dir.join(PID)).ok().and_then(|text| text.trim().parse().ok());
        let script = small_file::read_to_string(&dir.join(SCRIPT)).ok();
        found.push(Found { is_watched: lock.is_none(), dir, record, submitter, script, lock });
    }
    found.sort_by(|left, right| left.record.run_id.cmp(&right.record.run_id));
    Ok(found)
}

/// Returns whether somebody asked to end a run in progress ([`Found::ask_to_cancel`]).
pub fn is_cancel_asked(runs_dir: &Path, id: &RunId) -> bool {
    runs_dir.join(id.as_str()).join(CANCEL).exists()
}

/// Run folders that belong to no run in progress: earlier versions of azml left them.
pub fn without_lock(runs_dir: &Path) -> Vec<(RunId, PathBuf)> {
    let entries = std::fs::read_dir(runs_dir).into_iter().flatten().flatten();
    let found = entries.filter_map(|entry| {
        let id = RunId::parse(entry.file_name().to_str()?).ok()?;
        let dir = entry.path();
        (!dir.join(LOCK).exists() && dir.join(WORK).is_dir()).then_some((id, dir))
    });
    found.collect()
}

/// Writes the record of a run on this computer anew, as the history has it.
pub fn write_record(dir: &Path, record: &RunRecord) -> io::Result<()> {
    write_whole(dir, RECORD, &record.to_stored())
}

/// The records of runs on this computer that can't be read.
pub fn damaged(runs_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for dir in folders(runs_dir)? {
        let file = dir.join(RECORD);
        match small_file::read_at_most(&file, RUN_RECORD) {
            Ok(bytes) if RunRecord::from_stored(&bytes).is_err() => found.push(file),
            Err(error) if NotSmall::of(&error).is_some() => found.push(file),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}

fn write_whole(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    small_file::replace(&dir.join(name), bytes, false)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn record(id: &RunId) -> RunRecord {
        RunRecord::new(id.clone(), &ProjectId::from_random([7; 16]), "train.py", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn two_runs_of_one_millisecond_get_two_ids() {
        let dir = tempfile::tempdir().unwrap();
        let one = Live::claim(dir.path(), "iris", 5, |_| false).unwrap();
        let two = Live::claim(dir.path(), "iris", 5, |_| false).unwrap();
        let three = Live::claim(dir.path(), "iris", 5, |id| id.epoch_ms() == 7).unwrap();
        assert_eq!(
            [one.id().as_str(), two.id().as_str(), three.id().as_str()],
            ["iris_5", "iris_6", "iris_8"]
        );
    }

    #[test]
    fn a_run_is_watched_until_its_process_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let live = Live::claim(dir.path(), "iris", 5, |_| false).unwrap();
        assert!(find(dir.path()).unwrap().is_empty(), "without a record it is no run yet");
        live.keep(&record(live.id())).unwrap();
        let found = find(dir.path()).unwrap();
        assert!(found[0].is_watched);
        assert_eq!(found[0].submitter, Some(std::process::id()));
        drop(live);
        let found = find(dir.path()).unwrap().remove(0);
        assert!(!found.is_watched);
        assert_eq!(found.record.run_id.as_str(), "iris_5");
        found.close().unwrap();
        assert!(find(dir.path()).unwrap().is_empty());
    }
}
