//! Slurm: `azml node run` as a batch job, by the cluster's own commands on its login node.
//!
//! A job has the run's id for its name: azml looks for the name before it submits, so that a submit that was cut off is not
//! repeated. A sweep is an array ([`mod@array`]). One question is about all runs of a
//! cluster. The job gets no variable of whoever submits it, for Slurm would keep them. The nodes read the job and the store from
//! the folder of azml's files, which they share with the login node.

mod array;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use azml_core::history::HistoryRepo;

use self::state::{Found, Key, key, name, state_of};
use super::node::{JobState, Node, lines};
use super::{Arrays, Engine, Error, Handle, JobSpec, State};
use crate::run::config::{Compute, RunConfig};
use crate::run::target::Program;
use crate::text::shell_word;

/// The line between the answers of several programs.
const NEXT: &str = "-- azml --";

/// A Slurm cluster.
#[derive(Debug)]
pub struct SlurmEngine {
    node: Node,
}

/// Lines of shell that submit the job on standard input unless one of this name is known; they print its number.
fn once(name: &str, compute: &Compute, more: &str, output: &str) -> String {
    let requeue = if compute.requeue { "--requeue" } else { "--no-requeue" };
    let own = ["--parsable", "--export=NONE", "--open-mode=append", requeue, "--job-name", name];
    let own: Vec<String> = own.iter().map(|word| (*word).to_owned()).collect();
    format!(
        "known=$({})\n\
         if [ -n \"$known\" ]; then echo \"$known\"; else sbatch {} {} {more} --output={output}; fi",
        known(name),
        words(&own),
        words(&compute.resources.for_sbatch()),
    )
}

impl SlurmEngine {
    /// The cluster of a login node.
    pub fn new(node: Node) -> Self {
        Self { node }
    }

    fn shell(&self, what: &str, line: &str, input: &str) -> Result<String, Error> {
        let answer = self.node.shell(what, line, input.as_bytes())?;
        Ok(String::from_utf8_lossy(&answer.out).into_owned())
    }
}

impl Engine for SlurmEngine {
    fn node(&self) -> &Node {
        &self.node
    }

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
        let output = format!("{}/jobs/{}/log", self.node.folder(), shell_word(spec.run.as_str()));
        let line = once(&name(spec.run.as_str(), spec.attempt), &spec.config.compute, "", &output);
        Ok(Handle { id: self.id_of(&line, &["run", spec.run.as_str()])?, ..handle })
    }

    fn states(&self, handles: &[Handle]) -> Result<Vec<State>, Error> {
        let keys: Vec<Key> = handles.iter().map(key).collect();
        let names: BTreeSet<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
        let names = shell_word(&names.into_iter().collect::<Vec<_>>().join(","));
        let line = format!(
            "found=$(squeue --noheader --array --states=all --user=\"$(id -un)\" --name={names} --format='%j|%i|%T|%N|%r' \
             2>&1 </dev/null)\n\
             echo $?; printf '%s\\n' \"$found\"; echo '{NEXT}'; {}",
            self.node.line(&["state"])
        );
        let answer = match self.shell("squeue", &line, &lines(handles)) {
            Err(error @ Error::Unreachable { .. }) => {
                return Node::or_unreachable(Err(error), handles.len());
            }
            answer => answer?,
        };
        let garbled = || Error::Answer { host: self.node.name(), answer: answer.chars().take(200).collect() };
        let (slurm, jobs) = answer.split_once(NEXT).ok_or_else(garbled)?;
        let jobs: Vec<JobState> = serde_json::from_str(jobs.trim()).map_err(|_| garbled())?;
        let (code, said) = slurm.split_once('\n').ok_or_else(garbled)?;
        if jobs.len() != handles.len() {
            return Err(garbled());
        }
        let answers = code.trim() == "0";
        let mut found = if answers { Found::read(said) } else { BTreeMap::new() };
        if answers && keys.iter().any(|key| !found.contains_key(key)) {
            // Those that Slurm's controller has forgotten.
            let line = format!(
                "sacct -X -n -P -S now-30days --name={names} -o JobName,JobID,State,NodeList 2>/dev/null || true"
            );
            match self.shell("sacct", &line, "") {
                Err(error @ Error::Unreachable { .. }) => {
                    return Node::or_unreachable(Err(error), handles.len());
                }
                lines => Found::read(&lines?).into_iter().for_each(|(key, was)| {
                    found.entry(key).or_insert(was);
                }),
            }
        }
        let state = |(key, job): (&Key, &JobState)| {
            // The end of a job that may start again is told by Slurm alone.
            if !answers && (job.exit.is_none() || job.may_start_again) {
                return State::Unreachable { why: said.trim().to_owned() };
            }
            state_of(found.get(key), job)
        };
        Ok(keys.iter().zip(&jobs).map(state).collect())
    }

    fn cancel(&self, handles: &[Handle]) -> Result<(), Error> {
        // The wish stays with the job, in case that Slurm starts it at this moment.
        let mut script = format!("{} || exit\n", self.node.line(&["cancel", "--only-ask"]));
        for handle in handles.iter().filter(|handle| handle.array.is_none()) {
            let which = match &handle.id {
                Some(id) => shell_word(id),
                None => format!("--name={}", shell_word(&key(handle).0)),
            };
            script.push_str("scancel --quiet --user=\"$(id -un)\" ");
            script.push_str(&which);
            script.push_str(" </dev/null || failed=1\n");
        }
        script += &array::cancel_lines(handles.iter());
        script += "exit ${failed:-0}";
        self.shell("scancel", &script, &lines(handles)).map(drop)
    }

    fn arrays(&self) -> Option<&dyn Arrays> {
        Some(self)
    }
}

impl SlurmEngine {
    /// Runs these lines for a job whose program is `azml node WORDS`; gives its number.
    fn id_of(&self, line: &str, program: &[&str]) -> Result<Option<String>, Error> {
        // Whatever a step of the job starts by srun gets its variables from there, not from here.
        let script = format!("#!/bin/sh\nunset SLURM_EXPORT_ENV\nexec {}\n", self.node.line(program));
        let printed = self.shell("sbatch", line, &script)?;
        let id = printed.trim().split([';', '\n']).next().unwrap_or_default();
        Ok(Some(id.to_owned()).filter(|id| !id.is_empty()))
    }

    /// The number of the job of this name, if Slurm knows one.
    fn find(&self, name: &str) -> Result<Option<String>, Error> {
        let printed = self.shell("squeue", &known(name), "")?;
        Ok(Some(printed.trim().to_owned()).filter(|id| !id.is_empty()))
    }
}

/// A line of shell that prints the number of the job of a name.
fn known(name: &str) -> String {
    let name = shell_word(name);
    format!(
        "squeue --noheader --states=all --user=\"$(id -un)\" --name={name} --format=%F </dev/null | head -n 1"
    )
}

fn words(words: &[String]) -> String {
    words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}
