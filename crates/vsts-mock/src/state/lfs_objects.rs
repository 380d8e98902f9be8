//! The objects of Git LFS that each repository has. A content is in the store once; a repository has it only after its own
//! upload, fork or import, whichever other repositories do.
//!
//! The rows are in the database alone. Whatever adds a row or removes a content holds the state's writer, so that no content
//! goes while a repository gets it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use jiff::Timestamp;
use lfs_wire::Oid;
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};
use thiserror::Error;
use uuid::Uuid;

use super::lfs_store::{LfsStore, Received};
use super::{State, StateError, database};
use crate::limits::ROWS_PER_STATEMENT;

/// The reason why a repository does not get an object.
#[derive(Debug, Error)]
pub(crate) enum LfsKeepError {
    #[error("the repository is gone")]
    NoRepository,
    /// It would be more than the account may have.
    #[error("the account may have no more than {quota} bytes")]
    Quota { quota: u64 },
    /// The content could not get its name.
    #[error("cannot keep the object")]
    Store(#[from] io::Error),
    #[error(transparent)]
    State(#[from] StateError),
}

impl State {
    /// The store of contents.
    pub(crate) fn lfs_store(&self) -> &LfsStore {
        &self.lfs
    }

    /// The bytes of those of the objects that a repository has.
    pub(crate) async fn lfs_sizes(&self, repo: Uuid, oids: &[Oid]) -> Result<BTreeMap<Oid, u64>, StateError> {
        let mut sizes = BTreeMap::new();
        for oids in oids.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new("SELECT oid, size FROM lfs_objects WHERE repo_id = ");
            query.push_bind(repo.to_string()).push(" AND oid IN (");
            let mut list = query.separated(", ");
            for oid in oids {
                list.push_bind(oid.to_string());
            }
            query.push(")");
            for row in query.build().fetch_all(&self.pool).await.map_err(database("read"))? {
                let size: i64 = row.get("size");
                sizes.insert(oid(row.get("oid"))?, u64::try_from(size).unwrap_or_default());
            }
        }
        Ok(sizes)
    }

    /// The bytes that an account has, each content counted once.
    pub(crate) async fn lfs_account_bytes(&self, account: Uuid) -> Result<u64, StateError> {
        let mut connection = self.pool.acquire().await.map_err(database("read"))?;
        account_bytes(&mut connection, account, None).await
    }

    /// Records that a client counts on objects that a repository has.
    pub(crate) async fn use_lfs_objects(
        &self,
        repo: Uuid,
        oids: &[Oid],
        now: Timestamp,
    ) -> Result<(), StateError> {
        let _writer = self.writer.lock().await;
        for oids in oids.chunks(ROWS_PER_STATEMENT) {
            let mut query = QueryBuilder::<Sqlite>::new("UPDATE lfs_objects SET used_ms = ");
            query.push_bind(now.as_millisecond()).push(" WHERE repo_id = ").push_bind(repo.to_string());
            query.push(" AND oid IN (");
            let mut list = query.separated(", ");
            for oid in oids {
                list.push_bind(oid.to_string());
            }
            query.push(")");
            query.build().execute(&self.pool).await.map_err(database("record the use of objects"))?;
        }
        Ok(())
    }

    /// Gives a content its name, and a repository the object.
    pub(crate) async fn keep_lfs_object(
        &self,
        repo: Uuid,
        received: Received,
        now: Timestamp,
    ) -> Result<(), LfsKeepError> {
        let (oid, size) = (received.oid, received.size);
        let failed = || database("record an object");
        let _writer = self.writer.lock().await;
        let directory = self.directory();
        let repo = directory.repos.get(&repo).ok_or(LfsKeepError::NoRepository)?;
        let mut connection = self.pool.acquire().await.map_err(failed())?;
        let quota = directory.accounts.get(&repo.account).and_then(|account| account.lfs_quota);
        if let Some(quota) = quota.map(|quota| u64::try_from(quota).unwrap_or_default()) {
            let others = account_bytes(&mut connection, repo.account, Some(oid)).await?;
            if others.saturating_add(size) > quota {
                return Err(LfsKeepError::Quota { quota });
            }
        }
        let keeping = tokio::task::spawn_blocking(move || received.keep());
        keeping.await.expect("keeping does not panic")?;
        // What a client was told to be there has to outlive a power cut, unlike all else in the database.
        let set = |to: &'static str| sqlx::query(to);
        set("PRAGMA synchronous = FULL").execute(&mut *connection).await.map_err(failed())?;
        let inserted = insert(&mut connection, repo.id, &[(oid, size)], now).await;
        set("PRAGMA synchronous = NORMAL").execute(&mut *connection).await.map_err(failed())?;
        Ok(inserted.map_err(failed())?)
    }

    /// The repositories that have objects which nobody has counted on since a time, and these objects.
    pub(crate) async fn lfs_unused_since(
        &self,
        time: Timestamp,
    ) -> Result<BTreeMap<Uuid, BTreeSet<Oid>>, StateError> {
        let sql = "SELECT repo_id, oid FROM lfs_objects WHERE used_ms < $1";
        let rows = sqlx::query(sql).bind(time.as_millisecond()).fetch_all(&self.pool).await;
        let mut unused: BTreeMap<Uuid, BTreeSet<Oid>> = BTreeMap::new();
        for row in rows.map_err(database("read"))? {
            let repo: String = row.get("repo_id");
            let repo = Uuid::parse_str(&repo).map_err(|_| StateError::Row { what: "id", value: repo })?;
            unused.entry(repo).or_default().insert(oid(row.get("oid"))?);
        }
        Ok(unused)
    }

    /// Takes an object from a repository unless somebody has counted on it since a time; returns whether it did.
    pub(crate) async fn drop_lfs_object(
        &self,
        repo: Uuid,
        oid: Oid,
        time: Timestamp,
    ) -> Result<bool, StateError> {
        let _writer = self.writer.lock().await;
        let sql = "DELETE FROM lfs_objects WHERE repo_id = $1 AND oid = $2 AND used_ms < $3";
        let query = sqlx::query(sql).bind(repo.to_string()).bind(oid.to_string()).bind(time.as_millisecond());
        let done = query.execute(&self.pool).await.map_err(database("remove an object"))?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes the contents that no repository has and that are attached to no pull request; returns how many.
    pub(crate) async fn sweep_lfs_contents(&self) -> Result<usize, StateError> {
        let store = self.lfs.clone();
        let failed = |source| StateError::Io { action: "sweep", path: self.dir.join("lfs"), source };
        let listing = tokio::task::spawn_blocking(move || store.all());
        let all = listing.await.expect("listing does not panic").map_err(failed)?;
        let mut removed = 0;
        for oid in all {
            let _writer = self.writer.lock().await;
            let sql = "SELECT 1 FROM lfs_objects WHERE oid = $1 LIMIT 1";
            let found = sqlx::query(sql).bind(oid.to_string()).fetch_optional(&self.pool).await;
            let text = oid.to_string();
            let is_attached = || self.directory().pulls.attachments.values().any(|one| one.oid == text);
            if found.map_err(database("read"))?.is_none() && !is_attached() {
                self.lfs.remove(oid).map_err(failed)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// Gives a repository objects whose contents are there.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    repo: Uuid,
    objects: &[(Oid, u64)],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for objects in objects.chunks(ROWS_PER_STATEMENT) {
        let mut query =
            QueryBuilder::<Sqlite>::new("INSERT INTO lfs_objects (repo_id, oid, size, created_ms, used_ms) ");
        query.push_values(objects, |mut row, (oid, size)| {
            row.push_bind(repo.to_string()).push_bind(oid.to_string());
            row.push_bind(i64::try_from(*size).unwrap_or(i64::MAX));
            row.push_bind(now.as_millisecond()).push_bind(now.as_millisecond());
        });
        query.push(" ON CONFLICT (repo_id, oid) DO UPDATE SET used_ms = excluded.used_ms");
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// The bytes that an account has without one object.
async fn account_bytes(
    connection: &mut SqliteConnection,
    account: Uuid,
    without: Option<Oid>,
) -> Result<u64, StateError> {
    let sql = "SELECT COALESCE(SUM(size), 0) AS bytes FROM (SELECT DISTINCT o.oid AS oid, o.size AS size \
               FROM lfs_objects o JOIN repos r ON r.id = o.repo_id WHERE r.account_id = $1 AND o.oid <> $2) AS distinct_objects";
    let without = without.map(|oid| oid.to_string()).unwrap_or_default();
    let row = sqlx::query(sql).bind(account.to_string()).bind(without).fetch_one(connection).await;
    let bytes: i64 = row.map_err(database("read"))?.get("bytes");
    Ok(u64::try_from(bytes).unwrap_or_default())
}

fn oid(text: String) -> Result<Oid, StateError> {
    text.parse().map_err(|_| StateError::Row { what: "object id", value: text })
}
