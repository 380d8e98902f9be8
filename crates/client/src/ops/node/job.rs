//! A job on its node: a folder with what is to be done and how it stands.
//!
//! `spec.json` is the job, its user's alone. Whoever runs it holds `lock`, and writes `started.json` before anything else and
//! `end.json` at the end (a further attempt has a `lock.2`): a job that has the first without the other, and whose lock can be had, has lost its azml. `log` is
//! everything that the run prints, `cancel` the wish that it end, `program.json` the name of the azml that took it in.

use std::ffi::OsStr;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use azml_core::id::RunId;
use azml_core::small_file;
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::engine::JobSpec;
use crate::engine::node::JobState;
use crate::env::host_name;
use crate::error::CommandError;
use crate::limits;
use crate::run::process_table;

/// The file with the path of the link by which a task of an array is found.
const ARRAY: &str = "array";

/// A job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    run: RunId,
    folder: PathBuf,
}

/// The process that runs a job, or ran it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Started {
    pub(super) attempt: u32,
    pub(super) pid: u32,
    /// Tells the process from a later one of its number.
    pub(super) token: Option<String>,
    pub(super) host: String,
    /// True if the engine may start it again.
    #[serde(default)]
    pub(super) may_start_again: bool,
}

#[derive(Serialize, Deserialize)]
struct End {
    exit: i32,
}

impl Job {
    /// The job of a run below the folder `base`.
    pub(super) fn at(base: &Path, run: &RunId) -> Self {
        Self { run: run.clone(), folder: base.join("jobs").join(run.as_str()) }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn failed(&self, error: io::Error) -> CommandError {
        CommandError::file("write into", &self.folder, error)
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&small_file::read(&self.folder.join(name)).ok()?).ok()
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), CommandError> {
        let bytes = serde_json::to_vec(value).map_err(CommandError::failed)?;
        small_file::replace(&self.folder.join(name), &bytes, false).map_err(|error| self.failed(error))
    }

    /// Keeps what is to be done; an attempt that is not newer than the one that is here changes nothing.
    pub(super) fn put(&self, spec: &JobSpec) -> Result<(), CommandError> {
        std::fs::create_dir_all(&self.folder).map_err(|error| self.failed(error))?;
        if self.spec().is_ok_and(|known| known.attempt >= spec.attempt) {
            return Ok(());
        }
        // An engine may start it much later, by this program.
        let program = std::env::current_exe().map_err(|error| self.failed(error))?;
        self.write("program.json", &program.file_name().unwrap_or_default().to_string_lossy())?;
        let file = self.folder.join("spec.json");
        small_file::replace(&file, &spec.to_bytes(), false).map_err(|error| self.failed(error))
    }

    /// The name of the azml that took it in; `None` if that is not known.
    pub(super) fn program(&self) -> Option<String> {
        self.read("program.json")
    }

    /// The runs that have a job below the folder `base`.
    pub(super) fn all(base: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(base.join("jobs")).into_iter().flatten().flatten();
        let runs = entries.filter_map(|entry| RunId::parse(entry.file_name().to_str()?).ok());
        runs.map(|run| Self::at(base, &run)).collect()
    }

    /// The run.
    pub(super) fn run(&self) -> &RunId {
        &self.run
    }

