//! Reading a store in an SQLite database, with the tables of MLflow 2 and 3.
//!
//! The file is opened to be read alone. A view or a virtual table in the place of a table would be a program of somebody
//! else's, and is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Row};
use serde_json::{Map, Value, json};

use super::{
    AZML_RUN, Artifact, EXPORT, Error, Experiment, Head, Refused, Source, Stored, TakePoint, artifacts,
    model_folder, status_of,
};
use crate::limits::{MLFLOW_ROW, MLFLOW_STORE_RUNS, MLFLOW_STORE_VALUES, MLFLOW_VALUE};
use crate::mlflow::state::{Model, Point, Run};

/// The tables that every version has.
const TABLES: [&str; 6] = ["experiments", "experiment_tags", "runs", "params", "tags", "metrics"];
/// Those that newer versions have.
const NEWER: [&str; 6] =
    ["datasets", "inputs", "input_tags", "logged_models", "logged_model_params", "logged_model_tags"];
/// The number of a logged model's status that says it is whole.
const READY: i64 = 2;

/// A database, open to be read.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    connection: Connection,
    /// The tables that are there.
    tables: BTreeSet<String>,
}

impl Database {
    /// Opens the file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Database { path: path.to_owned(), source };
        if let Err(source) = std::fs::File::open(path) {
            return Err(Error::Read { path: path.to_owned(), source });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MLFLOW_ROW).map_err(failed)?;
        for (name, value) in
            [("trusted_schema", 0), ("query_only", 1), ("cell_size_check", 1), ("mmap_size", 0)]
        {
            connection.pragma_update(None, name, value).map_err(failed)?;
        }
        let mut database = Self { path: path.to_owned(), connection, tables: BTreeSet::new() };
        let mut odd = Vec::new();
        let sql = "SELECT name, type, sql FROM sqlite_schema WHERE type IN ('table', 'view')";
        database.rows(sql, &[], |row| {
            let (name, kind, made) = (text(row, 0), text(row, 1), text(row, 2).unwrap_or_default());
            let Some(name) = name.filter(|name| TABLES.contains(&&**name) || NEWER.contains(&&**name)) else {
                return;
            };
            let is_virtual =
                made.trim_start().get(..14).is_some_and(|head| head.eq_ignore_ascii_case("CREATE VIRTUAL"));
            if kind.as_deref() != Some("table") || is_virtual {
                odd.push(name);
            } else {
                odd.extend(made.to_ascii_uppercase().contains("GENERATED ALWAYS").then(|| name.clone()));
            }
        })?;
        let not_a_store = |why: String| Error::NotAStore { path: path.to_owned(), why };
        if let Some(name) = odd.first() {
            return Err(not_a_store(format!("its `{name}` is no plain table")));
        }
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table'";
        database.tables =
            database.rows(sql, &[], |row| text(row, 0).unwrap_or_default())?.into_iter().collect();
        if let Some(missing) = TABLES.iter().find(|table| !database.tables.contains(**table)) {
            return Err(not_a_store(format!("it has no table `{missing}`")));
        }
        Ok(database)
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> Error + use<> {
        let path = self.path.clone();
        move |source| Error::Database { path: path.clone(), source }
    }

    /// The rows that a question gives.
    fn rows<T>(
        &self,
        sql: &str,
        arguments: &[&str],
        mut take: impl FnMut(&Row<'_>) -> T,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let mut rows = statement.query(rusqlite::params_from_iter(arguments)).map_err(self.failed())?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(self.failed())? {
            if all.len() >= MLFLOW_STORE_RUNS {
                return Err(Error::TooMany { what: "rows", most: MLFLOW_STORE_RUNS });
            }
            all.push(take(row));
        }
        Ok(all)
    }

    fn has(&self, table: &str) -> bool {
        self.tables.contains(table)
    }

    /// Pairs of texts; what is too long is named.
    fn pairs(
        &self,
        (table, column): (&str, &str),
        of: &str,
        refused: &mut Refused,
    ) -> Result<BTreeMap<String, String>, Error> {
        let sql = format!(
            "SELECT key, CASE WHEN length(value) <= {MLFLOW_VALUE} THEN value ELSE NULL END, value IS NULL \
             FROM {table} WHERE {column} = ?1 LIMIT {}",
            MLFLOW_STORE_VALUES + 1
        );
        let pairs = self.rows(&sql, &[of], |row| (text(row, 0), text(row, 1), number(row, 2)))?;
        let mut found = BTreeMap::new();
        for (at, (key, value, is_null)) in pairs.into_iter().enumerate() {
            let Some(key) = key else { continue };
            if at == MLFLOW_STORE_VALUES {
                refused.push(&format!(
                    "{of}: of more than {MLFLOW_STORE_VALUES} {table} the others are left out"
                ));
                break;
            }
            match (value, is_null) {
                (None, Some(0)) => {
                    refused.push(&format!("{of}: {table} `{key}` has more than {MLFLOW_VALUE} characters"));
                }
                (value, _) => drop(found.insert(key, value.unwrap_or_default())),
            }
        }
        Ok(found)
    }

