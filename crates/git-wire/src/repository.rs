//! A repository as the engine holds it: opened once, shared by all conversations, cheap to clone.
//!
//! The user's and the machine's Git configuration are left alone, and so are `refs/replace` and grafts: what is served is what is stored.
//! Packs that appear later, from this process or another, are seen by the next conversation.

use std::io;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::SystemTime;

use gix::ThreadSafeRepository;
use gix::odb::store::init::Slots;

use crate::format::{self, Unsupported};
use crate::head::head_branch;
use crate::limits::{FREE_PACK_SLOTS, MAX_PACK_SLOTS};
use crate::pack::store::PackStore;
use crate::pack::{ClosureRecord, FinishedPacks};
use crate::readers::{Readers, Reading};

/// The configuration of a new repository.
const BARE_CONFIG: &str = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n";

/// A handle to a repository. Clones share all that has been read of it.
#[derive(Clone)]
pub struct Repository(Arc<Shared>);

/// A handle that does not keep the repository open.
#[derive(Clone, Default)]
pub struct WeakRepository(Weak<Shared>);

struct Shared {
    /// Opened anew when its packs have been replaced, or have become many.
    opened: RwLock<Opened>,
    git_dir: PathBuf,
    readers: Arc<Readers>,
    packs: Arc<PackStore>,
    closure: ClosureRecord,
    finished: FinishedPacks,
}

/// The repository as gix has it, whose table of packs has a fixed size.
struct Opened {
    repo: ThreadSafeRepository,
    /// The folders with packs: the repository's own and those of its alternates.
    folders: Vec<PathBuf>,
    /// When those folders had changed last as their packs were counted.
    counted: Vec<Option<SystemTime>>,
    slots: usize,
}

/// A handle of one reader: what is in the repository when it is taken can be read until it is dropped, whatever
/// maintenance does meanwhile.
pub struct Reader {
    repo: gix::Repository,
    _reading: Reading,
    /// Keeps the repository open: whoever opens it meanwhile gets this one, with the readers to wait for.
    repository: Repository,
}

