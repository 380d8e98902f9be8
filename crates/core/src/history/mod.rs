//! The history repository: the hidden bare Git repository in the project folder.
//!
//! `.azuremlhistory_git` is an ordinary bare repository that stock Git reads (`git --git-dir=… log`).
//! This module is the only one that opens it, changes its refs or knows its folder's layout:
//!
//! | path in it | what |
//! | --- | --- |
//! | `config` | also `azml.formatversion`, and the remote `origin` |
//! | `azml/lock`, `azml/refs.lock` | held while a snapshot is added, while a ref moves |
//! | `azml/stat-index` | what the folder looked like at the last snapshot |
//! | `azml/held-back` | what a restore's older ignore rules would take in, until the user decides |
//! | `azml/restore-journal` | a restore that is under way |
//! | `azml/runs/<run id>/` | outputs and logs collected from a run |
//! | `azml/run-list` | all run records once more, for listing them fast |
//! | `azml/fetched/<commit>/` | attachments that came from the remote |
//! | `azml/large-unpushed` | large files whose bytes the remote is not known to have |
//! | `azml/large-error` | why it does not get them |
//! | `azml/push-error` | why the last push failed |
//! | `lfs/objects/` | the bytes of large files, as git-lfs has them |
//! | `git-wire/` | what consolidation keeps for itself |
//! | `azml/tmp/` | what is being written; the leavings of killed processes are swept from it |
//!
//! Guarantees: refs move by compare-and-swap alone; locks die with their process; a process killed at any
//! instant leaves a repository that opens and a lock that can be had.

mod disk;
mod held_back;
mod large;
mod lock;
mod refs_io;
mod setup;
mod sweep;
mod workspace;

pub use disk::DiskUse;
pub use lock::Lock;
pub use refs_io::Unpushed;
pub use sweep::sweep_large;
pub use workspace::Workspace;