    fn stored(&self, head: &Head, refused: &mut Refused) -> Result<Option<Stored>, Error> {
        let sql = "SELECT name, user_id, artifact_uri FROM runs WHERE run_uuid = ?1";
        let found = self.rows(sql, &[&head.id], |row| (text(row, 0), text(row, 1), text(row, 2)))?;
        let Some((name, user, artifact_uri)) = found.into_iter().next() else { return Ok(None) };
        let mut run = Run::new(head.id.clone(), user.unwrap_or_default(), head.start);
        run.name = name.filter(|name| !name.is_empty());
        (run.end, run.status, run.hidden) = (head.end, head.status, head.is_deleted);
        run.params = self.pairs(("params", "run_uuid"), &head.id, refused)?;
        run.tags = self.pairs(("tags", "run_uuid"), &head.id, refused)?;
        if self.has("inputs") && self.has("datasets") {
            run.inputs = self.inputs(&head.id)?;
        }
        let (mut models, mut model_uris) = (Vec::new(), Vec::new());
        if self.has("logged_models") {
            let sql = format!(
                "SELECT model_id, name, model_type, status, creation_timestamp_ms, last_updated_timestamp_ms, \
                 artifact_location FROM logged_models WHERE source_run_id = ?1 AND lifecycle_stage IS NOT 'deleted' \
                 ORDER BY creation_timestamp_ms, model_id LIMIT {MLFLOW_STORE_VALUES}"
            );
            let rows = self.rows(&sql, &[&head.id], |row| {
                let id = text(row, 0).unwrap_or_default();
                let name = text(row, 1).unwrap_or_else(|| id.clone());
                let model = Model {
                    folder: model_folder(&name, &id).display().to_string(),
                    run: Some(head.id.clone()),
                    kind: text(row, 2),
                    params: Vec::new(),
                    tags: BTreeMap::new(),
                    status: if number(row, 3) == Some(READY) {
                        "LOGGED_MODEL_READY"
                    } else {
                        "LOGGED_MODEL_PENDING"
                    }
                    .to_owned(),
                    at: number(row, 4).unwrap_or_default(),
                    updated: number(row, 5).unwrap_or_default(),
                    name,
                    id,
                };
                (model, text(row, 6))
            })?;
            (models, model_uris) = rows.into_iter().unzip();
        }
        Ok(Some(Stored { run, models, artifact_uri, model_uris }))
    }

    /// The data sets of a run, as the API has them.
    fn inputs(&self, run: &str) -> Result<Vec<Value>, Error> {
        let sql = format!(
            "SELECT i.input_uuid, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, \
             d.dataset_profile FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id \
             WHERE i.destination_type = 'RUN' AND i.destination_id = ?1 AND i.source_type = 'DATASET' LIMIT {MLFLOW_STORE_VALUES}"
        );
        let fields = ["name", "digest", "source_type", "source", "schema", "profile"];
        let sets = self.rows(&sql, &[run], |row| {
            let set: Map<String, Value> = fields
                .iter()
                .zip(1..)
                .filter_map(|(field, at)| Some(((*field).to_owned(), text(row, at)?.into())))
                .collect();
            (text(row, 0).unwrap_or_default(), set)
        })?;
        let mut inputs = Vec::new();
        for (input, set) in sets {
            let sql = format!(
                "SELECT name, value FROM input_tags WHERE input_uuid = ?1 LIMIT {MLFLOW_STORE_VALUES}"
            );
            let tags = if self.has("input_tags") {
                self.rows(&sql, &[&input], |row| json!({"key": text(row, 0), "value": text(row, 1)}))?
            } else {
                Vec::new()
            };
            inputs.push(json!({"tags": tags, "dataset": set}));
        }
        Ok(inputs)
    }
}

impl Source for Database {
    fn experiments(&mut self, refused: &mut Refused) -> Result<Vec<Experiment>, Error> {
        let sql = "SELECT CAST(experiment_id AS TEXT), name, lifecycle_stage FROM experiments ORDER BY experiment_id";
        let mut found = self.rows(sql, &[], |row| Experiment {
            id: text(row, 0).unwrap_or_default(),
            name: text(row, 1).unwrap_or_default(),
            tags: BTreeMap::new(),
            is_deleted: text(row, 2).as_deref() == Some("deleted"),
        })?;
        for experiment in &mut found {
            experiment.tags = self.pairs(("experiment_tags", "experiment_id"), &experiment.id, refused)?;
        }
        Ok(found)
    }

