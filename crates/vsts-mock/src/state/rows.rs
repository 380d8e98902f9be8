//! The tables of the database: which record is in which table, and which field in which column.
//!
//! Each kind of record is described here once, for reading and for writing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqlitePool, ValueRef as _};
use uuid::Uuid;

use super::{StateError, database};
use crate::directory::permission::Permissions;
use crate::directory::{
    AccessEntry, Account, Assignment, Attachment, Comment, CutOff, Directory, GitStatus, Group, GroupKind,
    Iteration, Level, Membership, Note, PolicyConfiguration, Project, PullRequest, Record, RefFavorite,
    RefLock, Repo, Resource, Revision, Role, Seeded, SshKey, Subscription, Thread, Token, User, WorkItem,
    name,
};

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(super) name: &'static str,
    /// The columns of the primary key.
    pub(super) key: &'static [&'static str],
    /// All columns, those of the key first, in the order of [`Row::values`].
    pub(super) columns: &'static [&'static str],
    /// A column that may be null in rows of earlier versions, and the column that it is read from then.
    fallback: Option<(&'static str, &'static str)>,
}

/// A record that is a row.
pub(crate) trait Row: Record {
    const TABLE: &'static Table;

    /// The values of the columns.
    fn values(&self) -> Vec<Value>;

    fn read(row: &SqliteRow) -> Result<Self, StateError>;
}

/// A value as the database has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A type of field, and how a column has it.
trait Column: Sized {
    fn to_value(&self) -> Value;

    fn read(row: &SqliteRow, column: &str) -> Result<Self, StateError>;
}

impl<T: Column> Column for Option<T> {
    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }

    fn read(row: &SqliteRow, column: &str) -> Result<Self, StateError> {
        let is_null = row.try_get_raw(column).map_err(database("read"))?.is_null();
        if is_null { Ok(None) } else { T::read(row, column).map(Some) }
    }
}

/// Implements [`Column`] for a type by the type that is stored (`&str` or `i64`) and the two conversions.
macro_rules! column {
    ($type:ty as $stored:ty, $what:literal, $write:expr, $read:expr) => {
        impl Column for $type {
            fn to_value(&self) -> Value {
                let write: fn(&$type) -> _ = $write;
                write(self).into()
            }

            fn read(row: &SqliteRow, column: &str) -> Result<Self, StateError> {
                let read: fn($stored) -> Option<$type> = $read;
                let stored: $stored = row.try_get(column).map_err(database("read"))?;
                read(stored).ok_or_else(|| StateError::Row { what: $what, value: stored.to_string() })
            }
        }
    };
}

column!(String as &str, "text", String::clone, |text| Some(text.to_owned()));
column!(i64 as i64, "number", |number| *number, Some);
column!(bool as i64, "truth value", |value| i64::from(*value), |number| Some(number != 0));
column!(Uuid as &str, "id", Uuid::to_string, |text| Uuid::parse_str(text).ok());
column!(Vec<Uuid> as &str, "list of ids", |ids| ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" "), |text| {
    text.split_whitespace().map(|id| Uuid::parse_str(id).ok()).collect()
});
column!(Vec<String> as &str, "list of words", |words| words.join(" "), |text| {
    Some(text.split_whitespace().map(str::to_owned).collect())
});
column!(Timestamp as i64, "time", |time| time.as_millisecond(), |number| Timestamp::from_millisecond(number)
    .ok());
column!(Permissions as i64, "set of permissions", |set| i64::from(set.bits()), |bits| {
    u32::try_from(bits).ok().map(Permissions::from_bits)
});
column!(GroupKind as &str, "kind of group", |kind| kind.name().to_owned(), GroupKind::from_stored);
column!(Level as &str, "kind of resource", |level| level.name().to_owned(), |text| {
    Level::ALL.into_iter().find(|level| level.name() == text)
});
column!(Role as &str, "role", |role| role.name().to_owned(), Role::from_name);
column!(BTreeMap<String, String> as &str, "set of tags", |tags| serde_json::json!(tags).to_string(), |text| {
    serde_json::from_str(text).ok()
});

