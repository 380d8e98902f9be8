//! Runs on other targets: the node is a second azml, here as a process of this computer.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Browser, Sandbox, Scripts, Ui, Weight, page_check, sshd};
use serde_json::Value;

/// A project with the target `box`, whose `.compute` file has these lines and the node's folder.
pub(crate) fn with_target<'s>(sandbox: &'s Sandbox, compute: &str) -> (Actor<'s>, PathBuf) {
    let (alice, project) = sandbox.project();
    let node = sandbox.path().join("node");
    write(&project, "aml_config/box.compute", format!("{compute}nodeDirectory: {}\n", node.display()));
    write(
        &project,
        "aml_config/box.runconfig",
        "ArgumentVector: [\"$file\"]\nTarget: box\nFramework: Python\n",
    );
    (alice, project)
}

fn last(alice: &Actor<'_>, project: &Path) -> Value {
    alice.azml_json(project, &["history", "last"])
}

const TRAIN: &str = "import os, sys\nfrom azureml.logging import get_azureml_logger\n\
    get_azureml_logger().log('accuracy', 0.9)\nos.makedirs('outputs', exist_ok=True)\n\
    open('outputs/model.txt', 'w').write('weights')\nopen('beside.txt', 'w').write('x')\nprint('trained', *sys.argv[1:])\n";

#[test]
fn a_run_elsewhere_looks_like_one_here() {
    let sandbox = Sandbox::new();
    let (alice, project) = with_target(&sandbox, "type: process\n");
    write(&project, "train.py", TRAIN);
    let here = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py", "--lr", "0.1"]).ok();
    let run_here = last(&alice, &project);
    let there = alice.azml(&project, &["experiment", "submit", "-c", "box", "train.py", "--lr", "0.1"]).ok();
    let run = last(&alice, &project);
    for output in [&here, &there] {
        assert!(output.stdout.starts_with("RunId: iris_"), "{output}");
        assert!(output.stdout.contains("\ntrained --lr 0.1\n"), "{output}");
        assert!(output.stdout.contains("\nExecution Details\n"), "{output}");
    }
    for key in ["accuracy", "script_name", "arguments", "parameters", "status", "exit_code", "attachments"] {
        assert_eq!(run[key], run_here[key], "{key}");
    }
    assert_eq!(run["properties"]["CommitId"], run_here["properties"]["CommitId"]);
    assert_eq!((&run["target"], &run["run_number"]), (&"box".into(), &2.into()));
    assert_eq!(run["engine"]["kind"], "process");
    let id = run["run_id"].as_str().expect("a text");
    let model = alice.azml(&project, &["history", "info", "-r", id, "-a", "outputs/model.txt"]).ok();
    assert_eq!(model.stdout, "weights");
    let log = alice.azml(&project, &["experiment", "logs", "-r", id]).ok();
    assert_eq!(log.stdout, "trained --lr 0.1\n");
    let refs = alice.git(&project, &["--git-dir=.azuremlhistory_git", "for-each-ref"]).ok();
    assert!(!refs.stdout.contains("inbox"), "nothing is left to be taken in: {refs}");
    let jobs = std::fs::read_dir(sandbox.path().join("node/jobs")).expect("a folder").count();
    assert_eq!(jobs, 0, "the node has forgotten it");
}

#[test]
fn a_detached_run_is_waited_for_and_its_exit_code_is_the_scripts() {
    let sandbox = Sandbox::new();
    let (alice, project) = with_target(&sandbox, "type: process\n");
    let line = "echo begun; exit 7";
    let _sent = alice.azml(&project, &["run", "-c", "box", "--detach", "--shell", line]).ok();
    let id = alice.run_ids(&project).remove(0);
    let waited = alice.azml(&project, &["experiment", "wait", &id]);
    assert_eq!(waited.code, Some(1), "{waited}");
    let run = last(&alice, &project);
    assert_eq!((&run["status"], &run["exit_code"]), (&"Failed".into(), &7.into()));
}

#[test]
fn a_run_elsewhere_is_cancelled() {
    let sandbox = Sandbox::new();
    let (alice, project) = with_target(&sandbox, "type: process\n");
    let fifo = sandbox.path().join("fifo");
    let _made = alice.sh(&project, &format!("mkfifo {}", fifo.display())).ok();
    let line =
        format!("trap 'echo told; exit 3' TERM; echo > {}; while :; do sleep 0.1; done", fifo.display());
    let _sent = alice.azml(&project, &["run", "-c", "box", "--detach", "--shell", &line]).ok();
    let _begun = std::fs::read(&fifo).expect("the script opens it");
    let id = alice.run_ids(&project).remove(0);
    let _canceled = alice.azml(&project, &["experiment", "cancel", "-r", &id]).ok();
    let waited = alice.azml(&project, &["experiment", "wait", &id]);
    assert_eq!(waited.code, Some(130), "{waited}");
    assert_eq!(last(&alice, &project)["status"], "Canceled");
    let log = alice.azml(&project, &["experiment", "logs", "-r", &id]).ok();
    // The shell may say that a `sleep` of the group was terminated, too.
    assert!(log.stdout.contains("told\n"), "{log}");
}

