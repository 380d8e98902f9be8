//! `cargo xtask ci`: everything a change has to pass. Every step runs, even after one that failed, so that one
//! run shows all there is to mend; the last line printed is the total of the tests.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::process::Tally;
use crate::{Outcome, deps, process, test, tidy, workspace};

/// One finished step.
struct Step {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

/// Runs all steps and says whether the change passes. What went wrong is printed before the totals.
pub(crate) fn run() -> bool {
    let mut steps = Vec::new();
    let mut step = |name: &'static str, work: &mut dyn FnMut() -> Outcome| {
        println!("=== {name}");
        let start = Instant::now();
        let outcome = work();
        if let Err(error) = &outcome {
            eprintln!("error: {name}: {error}");
        }
        steps.push(Step { name, took: start.elapsed(), outcome });
    };
    step("format", &mut || {
        ensure_component("rustfmt", "fmt")?;
        process::run(workspace::cargo().args(["fmt", "--all", "--check"]))
    });
    step("tidy", &mut tidy::run);
    step("deps", &mut deps::run);
    step("clippy", &mut || {
        ensure_component("clippy", "clippy")?;
        process::run(workspace::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]))
    });
    step("docs", &mut || {
        process::run(
            workspace::cargo()
                .args(["doc", "--workspace", "--no-deps", "--quiet"])
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    });
    let mut tally = Tally::default();
    step("tests", &mut || {
        let (counted, outcome) = test::count(test::Scope::Everything, "ci", &[]);
        tally = counted;
        outcome
    });
    // A minute of what `cargo xtask soak` does for ten, with the binaries that the tests have built.
    step("soak", &mut || {
        workspace::run_measurement("soak", &["--debug", "--minutes", "1"].map(str::to_owned))
    });
    println!("=== summary");
    for Step { name, took, outcome } in &steps {
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("{name:8} {verdict:6} {:6.1} s", took.as_secs_f64());
    }
    let failed: Vec<&str> = steps.iter().filter(|step| step.outcome.is_err()).map(|step| step.name).collect();
    // A failed step that is no test counts too: the last line alone has to tell good from bad.
    let others = failed.iter().filter(|name| **name != "tests" || tally.failed == 0).count();
    if !failed.is_empty() {
        eprintln!("error: failed: {}", failed.join(", "));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed + others as u64);
    failed.is_empty()
}

/// Adds a toolchain component that a minimal installation lacks.
fn ensure_component(component: &str, subcommand: &str) -> Outcome {
    if process::succeeds(workspace::cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    process::run(Command::new("rustup").args(["component", "add", component]))
}
