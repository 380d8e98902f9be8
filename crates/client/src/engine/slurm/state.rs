//! The states of jobs: Slurm's words, and those of the jobs themselves.

use std::collections::BTreeMap;

use super::super::node::JobState;
use super::super::{Handle, State};

/// The states of a job that waits, or waits again.
const WAITING: [&str; 6] =
    ["PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "SUSPENDED"];
/// The states of a job that has a node.
const RUNNING: [&str; 7] =
    ["RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED"];
/// The states of a job whose node Slurm has lost: a program that goes on there counts no more.
const LOST: [&str; 2] = ["NODE_FAIL", "BOOT_FAIL"];
/// The states of a job whose program ended by itself: how, its record says.
const BY_ITSELF: [&str; 2] = ["COMPLETED", "FAILED"];
/// The word for a job that somebody ended.
const CANCELLED: &str = "CANCELLED";

/// The name of a job, and the index of a task of an array.
pub(super) type Key = (String, Option<u64>);

/// The name that a run's job has: that of its array; else the run's id, and the attempt if it is not the first.
pub(super) fn key(handle: &Handle) -> Key {
    match &handle.array {
        Some(task) => (task.name.clone(), Some(task.index)),
        None => (name(&handle.run, handle.attempt), None),
    }
}

/// The name of a job that is no task of an array.
pub(super) fn name(run: &str, attempt: u32) -> String {
    if attempt > 1 { format!("{run}.{attempt}") } else { run.to_owned() }
}

/// The state of a job in Slurm's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) state: String,
    node: Option<String>,
    reason: Option<String>,
}

impl Found {
    /// Reads what `squeue` or `sacct` prints: lines of a name, a number, a state, nodes and maybe a reason. Of
    /// several lines about a job the last counts: one that Slurm starts again keeps its number.
    pub(super) fn read(lines: &str) -> BTreeMap<Key, Self> {
        lines.lines().filter_map(Self::parse).collect()
    }

    fn parse(line: &str) -> Option<(Key, Self)> {
        let mut fields = line.trim().split('|');
        let name = fields.next()?.to_owned();
        // `37`, `37_3`, or `37_[3-9]` of tasks that have not begun.
        let index = fields.next()?.rsplit_once('_').and_then(|(_, index)| index.parse().ok());
        // sacct has `CANCELLED by 1000`.
        let state = fields.next()?.split(' ').next().filter(|state| !state.is_empty())?.to_owned();
        let mut given = || {
            let text = fields.next().unwrap_or_default().trim();
            (!["", "None", "None assigned", "(null)"].contains(&text)).then(|| text.to_owned())
        };
        let found = Self { state, node: given(), reason: given() };
        Some(((name, index), found))
    }
}

