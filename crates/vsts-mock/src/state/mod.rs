//! The server's state: a database for what it knows, a folder a repository, and the [`World`] in memory.
//!
//! Reading is taking the present world. Writing goes through a [`Change`]: one at a time, a transaction and a copy of
//! the world side by side; a commit makes both visible at once. One process owns a data directory; a second is refused.

mod load;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};
use thiserror::Error;
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::world::World;

/// Why the state cannot be opened or changed.
#[derive(Debug, Error)]
pub enum StateError {
    /// Another server has the data directory.
    #[error("the data directory {} is in use by another server", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A file or a folder could not be made, opened or removed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the database cannot {action}")]
    Database {
        /// What was attempted.
        action: &'static str,
        /// What it said.
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

/// What the server knows, and where it keeps it.
pub(crate) struct State {
    pool: SqlitePool,
    world: RwLock<Arc<World>>,
    writer: Mutex<()>,
    repos: PathBuf,
    _lock: File,
}

impl State {
    /// Opens the state in a directory, making what is not there yet.
    pub(crate) async fn open(dir: &Path) -> Result<Self, StateError> {
        let repos = dir.join("repos");
        std::fs::create_dir_all(&repos).map_err(io("create", &repos))?;
        let lock = lock(dir)?;
        let options = SqliteConnectOptions::new()
            .filename(dir.join("state.sqlite"))
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10));
        let database = |action| move |source| StateError::Database { action, source };
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(options)
            .await
            .map_err(database("open"))?;
        sqlx::migrate!("./migrations").run(&pool).await.map_err(StateError::Format)?;
        let world = load::world(&pool).await?;
        Ok(Self { pool, world: RwLock::new(Arc::new(world)), writer: Mutex::new(()), repos, _lock: lock })
    }

    /// The present picture.
    pub(crate) fn world(&self) -> Arc<World> {
        self.world.read().expect("no thread panics while it holds the lock").clone()
    }

    /// Begins a change; others wait until it is committed or dropped.
    pub(crate) async fn change(&self) -> Result<Change<'_>, StateError> {
        let writer = self.writer.lock().await;
        let tx = self
            .pool
            .begin()
            .await
            .map_err(|source| StateError::Database { action: "begin a change", source })?;
        let world = World::clone(&self.world());
        Ok(Change { state: self, tx, world, made: Vec::new(), discarded: Vec::new(), _writer: writer })
    }

    /// The folder of a repository.
    pub(crate) fn repo_path(&self, id: Uuid) -> PathBuf {
        self.repos.join(format!("{id}.git"))
    }

    /// Closes the database, so that its folder can go.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    #[cfg(test)]
    pub(crate) async fn reloaded(&self) -> Result<World, StateError> {
        load::world(&self.pool).await
    }
}

/// A change in progress. Dropped without [`Change::commit`], it has not happened.
pub(crate) struct Change<'s> {
    state: &'s State,
    pub(crate) tx: Transaction<'static, Sqlite>,
    /// What the world will be.
    pub(crate) world: World,
    made: Vec<PathBuf>,
    discarded: Vec<PathBuf>,
    _writer: MutexGuard<'s, ()>,
}

impl Change<'_> {
    /// The folder for a new repository; whatever an earlier server left there is moved away first.
    pub(crate) fn new_repo_path(&mut self, id: Uuid) -> Result<PathBuf, StateError> {
        let path = self.state.repo_path(id);
        if let Some(discarded) = set_aside(&path)? {
            self.discarded.push(discarded);
        }
        self.made.push(path.clone());
        Ok(path)
    }

    /// Marks a repository's folder to go when the change is committed.
    pub(crate) fn discard_repo(&mut self, id: Uuid) {
        self.discarded.push(self.state.repo_path(id));
    }

    /// Makes the change durable and visible.
    pub(crate) async fn commit(mut self) -> Result<(), StateError> {
        let made = std::mem::take(&mut self.made);
        self.tx
            .commit()
            .await
            .map_err(|source| StateError::Database { action: "commit a change", source })?;
        *self.state.world.write().expect("no thread panics while it holds the lock") = Arc::new(self.world);
        let mut trash = Vec::new();
        for path in self.discarded {
            if made.contains(&path) {
                continue;
            }
            trash.extend(set_aside(&path)?);
        }
        if !trash.is_empty() {
            tokio::task::spawn_blocking(move || {
                for path in trash {
                    if let Err(err) = std::fs::remove_dir_all(&path) {
                        tracing::warn!(path = %path.display(), %err, "a deleted repository's folder stays behind");
                    }
                }
            });
        }
        Ok(())
    }
}

/// Renames a folder to a name that nothing looks up; its new name, if it was there.
fn set_aside(path: &Path) -> Result<Option<PathBuf>, StateError> {
    let aside = path.with_extension(format!("{}.trash", u64::from_be_bytes(crate::clock::random())));
    match std::fs::rename(path, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(io("move away", path)(source)),
    }
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

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StateError {
    let path = path.to_owned();
    move |source| StateError::Io { action, path, source }
}
