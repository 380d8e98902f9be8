//! Exporting runs of the history into a store of MLflow's. A run that is there already is left as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use azml_core::run::{RunRecord, RunStore};
use serde_json::{Value, json};

use super::exported::{self, Exported};
use super::server::Server;
use super::target::Target;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::mlflow::store::content::Content;
use crate::mlflow::store::write::FileWriter;
use crate::mlflow::store::{Error, Head, Refused};
use crate::ops::runs;
use crate::run::attachments::Attachments;

/// The runs to export, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    /// A folder, or the address of a server.
    pub to: &'a str,
    /// Ids of runs; all if there is none.
    pub runs: &'a [String],
    /// The target of the runs; any if there is none.
    pub target: Option<&'a str>,
}

/// The result of an export.
#[derive(Debug, Default)]
pub struct Done {
    /// Runs that were written.
    pub exported: usize,
    /// Runs that were there.
    pub unchanged: usize,
    /// Runs that go on, and are left out.
    pub running: usize,
    /// Runs whose attachments are on another computer.
    pub without_files: Refused,
    /// Values that the store can't hold.
    pub refused: Refused,
}

impl Target for FileWriter {
    fn heads(&mut self, _: &[String]) -> Result<Vec<Head>, Error> {
        Self::heads(self)
    }

    fn put(&mut self, run: &Exported, content: &Content, refused: &mut Refused) -> Result<String, Error> {
        let experiment = self.experiment(&run.experiment, &run.experiment_tags)?;
        self.put(&experiment, &run.run, content, refused)?;
        Ok(run.run.id.clone())
    }
}

/// Exports what is not there.
pub fn export(ctx: &Context, opened: &Opened, request: &Request<'_>) -> Result<Done, CommandError> {
    let mut records = chosen(ctx, opened, request)?;
    records.sort_by(|one, two| (one.created_utc, &one.run_id).cmp(&(two.created_utc, &two.run_id)));
    let mut target = open(ctx, opened, request.to)?;
    let step = ctx.notices.progress("Exporting runs");
    step.say("reading what is there");
    let mut done = Done::default();
    // By azml's id: the run's id there.
    let mut ids = BTreeMap::new();
    let mut there = BTreeSet::new();
    let before: Vec<String> = records.iter().map(exported::mlflow_id).collect();
    for head in target.heads(&before)? {
        if let Some(azml) = head.azml {
            ids.insert(azml, head.id.clone());
        }
        there.insert(head.id);
    }
    let project = opened.project.name();
    let all = records.len();
    for (at, record) in records.into_iter().enumerate() {
        step.part(at as u64, all as u64, &format!("{at} of {all} runs"));
        if !record.status.is_over() {
            done.running += 1;
            continue;
        }
        if ids.contains_key(record.run_id.as_str()) || there.contains(&exported::mlflow_id(&record)) {
            ids.entry(record.run_id.to_string()).or_insert_with(|| exported::mlflow_id(&record));
            done.unchanged += 1;
            continue;
        }
        let run = exported::run(&record, &project, &ids);
        let content = content(opened, &record, &mut done)?;
        let id = match target.put(&run, &content, &mut done.refused) {
            Err(error) if error.is_of_one_run() => {
                done.refused.push(&format!("run {} is left out: {}", record.run_id, error.with_cause()));
                continue;
            }
            put => put?,
        };
        ids.insert(record.run_id.to_string(), id);
        done.exported += 1;
    }
    Ok(done)
}

/// The records of the wanted runs.
fn chosen(ctx: &Context, opened: &Opened, request: &Request<'_>) -> Result<Vec<RunRecord>, CommandError> {
    if !request.runs.is_empty() {
        let mut records: Vec<RunRecord> = Vec::new();
        for id in request.runs {
            let record = runs::resolve(ctx, opened, id)?;
            runs::check_target(&record, request.target)?;
            if !records.iter().any(|other| other.run_id == record.run_id) {
                records.push(record);
            }
        }
        return Ok(records);
    }
    let mut records = RunStore::new(&opened.history).listed()?;
    runs::warn_of_unreadable(ctx, &records);
    records.retain(|record| {
        !record.hidden
            && record.why_unreadable().is_none()
            && request.target.is_none_or(|target| record.target == target)
    });
    Ok(records)
}

/// Finds the points and artifacts of a run, as far as they are on this computer.
fn content(opened: &Opened, record: &RunRecord, done: &mut Done) -> Result<Content, CommandError> {
    let own = Attachments::of_record(&opened.history, record);
    let main = match exported::main_of(record) {
        Some(id) => RunStore::new(&opened.history).get(&id)?,
        None => None,
    };
    let main = main.map(|main| Attachments::of_record(&opened.history, &main));
    let content = exported::content(record, &own, main.as_ref());
    let content = content.map_err(|error| CommandError::file("read", own.folder(), error))?;
    if content.folder.is_none() && !record.attachments.is_empty() {
        done.without_files.push(record.run_id.as_str());
    }
    Ok(content)
}

/// Opens the store.
fn open(ctx: &Context, opened: &Opened, to: &str) -> Result<Box<dyn Target>, CommandError> {
    let path = match to.split_once("://") {
        Some(("file", path)) => PathBuf::from(path),
        Some(("http" | "https", _)) => return Ok(Box::new(Server::at(ctx, to)?)),
        Some((scheme, _)) => {
            let error = CommandError::usage(format!("azml does not write a store at {scheme}://"));
            return Err(error.hint(format!(
                "start a server on it, mlflow server --backend-store-uri {to}, and export to that: {{azml}} mlflow export --to http://127.0.0.1:5000"
            )));
        }
        None => ctx.env.cwd.join(to),
    };
    let is_file = path.is_file();
    if is_file {
        let error =
            CommandError::usage(format!("{} is a file; a store of files is a folder", path.display()));
        return Err(error.hint(
            "to fill a database, start a server on it: mlflow server --backend-store-uri sqlite:///mlflow.db; {azml} mlflow export --to http://127.0.0.1:5000",
        ));
    }
    let now = ctx.env.now().as_millisecond();
    let writer = FileWriter::open(&path, now).map_err(|error| match error {
        Error::NotAStore { .. } => {
            CommandError::usage(format!("{} has other files, and no store", path.display()))
                .hint("name a folder that is new or empty: {azml} mlflow export --to mlruns")
        }
        error => error.into(),
    })?;
    let root = opened.project.root();
    if path.canonicalize().is_ok_and(|path| path.starts_with(root)) {
        ctx.notices.warning(&format!(
            "{} is in the project folder, and becomes a part of its next snapshot",
            path.display()
        ));
        ctx.notices.hint("to leave it out, name it in .amlignore");
    }
    Ok(Box::new(writer))
}

impl Done {
    /// The result as it is printed.
    pub fn to_value(&self) -> Value {
        json!({
            "exported": self.exported,
            "unchanged": self.unchanged,
            "running": self.running,
            "without_files": self.without_files.count,
            "refused": self.refused.count,
        })
    }
}
