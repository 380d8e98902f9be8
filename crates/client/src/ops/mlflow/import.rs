//! Importing a store of MLflow's: each of its runs becomes a run of the history.
//!
//! Runs are written in batches, each with one commit of records and one move of the ref of attachments. An import that
//! was cut off is repeated, and adds what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use azml_core::dir::Dir;
use azml_core::history::HistoryRepo;
use azml_core::id::RunId;
use azml_core::run::{Metric, RunRecord, RunStore};
use serde_json::Value;

use super::imported;
use super::server::Server;
use crate::context::{Context, Opened};
use crate::error::{CommandError, FileError, similar};
use crate::limits::MLFLOW_BATCH_RUNS;
use crate::metrics::{self, Kind, Line, Writer};
use crate::mlflow::state::Point;
use crate::mlflow::store::files::Files;
use crate::mlflow::store::sqlite::Database;
use crate::mlflow::store::{Artifact, Error, Experiment, Head, Refused, Source, Stored};
use crate::ops::maintenance;
use crate::run::attachments::Attachments;
use crate::run::outputs;
use crate::run::secrets::Secrets;
use crate::run::upload::{self, Limits, Written};

/// The store to import, and how much of it.
#[derive(Debug)]
pub struct Request<'a> {
    /// A folder of files, an SQLite database, or the address of a server.
    pub from: &'a str,
    /// The names of the experiments; all if there is none.
    pub experiments: &'a [String],
    /// The most bytes of artifacts that are taken of a run.
    pub limit: u64,
}

/// The result of an import.
#[derive(Debug, Default)]
pub struct Imported {
    /// Experiments of which there are runs.
    pub experiments: usize,
    /// Runs that are new here.
    pub added: usize,
    /// Runs that have changed since they were imported.
    pub updated: usize,
    /// Runs that are here already.
    pub unchanged: usize,
    /// Those of the first two that the store has as deleted: they are hidden.
    pub hidden: usize,
    /// Artifacts that were copied, and their bytes.
    pub artifacts: (usize, u64),
    /// Artifacts beyond the limit of their run.
    pub left: Refused,
    /// Everything else that could not be taken.
    pub refused: Refused,
}

/// Imports what is new in a store, or has changed.
pub fn import(ctx: &Context, opened: &Opened, request: &Request<'_>) -> Result<Imported, CommandError> {
    let mut source = open(ctx, request.from)?;
    let step = ctx.notices.progress("Importing runs");
    let mut result = Imported::default();
    step.say("reading the store");
    let experiments = source.experiments(&mut result.refused)?;
    check_names(&experiments, request.experiments)?;
    let wanted = |experiment: &Experiment| {
        request.experiments.is_empty() || request.experiments.contains(&experiment.name)
    };
    let mut heads = source.heads(&experiments, &wanted, &mut result.refused)?;
    heads.sort_by(|one, two| (one.start, &one.id).cmp(&(two.start, &two.id)));
    heads.dedup_by(|one, two| one.id == two.id);
    result.experiments = heads.iter().map(|head| head.experiment).collect::<BTreeSet<_>>().len();
    let mut known = BTreeMap::new();
    for record in RunStore::new(&opened.history).listed()? {
        known.insert(record.run_id.clone(), State::of(&record));
    }
    let ids: BTreeMap<String, RunId> =
        heads.iter().map(|head| (head.id.clone(), imported::run_id(head))).collect();
    let ids: BTreeMap<&str, RunId> = ids.iter().map(|(id, run)| (id.as_str(), run.clone())).collect();
    let all = heads.len();
    let is_needed = |head: &Head| match known.get(&ids[head.id.as_str()]) {
        Some(state) => state.differs(head),
        None => true,
    };
    heads.retain(is_needed);
    let needed = heads.len();
    result.unchanged = all - needed;
    let secrets = Secrets::in_project(opened.project.root());
    let mut batch = Batch { ctx, opened, limit: request.limit, secrets };
    for (at, heads) in heads.chunks(MLFLOW_BATCH_RUNS).enumerate() {
        let done = all - needed + at * MLFLOW_BATCH_RUNS;
        step.part(done as u64, all as u64, &format!("{done} of {all} runs"));
        batch.import(&mut *source, heads, &experiments, &ids, &mut result)?;
    }
    if result.added + result.updated > 0 {
        maintenance::start_if_due(&opened.history);
        if opened.history.remote_url()?.is_some() {
            ctx.notices.hint("to push them: {azml} history sync");
        }
    }
    Ok(result)
}

/// The fields of a record that tell that the store's run has changed.
struct State {
    is_over: bool,
    hidden: bool,
    is_edited: bool,
    end: Option<i64>,
    is_imported: bool,
}

impl State {
    fn of(record: &RunRecord) -> Self {
        Self {
            is_over: record.status.is_over(),
            hidden: record.hidden,
            is_edited: record.edited_utc.is_some(),
            end: record.end_time_utc.map(jiff::Timestamp::as_millisecond),
            is_imported: record.properties.contains_key(imported::MLFLOW_ID),
        }
    }