/// Implements [`Row`]: the table, the key's fields and the others with their columns, then columns that are computed for
/// the database alone, fields that are not stored, and a column that may be null in old rows.
macro_rules! table {
    (
        $record:ident in $table:literal,
        key { $($key:ident: $key_column:literal),+ },
        fields { $($field:ident: $column:literal),* }
        $(, computed $computed:literal by $compute:expr)?
        $(, unstored $unstored:ident)?
        $(, old $nullable:literal from $fallback:literal)?
    ) => {
        impl Row for $record {
            const TABLE: &'static Table = &Table {
                name: $table,
                key: &[$($key_column),+],
                columns: &[$($key_column,)+ $($column,)* $($computed)?],
                fallback: fallback!($($nullable from $fallback)?),
            };

            fn values(&self) -> Vec<Value> {
                vec![
                    $(self.$key.to_value(),)+
                    $(self.$field.to_value(),)*
                    $({ let compute: fn(&$record) -> String = $compute; compute(self).into() })?
                ]
            }

            fn read(row: &SqliteRow) -> Result<Self, StateError> {
                Ok(Self {
                    $($key: Column::read(row, $key_column)?,)+
                    $($field: Column::read(row, $column)?,)*
                    $($unstored: Default::default(),)?
                })
            }
        }
    };
}

macro_rules! fallback {
    () => {
        None
    };
    ($nullable:literal from $fallback:literal) => {
        Some(($nullable, $fallback))
    };
}

table!(
    User in "users",
    key { id: "id" },
    fields { name: "name", email: "email", password_hash: "password_hash" },
    computed "name_key" by |user| name::key(&user.name)
);
table!(
    Token in "tokens",
    key { id: "id" },
    fields {
        user: "user_id", name: "name", hash: "hash", scopes: "scopes", accounts: "accounts",
        is_session: "is_session", created: "created_ms", expires: "expires_ms"
    }
);
table!(
    SshKey in "ssh_keys",
    key { id: "id" },
    fields {
        user: "user_id", name: "name", algorithm: "algorithm", blob: "key_blob", fingerprint: "fingerprint",
        created: "created_ms", expires: "expires_ms"
    }
);
table!(
    Account in "accounts",
    key { id: "id" },
    fields { name: "name", owner: "owner_id", lfs_quota: "lfs_quota" },
    computed "name_key" by |account| name::key(&account.name)
);
table!(
    Project in "projects",
    key { id: "id" },
    fields {
        account: "account_id", name: "name", description: "description", process: "process",
        revision: "revision", created: "created_ms", updated: "updated_ms"
    },
    computed "name_key" by |project| name::key(&project.name),
    old "updated_ms" from "created_ms"
);
table!(
    Repo in "repos",
    key { id: "id" },
    fields {
        account: "account_id", project: "project_id", name: "name", public: "is_public", parent: "parent_id",
        is_disabled: "is_disabled", deleted: "deleted_ms", deleted_by: "deleted_by"
    },
    // No name has a colon, so that none is taken by what lies in the recycle bin.
    computed "name_key" by |repo| match repo.deleted {
        None => name::key(&repo.name),
        Some(_) => format!(":{}", repo.id),
    },
    unstored handle
);
table!(
    RefLock in "ref_locks",
    key { repo: "repo_id", name: "name" },
    fields { user: "user_id" }
);
table!(
    Seeded in "seeded",
    key { mark: "id" },
    fields {}
);
table!(
    Group in "member_groups",
    key { id: "id" },
    fields {
        account: "account_id", project: "project_id", kind: "kind", name: "name", description: "description"
    },
    old "name" from "kind"
);
table!(
    Membership in "memberships",
    key { member: "member_id", group: "group_id" },
    fields {}
);
table!(
    CutOff in "cut_off_lists",
    key { account: "account_id", token: "token" },
    fields {}
);
table!(
    AccessEntry in "access_entries",
    key { account: "account_id", token: "token", identity: "identity_id" },
    fields { allow: "allow_bits", deny: "deny_bits", automatic: "is_automatic" }
);
table!(
    Resource in "resources",
    key { id: "id" },
    fields {
        parent: "parent_id", level: "level", name: "name", friendly_name: "friendly_name",
        description: "description", group: "resource_group", location: "location", git_repo: "git_repo",
        created: "created_ms", tags: "tags"
    },
    computed "name_key" by |resource| name::key(&resource.name)
);
table!(
    Assignment in "role_assignments",
    key { id: "id" },
    fields { resource: "resource_id", user: "user_id", role: "role" }
);