    /// Reads what is to be done.
    pub(super) fn spec(&self) -> Result<JobSpec, CommandError> {
        let file = self.folder.join("spec.json");
        let bytes = small_file::read_at_most(&file, limits::JOB_SPEC);
        let bytes = bytes.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                CommandError::not_found(format!("there is no job of run {} here", self.run))
            }
            _ => CommandError::file("read", &file, error),
        })?;
        JobSpec::parse(&bytes).map_err(CommandError::failed)
    }

    /// Takes the lock of whoever makes this attempt at it; `None` if another process has it.
    pub(super) fn lock(&self, attempt: u32) -> Result<Option<File>, CommandError> {
        let name = if attempt > 1 { format!("lock.{attempt}") } else { "lock".to_owned() };
        let lock = File::options().create(true).append(true).open(self.folder.join(name));
        let lock = lock.map_err(|error| self.failed(error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed(error)),
        }
    }

    /// Says that this process runs it.
    pub(super) fn set_started(&self, attempt: u32, may_start_again: bool) -> Result<(), CommandError> {
        let pid = std::process::id();
        // The end of the attempt before is none of this one.
        drop(std::fs::remove_file(self.folder.join("end.json")));
        let token = process_table::start_token(pid);
        self.write("started.json", &Started { attempt, pid, token, host: host_name(), may_start_again })
    }

    pub(super) fn started(&self) -> Option<Started> {
        self.read("started.json")
    }

    /// Returns whether this attempt, or a later one, was started at any time.
    pub(super) fn is_started(&self, attempt: u32) -> bool {
        self.started().is_some_and(|started| started.attempt >= attempt)
    }

    /// Returns whether no later attempt was started.
    pub(super) fn is_latest(&self, attempt: u32) -> bool {
        self.started().is_none_or(|started| started.attempt <= attempt)
    }

    /// Returns whether it was started on this computer.
    pub(super) fn is_from_here(&self) -> bool {
        self.started().is_some_and(|started| started.host == host_name())
    }

    /// Says that it is over.
    pub(super) fn set_end(&self, exit: i32) -> Result<(), CommandError> {
        self.write("end.json", &End { exit })
    }

    /// Looks how it stands.
    pub(super) fn state(&self) -> JobState {
        let is_known = self.folder.join("spec.json").exists();
        let started = self.started();
        // Without the folder there is nothing to lock, and nothing is made by looking.
        let goes_on = is_known
            && started.as_ref().is_some_and(|started| matches!(self.lock(started.attempt), Ok(None)));
        let end: Option<End> = self.read("end.json");
        JobState {
            run: self.run.to_string(),
            is_known,
            is_started: started.is_some(),
            goes_on,
            may_start_again: started.as_ref().is_some_and(|started| started.may_start_again),
            node: started.map(|started| started.host),
            exit: end.filter(|_| !goes_on).map(|end| end.exit),
            is_cancel_asked: self.is_cancel_asked(),
        }
    }

    /// The log, to be appended to.
    pub(super) fn open_log(&self) -> Result<File, CommandError> {
        let log = File::options().create(true).append(true).open(self.folder.join("log"));
        log.map_err(|error| self.failed(error))
    }

    /// At most `most` bytes of the log from `from` on; none if there is no log.
    pub(super) fn log_from(&self, from: u64, most: u64) -> Result<Vec<u8>, CommandError> {
        let path = self.folder.join("log");
        let failed = |error| CommandError::file("read", &path, error);
        let mut log = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(failed)?,
        };
        let mut bytes = Vec::new();
        log.seek(SeekFrom::Start(from))
            .and_then(|_| log.take(most).read_to_end(&mut bytes))
            .map_err(failed)?;
        Ok(bytes)
    }

    /// Keeps the wish that it end.
    pub(super) fn ask_to_cancel(&self) -> Result<(), CommandError> {
        self.spec()?;
        File::create(self.cancel_file()).map(drop).map_err(|error| self.failed(error))
    }

    /// The wish.
    pub(super) fn cancel_file(&self) -> PathBuf {
        self.folder.join("cancel")
    }

    /// Returns whether it is to end.
    pub(super) fn is_cancel_asked(&self) -> bool {
        self.cancel_file().exists()
    }

    /// Tells the process that runs it on this computer to end; returns whether there is one.
    pub(super) fn signal(&self) -> Result<bool, CommandError> {
        let Some(started) = self.started().filter(|started| started.host == host_name()) else {
            return Ok(false);
        };
        if !process_table::still_runs(started.pid, started.token.as_deref()) {
            return Ok(false);
        }
        let Some(pid) = i32::try_from(started.pid).ok().and_then(Pid::from_raw) else { return Ok(false) };
        match kill_process(pid, Signal::TERM) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(CommandError::failed(io::Error::from(error))),
        }
    }

    /// Makes `link`, which the engine finds it by as a task of an array.
    pub(super) fn join_array(&self, link: &Path) -> Result<(), CommandError> {
        let to = Path::new("../../jobs").join(self.run.as_str());
        match symlink(&to, link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|error| CommandError::file("make link", link, error))?,
        }
        // For whoever removes it.
        let name = self.folder.join(ARRAY);
        small_file::replace(&name, link.as_os_str().as_encoded_bytes(), false)
            .map_err(|error| self.failed(error))
    }

    /// Removes it, and with the last task of an array the array's folder.
    pub(super) fn remove(&self) -> Result<(), CommandError> {
        if let Ok(link) = small_file::read(&self.folder.join(ARRAY)) {
            let link = Path::new(OsStr::from_bytes(&link));
            drop(std::fs::remove_file(link));
            drop(link.parent().map(std::fs::remove_dir));
        }
        crate::run::remove_folder(&self.folder)
            .map_err(|error| CommandError::file("remove", &self.folder, error))
    }
}
