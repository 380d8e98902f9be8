//! `cargo xtask bench`: release builds measured against stock git on the same machine. Both sides take turns,
//! so that a noisy machine is noisy for both; the tables show medians and the ratio, which is what carries over
//! to another machine.

mod server;
mod snapshot;
mod stock;
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
}

const FULL: Effort = Effort { many: 21, few: 3, files: 10_000 };
const QUICK: Effort = Effort { many: 3, few: 1, files: 500 };

/// Runs the benchmark that comes first in `args`, or all; what follows is for the benchmark.
pub(crate) fn run(args: &[String]) -> Outcome {
    machine::require_git()?;
    let (name, rest) = match args.split_first() {
        Some((first, rest)) if !first.starts_with("--") => (first.as_str(), rest),
        _ => ("", args),
    };
    if !["", "snapshot", "server"].contains(&name) {
        return Err(format!("no benchmark is called `{name}`; there are snapshot and server").into());
    }
    let binaries = workspace::build_binaries(workspace::Purpose::Bench)?;
    if name != "server" {
        let effort = match rest {
            [] => FULL,
            [only] if only == "--quick" => QUICK,
            _ => return Err("the snapshots' benchmark takes --quick alone".into()),
        };
        print!("{}", snapshot::measure(&binaries.azml, effort)?);
    }
    if name != "snapshot" {
        print!("{}", server::run(&binaries.vsts_mock, rest)?);
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
