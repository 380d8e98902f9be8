//! Outputs of runs: they travel with the history, come back file by file, and are never in the way.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

use e2e::folder::{everything, write};
use e2e::{Actor, Sandbox, git};

const SCRIPT: &str = "\
import os
from azureml.logging import get_azureml_logger
log = get_azureml_logger()
os.makedirs('outputs/deep')
open('outputs/deep/model.bin', 'wb').write(bytes(range(256)) * 40)
open('outputs/huge.bin', 'wb').write(os.urandom(300000))
log.upload('outputs/note.txt', 'uploaded').wait()
print('trained')
";

/// A linked project with one run that left more than it may push, and the same project on another computer, whose
/// name is another.
fn two_computers<'s>(sandbox: &'s Sandbox, url: &str) -> (Actor<'s>, PathBuf, String) {
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", url);
    write(&project, "train.py", SCRIPT);
    let submit =
        ["experiment", "submit", "-c", "local", "--attachments-limit", "100kB", "--no-large", "train.py"];
    let output = alice.azml(&project, &submit).ok();
    let report = output.stdout.lines().find(|line| line.starts_with("Not pushed, over the limit; kept in "));
    let report = report.unwrap_or_else(|| panic!("what stays is said: {output}"));
    assert!(report.contains("azuremlhistory_git") && report.ends_with(": outputs/huge.bin"), "{report}");
    let run = output.run_id();
    (alice, project, run)
}

#[test]
fn another_computer_gets_the_outputs_of_a_run_and_of_no_other() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let url = server.repo("iris");
    let (alice, project, run) = two_computers(&sandbox, &url);
    write(&project, "other.py", "print('another run')\n");
    let _other = alice.submit(&project, &["other.py"]);

    let laptop = sandbox.actor_at("laptop", "alice", "alicepat");
    let there = sandbox.dir("laptop");
    let _cloned = laptop.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let roamed = there.join("iris");
    let record = laptop.azml_json(&roamed, &["history", "info", "-r", &run]);
    let commit =
        record["properties"]["AttachmentsId"].as_str().expect("the record names a commit").to_owned();
    assert_eq!(record["properties"]["AttachmentsLeft"], serde_json::json!(["outputs/huge.bin"]));
    let has = |commit: &str| laptop.git(&git::history_of(&roamed), &["cat-file", "-e", commit]);
    let _absent = has(&commit).fails();

    let log = laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "driver_log.txt"]).ok();
    assert_eq!(log.stdout, "trained\n");
    let huge = laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "outputs/huge.bin"]).exits(3);
    assert!(huge.stderr.contains("over the limit"), "{huge}");

    let written = laptop.azml(&roamed, &["history", "download", "-r", &run, "-d", "results"]).ok();
    assert!(written.stderr.contains("outputs/huge.bin is missing"), "{written}");
    let results = roamed.join("results");
    assert_eq!(std::fs::read(results.join("outputs/deep/model.bin")).expect("it is there").len(), 256 * 40);
    assert_eq!(std::fs::read_to_string(results.join("outputs/note.txt")).expect("it is there"), "uploaded");
    assert!(!results.join("outputs/huge.bin").exists());

    // What is there is not overwritten, unless that is asked for.
    write(&results, "outputs/note.txt", "mine");
    let before = everything(&results);
    let refused = laptop.azml(&roamed, &["history", "download", "-r", &run, "-d", "results"]).exits(1);
    assert!(refused.stderr.contains("outputs/note.txt") && refused.stderr.contains("--force"), "{refused}");
    everything(&results).assert_same(&before, "a refused download");
    let _forced = laptop.azml(&roamed, &["history", "download", "-r", &run, "-d", "results", "--force"]).ok();
    assert_eq!(std::fs::read_to_string(results.join("outputs/note.txt")).expect("it is there"), "uploaded");

    // By default they go where snapshots do not look.
    let _again = laptop.azml(&roamed, &["history", "download", "-r", &run]).ok();
    assert!(roamed.join("azureml-logs").join(&run).join("driver_log.txt").exists());
    for repository in [&git::history_of(&roamed), &git::history_of(&project)] {
        git::assert_sound(&alice, repository);
    }
}