    fn heads(
        &mut self,
        experiments: &[Experiment],
        wanted: &dyn Fn(&Experiment) -> bool,
        _: &mut Refused,
    ) -> Result<Vec<Head>, Error> {
        let places: BTreeMap<&str, usize> = experiments
            .iter()
            .enumerate()
            .filter(|(_, experiment)| wanted(experiment))
            .map(|(place, experiment)| (experiment.id.as_str(), place))
            .collect();
        let sql = format!(
            "SELECT r.run_uuid, CAST(r.experiment_id AS TEXT), r.start_time, r.end_time, r.status, r.lifecycle_stage, \
             (SELECT value FROM tags WHERE run_uuid = r.run_uuid AND key = '{AZML_RUN}'), \
             (SELECT value FROM tags WHERE run_uuid = r.run_uuid AND key = '{EXPORT}') FROM runs r"
        );
        let heads = self.rows(&sql, &[], |row| {
            let place = *places.get(text(row, 1)?.as_str())?;
            Some(Head {
                id: text(row, 0)?,
                experiment: place,
                start: number(row, 2).unwrap_or_default(),
                end: number(row, 3),
                status: status_of(&text(row, 4).unwrap_or_default()),
                is_deleted: experiments[place].is_deleted || text(row, 5).as_deref() == Some("deleted"),
                azml: text(row, 6),
                export: text(row, 7),
            })
        })?;
        Ok(heads.into_iter().flatten().collect())
    }

    fn load(&mut self, heads: &[Head], refused: &mut Refused) -> Result<Vec<Option<Stored>>, Error> {
        heads.iter().map(|head| self.stored(head, refused)).collect()
    }

    fn points(
        &mut self,
        head: &Head,
        _: &Stored,
        take: TakePoint<'_>,
        refused: &mut Refused,
    ) -> Result<(), Error> {
        // In the order in which they were logged.
        let sql =
            "SELECT key, value, timestamp, step, is_nan FROM metrics WHERE run_uuid = ?1 ORDER BY rowid";
        let mut statement = self.connection.prepare(sql).map_err(self.failed())?;
        let mut rows = statement.query([&head.id]).map_err(self.failed())?;
        let mut bad = 0_u64;
        while let Some(row) = rows.next().map_err(self.failed())? {
            let value = if number(row, 4).unwrap_or_default() == 0 { real(row, 1) } else { Some(f64::NAN) };
            let (Ok(ValueRef::Text(key)), Some(value)) = (row.get_ref(0), value) else {
                bad += 1;
                continue;
            };
            let point = Point {
                value,
                time: number(row, 2).unwrap_or_default(),
                step: number(row, 3).unwrap_or_default(),
            };
            take(&String::from_utf8_lossy(key), point)
                .map_err(|source| Error::Write { path: crate::metrics::FILE.into(), source })?;
        }
        if bad > 0 {
            refused.push(&format!("{}: {bad} rows of its metrics are no points", head.id));
        }
        Ok(())
    }

    fn artifacts(
        &mut self,
        head: &Head,
        stored: &Stored,
        refused: &mut Refused,
    ) -> Result<Vec<Artifact>, Error> {
        let base = self.path.parent().unwrap_or(Path::new(".")).to_owned();
        let places = std::iter::once((&stored.artifact_uri, head.id.as_str(), "")).chain(
            stored
                .models
                .iter()
                .zip(&stored.model_uris)
                .map(|(model, uri)| (uri, model.id.as_str(), model.folder.as_str())),
        );
        let mut all = Vec::new();
        for (uri, id, into) in places {
            let Some(uri) = uri else { continue };
            let Some(folder) = artifacts::local_folder(uri, &base, &Path::new(id).join("artifacts")) else {
                refused.push(&format!("{}: its artifacts are not copied from {uri}", head.id));
                continue;
            };
            let found = artifacts::local(&folder, Path::new(into), &head.id, refused);
            all.extend(found.map_err(|source| Error::Read { path: folder, source })?);
        }
        Ok(all)
    }

    fn open(&mut self, artifact: &Artifact) -> io::Result<Box<dyn io::Read>> {
        artifacts::open_local(artifact)
    }
}

fn text(row: &Row<'_>, at: usize) -> Option<String> {
    match row.get_ref(at).ok()? {
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Null | ValueRef::Blob(_) => None,
    }
}

fn number(row: &Row<'_>, at: usize) -> Option<i64> {
    match row.get_ref(at).ok()? {
        ValueRef::Integer(number) => Some(number),
        _ => None,
    }
}

fn real(row: &Row<'_>, at: usize) -> Option<f64> {
    match row.get_ref(at).ok()? {
        ValueRef::Real(number) => Some(number),
        #[expect(clippy::cast_precision_loss, reason = "as MLflow reads it")]
        ValueRef::Integer(number) => Some(number as f64),
        _ => None,
    }
}