#[test]
fn a_program_that_the_node_lacks_is_refused_before_the_snapshot() {
    let sandbox = Sandbox::new();
    let (alice, project) = with_target(&sandbox, "type: process\npythonLocation: /no/such/python\n");
    write(&project, "train.py", TRAIN);
    let refused = alice.azml(&project, &["experiment", "submit", "-c", "box", "train.py"]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(refused.stderr.contains("/no/such/python"), "{refused}");
    assert!(alice.run_ids(&project).is_empty());
}

#[test]
fn a_run_on_an_ssh_host_comes_back_over_the_same_line() {
    let sandbox = Sandbox::new();
    let azml = sandbox.path().join("bin/azml");
    let compute = format!("type: ssh\naddress: box\nazmlLocation: {}\n", azml.display());
    let (alice, project) = with_target(&sandbox, &compute);
    let ssh = sshd::prepare(&sandbox, &alice);
    let alice = alice.with_env("GIT_SSH_COMMAND", ssh);
    write(&project, "train.py", TRAIN);
    let output = alice.azml(&project, &["experiment", "submit", "-c", "box", "train.py", "1"]).ok();
    assert!(output.stdout.contains("\ntrained 1\n"), "{output}");
    let run = last(&alice, &project);
    assert_eq!((&run["status"], &run["accuracy"]), (&"Completed".into(), &0.9.into()));
    assert_eq!((&run["engine"]["kind"], &run["engine"]["host"]), (&"ssh".into(), &"box".into()));
    let id = run["run_id"].as_str().expect("a text");
    let model = alice.azml(&project, &["history", "info", "-r", id, "-a", "outputs/model.txt"]).ok();
    assert_eq!(model.stdout, "weights");
}

#[test]
fn a_killed_submit_has_sent_its_run_once_or_not_at_all() {
    let sandbox = Sandbox::new();
    let (alice, project) = with_target(&sandbox, "type: process\n");
    let log = sandbox.path().join("runs.txt");
    let line = format!("echo ran >> {}; echo done", log.display());
    let words = ["run", "-c", "box", "--shell", &line];
    let submit = |step: &str| {
        let mut command = alice.command("azml", &project);
        command.env("AZML_FAULT", step);
        let killed = sandbox.run(command, &words, None);
        assert_eq!(killed.code, None, "it is killed: {killed}");
    };
    // Recorded, and not sent.
    submit("send:1");
    let runs = alice.azml_json(&project, &["history", "list"]);
    assert_eq!(runs[0]["status"], "Failed", "{runs}");
    assert!(!log.exists());
    // Sent, and not told: the run goes on without its submitter.
    submit("send:2");
    let id = alice.run_ids(&project).remove(0);
    let _waited = alice.azml(&project, &["experiment", "wait", &id]).ok();
    assert_eq!(last(&alice, &project)["status"], "Completed");
    assert_eq!(std::fs::read_to_string(&log).expect("it ran"), "ran\n", "once");
    assert_eq!(alice.azml(&project, &["experiment", "logs", "-r", &id]).ok().stdout, "done\n");
}

#[test]
fn a_node_program_that_is_killed_is_noticed_and_what_it_left_is_kept() {
    let sandbox = Sandbox::new();
    let (alice, project) = with_target(&sandbox, "type: process\n");
    let fifo = sandbox.path().join("fifo");
    let _made = alice.sh(&project, &format!("mkfifo {}", fifo.display())).ok();
    let line = format!("echo begun; azml run log loss 0.5; echo > {}; exec sleep 600", fifo.display());
    let _sent = alice.azml(&project, &["run", "-c", "box", "--detach", "--shell", &line]).ok();
    let _begun = std::fs::read(&fifo).expect("the script opens it");
    let id = alice.run_ids(&project).remove(0);
    let started = sandbox.path().join(format!("node/jobs/{id}/started.json"));
    let started: Value = serde_json::from_slice(&std::fs::read(started).expect("it runs")).expect("JSON");
    // The azml of the node leads a session; its script leads a group of its own in it.
    let session = started["pid"].as_u64().expect("a number");
    let _killed = alice.sh(&project, &format!("pkill -KILL -s {session}")).ok();
    let waited = alice.azml(&project, &["experiment", "wait", &id]);
    assert_eq!(waited.code, Some(1), "{waited}");
    let run = last(&alice, &project);
    assert_eq!((&run["status"], &run["loss"]), (&"NotResponding".into(), &0.5.into()));
    assert_eq!(alice.azml(&project, &["experiment", "logs", "-r", &id]).ok().stdout, "begun\n");
}

#[test]
fn the_workbench_shows_targets_and_the_log_of_a_run_elsewhere_as_it_grows() {
    let sandbox = Sandbox::new();
    let (alice, project) = with_target(&sandbox, "type: process\n");
    let more = sandbox.path().join("more");
    write(
        &project,
        "train.sh",
        format!("echo begun; until [ -e {} ]; do sleep 0.05; done; echo ended\n", more.display()),
    );
    let args = ["experiment", "submit", "-c", "box", "--detach", "train.sh"];
    let run = alice.azml(&project, &args).ok().run_id();
    let ui = Ui::start(&alice, &project);
    let browser = Browser::start(&sandbox, Scripts::On);
    browser.open(&ui.url);
    browser.open(&format!("{}/targets", ui.base));
    browser.wait_for_text("[data-part=targets]", "box");
    browser.wait_for_text("[data-part=targets]", "Running");
    page_check::check(&browser, "workbench-targets", Weight::LIGHT);
    browser.open(&format!("{}/runs/{run}", ui.base));
    browser.wait_for_text("#log", "begun");
    browser.wait_for_text("[data-part=facts]", "process on this computer");
    write(sandbox.path(), "more", "");
    browser.wait_for_text("#log", "ended");
    browser.wait_for_text("[data-part=facts]", "Completed");
    assert_eq!(last(&alice, &project)["status"], "Completed", "the page took the results in");
}
