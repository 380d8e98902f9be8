//! `cargo xtask test` and `cargo xtask e2e`: the binaries are built once, then the tests run on them, with
//! cargo-nextest where the machine has it and with cargo test where not.

use std::process::Command;

use crate::process::Tally;
use crate::workspace::Purpose;
use crate::{Outcome, fuzz, lfs_tool, machine, process, workspace};

/// A set of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every crate's, the end-to-end ones and the doctests.
    Everything,
    /// The package `e2e` alone.
    EndToEnd,
}

/// Runs the tests and prints the totals as the last line. `--all` adds what takes long: tests that install a GB, every
/// fuzz target and ten minutes of soak.
pub(crate) fn run(scope: Scope, args: &[String]) -> Outcome {
    let (all, args): (Vec<String>, Vec<String>) = args.iter().cloned().partition(|arg| arg == "--all");
    let (tally, mut outcome) = count(scope, if all.is_empty() { "default" } else { "all" }, &args);
    if !all.is_empty() {
        outcome = outcome.and(fuzz::run(&[])).and(workspace::run_measurement("soak", &[]));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    outcome
}

/// Builds git-lfs' own compliance tool, and runs its test alone.
pub(crate) fn compliance() -> Outcome {
    let (tally, outcome) = counting(Scope::EndToEnd, "all", lfs_tool::build, &["compliance::".to_owned()]);
    println!("{} passed, {} failed", tally.passed, tally.failed);
    outcome
}

/// Runs the tests under a nextest profile and returns the totals, with the reason if anything went wrong.
pub(crate) fn count(scope: Scope, profile: &str, args: &[String]) -> (Tally, Outcome) {
    let heavy = || match profile {
        "all" => machine::require_heavy_programs().and_then(|()| lfs_tool::build()),
        _ => Ok(()),
    };
    counting(scope, profile, heavy, args)
}

/// The same, on a machine that `more` prepares further.
fn counting(
    scope: Scope,
    profile: &str,
    more: impl FnOnce() -> Outcome,
    args: &[String],
) -> (Tally, Outcome) {
    let binaries = match machine::require_git().and_then(|()| workspace::build_binaries(Purpose::Tests)) {
        Ok(binaries) => binaries,
        Err(error) => return (Tally::default(), Err(error)),
    };
    if let Err(error) = machine::require_test_programs().and_then(|()| more()) {
        return (Tally::default(), Err(error));
    }
    let selection: &[&str] = match scope {
        Scope::Everything => &["--workspace"],
        Scope::EndToEnd => &["-p", "e2e"],
    };
    let mut runner = workspace::cargo();
    if has_nextest() {
        runner.args(["nextest", "run", "--profile", profile, "--color=never"]).args(selection).args(args);
    } else {
        runner
            .args(["test", "--no-fail-fast"])
            .args(selection)
            .args(["--lib", "--bins", "--tests"])
            .args(args);
    }
    runner.env("AZML_TEST_BIN_DIR", &binaries.dir).env("INSTA_UPDATE", "no");
    let (mut tally, mut outcome) = process::run_counting(&mut runner);
    if scope == Scope::Everything && args.is_empty() {
        let (doctests, result) = process::run_counting(workspace::cargo().args([
            "test",
            "--workspace",
            "--doc",
            "--no-fail-fast",
        ]));
        tally += doctests;
        outcome = outcome.and(result);
    }
    if outcome.is_ok() && tally.passed == 0 {
        outcome = Err("no test ran".into());
    }
    (tally, outcome)
}

fn has_nextest() -> bool {
    let mut version: Command = workspace::cargo();
    process::succeeds(version.args(["nextest", "--version"]))
}
