//! Runs on engines, looked at from several computers.

use std::path::Path;

use e2e::engines::Host;
use e2e::folder::write;
use e2e::{Actor, Output, Sandbox};
use serde_json::{Value, json};

/// azml as it is on a computer of another name.
fn azml_on(computer: &str, actor: &Actor<'_>, project: &Path, args: &[&str]) -> Output {
    let script = format!("hostname {computer}; exec azml \"$@\"");
    actor.run("unshare", project, &[&["--uts", "sh", "-c", &script, "sh"], args].concat())
}

#[test]
fn another_computer_takes_in_the_results_of_a_run_whose_submitter_is_gone() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let (remote, alice, project) = sandbox.project_with_remote();
    let azml = sandbox.path().join("bin/azml");
    let azml = azml.to_str().expect("UTF-8");
    let args = ["computetarget", "attach", "ssh", "-n", "gpu", "-a", "node1", "--azml", azml];
    let _attached = alice.azml(&project, &args).ok();
    write(
        &project,
        "train.sh",
        "until [ -e $HOME/go ]; do sleep 0.1; done; azml run log loss 0.5; echo trained\n",
    );
    let run =
        alice.azml(&project, &["experiment", "submit", "-c", "gpu", "--detach", "train.sh"]).ok().run_id();
    let _pushed = alice.azml(&project, &["history", "sync", "-o", "none"]).ok();
    let bob = sandbox.stranger("bob");
    let url = remote.to_str().expect("UTF-8");
    let folder = sandbox.dir("second");
    let _cloned = azml_on("second", &bob, &folder, &["project", "clone", url, "iris", "-o", "none"]).ok();
    let folder = folder.join("iris");
    let info = ["history", "info", "-r", &run, "-o", "json"];
    assert_eq!(azml_on("second", &bob, &folder, &info).ok().json()["status"], "Running");
    std::fs::write(host.home().join("go"), "").expect("a file is written");
    // alice's computer is gone.
    let _ended = azml_on("second", &bob, &folder, &["experiment", "wait", &run]).ok();
    let _synced = azml_on("second", &bob, &folder, &["history", "sync", "-o", "none"]).ok();
    let found = azml_on("second", &bob, &folder, &info).ok().json();
    assert_eq!((&found["status"], &found["loss"]), (&json!("Completed"), &json!(0.5)), "{found}");
    // A third one has it from the remote alone.
    let carol = sandbox.stranger("carol");
    let _cloned =
        azml_on("lab", &carol, &sandbox.dir("lab"), &["project", "clone", url, "iris", "-o", "none"]).ok();
    host.cut();
    let lab = sandbox.path().join("lab/iris");
    let found = azml_on("lab", &carol, &lab, &info).ok().json();
    assert_eq!((&found["status"], &found["loss"]), (&json!("Completed"), &json!(0.5)), "{found}");
    let log = azml_on("lab", &carol, &lab, &["history", "info", "-r", &run, "-a", "driver_log.txt"]).ok();
    assert_eq!(log.stdout, "trained\n");
}

#[test]
fn a_run_of_another_computers_own_engine_is_left_to_that_computer() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "aml_config/box.compute", "type: process\n");
    write(&project, "aml_config/box.runconfig", "ArgumentVector: [\"$file\"]\nTarget: box\n");
    let go = sandbox.path().join("go");
    write(&project, "train.sh", format!("until [ -e {} ]; do sleep 0.1; done\n", go.display()));
    let run =
        alice.azml(&project, &["experiment", "submit", "-c", "box", "--detach", "train.sh"]).ok().run_id();
    let status = |found: &Value| found["status"].clone();
    let info = ["history", "info", "-r", &run, "-o", "json"];
    // Another computer has no such job: its home is another.
    let home = sandbox.dir("second-home");
    let script = format!("hostname second; HOME='{}' exec azml \"$@\"", home.display());
    let words = [&["--uts", "sh", "-c", &script, "sh"], &info[..]].concat();
    let seen = alice.run("unshare", &project, &words).ok().says("does not know it");
    assert_eq!(status(&seen.json()), "Running", "{seen}");
    std::fs::write(go, "").expect("a file is written");
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).ok();
    assert_eq!(status(&alice.azml_json(&project, &info[..4])), "Completed");
}
