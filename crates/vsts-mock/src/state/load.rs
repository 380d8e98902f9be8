//! Reads the whole database into a [`Directory`], once, when the server starts.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqlitePool};
use uuid::Uuid;

use super::StateError;
use crate::directory::permission::Permissions;
use crate::directory::{
    Account, Assignment, DeletedRepo, Directory, Entry, Group, GroupKind, Handle, Level, Project, Repo,
    Resource, Role, SshKey, Token, User,
};

pub(super) async fn directory(pool: &SqlitePool) -> Result<Directory, StateError> {
    let mut directory = Directory::default();
    for row in rows(pool, "SELECT id, name, email, password_hash FROM users").await? {
        directory.insert_user(User {
            id: id(&row, "id")?,
            name: row.get("name"),
            email: row.get("email"),
            password_hash: row.get("password_hash"),
        });
    }
    for row in rows(
        pool,
        "SELECT id, user_id, name, hash, scopes, accounts, is_session, created_ms, expires_ms FROM tokens",
    )
    .await?
    {
        directory.insert_token(Token {
            id: id(&row, "id")?,
            user: id(&row, "user_id")?,
            name: row.get("name"),
            hash: row.get("hash"),
            scopes: row.get::<String, _>("scopes").split_whitespace().map(str::to_owned).collect(),
            accounts: row
                .get::<String, _>("accounts")
                .split_whitespace()
                .map(parse_id)
                .collect::<Result<_, _>>()?,
            is_session: row.get::<i64, _>("is_session") != 0,
            created: time(row.get("created_ms"))?,
            expires: row.get::<Option<i64>, _>("expires_ms").map(time).transpose()?,
        });
    }
    for row in rows(
        pool,
        "SELECT id, user_id, name, algorithm, key_blob, fingerprint, created_ms, expires_ms FROM ssh_keys",
    )
    .await?
    {
        let key = SshKey {
            id: id(&row, "id")?,
            user: id(&row, "user_id")?,
            name: row.get("name"),
            algorithm: row.get("algorithm"),
            blob: row.get("key_blob"),
            fingerprint: row.get("fingerprint"),
            created: time(row.get("created_ms"))?,
            expires: row.get::<Option<i64>, _>("expires_ms").map(time).transpose()?,
        };
        directory.insert_key(key);
    }
    for row in rows(pool, "SELECT id, name, owner_id FROM accounts").await? {
        directory.insert_account(Account {
            id: id(&row, "id")?,
            name: row.get("name"),
            owner: optional_id(&row, "owner_id")?,
        });
    }
    for row in rows(
        pool,
        "SELECT id, account_id, name, description, process, revision, created_ms, updated_ms FROM projects",
    )
    .await?
    {
        directory.insert_project(Project {
            id: id(&row, "id")?,
            account: id(&row, "account_id")?,
            name: row.get("name"),
            description: row.get("description"),
            process: row.get("process"),
            revision: row.get("revision"),
            created: time(row.get("created_ms"))?,
            updated: time(row.get::<Option<i64>, _>("updated_ms").unwrap_or_else(|| row.get("created_ms")))?,
        });
    }
    let sql = "SELECT id, account_id, project_id, name, is_public, parent_id, is_disabled, deleted_ms, deleted_by \
               FROM repos";
    for row in rows(pool, sql).await? {
        let repo = Repo {
            id: id(&row, "id")?,
            account: id(&row, "account_id")?,
            project: id(&row, "project_id")?,
            name: row.get("name"),
            public: row.get::<i64, _>("is_public") != 0,
            parent: optional_id(&row, "parent_id")?,
            is_disabled: row.get::<i64, _>("is_disabled") != 0,
            handle: Handle::default(),
        };
        match row.get::<Option<i64>, _>("deleted_ms").map(time).transpose()? {
            None => directory.insert_repo(repo),
            Some(deleted) => {
                let by = optional_id(&row, "deleted_by")?.unwrap_or_default();
                directory.deleted_repos.insert(repo.id, DeletedRepo { repo, by, deleted });
            }
        }
    }
    for row in rows(pool, "SELECT repo_id, name, user_id FROM ref_locks").await? {
        directory.ref_locks.insert((id(&row, "repo_id")?, row.get("name")), id(&row, "user_id")?);
    }
    for row in rows(pool, "SELECT id FROM seeded").await? {
        directory.seeded.insert(id(&row, "id")?);
    }
    groups_and_entries(pool, &mut directory).await?;
    experimentation(pool, &mut directory).await?;
    Ok(directory)
}

