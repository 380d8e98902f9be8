//! A repository as the engine holds it: opened once, shared by all conversations, cheap to clone.
//!
//! The user's and the machine's Git configuration are left alone, and so are `refs/replace` and grafts: what is served is what is stored.
//! Packs that appear later, from this process or another, are seen by the next conversation.

use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use gix::ThreadSafeRepository;
use gix::odb::store::init::Slots;

use crate::format::{self, Unsupported};
use crate::pack::store::PackStore;
use crate::pack::{ClosureRecord, FinishedPacks};
use crate::readers::{Readers, Reading};

/// How many packs one repository may have before it needs consolidation.
const PACK_SLOTS: u16 = 8_192;

/// The configuration of a new repository.
const BARE_CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n";

/// A handle to a repository.
#[derive(Clone)]
pub struct Repository {
    /// Opened anew when its packs have been replaced.
    inner: Arc<RwLock<ThreadSafeRepository>>,
    git_dir: PathBuf,
    readers: Arc<Readers>,
    packs: Arc<PackStore>,
    closure: Arc<ClosureRecord>,
    finished: Arc<FinishedPacks>,
}

/// A handle of one reader: what is in the repository when it is taken can be read until it is dropped, whatever
/// maintenance does meanwhile.
pub struct Reader {
    repo: gix::Repository,
    _reading: Reading,
}

impl Deref for Reader {
    type Target = gix::Repository;

    fn deref(&self) -> &gix::Repository {
        &self.repo
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut gix::Repository {
        &mut self.repo
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.repo.fmt(f)
    }
}

/// Why a repository can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It can't be opened.
    #[error("couldn't open the repository at '{path}'")]
    Open {
        /// Where it should be.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is stored in a format that isn't read here.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// It can't be created.
    #[error("couldn't create a repository at '{path}'")]
    Init {
        /// Where it should be.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The name isn't one a branch can have.
    #[error("'{0}' is not the name of a branch")]
    BranchName(String),
}

impl Error {
    /// Returns the message for a client that asks for the repository over a network. What is wrong with the server's own files is
    /// for its log.
    pub fn message_to_peer(&self) -> String {
        match self {
            Self::Unsupported(unsupported) => unsupported.to_string(),
            _ => "internal error in the server".to_owned(),
        }
    }
}

impl Repository {
    /// Opens the repository at `path`: a bare one, a working tree with its `.git` folder, or that folder.
    ///
    /// # Errors
    /// If there is none or it can't be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let dot_git = path.join(".git");
        let git_dir = if dot_git.is_dir() { dot_git.as_path() } else { path };
        format::check(git_dir)?;
        let inner = open_options()
            .open(git_dir)
            .map_err(|source| Error::Open { path: path.to_owned(), source: source.into() })?;
        let packs = Arc::new(PackStore::new(inner.objects_dir().to_owned()));
        let closure = Arc::new(ClosureRecord::new(inner.git_dir()));
        let finished = Arc::new(FinishedPacks::new(inner.git_dir()));
        let git_dir = inner.git_dir().to_owned();
        let inner = Arc::new(RwLock::new(inner));
        Ok(Self { inner, git_dir, readers: Arc::default(), packs, closure, finished })
    }

    /// Creates a bare repository at `path`, which must be absent or empty, whose `HEAD` is the branch `default_branch`.
    ///
    /// # Errors
    /// If it can't be created, or the branch's name is none.
    pub fn init_bare(path: &Path, default_branch: &str) -> Result<Self, Error> {
        Self::create_bare(path, default_branch)?;
        Self::open(path)
    }

    /// Does what [`Repository::init_bare`] does, and leaves the repository to be opened when it is needed. What stock git
    /// needs is there, and nothing of what it copies besides: samples of hooks, a description.
    ///
    /// # Errors
    /// If it can't be created, or the branch's name is none.
    pub fn create_bare(path: &Path, default_branch: &str) -> Result<(), Error> {
        let full = format!("refs/heads/{default_branch}");
        if gix::refs::FullName::try_from(full.as_str()).is_err() {
            return Err(Error::BranchName(default_branch.to_owned()));
        }
        let make = || {
            std::fs::create_dir_all(path)?;
            if std::fs::read_dir(path)?.next().is_some() {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the folder is not empty"));
            }
            for folder in ["objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags"] {
                std::fs::create_dir(path.join(folder))?;
            }
            std::fs::write(path.join("config"), BARE_CONFIG)?;
            // Last, since it is what makes a folder a repository.
            std::fs::write(path.join("HEAD"), format!("ref: {full}\n"))
        };
        make().map_err(|source| Error::Init { path: path.to_owned(), source: source.into() })
    }

    /// Whether the folder at `path` is exactly as [`Repository::create_bare`] makes it: with nothing in it yet.
    pub fn is_pristine(path: &Path, default_branch: &str) -> bool {
        let holds = |folder: &str, expected: &[&str]| {
            let Ok(entries) = std::fs::read_dir(path.join(folder)) else { return false };
            let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
            names.sort_unstable();
            names == expected
        };
        let reads = |file: &str, expected: &str| {
            std::fs::read(path.join(file)).is_ok_and(|content| content == expected.as_bytes())
        };
        holds("", &["HEAD", "config", "objects", "refs"])
            && holds("objects", &["info", "pack"])
            && holds("refs", &["heads", "tags"])
            && ["objects/info", "objects/pack", "refs/heads", "refs/tags"]
                .iter()
                .all(|folder| holds(folder, &[]))
            && reads("HEAD", &format!("ref: refs/heads/{default_branch}\n"))
            && reads("config", BARE_CONFIG)
    }

    /// The folder with `HEAD`, `objects` and `refs`.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// A handle for this thread that maintenance takes nothing away from.
    pub fn read(&self) -> Reader {
        // Before the handle is taken, or files that it knows may be gone already.
        let reading = self.readers.enter();
        Reader { repo: self.to_gix(), _reading: reading }
    }

    /// A handle for this thread, with all that `gix` can do. While maintenance may run, [`read`](Self::read) is safe.
    pub fn to_gix(&self) -> gix::Repository {
        let mut repo = self.inner.read().unwrap_or_else(PoisonError::into_inner).to_thread_local();
        repo.objects.ignore_replacements = true;
        repo
    }

    /// Opens it anew, so that who begins now reads what has just been stored, and asks for nothing that is about to go.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        let inner = open_options()
            .open(&self.git_dir)
            .map_err(|source| Error::Open { path: self.git_dir.clone(), source: source.into() })?;
        // All indices are loaded at once: otherwise an object would be looked for among the loose ones, which go,
        // before the index of the pack that it is in is known.
        inner
            .to_thread_local()
            .objects
            .packed_object_count()
            .map_err(|source| Error::Open { path: self.git_dir.clone(), source: source.into() })?;
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = inner;
        Ok(())
    }

    /// Who reads the repository.
    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.readers
    }

    /// The packs, as the pack builder reads them.
    pub(crate) fn packs(&self) -> &Arc<PackStore> {
        &self.packs
    }

    /// The pack that is known to be all of some history.
    pub(crate) fn closure(&self) -> &ClosureRecord {
        &self.closure
    }

    /// Packs that have been made for clients already.
    pub(crate) fn finished(&self) -> &FinishedPacks {
        &self.finished
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("git_dir", &self.git_dir()).finish_non_exhaustive()
    }
}

fn open_options() -> gix::open::Options {
    gix::open::Options::isolated()
        .with(gix::sec::Trust::Full)
        .open_path_as_is(true)
        .object_store_slots(Slots::Given(PACK_SLOTS))
}
