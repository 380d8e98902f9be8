//! `cargo xtask demo --engines`: one script on each engine, and a table of what came of it.
//!
//! SSH, Slurm, podman and Ray are real ones in namespaces of the kernel, which end with this program. Spark comes by an environment that azml
//! makes, where there is a Java.

#![expect(clippy::print_stdout, reason = "a demo shows what it does")]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use e2e::engines::{Containers, Host, RAY, Ray, Slurm};
use e2e::folder::write;
use e2e::{Actor, Sandbox, binaries};

const TRAIN: &str = "import os, socket\nfrom azureml.logging import get_azureml_logger\n\
    get_azureml_logger().log('loss', 0.25)\nprint('trained on', socket.gethostname())\n";
/// The script where an image has no Python.
const SHELL: &str = "echo trained in a container\n";

fn main() -> ExitCode {
    let sandbox = Sandbox::new();
    println!("== starting a host with SSH, Slurm and podman");
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let slurm = Slurm::start(&sandbox, &host);
    slurm.share();
    let podman = Containers::podman(&sandbox, &host);
    podman.share();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", TRAIN);
    write(&project, "train.sh", SHELL);
    let shared = sandbox.path().join("shared");
    let shared = shared.to_str().expect("a temporary folder has a plain name");
    let mut rows = Vec::new();
    for (name, target, script) in [
        ("local", &[][..], "train.py"),
        ("ssh", &["ssh", "-a", "node1"], "train.py"),
        ("slurm", &["slurm", "--folder", shared], "train.py"),
        ("podman", &["docker", "--runtime", "podman", "--image", podman.image()], "train.sh"),
    ] {
        rows.push(show(&alice, &project, (name, target, script)));
    }
    if Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success()) {
        write(&project, "requirements.txt", "pyspark\n");
        write(&project, "aml_config/spark.runconfig", "Target: spark\nFramework: PySpark\n");
        let keys = "type: local\nuserManagedEnvironment: false\nsparkMaster: local[1]\n";
        write(&project, "aml_config/spark.compute", keys);
        rows.push(show(&alice, &project, ("spark", &[], "train.py")));
    } else {
        rows.push(("spark", "no Java on this machine", 0.0));
    }
    // Ray is the last: from here on azml is on the network of the cluster alone.
    println!("\n== starting a Ray cluster (its package is installed once)");
    let _ray = Ray::start(&sandbox, &host, &binaries::workspace().join("target/tmp"));
    rows.push(show(&alice, &project, ("ray", &["ray", "-a", RAY], "train.py")));
    println!("\n{:<10} {:<24} attach and run", "engine", "result");
    for (name, result, took) in &rows {
        println!("{name:<10} {result:<24} {took:.1} s");
    }
    println!();
    let listed = azml(&alice, &project, &["history", "list", "-o", "table"]);
    if listed && rows.iter().all(|(_, result, _)| *result != "Failed") {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Attaches a target and runs a script there; gives the row about it.
fn show<'n>(
    alice: &Actor<'_>,
    project: &Path,
    (name, target, script): (&'n str, &[&str], &str),
) -> (&'n str, &'static str, f64) {
    println!("\n== {name}");
    let begun = Instant::now();
    let attach = [&["computetarget", "attach"], target, &["-n", name, "-o", "none"]].concat();
    let ran = (target.is_empty() || azml(alice, project, &attach))
        && azml(alice, project, &["experiment", "submit", "-c", name, script]);
    (name, if ran { "Completed" } else { "Failed" }, begun.elapsed().as_secs_f64())
}

/// Runs azml where its output is shown; returns whether it succeeded.
fn azml(alice: &Actor<'_>, project: &Path, args: &[&str]) -> bool {
    println!("$ azml {}", args.join(" "));
    alice.command("azml", project).args(args).status().is_ok_and(|status| status.success())
}