    fn differs(&self, head: &Head) -> bool {
        // A run of azml's own is known better here.
        let is_over = head.status.of_record().is_some();
        self.is_imported
            && (!self.is_over
                || is_over && self.end != head.end
                || !self.is_edited && self.hidden != head.is_deleted)
    }
}

/// Opens a store of any kind.
fn open(ctx: &Context, from: &str) -> Result<Box<dyn Source>, CommandError> {
    let path = match from.split_once("://") {
        Some(("http" | "https", _)) => {
            return Ok(Box::new(Server::at(ctx, from)?));
        }
        // Three slashes, then the path; a fourth begins an absolute one.
        Some(("sqlite", path)) => ctx.env.cwd.join(path.strip_prefix('/').unwrap_or(path)),
        Some(("file", path)) => PathBuf::from(path),
        Some((scheme, _)) => {
            let error = CommandError::usage(format!("azml does not read a store at {scheme}://"));
            return Err(error.hint(
                "start a server on it, and import from that: mlflow server --backend-store-uri URI; {azml} mlflow import http://127.0.0.1:5000",
            ));
        }
        None => ctx.env.cwd.join(from),
    };
    let path = path.canonicalize().unwrap_or(path);
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => {
            let database = path.join("mlflow.db");
            if database.is_file() && !path.join("mlruns").join("0").join("meta.yaml").is_file() {
                return Ok(Box::new(Database::open(&database)?));
            }
            Ok(Box::new(Files::open(&path)?))
        }
        Ok(_) => Ok(Box::new(Database::open(&path)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(CommandError::not_found(format!("there is no store at {}", path.display()))
                .hint("{azml} mlflow import mlruns, mlflow.db or http://HOST:5000"))
        }
        Err(error) => Err(CommandError::file("read", &path, error)),
    }
}

/// Refuses names of experiments that the store lacks.
fn check_names(experiments: &[Experiment], wanted: &[String]) -> Result<(), CommandError> {
    let names = || experiments.iter().map(|experiment| experiment.name.as_str());
    for name in wanted {
        if !names().any(|known| known == name) {
            let error = CommandError::not_found(format!("the store has no experiment `{name}`"));
            let close = similar(name, names());
            let close = if close.is_empty() { names().take(10).collect() } else { close };
            return Err(error.hint(format!("its experiments: {}", close.join(", "))));
        }
    }
    Ok(())
}

/// Imports one batch of runs after another.
struct Batch<'a> {
    ctx: &'a Context,
    opened: &'a Opened,
    limit: u64,
    secrets: Secrets,
}

