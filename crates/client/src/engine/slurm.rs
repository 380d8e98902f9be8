//! Slurm: `azml node run` as a batch job, by the cluster's own commands on its login node.
//!
//! A job has the run's id for its name: azml looks for the name before it submits, so that a submit that was cut off is not
//! repeated. The job gets no variable of whoever submits it, for Slurm would keep them. The nodes read the job and the store
//! from the folder of azml's files, which they share with the login node.

use azml_core::history::HistoryRepo;
use azml_core::id::RunId;

use super::node::{JobState, Node};
use super::prune::{PruneRequest, Pruned};
use super::{Engine, Error, Handle, JobSpec, State};
use crate::run::config::RunConfig;
use crate::run::target::Program;
use crate::text::shell_word;

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
/// The line between the answers of several programs.
const NEXT: &str = "-- azml --";

/// A Slurm cluster.
#[derive(Debug)]
pub struct SlurmEngine {
    node: Node,
}

impl SlurmEngine {
    /// The cluster of a login node.
    pub fn new(node: Node) -> Self {
        Self { node }
    }

    /// A job's name: the run's id, and the attempt if it is not the first.
    fn name(run: &str, attempt: u32) -> String {
        if attempt > 1 { format!("{run}.{attempt}") } else { run.to_owned() }
    }

    fn shell(&self, what: &str, line: &str, input: &str) -> Result<String, Error> {
        let answer = self.node.shell(what, line, input.as_bytes())?;
        Ok(String::from_utf8_lossy(&answer.out).into_owned())
    }
}

/// The state of a job in Slurm's words.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    state: String,
    node: Option<String>,
    reason: Option<String>,
}

impl Found {
    /// Reads a line of `squeue` or `sacct`: state, nodes and reason.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.trim().split('|');
        // sacct has `CANCELLED by 1000`.
        let state = fields.next()?.split(' ').next().filter(|state| !state.is_empty())?.to_owned();
        let mut given = || {
            let text = fields.next().unwrap_or_default().trim();
            (!["", "None", "None assigned", "(null)"].contains(&text)).then(|| text.to_owned())
        };
        Some(Self { state, node: given(), reason: given() })
    }
}

/// The state of a run, from Slurm's word and that of its folder.
fn state_of(found: Option<Found>, job: &JobState) -> State {
    let Some(found) = found else {
        return match job {
            JobState { exit: Some(_), .. } => State::Ended { exit: job.exit, why: None },
            JobState { goes_on: true, .. } => State::Running { node: job.node.clone() },
            JobState { is_started: true, .. } => State::Ended { exit: None, why: None },
            _ => State::Unknown,
        };
    };
    let name = found.state.as_str();
    if WAITING.contains(&name) {
        return State::Queued { reason: found.reason.or_else(|| Some(found.state.to_lowercase())) };
    }
    // A job that Slurm ends has a while to write its record.
    let is_ending = job.goes_on && !LOST.contains(&name);
    if is_ending || (RUNNING.contains(&name) && job.exit.is_none()) {
        return State::Running { node: found.node.or_else(|| job.node.clone()) };
    }
    let is_told = job.exit.is_some() && (BY_ITSELF.contains(&name) || RUNNING.contains(&name));
    let why = match found.reason {
        Some(reason) if BY_ITSELF.contains(&name) => format!("{name} ({reason})"),
        _ => found.state,
    };
    State::Ended { exit: job.exit, why: (!is_told).then_some(why) }
}

impl Engine for SlurmEngine {
    fn check(&self, config: &RunConfig, program: &Program) -> Result<(), Error> {
        self.node.check(config, program)?;
        let options = words(&config.compute.resources.for_sbatch());
        self.shell("sbatch --test-only", &format!("sbatch --test-only {options} >/dev/null"), "#!/bin/sh\n")
            .map(drop)
    }

