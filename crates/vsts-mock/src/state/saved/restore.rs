//! The way back to a saved state: one transaction of the database, and two renames of folders after it.
//!
//! The repositories are prepared beside those in use. The transaction that replaces the rows also sets the database's
//! `user_version`, which says that the renames have to follow: a server that was killed in between makes them when it starts.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use lfs_wire::Oid;
use serde::de::DeserializeOwned;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqliteConnection};

use super::super::{State, StateError, database, folders, io as failed, migrations, private, rows};
use super::copies::Copied;
use super::{
    DATABASE, LFS, MEMORY, REPOS, Result, SavedError, StateName, contents, copy_large_files, sync_all,
    throw_away,
};
use crate::directory::Directory;
use crate::disk_full;

/// The repositories of the state that is gone back to, before they have their place.
const RESTORING: &str = "restoring";

impl State {
    /// Goes back to a saved state; gives what was in memory then. Call it where nothing else uses the state, and let it end.
    pub(crate) async fn restore<M: DeserializeOwned>(&self, name: &StateName) -> Result<M> {
        let _writer = self.writer.lock().await;
        let folder = self.saved_folder().join(name.as_str());
        self.about(name)?;
        let path = folder.join(MEMORY);
        let memory = fs::read(&path).map_err(failed("read", &path))?;
        let memory = serde_json::from_slice(&memory).map_err(|_| SavedError::Damaged { path })?;
        let copy = folder.join(DATABASE);
        let (large_files, directory) = open_copy(name, &copy).await?;
        let (root, is_durable) = (self.dir.clone(), self.is_durable);
        let staging = move || -> Result<()> {
            let restoring = root.join(RESTORING);
            folders::remove(&restoring);
            private::make_folder(&restoring).map_err(failed("create", &restoring))?;
            let repos = folder.join(REPOS);
            let mut copied = Copied::default();
            let found = match fs::read_dir(&repos) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                found => Some(found.map_err(failed("look through", &repos))?),
            };
            for entry in found.into_iter().flatten() {
                let from = entry.map_err(failed("look through", &repos))?;
                let to = restoring.join(from.file_name());
                copied.repository(&from.path(), &to).map_err(failed("copy", &from.path()))?;
            }
            copy_large_files(&large_files, &folder.join(LFS), &root.join(LFS), &mut copied)?;
            if is_durable {
                sync_all(&restoring)?;
            }
            Ok(())
        };
        tokio::task::spawn_blocking(staging).await.expect("copying does not panic")?;
        self.replace_rows(&copy).await?;
        // From here on the saved state is the present one; what fails is done by the next start.
        *self.directory.write().expect("no thread panics while it holds the lock") = directory.into();
        self.open.close_all();
        throw_away(finish(&self.pool, &self.dir).await?);
        Ok(memory)
    }

    /// Replaces all rows by those of another database of the same format, and notes that the folders have to follow.
    async fn replace_rows(&self, copy: &Path) -> Result<(), StateError> {
        let failed = || database("go back to a saved state");
        // Rows refer to each other in the copy as they do here: that need not be checked again.
        let options = SqliteConnectOptions::clone(&self.pool.connect_options());
        let options = options.foreign_keys(false).synchronous(SqliteSynchronous::Full);
        let mut connection = options.connect().await.map_err(failed())?;
        let attach = sqlx::query("ATTACH DATABASE ? AS copy").bind(copy.to_string_lossy().into_owned());
        attach.execute(&mut connection).await.map_err(failed())?;
        let mut transaction = connection.begin().await.map_err(failed())?;
        copy_rows(&mut transaction).await.map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        connection.close().await.map_err(failed())
    }
}

async fn copy_rows(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let tables = "SELECT name FROM copy.sqlite_master \
                  WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '_sqlx_migrations'";
    for table in sqlx::query(tables).fetch_all(&mut *connection).await? {
        let table: String = table.get("name");
        let columns = sqlx::query("SELECT name FROM pragma_table_info(?, 'copy')").bind(&table);
        let columns = columns.fetch_all(&mut *connection).await?;
        let columns: Vec<String> =
            columns.iter().map(|row| format!("\"{}\"", row.get::<String, _>("name"))).collect();
        let columns = columns.join(", ");
        let statements = [
            format!("DELETE FROM main.\"{table}\""),
            format!("INSERT INTO main.\"{table}\" ({columns}) SELECT {columns} FROM copy.\"{table}\""),
        ];
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await?;
        }
    }
    sqlx::query("PRAGMA main.user_version = 1").execute(connection).await?;
    Ok(())
}

/// Gives the repositories of the state that was gone back to their place, if that is still to be done; what can be removed then.
pub(in crate::state) async fn finish(pool: &SqlitePool, dir: &Path) -> Result<Vec<PathBuf>, StateError> {
    let failed_database = || database("go back to a saved state");
    let (repos, restoring) = (dir.join(REPOS), dir.join(RESTORING));
    let row = sqlx::query("PRAGMA user_version").fetch_one(pool).await.map_err(failed_database())?;
    if row.get::<i64, _>(0) == 0 {
        return Ok(vec![restoring]);
    }
    let mut trash = folders::Folders::default();
    if restoring.exists() {
        trash.discarded.push(repos.clone());
        let trash = trash.keep();
        fs::rename(&restoring, &repos).map_err(failed("create", &repos))?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("write", dir))?;
        done(pool).await?;
        return Ok(trash);
    }
    done(pool).await?;
    Ok(Vec::new())
}

/// Notes that nothing is left to be done, through to the disk: what a later way back prepares is not for this one.
async fn done(pool: &SqlitePool) -> Result<(), StateError> {
    let failed = || database("go back to a saved state");
    let mut connection = pool.acquire().await.map_err(failed())?;
    for set in ["PRAGMA synchronous = FULL", "PRAGMA user_version = 0", "PRAGMA synchronous = NORMAL"] {
        sqlx::query(set).execute(&mut *connection).await.map_err(failed())?;
    }
    Ok(())
}

/// Brings a copy of the database to this version's format; gives the large files that it knows, and what it has.
async fn open_copy(name: &StateName, copy: &Path) -> Result<(Vec<(Oid, u64)>, Directory)> {
    let options = SqliteConnectOptions::new().filename(copy).create_if_missing(false);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    let read = async {
        let pool = pool.map_err(database("open a saved state"))?;
        migrations::run(&pool).await.map_err(StateError::Format)?;
        let found = (contents(&pool).await?, rows::load(&pool).await?);
        pool.close().await;
        Ok(found)
    };
    read.await.map_err(|error: StateError| match error {
        StateError::Format(MigrateError::VersionMissing(_)) => {
            SavedError::NewerDatabase { name: name.as_str().to_owned() }
        }
        error if disk_full::is_cause_of(&error) => error.into(),
        error => {
            tracing::warn!(%error, copy = %copy.display(), "a saved state cannot be read");
            SavedError::Damaged { path: copy.to_owned() }
        }
    })
}
