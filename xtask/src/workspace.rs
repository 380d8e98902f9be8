//! Finds the workspace, and builds and finds its binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Outcome, process, progress};

/// The workspace's root folder, known since this binary was compiled in it.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace").to_path_buf()
}

/// Cargo, as the caller chose it, started in the workspace.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// A program that cargo installs: this machine's, or one of our own below `target/`, which is installed if it is missing.
pub fn tool(name: &str, version: &str) -> Outcome<PathBuf> {
    let folder = root().join("target/tools");
    let own = folder.join("bin").join(name);
    for tool in [own.clone(), PathBuf::from(name)] {
        if process::succeeds(Command::new(&tool).arg("--version")) {
            return Ok(tool);
        }
    }
    eprintln!("{name} is missing; installing it below target/");
    let mut install = cargo();
    install.args(["install", name, "--version", version, "--locked", "--root"]).arg(&folder);
    process::run(&mut install)?;
    Ok(own)
}

/// Runs a task of the package `benches`: `bench`, whose own part is measured with the rest and optimised like it, or `soak`.
pub fn run_measurement(task: &str, args: &[String]) -> Outcome {
    let mut run = cargo();
    run.args(["run", "--quiet", "--package", "benches"]).args((task == "bench").then_some("--release"));
    process::run(run.args(["--", task]).args(args))
}

/// The two binaries that users get.
pub struct Binaries {
    /// The folder both are in.
    pub dir: PathBuf,
    /// The command-line tool.
    pub azml: PathBuf,
    /// The server.
    pub vsts_mock: PathBuf,
}

/// The purpose of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To be shown: the binaries alone, without what takes long to compile and is not shown.
    Demo,
    /// To be tested: together with all tests. Dependencies get the same features as when the tests
    /// are run, so that nothing is compiled twice.
    Tests,
    /// To be measured: optimised.
    Bench,
}

/// Builds `azml` and `vsts-mock` and returns their paths. The progress goes to stderr.
/// `AZML_TEST_BIN_DIR` names a folder that has them already.
pub fn build_binaries(purpose: Purpose) -> Outcome<Binaries> {
    if let Some(dir) = std::env::var_os("AZML_TEST_BIN_DIR") {
        let dir = std::path::absolute(dir)?;
        return Ok(Binaries { azml: dir.join("azml"), vsts_mock: dir.join("vsts-mock"), dir });
    }
    let mut cargo = cargo();
    cargo.args(["build", "--message-format=json-render-diagnostics", "--bins"]);
    cargo.args(match purpose {
        Purpose::Demo => &["-p", "azml", "-p", "vsts-mock", "--no-default-features"][..],
        Purpose::Tests => &["--workspace", "--lib", "--tests"],
        Purpose::Bench => &["-p", "azml", "-p", "vsts-mock", "--release"],
    });
    let output = progress::output(&mut cargo)?;
    if !output.status.success() {
        return Err("the binaries don't build".into());
    }
    let (mut azml, mut vsts_mock) = (None, None);
    for line in output.stdout.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<serde_json::Value>(line) else { continue };
        let Some(path) = message["executable"].as_str() else { continue };
        // The unit tests of a binary and of its library carry the same name.
        if message["profile"]["test"] == true {
            continue;
        }
        match message["target"]["name"].as_str() {
            Some("azml") => azml = Some(PathBuf::from(path)),
            Some("vsts-mock") => vsts_mock = Some(PathBuf::from(path)),
            _ => {}
        }
    }
    let azml = azml.ok_or("cargo built no binary called azml")?;
    let vsts_mock = vsts_mock.ok_or("cargo built no binary called vsts-mock")?;
    let dir = azml.parent().ok_or("a built binary is in a folder")?.to_path_buf();
    Ok(Binaries { dir, azml, vsts_mock })
}
