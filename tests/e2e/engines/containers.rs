//! Runs in containers: on this computer, and on one by SSH.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use e2e::engines::{Host, Podman, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};

/// podman on alice's computer, and her project with the target `box`.
fn with_podman<'s>(
    sandbox: &'s Sandbox,
    host: &'s Host<'s>,
    more: &[&str],
) -> (Podman<'s>, Actor<'s>, PathBuf) {
    let podman = Podman::start(sandbox, host);
    podman.share();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let args =
        ["computetarget", "attach", "docker", "-n", "box", "--runtime", "podman", "--image", podman.image()];
    let _attached = alice.azml(&project, &[&args, more].concat()).ok();
    (podman, alice, project)
}

fn submit(alice: &Actor<'_>, project: &Path, args: &[&str]) -> e2e::Output {
    alice.azml(project, &[&["experiment", "submit", "-c", "box"], args].concat())
}

#[test]
fn a_run_in_a_container_sees_its_folder_and_leaves_its_outputs() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let data = sandbox.dir("data");
    write(&data, "set", "numbers\n");
    let link = format!("data={}", data.display());
    let (_podman, alice, project) = with_podman(&sandbox, &host, &["--data", &link]);
    write(
        &project,
        "train.sh",
        "ls /; cat data/set; echo $1 $TOKEN_OF_MINE; mkdir outputs; echo w > outputs/w; id -u\n",
    );
    let output = submit(&alice, &project, &["--env", "TOKEN_OF_MINE=it's 5", "train.sh", "fast"]).ok();
    let run = output.run_id();
    // The image has no /usr.
    assert!(
        output.stdout.contains("numbers\nfast it's 5\n0\n") && !output.stdout.contains("usr\n"),
        "{output}"
    );
    let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
    assert_eq!(record["status"], "Completed");
    assert_eq!(record["container"]["image"], "localhost/tools:1");
    assert_eq!(record["container"]["id"].as_str().map(str::len), Some(64), "{record}");
    let outputs = sandbox.path().join("downloads");
    let args = ["history", "download", "-r", &run, "-d", outputs.to_str().expect("UTF-8")];
    let _got = alice.azml(&project, &args).ok();
    let found = std::fs::metadata(outputs.join("outputs/w")).expect("an output");
    assert_eq!(found.uid(), std::fs::metadata(&project).expect("the project").uid());
    let left = alice.sh(&project, "podman ps --all --quiet").ok();
    assert_eq!(left.text(), "", "no container is left");
}

#[test]
fn the_end_of_a_container_is_the_end_of_its_run() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_podman, alice, project) = with_podman(&sandbox, &host, &["--memory", "16MB"]);
    let run =
        |line: &str| alice.azml(&project, &["run", "-c", "box", "--propagate-exit-code", "--shell", line]);
    let _code = run("exit 6").exits(6);
    let _missing = run("nothing-of-this-name").exits(127);
    let _memory = run("dd if=/dev/zero of=/dev/null bs=64M count=1").exits(137);
    let refused = alice.azml(&project, &["run", "-c", "box", "--", "broken"]);
    let _broken = refused.fails();
}

#[test]
fn a_canceled_run_leaves_no_container_and_no_secret_is_shown_of_one() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_podman, alice, project) = with_podman(&sandbox, &host, &[]);
    write(&project, "wait.sh", "echo begun $MY_SECRET; sleep 1000\n");
    let output = submit(&alice, &project, &["--detach", "--env", "MY_SECRET=s3cr3t-value", "wait.sh"]).ok();
    let run = output.run_id();
    let running = until(&alice, &project, "podman ps --quiet", "?*");
    let shown = alice.sh(&project, &format!("podman inspect {}", running.text())).ok();
    assert!(!shown.stdout.contains("s3cr3t-value") && shown.stdout.contains(&run), "{shown}");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &run]).ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).exits(130);
    assert_eq!(alice.sh(&project, "podman ps --all --quiet").ok().text(), "");
}

#[test]
fn a_container_runs_on_a_computer_by_ssh() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let podman = Podman::start(&sandbox, &host);
    host.serve_ssh();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let args = ["computetarget", "attach", "remotedocker", "-n", "box", "-a", "node1", "--runtime", "podman"];
    let _attached = alice.azml(&project, &[&args[..], &["--image", podman.image()]].concat()).ok();
    let output = submit(&alice, &project, &["--shell", "ls /; hostname"]).ok();
    assert!(output.stdout.contains("node1\n") && !output.stdout.contains("usr\n"), "{output}");
}

#[test]
fn the_session_of_the_page_about_containers_is_true() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let podman = Podman::start(&sandbox, &host);
    podman.share();
    // A docker client without a daemon may be on the machine, too.
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    crate::readme::check_session(&alice, &project, include_str!("../../../docs/compute-containers.md"));
}