async fn groups_and_entries(pool: &SqlitePool, directory: &mut Directory) -> Result<(), StateError> {
    for row in
        rows(pool, "SELECT id, account_id, project_id, kind, name, description FROM member_groups").await?
    {
        let kind: String = row.get("kind");
        let kind =
            GroupKind::from_stored(&kind).ok_or(StateError::Row { what: "kind of group", value: kind })?;
        directory.insert_group(Group {
            id: id(&row, "id")?,
            account: id(&row, "account_id")?,
            project: optional_id(&row, "project_id")?,
            kind,
            name: row.get::<Option<String>, _>("name").unwrap_or_else(|| kind.name().to_owned()),
            description: row.get("description"),
        });
    }
    for row in rows(pool, "SELECT member_id, group_id FROM memberships").await? {
        directory.join(id(&row, "member_id")?, id(&row, "group_id")?);
    }
    let sql =
        "SELECT account_id, token, identity_id, allow_bits, deny_bits, is_automatic FROM access_entries";
    for row in rows(pool, sql).await? {
        let entry = Entry {
            allow: bits(&row, "allow_bits")?,
            deny: bits(&row, "deny_bits")?,
            automatic: row.get::<i64, _>("is_automatic") != 0,
        };
        directory.set_entry(id(&row, "account_id")?, row.get("token"), id(&row, "identity_id")?, entry);
    }
    for row in rows(pool, "SELECT account_id, token FROM cut_off_lists").await? {
        directory.set_inherits(id(&row, "account_id")?, row.get("token"), false);
    }
    Ok(())
}

async fn experimentation(pool: &SqlitePool, directory: &mut Directory) -> Result<(), StateError> {
    let sql = "SELECT id, parent_id, level, name, friendly_name, description, resource_group, location, git_repo, \
               created_ms, tags FROM resources";
    for row in rows(pool, sql).await? {
        let level: String = row.get("level");
        let resource = Resource {
            id: id(&row, "id")?,
            parent: id(&row, "parent_id")?,
            level: Level::ALL
                .into_iter()
                .find(|known| known.name() == level)
                .ok_or(StateError::Row { what: "kind of resource", value: level })?,
            name: row.get("name"),
            friendly_name: row.get("friendly_name"),
            description: row.get("description"),
            group: row.get("resource_group"),
            location: row.get("location"),
            git_repo: row.get("git_repo"),
            tags: tags(row.get("tags"))?,
            created: time(row.get("created_ms"))?,
        };
        directory.experimentation.resources.insert(resource.id, resource);
    }
    for row in rows(pool, "SELECT id, resource_id, user_id, role FROM role_assignments").await? {
        let role: String = row.get("role");
        let assignment = Assignment {
            id: id(&row, "id")?,
            resource: id(&row, "resource_id")?,
            user: id(&row, "user_id")?,
            role: Role::from_name(&role).ok_or(StateError::Row { what: "role", value: role })?,
        };
        directory.experimentation.assignments.insert(assignment.id, assignment);
    }
    Ok(())
}

async fn rows(pool: &SqlitePool, sql: &'static str) -> Result<Vec<SqliteRow>, StateError> {
    sqlx::query(sql).fetch_all(pool).await.map_err(|source| StateError::Database { action: "read", source })
}

fn id(row: &SqliteRow, column: &str) -> Result<Uuid, StateError> {
    parse_id(row.get(column))
}

fn parse_id(text: &str) -> Result<Uuid, StateError> {
    Uuid::parse_str(text).map_err(|_| StateError::Row { what: "id", value: text.to_owned() })
}

fn optional_id(row: &SqliteRow, column: &str) -> Result<Option<Uuid>, StateError> {
    let text: Option<String> = row.get(column);
    text.map(|text| Uuid::parse_str(&text).map_err(|_| StateError::Row { what: "id", value: text }))
        .transpose()
}

fn time(milliseconds: i64) -> Result<Timestamp, StateError> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| StateError::Row { what: "time", value: milliseconds.to_string() })
}

fn tags(json: String) -> Result<BTreeMap<String, String>, StateError> {
    serde_json::from_str(&json).map_err(|_| StateError::Row { what: "set of tags", value: json })
}

fn bits(row: &SqliteRow, column: &str) -> Result<Permissions, StateError> {
    let bits: i64 = row.get(column);
    u32::try_from(bits)
        .map(Permissions::from_bits)
        .map_err(|_| StateError::Row { what: "set of permissions", value: bits.to_string() })
}
