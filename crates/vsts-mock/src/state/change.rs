//! Changes of the state: lists of edits, which a commit writes into the database and publishes.
//!
//! A change begins with a copy of the directory. Each edit puts or removes one record in the copy, and is remembered; the
//! database sees none of them before the commit, which writes all in one transaction.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lfs_wire::Oid;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection, SqlitePool};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::folders::{Folders, remove};
use super::lfs_objects;
use super::lfs_store::{LfsStore, Received};
use super::rows::{KINDS, Row, Table, Value};
use super::{DEFAULT_BRANCH, State, StateError, database, to_its_end};
use crate::directory::{Directory, Repo};
use crate::events::Event;
use crate::limits::ROWS_PER_STATEMENT;

/// A change in progress. Dropped without [`Change::commit`], it has not happened.
pub(crate) struct Change<'s> {
    state: &'s State,
    /// The directory as it will be.
    pub(crate) directory: Draft,
    edits: Vec<Edit>,
    held: Hold,
    /// The objects of Git LFS that repositories get, and the contents that are not in the store yet.
    lfs: Vec<(Uuid, Vec<(Oid, u64)>)>,
    contents: Vec<Received>,
}

/// The folders of a change and the right to change the state. Work on a thread of its own that writes into the folders has a
/// share: they are not removed, and nobody else begins a change, before it has ended.
#[derive(Clone)]
pub(crate) struct Hold(Arc<Held>);

/// Its fields are dropped in this order.
struct Held {
    folders: Mutex<Folders>,
    writer: OwnedMutexGuard<()>,
}

impl Hold {
    fn folders(&self) -> MutexGuard<'_, Folders> {
        self.0.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A directory that a change alone can edit.
pub(crate) struct Draft(Directory);

impl Deref for Draft {
    type Target = Directory;

    fn deref(&self) -> &Directory {
        &self.0
    }
}

/// Edits of rows of one table.
struct Edit {
    table: &'static Table,
    action: Action,
    /// All values of the rows to put, and the keys of those to remove.
    rows: Vec<Vec<Value>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Put,
    Remove,
    RemoveAll,
}

impl State {
    /// Begins a change; others wait until it is committed or dropped.
    pub(crate) async fn change(&self) -> Change<'_> {
        let writer = self.writer.clone().lock_owned().await;
        let directory = Draft(Directory::clone(&self.directory()));
        let (edits, lfs, contents) = (Vec::new(), Vec::new(), Vec::new());
        let held = Hold(Arc::new(Held { folders: Mutex::default(), writer }));
        Change { state: self, directory, edits, held, lfs, contents }
    }
}