impl Reader {
    /// The packs, as they are read entry by entry.
    pub(crate) fn pack_store(&self) -> &PackStore {
        &self.repository.0.packs
    }
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
        /// The expected path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its folder is not there.
    #[error("there is no repository at '{path}'")]
    Missing {
        /// The expected path.
        path: PathBuf,
    },
    /// Its `HEAD` makes no sense, so that nothing tells its branches.
    #[error("couldn't read HEAD of the repository at '{path}'")]
    Head {
        /// The repository's path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// It is stored in a format that isn't read here.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// It can't be created.
    #[error("couldn't create a repository at '{path}'")]
    Init {
        /// The expected path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The name isn't one a branch can have.
    #[error("'{0}' is not the name of a branch")]
    BranchName(String),
}

impl Error {
    /// Returns the message for a client that asks for the repository over a network. Where it lies and what the system told
    /// are for the server's log.
    pub fn message_to_peer(&self) -> String {
        let problem = match self {
            Self::Unsupported(unsupported) => return unsupported.to_string(),
            Self::Missing { .. } => "its folder is missing on the server",
            Self::Head { .. } => "its HEAD is damaged",
            Self::Open { .. } => "its files are damaged, or the server may not read them",
            Self::Init { .. } | Self::BranchName(_) => return "internal error in the server".to_owned(),
        };
        format!("the repository can't be opened: {problem}. Whoever runs the server finds more in its log")
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
        if !git_dir.is_dir() {
            return Err(Error::Missing { path: git_dir.to_owned() });
        }
        format::check(git_dir)?;
        let opened = Opened::open(git_dir)?;
        if let Err(source) = head_branch(git_dir) {
            return Err(Error::Head { path: git_dir.to_owned(), source });
        }
        let git_dir = opened.repo.git_dir().to_owned();
        Ok(Self(Arc::new(Shared {
            readers: Arc::default(),
            packs: Arc::new(PackStore::new(opened.repo.objects_dir().to_owned())),
            closure: ClosureRecord::new(&git_dir),
            finished: FinishedPacks::new(&git_dir),
            opened: RwLock::new(opened),
            git_dir,
        })))
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

    /// Returns whether the folder at `path` is as [`Repository::create_bare`] makes it, with nothing in it yet.
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
        &self.0.git_dir
    }

    /// A handle from which the repository can be had again for as long as somebody uses it.
    pub fn downgrade(&self) -> WeakRepository {
        WeakRepository(Arc::downgrade(&self.0))
    }

    /// A handle for this thread that maintenance takes nothing away from.
    pub fn read(&self) -> Reader {
        // Before the handle is taken, or files that it knows may be gone already.
        let reading = self.0.readers.enter();
        Reader { repo: self.to_gix(), _reading: reading, repository: self.clone() }
    }

    /// A handle for this thread, with all that `gix` can do. While maintenance may run, [`read`](Self::read) is safe.
    pub fn to_gix(&self) -> gix::Repository {
        let opened = self.0.opened.read().unwrap_or_else(PoisonError::into_inner);
        let mut repo = if opened.is_counted() {
            opened.repo.to_thread_local()
        } else {
            drop(opened);
            self.make_room().to_thread_local()
        };
        repo.objects.ignore_replacements = true;
        repo
    }

    /// Opens it anew if its packs have become too many for its table. Where that fails, the packs that are known stay so.
    fn make_room(&self) -> ThreadSafeRepository {
        let mut opened = self.0.opened.write().unwrap_or_else(PoisonError::into_inner);
        if !opened.is_counted() {
            let counted = opened.folders.iter().map(|folder| changed(folder)).collect();
            if count_packs(&opened.folders) + FREE_PACK_SLOTS / 2 <= opened.slots {
                opened.counted = counted;
            } else {
                match Opened::open(&self.0.git_dir) {
                    Ok(larger) => *opened = larger,
                    Err(error) => {
                        let path = self.0.git_dir.display();
                        tracing::warn!(%path, %error, "a repository with many packs could not be opened anew");
                        opened.counted = counted;
                    }
                }
            }
        }
        opened.repo.clone()
    }

    /// Opens it anew, so that who begins now reads what has just been stored, and asks for nothing that is about to go.
    pub(crate) fn refresh(&self) -> Result<(), Error> {
        let opened = Opened::open(&self.0.git_dir)?;
        // All indices are loaded at once: otherwise an object would be looked for among the loose ones, which go,
        // before the index of the pack that it is in is known.
        opened
            .repo
            .to_thread_local()
            .objects
            .packed_object_count()
            .map_err(|source| Error::Open { path: self.0.git_dir.clone(), source: source.into() })?;
        *self.0.opened.write().unwrap_or_else(PoisonError::into_inner) = opened;
        Ok(())
    }

    /// Returns the readers of the repository.
    pub(crate) fn readers(&self) -> &Arc<Readers> {
        &self.0.readers
    }

    /// The packs, as the pack builder reads them.
    pub(crate) fn packs(&self) -> &Arc<PackStore> {
        &self.0.packs
    }

    /// The pack that is known to be all of some history.
    pub(crate) fn closure(&self) -> &ClosureRecord {
        &self.0.closure
    }

    /// Packs that have been made for clients already.
    pub(crate) fn finished(&self) -> &FinishedPacks {
        &self.0.finished
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("git_dir", &self.git_dir()).finish_non_exhaustive()
    }
}

impl WeakRepository {
    /// The repository, if somebody has it open.
    pub fn upgrade(&self) -> Option<Repository> {
        self.0.upgrade().map(Repository)
    }
}

impl Opened {
    fn open(git_dir: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: git_dir.to_owned(), source };
        // A repository without an objects folder is refused below.
        let objects = git_dir.join("objects");
        let alternates = gix::odb::alternate::resolve(objects.clone(), &objects).unwrap_or_default();
        let folders: Vec<_> = alternates.into_iter().chain([objects]).map(|dir| dir.join("pack")).collect();
        let counted = folders.iter().map(|folder| changed(folder)).collect();
        let slots = (count_packs(&folders) + FREE_PACK_SLOTS).min(MAX_PACK_SLOTS.into());
        let repo = gix::open::Options::isolated()
            .with(gix::sec::Trust::Full)
            .open_path_as_is(true)
            .object_store_slots(Slots::Given(u16::try_from(slots).unwrap_or(MAX_PACK_SLOTS)))
            .open(git_dir)
            .map_err(|source| failed(source.into()))?;
        Ok(Self { repo, folders, counted, slots })
    }

    /// Returns whether the packs can't have outgrown the table: no folder has changed since they were counted.
    fn is_counted(&self) -> bool {
        self.folders.iter().zip(&self.counted).all(|(folder, counted)| changed(folder) == *counted)
    }
}

/// When a folder got or lost a file.
fn changed(folder: &Path) -> Option<SystemTime> {
    std::fs::metadata(folder).and_then(|meta| meta.modified()).ok()
}

/// Counts the indices of packs, of which each takes a slot of the table.
fn count_packs(folders: &[PathBuf]) -> usize {
    let is_index = |name: &std::ffi::OsStr| Path::new(name).extension().is_some_and(|it| it == "idx");
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    entries.filter(|entry| is_index(&entry.file_name())).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stores a blob in a pack of its own.
    fn add_pack(repository: &git2::Repository, content: &[u8]) -> gix::ObjectId {
        let blob = repository.blob(content).unwrap();
        let mut builder = repository.packbuilder().unwrap();
        builder.insert_object(blob, None).unwrap();
        builder.write(&repository.path().join("objects/pack"), 0o644).unwrap();
        let id = blob.to_string();
        std::fs::remove_file(repository.path().join(format!("objects/{}/{}", &id[..2], &id[2..]))).unwrap();
        gix::ObjectId::from_hex(id.as_bytes()).unwrap()
    }

    #[test]
    fn the_table_of_packs_grows_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let stock = git2::Repository::init_bare(folder.path()).unwrap();
        let first = add_pack(&stock, b"first");
        let repository = Repository::open(folder.path()).unwrap();
        let before = repository.read();
        assert!(before.has_object(first));
        let many = FREE_PACK_SLOTS + FREE_PACK_SLOTS / 2;
        let added: Vec<_> = (0..many).map(|number| add_pack(&stock, number.to_string().as_bytes())).collect();
        let after = repository.read();
        assert!(added.iter().all(|id| after.has_object(id)), "all of {many} packs are read");
        assert!(before.has_object(first), "who began before reads on");
    }