#[test]
fn what_was_left_offline_is_delivered_later_and_joins_what_others_left() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let bob = sandbox.stranger("bob");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_str().expect("UTF-8").to_owned();
    let hers = alice.create_linked_project(&sandbox.dir("hers"), "iris", &url);
    write(&hers, "train.py", "print('hers')\n");
    let first = alice.submit(&hers, &["train.py"]);
    let _cloned = bob.azml(&sandbox.dir("his"), &["project", "clone", &url, "iris"]).ok();
    let his = sandbox.dir("his").join("iris");

    let away = sandbox.path().join("away.git");
    std::fs::rename(&remote, &away).expect("unplugged");
    write(&his, "train.py", "print('his, offline')\n");
    let second = bob.submit(&his, &["train.py"]);
    std::fs::rename(&away, &remote).expect("plugged in");
    let unpushed = bob.azml_json(&his, &["project", "show"])["owed"].to_string();
    assert!(unpushed.contains("refs/azureml/attachments/"), "{unpushed}");
    write(&hers, "train.py", "print('hers again')\n");
    let third = alice.submit(&hers, &["train.py"]);
    let _synced = bob.azml(&his, &["history", "sync"]).ok();
    assert_eq!(bob.azml_json(&his, &["project", "show"])["owed"].to_string(), "[]");
    let _synced = alice.azml(&hers, &["history", "sync"]).ok();

    let carol = sandbox.stranger("carol");
    let _cloned = carol.azml(&sandbox.dir("carols"), &["project", "clone", &url, "iris"]).ok();
    let carols = sandbox.dir("carols").join("iris");
    for (run, said) in [(&first, "hers\n"), (&second, "his, offline\n"), (&third, "hers again\n")] {
        let log = carol.azml(&carols, &["history", "info", "-r", run, "-a", "driver_log.txt"]).ok();
        assert_eq!(log.stdout, said);
    }
    for repository in [&remote, &git::history_of(&hers), &git::history_of(&his), &git::history_of(&carols)] {
        git::assert_sound(&alice, repository);
    }
}

#[test]
fn a_run_whose_azml_was_killed_keeps_what_it_left() {
    let sandbox = Sandbox::new();
    let (remote, alice, project) = sandbox.project_with_remote();
    let url = remote.to_str().expect("UTF-8").to_owned();
    let lock = sandbox.path().join("script.lock");
    write(
        &project,
        "train.py",
        format!(
            "import fcntl, os, sys\nlock = open('{}', 'w')\nfcntl.flock(lock, fcntl.LOCK_EX)\n\
             os.makedirs('outputs')\nopen('outputs/half.txt', 'w').write('half')\n\
             print('READY', flush=True)\nsys.stdin.read()\n",
            lock.display()
        ),
    );
    let (mut azml, _run, output) = start(&alice, &project);
    assert!(output.lines().any(|line| line.expect("text") == "READY"), "the script started");
    // The script outlives azml until its input ends.
    let input = azml.stdin.take();
    azml.kill().and_then(|()| azml.wait()).expect("azml can be killed");
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["status"], "NotResponding");
    assert!(run["pid"].is_u64(), "{run}");
    drop(input);
    // The lock falls as the script ends; a moment later the system has forgotten it.
    let _ended = alice.sh(&project, &format!("flock {} true", lock.display())).ok();
    let mut looks = (0..100).map(|_| alice.azml_json(&project, &["history", "last"]));
    let run = looks.find(|run| run["attachments"].to_string().contains("outputs/half.txt"));
    let run = run.expect("what it left is collected");
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let id = run["run_id"].as_str().expect("an id");

    let _cloned = alice.azml(&sandbox.dir("there"), &["project", "clone", &url, "iris"]).ok();
    let there = sandbox.dir("there").join("iris");
    let half = alice.azml(&there, &["history", "info", "-r", id, "-a", "outputs/half.txt"]).ok();
    assert_eq!(half.stdout, "half");
}

#[test]
fn killed_between_any_two_steps_a_run_loses_nothing() {
    let sandbox = Sandbox::new();
    let (remote, alice, project) = sandbox.project_with_remote();
    let url = remote.to_str().expect("UTF-8").to_owned();
    write(
        &project,
        "train.py",
        "import os, sys\nos.makedirs('outputs')\nopen('outputs/step.txt', 'w').write(sys.argv[1])\n",
    );
    let mut runs = Vec::new();
    for (step, status) in [
        ("1", "NotResponding"),
        ("2", "NotResponding"),
        ("3", "NotResponding"),
        ("4", "Completed"),
        ("5", "Completed"),
    ] {
        let killed = alice.clone().with_env("AZML_FAULT", format!("submit:{step}"));
        let output = killed.azml(&project, &["experiment", "submit", "train.py", step]);
        assert_eq!(output.code, None, "it was killed: {output}");
        let run = alice.azml_json(&project, &["history", "last"]);
        assert_eq!(run["status"], status, "step {step}: {run}");
        runs.push((step, run["run_id"].as_str().expect("an id").to_owned()));
    }
    write(&project, "train.py", "print('goes on')\n");
    let _goes_on = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(alice.azml_json(&project, &["project", "show"])["owed"].to_string(), "[]");
    let _cloned = alice.azml(&sandbox.dir("there"), &["project", "clone", &url, "iris"]).ok();
    let there = sandbox.dir("there").join("iris");
    assert_eq!(alice.run_ids(&there), alice.run_ids(&project));
    for (step, run) in &runs {
        let left = alice.azml(&there, &["history", "info", "-r", run, "-a", "outputs/step.txt"]);
        // Killed before the script began, it had nothing to leave.
        if *step == "1" {
            let _nothing = left.exits(3);
        } else {
            assert_eq!(left.ok().stdout, *step);
        }
    }
    for repository in [&remote, &git::history_of(&project), &git::history_of(&there)] {
        git::assert_sound(&alice, repository);
    }
}