    fn submit(&self, history: &HistoryRepo, spec: &JobSpec) -> Result<Handle, Error> {
        let job = self.node.bring_job(history, spec)?;
        let handle = self.node.handle(spec);
        if job.is_started {
            return Ok(Handle { node: job.node, ..handle });
        }
        let compute = &spec.config.compute;
        let name = Self::name(spec.run.as_str(), spec.attempt);
        let requeue = if compute.requeue { "--requeue" } else { "--no-requeue" };
        let own = ["--parsable", "--export=NONE", "--open-mode=append", requeue, "--job-name", &name];
        let own: Vec<String> = own.iter().map(|word| (*word).to_owned()).collect();
        let line = format!(
            "known=$(squeue --noheader --states=all --user=\"$(id -un)\" --name={0} --format=%A | head -n 1)\n\
             if [ -n \"$known\" ]; then echo \"$known\"; else sbatch {1} {2} --output={3}/jobs/{4}/log; fi",
            shell_word(&name),
            words(&own),
            words(&compute.resources.for_sbatch()),
            self.node.folder(),
            shell_word(spec.run.as_str()),
        );
        // Whatever a step of the job starts by srun gets its variables from there, not from here.
        let script = format!(
            "#!/bin/sh\nunset SLURM_EXPORT_ENV\nexec {}\n",
            self.node.line(&["run", spec.run.as_str()])
        );
        let printed = self.shell("sbatch", &line, &script)?;
        let id = printed.trim().split([';', '\n']).next().unwrap_or_default();
        Ok(Handle { id: Some(id.to_owned()).filter(|id| !id.is_empty()), ..handle })
    }

    fn state(&self, handle: &Handle) -> Result<State, Error> {
        let name = shell_word(&Self::name(&handle.run, handle.attempt));
        let which = match &handle.id {
            // A task of an array: the name is that of all its tasks.
            Some(id) if id.contains('_') => format!("--jobs={}", shell_word(id)),
            _ => format!("--name={name}"),
        };
        // The newest line counts: a job that Slurm starts again keeps its number.
        let line = format!(
            "found=$(squeue --noheader --array --states=all --user=\"$(id -un)\" {which} --format='%T|%N|%r' 2>&1)\n\
             echo $?; printf '%s\\n' \"$found\"\n\
             [ -n \"$found\" ] || sacct -X -n -P -S now-30days {which} -o State,NodeList 2>/dev/null\n\
             echo '{NEXT}'; {}",
            self.node.line(&["state", &handle.run])
        );
        let answer = match self.shell("squeue", &line, "") {
            Err(error @ Error::Unreachable { .. }) => return Node::or_unreachable(Err(error)),
            answer => answer?,
        };
        let garbled = || Error::Answer { host: self.node.name(), answer: answer.chars().take(200).collect() };
        let (slurm, job) = answer.split_once(NEXT).ok_or_else(garbled)?;
        let job: JobState = serde_json::from_str(job.trim()).map_err(|_| garbled())?;
        let (code, found) = slurm.split_once('\n').ok_or_else(garbled)?;
        let is_known = code.trim() == "0";
        // A job that Slurm has forgotten is an error where it is asked for by its number.
        if !is_known && job.exit.is_none() && !found.contains("Invalid job id") {
            return Ok(State::Unreachable { why: found.trim().to_owned() });
        }
        let found = if is_known { found.lines().rev().find_map(Found::parse) } else { None };
        Ok(state_of(found, &job))
    }

    fn output(&self, handle: &Handle, from: u64) -> Result<Vec<u8>, Error> {
        self.node.output(&handle.run, from)
    }

    fn cancel(&self, handle: &Handle) -> Result<(), Error> {
        let which = handle.id.as_ref().map_or_else(
            || format!("--name={}", shell_word(&Self::name(&handle.run, handle.attempt))),
            |id| shell_word(id),
        );
        // The wish stays with the job, in case that Slurm starts it at this moment.
        let line =
            format!("{}; scancel --user=\"$(id -un)\" {which}", self.node.line(&["cancel", &handle.run]));
        self.shell("scancel", &line, "").map(drop)
    }

    fn results(&self, history: &HistoryRepo, handle: &Handle) -> Result<bool, Error> {
        RunId::parse(&handle.run).map_or(Ok(false), |run| self.node.fetch(history, &run))
    }

    fn prune(&self, request: PruneRequest) -> Result<Pruned, Error> {
        self.node.prune(request)
    }

    fn forget(&self, history: &HistoryRepo, handle: &Handle) -> Result<(), Error> {
        self.node.forget(history, &handle.run)
    }
}

fn words(words: &[String]) -> String {
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
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
            ("", "", State::Unknown),
        ] {
            assert_eq!(state_of(Found::parse(line), &job(wrote)), expect, "{line}, {wrote}");
        }
    }
}
