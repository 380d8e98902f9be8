//! `cargo xtask bench`: release builds measured against stock git on the same machine. Both sides take turns,
//! so that a noisy machine is noisy for both; the tables show medians and the ratio, which is what carries over
//! to another machine.

mod cgi;
mod repository;
mod serve;
mod snapshot;
mod table;

use std::time::{Duration, Instant};

use crate::{Outcome, machine, workspace};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Repetitions of quick work.
    many: usize,
    /// Repetitions of work that takes seconds.
    few: usize,
    /// Files in the folder that is snapshotted.
    files: usize,
    /// Refs in the repository with many.
    refs: usize,
    /// Commits in the repository that is cloned.
    commits: usize,
}

const FULL: Effort = Effort { many: 21, few: 3, files: 10_000, refs: 10_000, commits: 1_000 };
const QUICK: Effort = Effort { many: 3, few: 1, files: 500, refs: 500, commits: 50 };

/// Runs the benchmarks that `args` name, or all.
pub(crate) fn run(args: &[String]) -> Outcome {
    machine::require_git()?;
    let mut effort = FULL;
    let mut chosen = Vec::new();
    for arg in args {
        match arg.as_str() {
            "--quick" => effort = QUICK,
            "snapshot" | "serve" => chosen.push(arg.as_str()),
            other => {
                return Err(format!("no benchmark is called `{other}`; there are snapshot and serve").into());
            }
        }
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.contains(&name);
    let binaries = workspace::build_binaries(workspace::Purpose::Bench)?;
    if wanted("snapshot") {
        print!("{}", snapshot::measure(&binaries.azml, effort)?);
    }
    if wanted("serve") {
        print!("{}", serve::measure(&binaries.vsts_mock, effort)?);
    }
    Ok(())
}

/// How long `work` takes.
fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(Duration, T)> {
    let start = Instant::now();
    let value = work()?;
    Ok((start.elapsed(), value))
}

/// The middle of some measurements.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Lets both sides do their work in turns and returns their medians. Each gets one unmeasured turn first.
fn take_turns(
    repetitions: usize,
    ours: &mut dyn FnMut(usize) -> Outcome<Duration>,
    theirs: &mut dyn FnMut(usize) -> Outcome<Duration>,
) -> Outcome<(Duration, Duration)> {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    for turn in 0..=repetitions {
        // Who goes first changes from turn to turn: the first one warms the caches for the second.
        let (ours, theirs) = if turn % 2 == 0 {
            let ours = ours(turn)?;
            (ours, theirs(turn)?)
        } else {
            let theirs = theirs(turn)?;
            (ours(turn)?, theirs)
        };
        if turn > 0 || repetitions == 1 {
            our_times.push(ours);
            their_times.push(theirs);
        }
    }
    Ok((median(our_times), median(their_times)))
}
