//! Runs in containers of podman and of docker: on this computer, and on one by SSH.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use e2e::engines::{Containers, Host, Runtime, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};

/// A test by podman and one by docker for each of these functions.
macro_rules! by_both {
    ($($name:ident)*) => {
        mod podman {
            $(#[test] fn $name() { super::$name(e2e::engines::Runtime::Podman); })*
        }
        mod docker {
            $(#[test] fn $name() { super::$name(e2e::engines::Runtime::Docker); })*
        }
    };
}

by_both! {
    a_run_in_a_container_sees_its_folder_and_leaves_its_outputs
    the_end_of_a_container_is_the_end_of_its_run
    a_canceled_run_leaves_no_container_and_no_secret_is_shown_of_one
    a_container_runs_on_a_computer_by_ssh
    the_session_of_the_page_about_containers_is_true
}

/// A runtime on alice's computer, and her project with the target `box`.
fn with_containers<'s>(
    sandbox: &'s Sandbox,
    host: &'s Host<'s>,
    runtime: Runtime,
    more: &[&str],
) -> (Containers<'s>, Actor<'s>, PathBuf) {
    let containers = Containers::start(sandbox, host, runtime);
    containers.share();
    let (alice, project) = sandbox.project();
    let target = ["--runtime", containers.name(), "--image", containers.image()];
    attach(&alice, &project, &[&["docker"], &target[..], more].concat());
    (containers, alice, project)
}

fn attach(alice: &Actor<'_>, project: &Path, target: &[&str]) {
    let _attached = alice.azml(project, &[&["computetarget", "attach", "-n", "box"], target].concat()).ok();
}

fn submit(alice: &Actor<'_>, project: &Path, args: &[&str]) -> e2e::Output {
    alice.azml(project, &[&["experiment", "submit", "-c", "box"], args].concat())
}

fn a_run_in_a_container_sees_its_folder_and_leaves_its_outputs(runtime: Runtime) {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let data = sandbox.dir("data");
    write(&data, "set", "numbers\n");
    let link = format!("data={}", data.display());
    let (containers, alice, project) = with_containers(&sandbox, &host, runtime, &["--data", &link]);
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
    assert_eq!(record["container"]["runtime"], containers.name());
    let inspect = format!("{} image inspect --format '{{{{.Id}}}}' localhost/tools:1", containers.name());
    let id = alice.sh(&project, &inspect).ok();
    let id = id.text().trim_start_matches("sha256:");
    assert_eq!(record["container"]["id"], format!("sha256:{id}"));
    let outputs = sandbox.path().join("downloads");
    let args = ["history", "download", "-r", &run, "-d", outputs.to_str().expect("UTF-8")];
    let _got = alice.azml(&project, &args).ok();
    let found = std::fs::metadata(outputs.join("outputs/w")).expect("an output");
    assert_eq!(found.uid(), std::fs::metadata(&project).expect("the project").uid());
    assert_eq!(left(&alice, &project, &containers), "", "no container is left");
}

/// The containers that are there.
fn left(alice: &Actor<'_>, project: &Path, containers: &Containers<'_>) -> String {
    alice.sh(project, &format!("{} ps --all --quiet", containers.name())).ok().text().to_owned()
}

fn the_end_of_a_container_is_the_end_of_its_run(runtime: Runtime) {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (containers, alice, project) = with_containers(&sandbox, &host, runtime, &["--memory", "16MB"]);
    let run =
        |line: &str| alice.azml(&project, &["run", "-c", "box", "--propagate-exit-code", "--shell", line]);
    let _code = run("exit 6").exits(6);
    let _missing = run("nothing-of-this-name").exits(127);
    let memory = run("dd if=/dev/zero of=/dev/null bs=64M count=1").exits(137);
    assert!(memory.stderr.contains("memory"), "{memory}");
    let refused = alice.azml(&project, &["run", "-c", "box", "--", "broken"]);
    let _broken = refused.fails();
    // No GPU is here: the run does not go on without one, and its container is not waited for.
    attach(
        &alice,
        &project,
        &["docker", "--runtime", containers.name(), "--image", containers.image(), "--gpus", "1"],
    );
    let output = run("echo begun").exits(1);
    assert!(output.stderr.contains(&format!("`{} start` failed", containers.name())), "{output}");
    assert!(!output.stdout.contains("begun") && output.to_string().contains("gpu"), "{output}");
    assert_eq!(left(&alice, &project, &containers), "");
}

#[test]
fn dockers_files_belong_to_a_user_who_is_not_root() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_containers, alice, project) = with_containers(&sandbox, &host, Runtime::Docker, &[]);
    // As for those of the group `docker`.
    let line = format!(
        "chown -R 65534:65534 . '{}'; chmod a+rwx '{root}' '{root}/tmp' '{root}/docker/socket'; chmod a+rx '{root}/docker'\n\
         exec setpriv --reuid=65534 --regid=65534 --clear-groups azml run -c box --shell \
         'id -u; mkdir outputs; echo w > outputs/w; stat -c %u outputs/w'",
        alice.home().display(),
        root = sandbox.path().display()
    );
    let output = alice.sh(&project, &line).ok();
    assert!(output.stdout.contains("65534\n65534\n"), "{output}");
}

#[test]
fn a_daemon_that_does_not_answer_is_told_before_the_snapshot() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let alice = alice.with_env("DOCKER_HOST", "unix:///nowhere/socket");
    write(
        &project,
        "aml_config/box.compute",
        "type: localdocker\nbaseDockerImage: localhost/tools:1\ncontainerRuntime: docker\n",
    );
    write(&project, "aml_config/box.runconfig", "Target: box\n");
    let refused = alice.azml(&project, &["run", "-c", "box", "--shell", "true"]).exits(1);
    assert!(refused.stderr.contains("/nowhere/socket"), "{refused}");
    assert!(alice.run_ids(&project).is_empty());
}

fn a_canceled_run_leaves_no_container_and_no_secret_is_shown_of_one(runtime: Runtime) {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (containers, alice, project) = with_containers(&sandbox, &host, runtime, &[]);
    write(&project, "wait.sh", "echo begun $MY_SECRET; sleep 1000\n");
    let output = submit(&alice, &project, &["--detach", "--env", "MY_SECRET=s3cr3t-value", "wait.sh"]).ok();
    let run = output.run_id();
    let name = containers.name();
    let running = until(&alice, &project, &format!("{name} ps --quiet"), "?*");
    let shown = alice.sh(&project, &format!("{name} inspect {}", running.text())).ok();
    assert!(!shown.stdout.contains("s3cr3t-value") && shown.stdout.contains(&run), "{shown}");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &run]).ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).exits(130);
    assert_eq!(left(&alice, &project, &containers), "");
}

fn a_container_runs_on_a_computer_by_ssh(runtime: Runtime) {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let containers = Containers::start(&sandbox, &host, runtime);
    host.serve_ssh();
    let (alice, project) = sandbox.project();
    let target =
        ["remotedocker", "-a", "node1", "--runtime", containers.name(), "--image", containers.image()];
    attach(&alice, &project, &target);
    let output = submit(&alice, &project, &["--shell", "ls /; hostname"]).ok();
    assert!(output.stdout.contains("node1\n") && !output.stdout.contains("usr\n"), "{output}");
}

fn the_session_of_the_page_about_containers_is_true(runtime: Runtime) {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let containers = Containers::start(&sandbox, &host, runtime);
    containers.share();
    // A docker client without a daemon may be on the machine beside podman.
    let (alice, project) = sandbox.project();
    crate::readme::check_session(&alice, &project, include_str!("../../../docs/compute-containers.md"));
}
