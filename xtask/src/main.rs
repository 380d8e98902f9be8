//! The project's tasks, run as `cargo xtask <task>`. One file per task; each is a function that returns when
//! its work is done or says why it could not be done.
//!
//! Nothing of the product is linked in here: the tasks start cargo, git and the built binaries as processes.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks read the environment and talk to the terminal"
)]

mod ci;
mod circles;
mod demo;
mod demo_engines;
mod deps;
mod fuzz;
mod gitsuite;
mod layers;
mod lfs_tool;
mod package;
mod screenshots;
mod test;
mod tidy;
mod wording;

use std::process::ExitCode;

use xtask::{Outcome, machine, process, server, workspace};

const USAGE: &str = "\
Usage: cargo xtask <task>

  demo [--keep]        run the main job: server, project, runs, restore, roaming; --keep leaves it all up
  demo --engines       run a script on each engine that the machine has: SSH, Slurm, containers, Ray, Spark
  test [--all] [ARGS…] build the binaries and run every test (ARGS go to the test runner); --all: fuzz and soak too
  e2e [ARGS…]          the end-to-end tests alone
  compliance           git-lfs' own compliance tool, built from the distribution's sources, against vsts-mock
  bench [client|server [ROW…]] [--quick|--full]   measure against stock git and other peers, and print Markdown tables
  fuzz [TARGET] [--seconds N]        run the fuzz targets, each for a minute; what they find becomes a seed
  soak [--minutes N] [--debug]       64 mixed clients, some hostile, against one server that is killed and restarted
  gitsuite --git-source PATH [SCRIPT…]   run git's own test suite, built from PATH, against our server side
  package [--profile NAME]   wheels of both programs, an npm package, an image; each tried, in target/package
  screenshots          take README's pictures anew, from the stories in a browser, into docs/screenshots
  tidy                 check what no compiler checks: headers, lengths, who imports whom, paths in the docs
  deps                 check licences, sources and duplicates of dependencies, and that each is used
  ci                   format, tidy, deps, clippy, build, tests, doctests, docs: what `.ci/run` runs
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match args.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match task {
        "demo" => demo::run(rest),
        "test" => test::run(test::Scope::Everything, rest),
        "e2e" => test::run(test::Scope::EndToEnd, rest),
        "compliance" => test::compliance(),
        "bench" => workspace::run_measurement("bench", rest),
        "fuzz" => fuzz::run(rest),
        "gitsuite" => gitsuite::run(rest),
        "soak" => workspace::run_measurement("soak", rest),
        "package" => package::run(rest),
        "screenshots" => screenshots::run(),
        "tidy" => tidy::run(),
        "deps" => deps::run(),
        "ci" => return if ci::run() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => {
            eprint!("error: no task is called `{other}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