#[test]
fn the_log_of_a_run_in_progress_is_followed_to_its_end() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    // Each line waits for a word, so that the follower is there before the end.
    write(
        &project,
        "train.py",
        "import sys\nprint('one', flush=True)\nsys.stdin.readline()\nprint('two', flush=True)\nsys.stdin.readline()\n",
    );
    let (mut azml, run, output) = start(&alice, &project);
    let mut output = output.lines().map(|line| line.expect("text"));
    assert_eq!(output.find(|line| line == "one").as_deref(), Some("one"));

    let args = ["history", "info", "-r", &run, "-a", "driver_log.txt", "--follow"];
    let mut follower = alice.spawn_azml(&project, &args);
    let mut followed = BufReader::new(follower.stdout.take().expect("a pipe"));
    let mut line = String::new();
    followed.read_line(&mut line).expect("text");
    assert_eq!(line, "one\n", "what was there");
    let mut input = azml.stdin.take().expect("a pipe");
    say(&mut input, "go on");
    line.clear();
    followed.read_line(&mut line).expect("text");
    assert_eq!(line, "two\n", "what came since");
    say(&mut input, "end");
    let mut rest = String::new();
    followed.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "");
    assert!(follower.wait().expect("it ends with the run").success());
    assert_eq!(output.last().as_deref().map(|line| line.starts_with("Snapshot: ")), Some(true));
    assert!(azml.wait().expect("it ends").success());
    // Of a run that is over the log is printed, and that is all.
    let again = alice.azml(&project, &args).ok();
    assert_eq!(again.stdout, "one\ntwo\n");
}

/// Starts a run whose script reads from the test; the run's id, and what comes after that on standard output.
fn start(actor: &Actor<'_>, project: &Path) -> (Child, String, BufReader<ChildStdout>) {
    let mut azml = actor
        .command("azml", project)
        .args(["experiment", "submit", "train.py"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("azml starts");
    let mut output = BufReader::new(azml.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("text");
    let run = line.trim_end().strip_prefix("RunId: ").expect("the id first").to_owned();
    (azml, run, output)
}

fn say(input: &mut impl std::io::Write, word: &str) {
    writeln!(input, "{word}").and_then(|()| input.flush()).expect("the script reads");
}

#[test]
fn diagnostics_have_the_files_the_logs_and_no_secret() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (alice, project, run) = two_computers(&sandbox, &server.repo("iris"));
    let alice = alice.with_env("MY_API_KEY", "sesame-open");
    let wrote = alice.azml(&project, &["experiment", "diagnostics", "-r", &run]).ok();
    assert!(wrote.stdout.contains("diagnostics.zip"), "{wrote}");
    let listed = python_reads(&alice, &project, "diagnostics.zip");
    for name in
        ["run.json", "environment.json", "project/train.py", "run/driver_log.txt", "run/outputs/huge.bin"]
    {
        assert!(listed.lines().any(|line| line == name), "{name}: {listed}");
    }
    assert!(listed.contains("MY_API_KEY"), "names are told: {listed}");
    for secret in ["sesame-open", "alicepat"] {
        assert!(!listed.contains(secret), "{listed}");
    }
    let elsewhere =
        ["experiment", "diagnostics", "-r", &run, "-t", "local", "--output-file", "../elsewhere.zip"];
    let _wrote = alice.azml(&project, &elsewhere).ok();
    assert!(project.parent().expect("a parent").join("elsewhere.zip").exists());
    let _refused = alice.azml(&project, &["experiment", "diagnostics", "-r", &run, "-t", "docker"]).exits(2);
}

/// The names in a zip file and the text of all its files, as Python reads it.
fn python_reads(actor: &Actor<'_>, dir: &Path, name: &str) -> String {
    let script = format!(
        "import zipfile\nz = zipfile.ZipFile('{name}')\nassert z.testzip() is None\n\
         for n in z.namelist():\n    print(n)\n    print(z.read(n).decode('utf-8', 'replace'))\n"
    );
    write(dir, "read-zip.py", script);
    let read = actor.sh(dir, "python3 read-zip.py").ok();
    std::fs::remove_file(dir.join("read-zip.py")).expect("removed");
    read.stdout
}
