//! The server's state: a database for what it knows, a folder a repository, and the [`Directory`] in memory.
//!
//! Reading is taking the present directory. Writing goes through a [`Change`], one at a time. One process owns a data
//! directory; a second is refused.

mod change;
mod folders;
mod inspect;
mod lfs_locks;
mod lfs_objects;
mod lfs_store;
mod migrations;
pub(crate) mod once;
mod private;
mod pushes;
mod rows;
mod saved;
mod to_its_end;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use thiserror::Error;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::directory::{Directory, OpenRepositories, Repo};
use crate::events::Events;
pub(crate) use change::{Change, Hold};
pub(crate) use lfs_locks::{LfsLock, LfsLockFilter, Locking};
pub(crate) use lfs_objects::LfsKeepError;
pub(crate) use lfs_store::{LfsStore, Received, Receiving};
pub(crate) use pushes::{Push, PushFilter, PushedRef};
pub(crate) use saved::StateName;
pub use saved::{SavedCounts, SavedError, SavedState};
pub(crate) use to_its_end::to_its_end;

/// The name of the first branch of a new repository.
pub(crate) const DEFAULT_BRANCH: &str = "master";

/// Why the state cannot be opened or changed.
#[derive(Debug, Error)]
pub enum StateError {
    /// Another server has the data directory.
    #[error("the data directory {} is in use by another server", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The database is gone, and the repositories that it knew are there.
    #[error(
        "the database {} is {state}, and {} holds {count} repositories that it should know. Restore {} from a backup, with \
         the files beside it that begin with the same name; to begin anew, move {} away",
        database.display(), repos.display(), database.display(), repos.display()
    )]
    DatabaseLost {
        /// The database's file.
        database: PathBuf,
        /// Its state: missing or empty.
        state: &'static str,
        /// The folder with the repositories.
        repos: PathBuf,
        /// The number of repositories.
        count: usize,
    },
    /// A file or a folder could not be made, opened or removed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The attempted action.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the database cannot {action}")]
    Database {
        /// The attempted action.
        action: &'static str,
        /// The database's error.
        #[source]
        source: sqlx::Error,
    },
    /// The database's format is not one that this version knows.
    #[error("the database cannot be brought to this version's format")]
    Format(#[source] sqlx::migrate::MigrateError),
    /// A row makes no sense.
    #[error("the database holds a {what} that is not understood: {value:?}")]
    Row {
        /// The kind of value.
        what: &'static str,
        /// The value.
        value: String,
    },
}

/// The server's state.
pub(crate) struct State {
    pool: SqlitePool,
    directory: Arc<RwLock<Arc<Directory>>>,
    writer: Arc<Mutex<()>>,
    dir: PathBuf,
    repos: PathBuf,
    open: Arc<OpenRepositories>,
    lfs: LfsStore,
    /// True if it has to outlive a power cut.
    is_durable: bool,
    /// Changes and pushes for service hooks.
    pub(crate) events: Arc<Events>,
    _lock: File,
}

impl State {
    /// Opens the state in a directory, making what is not there yet. Large files are written through to the disk if it is to
    /// be durable.
    pub(crate) async fn open(dir: &Path, is_durable: bool) -> Result<Self, StateError> {
        let repos = dir.join("repos");
        private::make_folder(&repos).map_err(io("create", &repos))?;
        private::warn_if_open(dir);
        let lock = lock(dir)?;
        let database = dir.join("state.sqlite");
        inspect::check_database(&database, &repos)?;
        private::make_file(&database).map_err(io("create", &database))?;
        folders::sweep(&repos).map_err(io("look through", &repos))?;
        saved::sweep(dir).map_err(io("look through", dir))?;
        let options = SqliteConnectOptions::new()
            .filename(&database)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await;
        let pool = pool.map_err(self::database("open"))?;
        migrations::run(&pool).await.map_err(StateError::Format)?;
        saved::finish(&pool, dir).await?.iter().for_each(|path| folders::remove(path));
        let directory = rows::load(&pool).await?;
        inspect::compare(&directory, &repos).map_err(io("look through", &repos))?;
        let lfs = LfsStore::open(dir, is_durable).map_err(io("create", &dir.join("lfs")))?;
        let (dir, directory) = (dir.to_owned(), Arc::new(RwLock::new(Arc::new(directory))));
        let (writer, open) = (Arc::default(), Arc::default());
        Ok(Self {
            pool,
            directory,
            writer,
            dir,
            repos,
            open,
            lfs,
            is_durable,
            events: Arc::default(),
            _lock: lock,
        })
    }

    /// The present picture.
    pub(crate) fn directory(&self) -> Arc<Directory> {
        self.directory.read().expect("no thread panics while it holds the lock").clone()
    }

    /// The data directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of a repository.
    pub(crate) fn repo_path(&self, id: Uuid) -> PathBuf {
        repo_path(&self.repos, id)
    }

    /// A repository, which is opened if it isn't open. This may block.
    pub(crate) fn open_repo(&self, repo: &Repo) -> Result<git_wire::Repository, git_wire::RepositoryError> {
        repo.handle.open(&self.open, &self.repo_path(repo.id))
    }

    /// Returns whether this many bytes are free where repositories are; true if the system does not say.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        rustix::fs::statvfs(&self.repos)
            .map_or(true, |disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes)
    }

    /// The repositories that are kept open.
    pub(crate) fn open_repos(&self) -> Arc<OpenRepositories> {
        self.open.clone()
    }

    /// Work that warns of repositories that can't be read.
    pub(crate) fn look_for_unreadable(&self) -> impl FnOnce() + Send + use<> {
        let (directory, repos) = (self.directory(), self.repos.clone());
        move || inspect::warn_of_unreadable(&directory, |id| repo_path(&repos, id))
    }

    /// Closes the database, so that its folder can go.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    #[cfg(test)]
    pub(crate) async fn reloaded(&self) -> Result<Directory, StateError> {
        rows::load(&self.pool).await
    }
}

fn repo_path(repos: &Path, id: Uuid) -> PathBuf {
    repos.join(format!("{id}.git"))
}

fn lock(dir: &Path) -> Result<File, StateError> {
    let path = dir.join("lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(&path).map_err(io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io("lock", &path)(source)),
    }
}

fn database(action: &'static str) -> impl FnOnce(sqlx::Error) -> StateError {
    move |source| StateError::Database { action, source }
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { action, path, source }
}