/// The state of a run, from Slurm's word and that of its folder.
pub(super) fn state_of(found: Option<&Found>, job: &JobState) -> State {
    let Some(found) = found else {
        return match job {
            JobState { exit: Some(_), .. } => State::Ended { exit: job.exit, why: None },
            JobState { goes_on: true, .. } => State::Running { node: job.node.clone() },
            JobState { is_started: true, .. } => State::Ended { exit: None, why: None },
            // It was ended when it waited, and Slurm has forgotten it.
            JobState { is_cancel_asked: true, .. } => {
                State::Ended { exit: None, why: Some(CANCELLED.to_owned()) }
            }
            _ => State::Unknown,
        };
    };
    let name = found.state.as_str();
    if WAITING.contains(&name) {
        let reason = found.reason.clone();
        return State::Queued { reason: reason.or_else(|| Some(found.state.to_lowercase())) };
    }
    // A job that Slurm ends has a while to write its record. One that Slurm may start again has ended when Slurm says so.
    let is_ending = job.goes_on && !LOST.contains(&name);
    if is_ending || (RUNNING.contains(&name) && (job.exit.is_none() || job.may_start_again)) {
        return State::Running { node: found.node.clone().or_else(|| job.node.clone()) };
    }
    let is_told = job.exit.is_some() && (BY_ITSELF.contains(&name) || RUNNING.contains(&name));
    let why = match &found.reason {
        Some(reason) if BY_ITSELF.contains(&name) => format!("{name} ({reason})"),
        _ => found.state.clone(),
    };
    State::Ended { exit: job.exit, why: (!is_told).then_some(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(text: &str) -> JobState {
        JobState {
            is_known: true,
            is_started: text.contains("started"),
            goes_on: text.contains("goes on"),
            exit: text.contains("ended").then_some(0),
            is_cancel_asked: text.contains("asked"),
            may_start_again: text.contains("again"),
            ..JobState::default()
        }
    }

    fn ended(exit: Option<i32>, why: Option<&str>) -> State {
        State::Ended { exit, why: why.map(str::to_owned) }
    }

    #[test]
    fn a_state_is_slurms_word_and_what_the_job_wrote() {
        let running = State::Running { node: Some("n1".to_owned()) };
        let queued = |reason: &str| State::Queued { reason: Some(reason.to_owned()) };
        for (line, wrote, expect) in [
            ("PENDING||Resources", "", queued("Resources")),
            ("PENDING||None", "", queued("pending")),
            // Started again after its node died.
            ("PENDING||BeginTime", "started", queued("BeginTime")),
            ("RUNNING|n1|None", "started, goes on", running.clone()),
            ("RUNNING|n1|None", "", running.clone()),
            ("COMPLETING|n1|None", "started, ended", ended(Some(0), None)),
            ("COMPLETING|n1|None", "started, ended, may start again", running.clone()),
            ("COMPLETED|n1|None", "started, ended, may start again", ended(Some(0), None)),
            ("COMPLETED|n1|None", "started, ended", ended(Some(0), None)),
            ("CANCELLED by 1000|n1|None", "started, goes on", running.clone()),
            ("NODE_FAIL|n1|NodeDown", "started, goes on", ended(None, Some("NODE_FAIL"))),
            ("FAILED|n1|NonZeroExitCode", "started, ended", ended(Some(0), None)),
            ("FAILED|n1|JobLaunchFailure", "", ended(None, Some("FAILED (JobLaunchFailure)"))),
            ("OUT_OF_MEMORY|n1|OutOfMemory", "started", ended(None, Some("OUT_OF_MEMORY"))),
            ("TIMEOUT|n1|TimeLimit", "started, ended", ended(Some(0), Some("TIMEOUT"))),
            ("NODE_FAIL|n1|NodeDown", "started", ended(None, Some("NODE_FAIL"))),
            ("CANCELLED by 1000|None assigned", "", ended(None, Some("CANCELLED"))),
            ("", "started, ended", ended(Some(0), None)),
            ("", "started, goes on", State::Running { node: None }),
            ("", "started", ended(None, None)),
            ("", "asked", ended(None, Some("CANCELLED"))),
            ("", "", State::Unknown),
        ] {
            let found = Found::read(&format!("iris_5|37|{line}"));
            let found = found.get(&("iris_5".to_owned(), None));
            assert_eq!(state_of(found, &job(wrote)), expect, "{line}, {wrote}");
        }
    }

    #[test]
    fn the_tasks_of_an_array_are_told_apart() {
        let squeue =
            "s.1|37_1|COMPLETED|n1|None\ns.1|37_2|PENDING||JobArrayTaskLimit\niris_5|36|RUNNING|n2|None\n";
        let sacct = "s.1|37_1|TIMEOUT|n1\ns.1|37_[3-9%2]|PENDING|\niris_5|36|FAILED|n2\n";
        let state = |lines: &str, name: &str, index| {
            Found::read(lines).get(&(name.to_owned(), index)).map(|found| found.state.clone())
        };
        for (lines, name, index, expect) in [
            (squeue, "s.1", Some(1), Some("COMPLETED")),
            (squeue, "s.1", Some(2), Some("PENDING")),
            (squeue, "s.1", Some(3), None),
            (squeue, "iris_5", None, Some("RUNNING")),
            (sacct, "s.1", Some(1), Some("TIMEOUT")),
            (sacct, "s.1", Some(4), None),
            (sacct, "iris_5", None, Some("FAILED")),
        ] {
            assert_eq!(state(lines, name, index).as_deref(), expect, "{name} {index:?}");
        }
    }
}
