//! `cargo xtask demo --engines`: one script on each engine, for which it installs what the machine lacks.

use crate::{Outcome, machine, process, workspace};

/// Runs the demo, an example of the tests' package: that has the engines.
pub(crate) fn run() -> Outcome {
    machine::require_git()?;
    machine::python()?;
    machine::sshd()?;
    machine::require_engines()?;
    println!("== building azml");
    let binaries = workspace::build_binaries(workspace::Purpose::Demo)?;
    let mut demo = workspace::cargo();
    demo.args(["run", "--quiet", "-p", "e2e", "--example", "engines"])
        .env("AZML_TEST_BIN_DIR", &binaries.dir);
    process::run(&mut demo)
}
