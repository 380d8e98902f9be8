//! A full disk, reported as such wherever something is to be stored.

use std::error::Error;
use std::io::{self, ErrorKind};

/// The words for who wanted to store something.
pub(crate) const MESSAGE: &str = "The server's disk is full, and nothing was stored. Try again when whoever runs the server has made room.";

/// SQLite's code of a full disk, `SQLITE_FULL`.
const SQLITE_FULL: &str = "13";

/// Returns whether an error, or what caused it, is that there is no space left.
pub(crate) fn is_cause_of(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source()).any(|error| {
        if let Some(error) = error.downcast_ref::<gix::Error>() {
            return error.iter_errors().any(|error| error.downcast_ref().is_some_and(is_io));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            // What an I/O error wraps is no source of it.
            return is_io(error) || error.get_ref().is_some_and(|inner| is_cause_of(inner));
        }
        match error.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Database(error)) => error.code().is_some_and(|code| code == SQLITE_FULL),
            Some(sqlx::Error::Io(error)) => is_io(error),
            _ => false,
        }
    })
}

fn is_io(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// The error for what ended early because the disk is full, where only that is known.
pub(crate) fn error() -> io::Error {
    ErrorKind::StorageFull.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::RegistryError;
    use crate::state::StateError;

    #[test]
    fn a_full_disk_is_found_below_other_errors() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        let state = |source| StateError::Io { action: "create", path: "x".into(), source };
        assert!(is_cause_of(&full()));
        assert!(is_cause_of(&RegistryError::from(state(full()))));
        assert!(is_cause_of(&state(io::Error::other(full()))));
        let database = StateError::Database { action: "write", source: sqlx::Error::Io(full()) };
        assert!(is_cause_of(&database));
        assert!(!is_cause_of(&state(ErrorKind::PermissionDenied.into())));
    }

    #[tokio::test]
    async fn sqlites_own_word_for_it_is_known() {
        let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
        let one = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1);
        let pool = one.connect_with(options).await.unwrap();
        sqlx::query("CREATE TABLE t (x BLOB)").execute(&pool).await.unwrap();
        sqlx::query("PRAGMA max_page_count = 2").execute(&pool).await.unwrap();
        let source = sqlx::query("INSERT INTO t VALUES (zeroblob(100000))").execute(&pool).await.unwrap_err();
        assert!(is_cause_of(&StateError::Database { action: "write", source }));
    }
}