/// Implements [`Row`] for a record that is stored as JSON beside its key.
macro_rules! documents {
    ($($record:ident in $table:literal, key { $($key:ident: $column:literal),+ };)+) => {$(
        impl Row for $record {
            const TABLE: &'static Table = &Table {
                name: $table,
                key: &[$($column),+],
                columns: &[$($column,)+ "fields"],
                fallback: None,
            };

            fn values(&self) -> Vec<Value> {
                vec![$(self.$key.to_value(),)+ serde_json::json!(self).to_string().into()]
            }

            fn read(row: &SqliteRow) -> Result<Self, StateError> {
                let stored: &str = row.try_get("fields").map_err(database("read"))?;
                let what = concat!("row of ", $table);
                serde_json::from_str(stored).map_err(|_| StateError::Row { what, value: stored.to_owned() })
            }
        }
    )+};
}

documents! {
    PullRequest in "pull_requests", key { account: "account_id", id: "id" };
    Iteration in "pull_request_iterations",
        key { account: "account_id", pull_request: "pull_request_id", id: "id" };
    Thread in "pull_request_threads", key { account: "account_id", pull_request: "pull_request_id", id: "id" };
    Comment in "pull_request_comments",
        key { account: "account_id", pull_request: "pull_request_id", thread: "thread_id", id: "id" };
    Attachment in "pull_request_attachments",
        key { account: "account_id", pull_request: "pull_request_id", id: "id" };
    GitStatus in "git_statuses", key { repo: "repo_id", subject: "subject", id: "id" };
    Subscription in "hook_subscriptions", key { id: "id" };
    PolicyConfiguration in "policy_configurations", key { account: "account_id", id: "id" };
    WorkItem in "work_items", key { account: "account_id", id: "id" };
    Revision in "work_item_revisions", key { account: "account_id", item: "work_item_id", rev: "rev" };
    RefFavorite in "ref_favorites", key { account: "account_id", id: "id" };
    Note in "work_item_comments", key { account: "account_id", item: "work_item_id", id: "id" };
}

/// A kind of record: its table, and what puts a row of it into a directory.
pub(super) struct Kind {
    pub(super) table: &'static Table,
    put: fn(&SqliteRow, &mut Directory) -> Result<(), StateError>,
}

const fn kind<R: Row>() -> Kind {
    Kind {
        table: R::TABLE,
        put: |row, directory| {
            directory.put(R::read(row)?);
            Ok(())
        },
    }
}

/// All kinds; a table comes after those that it refers to.
pub(super) const KINDS: [Kind; 26] = [
    kind::<User>(),
    kind::<Token>(),
    kind::<SshKey>(),
    kind::<Account>(),
    kind::<Project>(),
    kind::<Repo>(),
    kind::<RefLock>(),
    kind::<Seeded>(),
    kind::<Group>(),
    kind::<Membership>(),
    kind::<AccessEntry>(),
    kind::<CutOff>(),
    kind::<Resource>(),
    kind::<Assignment>(),
    kind::<PullRequest>(),
    kind::<Iteration>(),
    kind::<Thread>(),
    kind::<Comment>(),
    kind::<Attachment>(),
    kind::<GitStatus>(),
    kind::<PolicyConfiguration>(),
    kind::<Subscription>(),
    kind::<WorkItem>(),
    kind::<Revision>(),
    kind::<Note>(),
    kind::<RefFavorite>(),
];

/// Reads the whole database.
pub(super) async fn load(pool: &SqlitePool) -> Result<Directory, StateError> {
    let mut directory = Directory::default();
    for kind in KINDS {
        let columns = kind.table.columns.iter().map(|column| match kind.table.fallback {
            Some((nullable, fallback)) if nullable == *column => {
                format!("COALESCE({nullable}, {fallback}) AS {nullable}")
            }
            _ => (*column).to_owned(),
        });
        let sql = format!("SELECT {} FROM {}", columns.collect::<Vec<_>>().join(", "), kind.table.name);
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await;
        for row in rows.map_err(database("read"))? {
            (kind.put)(&row, &mut directory)?;
        }
    }
    Ok(directory)
}