use std::{
    cell::OnceCell,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use gix::{ObjectId, refs::FullName};

use crate::{
    id::{ProjectId, RunId},
    io_error::IoError,
    large::Store,
    refs::{self, InboxPart},
    user_repo::{self, UserRepo},
};

/// The folder's name in the project folder.
pub const FOLDER: &str = ".azuremlhistory_git";
/// The version of the layout that this azml writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// Failures of the history repository.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is none.
    #[error("no run history at {}", path.display())]
    NotFound {
        /// The path where it was expected.
        path: PathBuf,
    },
    /// A newer azml has written it.
    #[error("the run history at {} has format {found}, and this azml knows formats up to {FORMAT_VERSION}", path.display())]
    NewerFormat {
        /// The repository.
        path: PathBuf,
        /// Its format, as it says.
        found: String,
    },
    /// Git can't read it.
    #[error("the run history at {} can't be opened", path.display())]
    Open {
        /// The repository.
        path: PathBuf,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
    /// A newer azml has written what is held back.
    #[error("{} is in a format of a newer azml", path.display())]
    HeldBack {
        /// The file.
        path: PathBuf,
    },
    /// A newer azml has written which large files are owed, or the file is damaged.
    #[error("{} is in a format that this azml does not know", path.display())]
    LargeUnpushed {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder of it can't be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Its configuration can't be changed.
    #[error("can't change the configuration of {}", path.display())]
    Config {
        /// The repository.
        path: PathBuf,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
    /// The remote in its configuration is no URL.
    #[error("the remote of {} can't be used", path.display())]
    Remote {
        /// The repository.
        path: PathBuf,
        /// Why not.
        #[source]
        source: crate::remote_url::Error,
    },
    /// A ref can't be read.
    #[error("can't read {name} in {}", path.display())]
    ReadRef {
        /// The ref.
        name: String,
        /// The repository.
        path: PathBuf,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
    /// A ref is not where the caller last saw it: read it again and decide anew.
    #[error("{name} has moved meanwhile (expected {}, found {})", say(*expected), say(*found))]
    Moved {
        /// The ref.
        name: String,
        /// The commit that the caller last saw.
        expected: Option<ObjectId>,
        /// The commit it points to.
        found: Option<ObjectId>,
    },
    /// Another attempt at the run goes on, which may write in the place of this one.
    #[error("another attempt at run {run} has taken over")]
    TakenOver {
        /// The run.
        run: RunId,
    },
    /// A ref can't be written.
    #[error("can't change {name} in {}", path.display())]
    UpdateRef {
        /// The ref.
        name: String,
        /// The repository.
        path: PathBuf,
        /// Git's own reason.
        #[source]
        source: Box<gix::Error>,
    },
}

fn say(id: Option<ObjectId>) -> String {
    id.map_or_else(|| "nothing".to_owned(), |id| id.to_hex_with_len(10).to_string())
}

/// An open history repository. Clones are cheap, and each thread takes its own.
#[derive(Clone)]
pub struct HistoryRepo {
    git: gix::Repository,
    root: PathBuf,
    path: PathBuf,
    id: ProjectId,
    /// Opening one takes as long as looking at some thousand files.
    user: OnceCell<UserRepo>,
    large_from: u64,
    /// The folder that objects are stored in, if that is not the repository; it lasts as long as this.
    beside: Option<Arc<Workspace>>,
    inbox: Option<Inbox>,
}

/// A run whose record and attachments go to refs of its own.
#[derive(Clone)]
struct Inbox {
    run: RunId,
    /// The blob on the ref of the attempt: the other refs move as long as it is there.
    attempt: Option<ObjectId>,
}

impl std::fmt::Debug for HistoryRepo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HistoryRepo").field("path", &self.path).field("id", &self.id).finish_non_exhaustive()
    }
}

impl HistoryRepo {
    /// Opens the history of the project in folder `root`.
    pub fn open(root: &Path, id: ProjectId) -> Result<Self, Error> {
        setup::open(root, id)
    }

    /// Makes the history of the project in folder `root`, or finishes one that a killed process began; opens it.
    pub fn init(root: &Path, id: ProjectId) -> Result<Self, Error> {
        setup::init(root, id)
    }

    /// Makes or opens a bare repository at `path` with the history of a project whose folder is elsewhere: `root` is a folder
    /// that takes its place on this computer.
    pub fn store(path: &Path, root: &Path, id: ProjectId) -> Result<Self, Error> {
        setup::init_at(path, root, id)
    }

    /// The same repository for one run: its record and its attachments go to refs of its own, which others take into theirs.
    #[must_use]
    pub fn for_run(&self, run: RunId) -> Self {
        Self { inbox: Some(Inbox { run, attempt: None }), ..self.clone() }
    }

    /// Writes `content` to the run's ref that says which attempt at it may write, if that is where the caller last saw it. From
    /// then on this value moves no ref unless it is still there.
    pub fn claim_attempt(&mut self, expected: Option<ObjectId>, content: &[u8]) -> Result<(), Error> {
        let Some(inbox) = &self.inbox else { return Ok(()) };
        let name = refs::inbox(&self.id, &inbox.run, InboxPart::Attempt);
        let failed = |source| Error::UpdateRef {
            name: name.as_bstr().to_string(),
            path: self.path.clone(),
            source: Box::new(source),
        };
        let blob = self.git.write_blob(content).map_err(failed)?.detach();
        self.update_ref(&name, expected, blob)?;
        let run = inbox.run.clone();
        self.inbox = Some(Inbox { run, attempt: Some(blob) });
        Ok(())
    }

    /// Returns whether the attempt that this value claimed may still write.
    pub fn is_attempt_current(&self) -> Result<bool, Error> {
        let Some(Inbox { run, attempt: Some(blob) }) = &self.inbox else { return Ok(true) };
        let name = refs::inbox(&self.id, run, InboxPart::Attempt);
        Ok(self.ref_tip(name.as_ref())? == Some(*blob))
    }

    /// The repository, for reading objects and refs. Refs are changed through [`Self::update_ref`] alone.
    pub fn git(&self) -> &gix::Repository {
        &self.git
    }

    /// The user's own repository in the project folder, if there is one by now; its configuration is read once.
    pub fn user_repo(&self) -> Result<Option<&UserRepo>, user_repo::Error> {
        if self.user.get().is_none()
            && let Some(user) = UserRepo::open(&self.root)?
        {
            // Set by nobody else: a cell is one thread's.
            drop(self.user.set(user));
        }
        Ok(self.user.get())
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same history for a question: objects that are stored through it go to a folder beside it, which lasts as long as
    /// this does. Bytes of large files are not stored at all.
    pub fn for_question(&self) -> Result<Self, Error> {
        let workspace = self.workspace()?;
        let info = workspace.join("objects/info");
        let own = self.path.join("objects");
        let mut alternates = own.canonicalize().map_err(IoError::of("find", &own))?.into_os_string();
        alternates.push("\n");
        std::fs::create_dir_all(&info)
            .and_then(|()| std::fs::write(info.join("alternates"), alternates.as_bytes()))
            .map_err(IoError::of("write into", &info))?;
        let mut question = self.clone();
        let objects = gix::odb::at(workspace.join("objects"), self.git.object_hash());
        question.git.objects = objects.map_err(IoError::of("open the objects in", &info))?.into();
        question.beside = Some(Arc::new(workspace));
        Ok(question)
    }

    /// Returns whether it is one for a question.
    pub(crate) fn is_for_question(&self) -> bool {
        self.beside.is_some()
    }

    /// The folder that objects are stored in.
    pub(crate) fn objects_folder(&self) -> PathBuf {
        self.beside.as_ref().map_or_else(|| self.path.join("objects"), |beside| beside.join("objects"))
    }

    /// The project folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The project.
    pub fn id(&self) -> &ProjectId {
        &self.id
    }

    /// The name of the project's history branch.
    pub fn history_ref(&self) -> FullName {
        refs::history(&self.id)
    }

    /// The name of the ref of the project's run records.
    pub fn runs_ref(&self) -> FullName {
        match &self.inbox {
            Some(inbox) => refs::inbox(&self.id, &inbox.run, InboxPart::Records),
            None => refs::runs(&self.id),
        }
    }

    /// The name of the ref of what the project's runs left beside their records.
    pub fn attachments_ref(&self) -> FullName {
        match &self.inbox {
            Some(inbox) => refs::inbox(&self.id, &inbox.run, InboxPart::Attachments),
            None => refs::attachments(&self.id),
        }
    }

    /// The bytes of large files.
    pub fn large_files(&self) -> Store {
        Store::at(&self.path)
    }

    /// Bytes from which on a file is a large one.
    pub fn large_from(&self) -> u64 {
        self.large_from
    }

    /// Sets from how many bytes on a file is a large one.
    pub fn set_large_from(&mut self, bytes: u64) {
        self.large_from = bytes;
    }

    /// Returns the folder of azml's own files, below the repository's.
    pub fn own_folder(&self) -> PathBuf {
        self.path.join("azml")
    }

    /// Returns the path of the stat index.
    pub(crate) fn stat_index_path(&self) -> PathBuf {
        self.own_folder().join("stat-index")
    }

    /// Returns the path of the journal of a restore while it is under way.
    pub(crate) fn restore_journal_path(&self) -> PathBuf {
        self.own_folder().join("restore-journal")
    }

    /// Returns the folder of a run's collected outputs and logs.
    pub fn run_folder(&self, run: &RunId) -> PathBuf {
        self.own_folder().join("runs").join(run.as_str())
    }

    /// Why the last push failed, if it did.
    pub fn push_error(&self) -> Option<String> {
        crate::small_file::read_to_string(&self.own_folder().join("push-error")).ok()
    }

    /// Keeps why the last push failed, or that it did not.
    pub fn set_push_error(&self, message: Option<&str>) -> Result<(), Error> {
        self.set_message("push-error", message)
    }

    /// Why the remote does not get the bytes of large files, if it does not.
    pub fn large_error(&self) -> Option<String> {
        crate::small_file::read_to_string(&self.own_folder().join("large-error")).ok()
    }

    /// Keeps why the remote does not get the bytes of large files, or that it does.
    pub fn set_large_error(&self, message: Option<&str>) -> Result<(), Error> {
        self.set_message("large-error", message)
    }

    fn set_message(&self, name: &str, message: Option<&str>) -> Result<(), Error> {
        let path = self.own_folder().join(name);
        match message {
            Some(message) => Ok(std::fs::write(&path, message).map_err(IoError::of("write", &path))?),
            None => match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    Err(IoError { action: "remove", path, source }.into())
                }
                _ => Ok(()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
