//! The migrations of the database. They are a list here, since sqlx's macro that reads their folder would have cargo build
//! sqlx and SQLite a second time, for the compiler to run.

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;

/// Takes `(version, file)` pairs, and embeds the files.
macro_rules! embedded {
    ($(($version:literal, $name:literal)),* $(,)?) => {
        [$(($version, $name, include_str!(concat!("../../migrations/", $name, ".sql")))),*]
    };
}

/// Version, name and SQL of each, in order. A database records their checksums: a released file does not change.
const MIGRATIONS: [(i64, &str, &str); 12] = embedded![
    (1, "0001_first"),
    (2, "0002_experimentation_and_tokens"),
    (10, "0010_rest"),
    (11, "0011_groups_and_inheritance"),
    (14, "0014_tags_and_seeded"),
    (16, "0016_forks_and_disabled"),
    (17, "0017_lfs"),
    (18, "0018_pull_requests"),
    (19, "0019_hooks"),
    (30, "0030_work_items"),
    (31, "0031_ref_favorites"),
    (40, "0040_attachments"),
];

/// Brings the database to the newest format.
pub(super) async fn run(pool: &SqlitePool) -> Result<(), MigrateError> {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        let description = name[5..].replace('_', " ");
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into()).run(pool).await
}

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn every_file_of_the_folder_is_in_the_list_with_its_own_number() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let entries = std::fs::read_dir(folder).expect("the folder of migrations");
        let mut files: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        files.sort();
        let listed = MIGRATIONS.map(|(version, name, _)| {
            assert_eq!(name[..4].parse(), Ok(version), "{name}");
            format!("{name}.sql")
        });
        assert_eq!(files, listed);
    }
}
