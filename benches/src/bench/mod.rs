//! `cargo xtask bench`: release builds measured against stock git on the same machine. Both sides take turns,
//! so that a noisy machine is noisy for both; the tables show medians and the ratio, which is what carries over
//! to another machine.

mod client;
mod long_history;
mod server;
mod stock;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::{Outcome, machine, workspace};

/// Runs the benchmark that comes first in `args`, or all; what follows is for the benchmark.
pub(crate) fn run(args: &[String]) -> Outcome {
    machine::require_git()?;
    let (name, rest) = match args.split_first() {
        Some((first, rest)) if !first.starts_with("--") => (first.as_str(), rest),
        _ => ("", args),
    };
    if !["", "client", "server"].contains(&name) {
        return Err(format!("no benchmark is called `{name}`; there are client and server").into());
    }
    let binaries = workspace::build_binaries(workspace::Purpose::Bench)?;
    if name != "server" {
        print!("{}", client::run(&binaries.azml, rest)?);
    }
    if name != "client" {
        print!("{}", server::run(&binaries.vsts_mock, rest)?);
    }
    Ok(())
}

/// A folder for what is measured, on the file system of the workspace: that of temporary files may be memory.
fn scratch() -> Outcome<tempfile::TempDir> {
    let parent = workspace::root().join("target/bench");
    std::fs::create_dir_all(&parent)?;
    Ok(tempfile::Builder::new().prefix("scratch-").tempdir_in(parent)?)
}

fn copy_folder(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Measures the time that `work` takes.
fn timed<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<(Duration, T)> {
    let start = Instant::now();
    let value = work()?;
    Ok((start.elapsed(), value))
}

/// The middle of some measurements, of which there is one at least.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().expect("every row is measured once at least")
}
