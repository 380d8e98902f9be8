//! `_apis/process/processes`: the processes that a project may follow. They are three, and cannot be changed.

use serde_json::{Value, json};

use super::failure::{Failure, excerpt};
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::directory::Project;
use crate::registry::DEFAULT_PROCESS;

/// A process.
#[derive(Debug)]
pub(super) struct Process {
    /// As it is stored.
    pub(super) short: &'static str,
    pub(super) name: &'static str,
    pub(super) id: &'static str,
    description: &'static str,
}

const ALL: [Process; 3] = [
    Process {
        short: "agile",
        name: "Agile",
        id: "adcc42ab-9882-485e-a3ed-7678f01f66bc",
        description: "This template is flexible and will work great for most teams using Agile planning methods.",
    },
    Process {
        short: "scrum",
        name: "Scrum",
        id: "6b724908-ef14-45cf-84f8-768b5384da45",
        description: "This template is for teams who follow the Scrum framework.",
    },
    Process {
        short: "cmmi",
        name: "CMMI",
        id: "27450541-8e31-4150-9947-dc59f998fc01",
        description: "This template is for more formal projects that need a framework for process improvement.",
    },
];

/// The process that a project follows.
pub(super) fn of(project: &Project) -> &'static Process {
    ALL.iter().find(|process| process.short == project.process).unwrap_or(&ALL[0])
}

/// The process of that id.
pub(super) fn find(id: &str) -> Result<&'static Process, Failure> {
    ALL.iter().find(|process| process.id.eq_ignore_ascii_case(id)).ok_or_else(|| {
        let message = format!("VS402362: Process with id or name {} does not exist.", excerpt(id));
        Failure::not_found("ProcessNotFoundByTypeIdException", message)
    })
}

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    Ok(Reply::ok(match call.value("processId") {
        None => shape::list(ALL.iter().map(|process| json(&base, process))),
        Some(id) => json(&base, find(id)?),
    }))
}

fn json(base: &str, process: &Process) -> Value {
    json!({
        "id": process.id,
        "name": process.name,
        "description": process.description,
        "type": "system",
        "isDefault": process.short == DEFAULT_PROCESS,
        "url": format!("{base}/_apis/process/processes/{}", process.id),
    })
}
