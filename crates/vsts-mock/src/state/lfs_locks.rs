//! The locks of Git LFS: who has locked which path of a repository. They are in the database alone.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};
use uuid::Uuid;

use super::{State, StateError, database};

/// A lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LfsLock {
    pub(crate) id: Uuid,
    pub(crate) path: String,
    pub(crate) user: Uuid,
    pub(crate) locked: Timestamp,
}

/// The locks to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct LfsLockFilter<'a> {
    pub(crate) path: Option<&'a str>,
    pub(crate) id: Option<Uuid>,
    /// The last lock of the page before.
    pub(crate) after: Option<Uuid>,
}

/// The outcome of an attempt to lock a path.
#[derive(Debug)]
pub(crate) enum Locking {
    Locked(LfsLock),
    /// There is a lock already.
    Conflict(LfsLock),
    /// The repository has as many as it may have.
    TooMany,
}

impl State {
    /// Locks of a repository, at most so many, by their ids; and whether there are more.
    pub(crate) async fn lfs_locks(
        &self,
        repo: Uuid,
        filter: &LfsLockFilter<'_>,
        top: usize,
    ) -> Result<(Vec<LfsLock>, bool), StateError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT id, path, user_id, locked_ms FROM lfs_locks WHERE repo_id = ",
        );
        query.push_bind(repo.to_string());
        if let Some(path) = filter.path {
            query.push(" AND path = ").push_bind(path.to_owned());
        }
        if let Some(id) = filter.id {
            query.push(" AND id = ").push_bind(id.to_string());
        }
        if let Some(after) = filter.after {
            query.push(" AND id > ").push_bind(after.to_string());
        }
        query.push(" ORDER BY id LIMIT ").push_bind(i64::try_from(top).unwrap_or(i64::MAX).saturating_add(1));
        let rows = query.build().fetch_all(&self.pool).await.map_err(database("read"))?;
        let locks: Result<Vec<LfsLock>, StateError> = rows.iter().take(top).map(read).collect();
        Ok((locks?, rows.len() > top))
    }

    /// Locks a path for a user, if nobody has.
    pub(crate) async fn lock_lfs_path(
        &self,
        repo: Uuid,
        path: &str,
        user: Uuid,
        now: Timestamp,
        most: i64,
    ) -> Result<Locking, StateError> {
        let failed = || database("lock a path");
        let _writer = self.writer.lock().await;
        let filter = LfsLockFilter { path: Some(path), ..LfsLockFilter::default() };
        if let Some(lock) = self.lfs_locks(repo, &filter, 1).await?.0.pop() {
            return Ok(Locking::Conflict(lock));
        }
        let sql = "SELECT COUNT(*) AS count FROM lfs_locks WHERE repo_id = $1";
        let row = sqlx::query(sql).bind(repo.to_string()).fetch_one(&self.pool).await.map_err(failed())?;
        if row.get::<i64, _>("count") >= most {
            return Ok(Locking::TooMany);
        }
        let id = uuid::Builder::from_random_bytes(crate::clock::random()).into_uuid();
        let locked = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let sql = "INSERT INTO lfs_locks (id, repo_id, path, user_id, locked_ms) VALUES ($1, $2, $3, $4, $5)";
        let query = sqlx::query(sql).bind(id.to_string()).bind(repo.to_string()).bind(path);
        let query = query.bind(user.to_string()).bind(locked.as_millisecond());
        query.execute(&self.pool).await.map_err(failed())?;
        Ok(Locking::Locked(LfsLock { id, path: path.to_owned(), user, locked }))
    }

    /// Removes a lock.
    pub(crate) async fn unlock_lfs_path(&self, repo: Uuid, id: Uuid) -> Result<(), StateError> {
        let _writer = self.writer.lock().await;
        let sql = "DELETE FROM lfs_locks WHERE repo_id = $1 AND id = $2";
        let query = sqlx::query(sql).bind(repo.to_string()).bind(id.to_string());
        query.execute(&self.pool).await.map_err(database("unlock a path"))?;
        Ok(())
    }
}

fn read(row: &SqliteRow) -> Result<LfsLock, StateError> {
    let id = |column: &str| {
        let text: String = row.get(column);
        Uuid::parse_str(&text).map_err(|_| StateError::Row { what: "id", value: text })
    };
    let milliseconds: i64 = row.get("locked_ms");
    let locked = Timestamp::from_millisecond(milliseconds)
        .map_err(|_| StateError::Row { what: "time", value: milliseconds.to_string() })?;
    Ok(LfsLock { id: id("id")?, path: row.get("path"), user: id("user_id")?, locked })
}