impl Batch<'_> {
    fn import(
        &mut self,
        source: &mut dyn Source,
        heads: &[Head],
        experiments: &[Experiment],
        ids: &BTreeMap<&str, RunId>,
        result: &mut Imported,
    ) -> Result<(), CommandError> {
        let store = RunStore::new(&self.opened.history);
        let mut records = Vec::with_capacity(heads.len());
        let mut written = Vec::with_capacity(heads.len());
        for (head, stored) in heads.iter().zip(source.load(heads, &mut result.refused)?) {
            let Some(stored) = stored else { continue };
            let experiment = &experiments[head.experiment];
            let mut record = imported::record(self.opened, (head, &stored), experiment, ids, &self.secrets);
            let attachments = Attachments::of(&self.opened.history, &record.run_id);
            let copied = Self::points(source, (head, &stored), &attachments, &mut record, result)
                .and_then(|()| self.artifacts(source, (head, &stored), &attachments, result));
            match copied {
                // The run stays out, so that importing again takes all of it.
                Err(Failed::Run(error)) => {
                    result.refused.push(&format!("run {} is left out: {}", head.id, error.with_cause()));
                    continue;
                }
                Err(Failed::All(error)) => return Err(error),
                Ok(()) => {}
            }
            record.attachments = attachments
                .list()
                .map_err(|error| CommandError::file("read", attachments.folder(), error))?;
            let limits = Limits { in_git: self.limit, ..Limits::of(self.ctx) };
            let objects = upload::write(self.opened, &attachments, &mut record, limits, &self.secrets)?;
            match store.get(&record.run_id)? {
                // Only what goes on is read again.
                Some(kept) if is_as(&kept, &record, objects.as_ref(), &self.opened.history) => {
                    result.unchanged += 1;
                    continue;
                }
                Some(_) => result.updated += 1,
                None => result.added += 1,
            }
            result.hidden += usize::from(head.is_deleted);
            records.push(record);
            written.push(objects);
        }
        let with_objects =
            records.iter_mut().zip(written).filter_map(|(record, objects)| Some((record, objects?)));
        upload::commit_all(self.ctx, self.opened, with_objects)?;
        Ok(store.put_all(&records, &self.ctx.signature(self.opened.project.root())).map(drop)?)
    }

    /// Writes the points of a run into its attachments, and what they come to into its record.
    fn points(
        source: &mut dyn Source,
        (head, stored): (&Head, &Stored),
        attachments: &Attachments,
        record: &mut RunRecord,
        result: &mut Imported,
    ) -> Result<(), Failed> {
        let path = attachments.folder().join(metrics::FILE);
        let failed = |error: io::Error| CommandError::from(FileError::new("write", &path, error));
        fs::create_dir_all(attachments.folder()).map_err(failed)?;
        let folder = Dir::open(attachments.folder()).map_err(failed)?;
        let mut writer = Writer::new(folder.create_file_below(Path::new(metrics::FILE)).map_err(failed)?);
        let mut not_written = None;
        let mut take = |key: &str, point: Point| {
            let value = Metric::from_f64(point.value).to_value();
            let (step, time) = (Some(point.step), Some(point.time));
            let line = Line { kind: Kind::Metric, name: key.to_owned(), value, step, time };
            writer.add(line).map_err(|error| {
                not_written = Some(error);
                io::ErrorKind::Other.into()
            })
        };
        let read = source.points(head, stored, &mut take, &mut result.refused);
        if let Some(error) = not_written {
            return Err(failed(error).into());
        }
        read?;
        let (logged, lines) = writer.end().map_err(failed)?;
        if lines == 0 {
            fs::remove_file(&path).map_err(failed)?;
        }
        for what in &logged.refused {
            result.refused.push(&format!("{}: {what}", head.id));
        }
        logged.put_in(record);
        Ok(())
    }

    /// Copies a run's artifacts into its attachments, the smallest first, up to the limit.
    fn artifacts(
        &self,
        source: &mut dyn Source,
        (head, stored): (&Head, &Stored),
        attachments: &Attachments,
        result: &mut Imported,
    ) -> Result<(), Failed> {
        let mut artifacts = source.artifacts(head, stored, &mut result.refused)?;
        if artifacts.is_empty() {
            return Ok(());
        }
        artifacts.sort_by(|one, two| (one.bytes, &one.path).cmp(&(two.bytes, &two.path)));
        let into = attachments.folder().join(outputs::FOLDER);
        fs::create_dir_all(&into).map_err(|error| CommandError::file("write", &into, error))?;
        let folder = Dir::open(&into).map_err(|error| CommandError::file("write", &into, error))?;
        let mut sum = 0;
        for artifact in artifacts {
            if artifact.bytes > self.limit - sum {
                result.left.push(&format!(
                    "{}: {} ({})",
                    head.id,
                    artifact.path.display(),
                    crate::text::size(artifact.bytes)
                ));
                continue;
            }
            match copy(source, &artifact, &folder, self.limit - sum) {
                Ok(bytes) => {
                    sum += bytes;
                    result.artifacts.0 += 1;
                    result.artifacts.1 += bytes;
                }
                Err(Copy::Read(error)) => {
                    // A part of a file is none.
                    drop(fs::remove_file(into.join(&artifact.path)));
                    result.refused.push(&format!(
                        "{}: {} can't be read: {error}",
                        head.id,
                        artifact.path.display()
                    ));
                }
                Err(Copy::Write(error)) => {
                    return Err(CommandError::file("write", &into.join(&artifact.path), error).into());
                }
            }
        }
        Ok(())
    }
}

/// Returns whether a record is kept as it is, and its attachments with it.
fn is_as(kept: &RunRecord, record: &RunRecord, objects: Option<&Written>, history: &HistoryRepo) -> bool {
    let mut same = record.clone();
    same.run_number = kept.run_number;
    let commit = kept.attachments_id();
    let tree = commit.and_then(|commit| history.git().find_commit(commit).ok()?.tree_id().ok());
    if let Some(commit) =
        commit.filter(|_| tree.map(gix::Id::detach) == objects.map(|objects| objects.tree.id))
    {
        same.set_attachments(commit, objects.map(|objects| objects.left.clone()).unwrap_or_default());
        same.set_large_attachments(&objects.map(|objects| objects.large.clone()).unwrap_or_default());
    }
    same == *kept
}

/// Why a run can't be taken: for a fault of its own, or for one that every run has.
enum Failed {
    Run(Error),
    All(CommandError),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        if error.is_of_one_run() { Self::Run(error) } else { Self::All(error.into()) }
    }
}

impl From<CommandError> for Failed {
    fn from(error: CommandError) -> Self {
        Self::All(error)
    }
}

enum Copy {
    Read(io::Error),
    Write(io::Error),
}

/// Copies one artifact, at most so many bytes of it.
fn copy(source: &mut dyn Source, artifact: &Artifact, folder: &Dir, most: u64) -> Result<u64, Copy> {
    let mut from = source.open(artifact).map_err(Copy::Read)?.take(most);
    let mut to = folder.create_file_below(&artifact.path).map_err(Copy::Write)?;
    let (mut buffer, mut sum) = (vec![0; 64 << 10], 0);
    loop {
        let count = match from.read(&mut buffer) {
            Ok(0) => return Ok(sum),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Copy::Read(error)),
        };
        io::Write::write_all(&mut to, &buffer[..count]).map_err(Copy::Write)?;
        sum += count as u64;
    }
}

impl Imported {
    /// The result as it is printed.
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "experiments": self.experiments,
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "hidden": self.hidden,
            "artifacts": self.artifacts.0,
            "artifact_bytes": self.artifacts.1,
            "artifacts_left": self.left.count,
            "refused": self.refused.count,
        })
    }
}