    #[test]
    fn what_is_wrong_with_a_repository_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("private/iris.git");
        let told = || match Repository::open(&path) {
            Ok(_) => "nothing".to_owned(),
            Err(error) => error.message_to_peer(),
        };
        assert!(told().contains("folder is missing"));
        Repository::create_bare(&path, "master").unwrap();
        assert_eq!(told(), "nothing");
        std::fs::write(path.join("HEAD"), "ref: refs/heads/main").unwrap();
        assert_eq!(told(), "nothing", "Git takes it without the end of the line as well");
        for garbage in ["", "garbage\n", "ref: refs/heads/.invalid\n"] {
            std::fs::write(path.join("HEAD"), garbage).unwrap();
            assert!(told().contains("HEAD is damaged"), "{garbage:?}: {}", told());
        }
        std::fs::write(
            path.join("config"),
            "[core]\n\trepositoryformatversion = 1\n[extensions]\n\trefStorage = reftable\n",
        )
        .unwrap();
        assert!(told().contains("git refs migrate"), "{}", told());
        std::fs::write(path.join("config"), "[core\n").unwrap();
        assert!(told().contains("files are damaged"), "{}", told());
        assert!(!told().contains("private"));
    }

    #[test]
    fn a_reader_keeps_the_repository_open() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init_bare(folder.path(), "master").unwrap();
        let (weak, reader) = (repository.downgrade(), repository.read());
        drop(repository);
        assert!(weak.upgrade().is_some(), "maintenance has to know of the reader");
        drop(reader);
        assert!(weak.upgrade().is_none());
    }
}
