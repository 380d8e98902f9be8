//! The pushes: one record for each, over whichever transport.
//!
//! Pushes are numbered from 1 in each repository. They are in the database alone: nobody decides anything by them.

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite};
use uuid::Uuid;

use super::{State, StateError};
use crate::events::Event;

/// One push.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Push {
    pub(crate) id: i64,
    pub(crate) user: Uuid,
    pub(crate) time: Timestamp,
    pub(crate) refs: Vec<PushedRef>,
}

/// The change of one ref by a push.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PushedRef {
    pub(crate) name: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// The pushes to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct PushFilter {
    /// A ref's full name.
    pub(crate) reference: Option<String>,
    pub(crate) user: Option<Uuid>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
    /// The number of the last push that is left out.
    pub(crate) after: Option<i64>,
    pub(crate) skip: usize,
    pub(crate) top: usize,
}

impl State {
    /// Records a push; returns its number.
    pub(crate) async fn record_push(
        &self,
        repo: Uuid,
        user: Uuid,
        now: Timestamp,
        refs: &[PushedRef],
    ) -> Result<i64, StateError> {
        let _writer = self.writer.lock().await;
        let failed = |source| StateError::Database { action: "record a push", source };
        let mut tx = self.pool.begin().await.map_err(failed)?;
        let row = sqlx::query(
            "INSERT INTO pushes (repo_id, push_id, user_id, created_ms) \
             SELECT $1, COALESCE(MAX(push_id), 0) + 1, $2, $3 FROM pushes WHERE repo_id = $1 RETURNING push_id",
        )
        .bind(repo.to_string())
        .bind(user.to_string())
        .bind(now.as_millisecond())
        .fetch_one(&mut *tx)
        .await
        .map_err(failed)?;
        let id: i64 = row.get("push_id");
        for (position, one) in (0_i64..).zip(refs) {
            let sql = "INSERT INTO push_refs (repo_id, push_id, position, name, old_id, new_id) \
                       VALUES ($1, $2, $3, $4, $5, $6)";
            sqlx::query(sql)
                .bind(repo.to_string())
                .bind(id)
                .bind(position)
                .bind(&one.name)
                .bind(&one.old)
                .bind(&one.new)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
        tx.commit().await.map_err(failed)?;
        if !self.directory().subscriptions.is_empty() {
            self.events.publish(Event::Pushed { repo, push: id });
        }
        Ok(id)
    }

    /// One push of a repository.
    pub(crate) async fn push(&self, repo: Uuid, id: i64) -> Result<Option<Push>, StateError> {
        let sql = "SELECT push_id, user_id, created_ms FROM pushes WHERE repo_id = $1 AND push_id = $2";
        let row = sqlx::query(sql).bind(repo.to_string()).bind(id).fetch_optional(&self.pool).await;
        match row.map_err(unreadable)? {
            Some(row) => self.whole(repo, &row).await.map(Some),
            None => Ok(None),
        }
    }

    /// The push that brought a ref to a commit.
    pub(crate) async fn push_of(&self, repo: Uuid, new: &str) -> Result<Option<Push>, StateError> {
        let sql = "SELECT MAX(push_id) AS id FROM push_refs WHERE repo_id = $1 AND new_id = $2";
        let row = sqlx::query(sql).bind(repo.to_string()).bind(new).fetch_one(&self.pool).await;
        match row.map_err(unreadable)?.get::<Option<i64>, _>("id") {
            Some(id) => self.push(repo, id).await,
            None => Ok(None),
        }
    }

    /// The pushes of a repository, newest first.
    pub(crate) async fn pushes(&self, repo: Uuid, filter: &PushFilter) -> Result<Vec<Push>, StateError> {
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT push_id, user_id, created_ms FROM pushes WHERE repo_id = ");
        query.push_bind(repo.to_string());
        if let Some(user) = filter.user {
            query.push(" AND user_id = ").push_bind(user.to_string());
        }
        if let Some(from) = filter.from {
            query.push(" AND created_ms >= ").push_bind(from.as_millisecond());
        }
        if let Some(to) = filter.to {
            query.push(" AND created_ms <= ").push_bind(to.as_millisecond());
        }
        if let Some(after) = filter.after {
            query.push(" AND push_id > ").push_bind(after);
        }
        if let Some(name) = &filter.reference {
            query
                .push(" AND push_id IN (SELECT push_id FROM push_refs WHERE repo_id = ")
                .push_bind(repo.to_string())
                .push(" AND name = ")
                .push_bind(name.clone())
                .push(")");
        }
        let number = |amount: usize| i64::try_from(amount).unwrap_or(i64::MAX);
        query.push(" ORDER BY push_id DESC LIMIT ").push_bind(number(filter.top));
        query.push(" OFFSET ").push_bind(number(filter.skip));
        let rows = query.build().fetch_all(&self.pool).await.map_err(unreadable)?;
        let mut pushes = Vec::with_capacity(rows.len());
        for row in &rows {
            pushes.push(self.whole(repo, row).await?);
        }
        Ok(pushes)
    }

    /// The users who created the refs, by name: of each ref the last one.
    pub(crate) async fn ref_creators(&self, repo: Uuid) -> Result<Vec<(String, Uuid)>, StateError> {
        let sql = "SELECT r.name AS name, p.user_id AS user_id FROM push_refs r \
                   JOIN pushes p ON p.repo_id = r.repo_id AND p.push_id = r.push_id \
                   WHERE r.repo_id = $1 AND r.old_id IS NULL ORDER BY r.push_id";
        let rows = sqlx::query(sql).bind(repo.to_string()).fetch_all(&self.pool).await;
        rows.map_err(unreadable)?.iter().map(|row| Ok((row.get("name"), id(row, "user_id")?))).collect()
    }

    /// The commits to which earlier pushes set refs.
    pub(crate) async fn pushed_before(&self, repo: Uuid, id: i64) -> Result<Vec<String>, StateError> {
        let sql = "SELECT DISTINCT new_id FROM push_refs WHERE repo_id = $1 AND push_id < $2 AND new_id IS NOT NULL";
        let rows = sqlx::query(sql).bind(repo.to_string()).bind(id).fetch_all(&self.pool).await;
        Ok(rows.map_err(unreadable)?.iter().map(|row| row.get("new_id")).collect())
    }

    async fn whole(&self, repo: Uuid, row: &SqliteRow) -> Result<Push, StateError> {
        let number: i64 = row.get("push_id");
        let sql = "SELECT name, old_id, new_id FROM push_refs WHERE repo_id = $1 AND push_id = $2 ORDER BY position";
        let rows = sqlx::query(sql).bind(repo.to_string()).bind(number).fetch_all(&self.pool).await;
        let rows = rows.map_err(unreadable)?;
        let refs = rows.iter().map(|row| PushedRef {
            name: row.get("name"),
            old: row.get("old_id"),
            new: row.get("new_id"),
        });
        let milliseconds: i64 = row.get("created_ms");
        let time = Timestamp::from_millisecond(milliseconds)
            .map_err(|_| StateError::Row { what: "time", value: milliseconds.to_string() })?;
        Ok(Push { id: number, user: id(row, "user_id")?, time, refs: refs.collect() })
    }
}

fn unreadable(source: sqlx::Error) -> StateError {
    StateError::Database { action: "read", source }
}

fn id(row: &SqliteRow, column: &str) -> Result<Uuid, StateError> {
    let text: String = row.get(column);
    Uuid::parse_str(&text).map_err(|_| StateError::Row { what: "id", value: text })
}