impl Change<'_> {
    /// Adds a record, or replaces the one of the same key.
    pub(crate) fn put<R: Row>(&mut self, record: R) {
        self.remember(R::TABLE, Action::Put, record.values());
        self.directory.0.put(record);
    }

    /// Removes the record of that key; returns whether there was one.
    pub(crate) fn remove<R: Row>(&mut self, key: &R::Key) -> bool {
        let Some(removed) = self.directory.0.remove::<R>(key) else { return false };
        let mut key = removed.values();
        key.truncate(R::TABLE.key.len());
        self.remember(R::TABLE, Action::Remove, key);
        true
    }

    /// Removes the records of those keys.
    pub(crate) fn remove_all<R: Row>(&mut self, keys: impl IntoIterator<Item = R::Key>) {
        for key in keys {
            self.remove::<R>(&key);
        }
    }

    /// Removes every record. The folders of repositories stay, unless they are discarded too.
    pub(crate) fn clear(&mut self) {
        let clear = |table| Edit { table, action: Action::RemoveAll, rows: Vec::new() };
        self.edits = KINDS.iter().rev().map(|kind| clear(kind.table)).collect();
        self.directory = Draft(Directory::default());
    }

    fn remember(&mut self, table: &'static Table, action: Action, row: Vec<Value>) {
        match self.edits.last_mut() {
            Some(last) if std::ptr::eq(last.table, table) && last.action == action => last.rows.push(row),
            _ => self.edits.push(Edit { table, action, rows: vec![row] }),
        }
    }

    /// A share in the change, for work on a thread of its own.
    pub(crate) fn hold(&self) -> Hold {
        self.held.clone()
    }

    /// The folder of a repository.
    pub(crate) fn repo_path(&self, id: Uuid) -> PathBuf {
        self.state.repo_path(id)
    }

    /// A repository, which is opened if it isn't open. This may block.
    pub(crate) fn open_repo(&self, repo: &Repo) -> Result<git_wire::Repository, git_wire::RepositoryError> {
        self.state.open_repo(repo)
    }

    /// The folder for a new repository; what is there in its place is moved away, and back if the change is dropped.
    pub(crate) fn new_repo_path(&mut self, id: Uuid) -> Result<PathBuf, StateError> {
        let path = self.state.repo_path(id);
        self.held.folders().make_way(&path)?;
        Ok(path)
    }

    /// Returns whether a repository's folder is as a new one's, and so may stay as it is instead of being made anew.
    pub(crate) fn keeps_pristine_repo(&mut self, id: Uuid) -> bool {
        let path = self.state.repo_path(id);
        let is_pristine = git_wire::Repository::is_pristine(&path, DEFAULT_BRANCH);
        if is_pristine {
            self.held.folders().discarded.retain(|discarded| *discarded != path);
        }
        is_pristine
    }

    /// Marks a repository's folder to go when the change is committed.
    pub(crate) fn discard_repo(&mut self, id: Uuid) {
        self.held.folders().discarded.push(self.state.repo_path(id));
    }

    /// The store of the contents of Git LFS.
    pub(crate) fn lfs_store(&self) -> LfsStore {
        self.state.lfs_store().clone()
    }

    /// Gives a new repository objects of Git LFS whose contents were received.
    pub(crate) fn give_lfs_contents(&mut self, repo: Uuid, contents: Vec<Received>) {
        self.lfs.push((repo, contents.iter().map(|one| (one.oid, one.size)).collect()));
        self.contents.extend(contents);
    }

    /// Keeps a content that a record of the change names.
    pub(crate) fn keep_content(&mut self, content: Received) {
        self.contents.push(content);
    }

    /// Gives a new repository those of the objects that another one has.
    pub(crate) async fn share_lfs_objects(
        &mut self,
        from: Uuid,
        to: Uuid,
        oids: &[Oid],
    ) -> Result<(), StateError> {
        let sizes = self.state.lfs_sizes(from, oids).await?;
        self.lfs.push((to, sizes.into_iter().collect()));
        Ok(())
    }

    /// Makes the change durable and visible; to the end, even if nobody waits for that any more: else the database could have
    /// what the directory does not.
    pub(crate) async fn commit(self) -> Result<(), StateError> {
        let Self { state, directory, edits, held, lfs, contents } = self;
        let Held { folders, writer } = Arc::into_inner(held.0).expect("all work on its folders has ended");
        let folders = folders.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (pool, published, events) = (state.pool.clone(), state.directory.clone(), state.events.clone());
        let store = state.dir.join("lfs");
        to_its_end(async move {
            let _writer = writer;
            if !contents.is_empty() {
                let keeping =
                    tokio::task::spawn_blocking(move || contents.into_iter().try_for_each(Received::keep));
                let kept = keeping.await.expect("keeping does not panic");
                kept.map_err(super::io("write below", &store))?;
            }
            if !edits.is_empty() {
                write_all(&pool, edits, &lfs).await?;
                let after = Arc::new(directory.0);
                let mut published = published.write().expect("no thread panics while it holds the lock");
                let before = std::mem::replace(&mut *published, after.clone());
                if !after.subscriptions.is_empty() {
                    events.publish(Event::Changed { before, after });
                }
            }
            let trash = folders.keep();
            if !trash.is_empty() {
                tokio::task::spawn_blocking(move || trash.iter().for_each(|path| remove(path)));
            }
            Ok(())
        })
        .await
    }
}

/// Writes edits, and the objects of Git LFS that repositories get, in one transaction.
async fn write_all(
    pool: &SqlitePool,
    edits: Vec<Edit>,
    lfs: &[(Uuid, Vec<(Oid, u64)>)],
) -> Result<(), StateError> {
    let mut transaction = pool.begin().await.map_err(database("begin a change"))?;
    for edit in edits {
        write(&mut transaction, edit).await.map_err(database("write"))?;
    }
    // Refs reach what a fork or an import brings: it needs no time of grace.
    for (repo, objects) in lfs.iter().filter(|(_, objects)| !objects.is_empty()) {
        let inserted = lfs_objects::insert(&mut transaction, *repo, objects, Timestamp::UNIX_EPOCH).await;
        inserted.map_err(database("write"))?;
    }
    transaction.commit().await.map_err(database("commit a change"))
}

async fn write(connection: &mut SqliteConnection, edit: Edit) -> Result<(), sqlx::Error> {
    let Edit { table, action, rows } = edit;
    let (name, key, columns) = (table.name, table.key.join(", "), table.columns.join(", "));
    let (before, after) = match action {
        Action::RemoveAll => {
            QueryBuilder::<Sqlite>::new(format!("DELETE FROM {name}")).build().execute(connection).await?;
            return Ok(());
        }
        Action::Remove => (format!("DELETE FROM {name} WHERE ({key}) IN ("), ")".to_owned()),
        Action::Put => {
            let others = table.columns[table.key.len()..].iter();
            let set: Vec<_> = others.map(|column| format!("{column} = excluded.{column}")).collect();
            let update =
                if set.is_empty() { "NOTHING".to_owned() } else { format!("UPDATE SET {}", set.join(", ")) };
            (format!("INSERT INTO {name} ({columns}) "), format!(" ON CONFLICT ({key}) DO {update}"))
        }
    };
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = QueryBuilder::<Sqlite>::new(&before);
        query.push_values(rows, |mut list, row| {
            for value in row {
                match value {
                    Value::Null => list.push_bind(None::<String>),
                    Value::Integer(number) => list.push_bind(*number),
                    Value::Text(text) => list.push_bind(text.clone()),
                };
            }
        });
        query.push(&after).build().persistent(rows.len() == 1).execute(&mut *connection).await?;
    }
    Ok(())
}
