//! Sweeps that were ended before all had completed: by a signal, by `experiment cancel`, with azml itself; and resumed.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::{Value, json};

use super::{children, completed, info, read_to, sweep};

#[test]
fn ctrl_c_ends_all_members_and_records_it() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let place = sandbox.dir("pids");
    write(
        &project,
        "slow.py",
        format!(
            "import os, time\nopen('{}/' + str(os.getpid()), 'x')\nwhile True: time.sleep(.05)\n",
            place.display()
        ),
    );
    let words = ["sweep", "--param", "i=1..6", "--max-parallel", "2", "--", "python", "slow.py"];
    let mut azml = alice.spawn_azml(&project, &words);
    let (id, _out) = read_to(&mut azml, "2/6 i=2 Running");
    let wait = format!(
        "until [ $(ls {} | wc -l) = 2 ]; do sleep 0.05; done; kill -INT {}",
        place.display(),
        azml.id()
    );
    let _sent = alice.sh(&project, &wait).ok();
    assert_eq!(azml.wait().expect("azml ends").code(), Some(130));
    for entry in std::fs::read_dir(&place).expect("a folder").flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let _gone = alice.sh(&project, &format!("! kill -0 {pid}")).ok();
    }
    let states: Vec<Value> =
        children(&alice, &project, &id).iter().map(|run| run["status"].clone()).collect();
    assert_eq!(states, [json!("Canceled"), json!("Canceled")]);
    assert_eq!(info(&alice, &project, &id)["status"], "Canceled");
}

#[test]
fn a_killed_sweep_resumes_exactly_what_did_not_complete() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let place = sandbox.dir("flags");
    // The first two end at once, the others when they may.
    let line = format!("[ {{i}} -lt 3 ] || [ -e {}/go ] || exec sleep 600", place.display());
    for moment in ["RunId: ", "1/5 i=1 Running", "3/5 i=3 Running"] {
        let words = ["sweep", "--param", "i=1..5", "--max-parallel", "2", "--shell", &line];
        let mut azml = alice.spawn_azml(&project, &words);
        let (id, _out) = read_to(&mut azml, moment);
        azml.kill().and_then(|()| azml.wait()).expect("azml can be killed");
        let before = completed(&alice, &project, &id);
        assert!(before.len() < 5 && info(&alice, &project, &id)["status"] == "NotResponding");
        // The project has changed since: the snapshot is the sweep's.
        write(&project, "later.txt", moment);
        write(&place, "go", "");
        let resumed = sweep(&alice, &project, &["resume", &id]).ok();
        assert_eq!(completed(&alice, &project, &id), [1, 2, 3, 4, 5], "{moment}: {resumed}");
        for number in before {
            assert!(!resumed.stdout.contains(&format!("{number}/5 ")), "{number} had completed: {resumed}");
        }
        let parent = info(&alice, &project, &id);
        assert_eq!(parent["status"], "Completed");
        for run in children(&alice, &project, &id) {
            assert_eq!(run["properties"]["CommitId"], parent["properties"]["CommitId"]);
        }
        std::fs::remove_file(place.join("go")).expect("the flag is there");
    }
}

#[test]
fn a_sweep_is_resumed_with_what_no_record_has() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let place = sandbox.dir("done");
    // Each member notes that it ran, and by which secret; the third needs the flag.
    write(
        &project,
        "train.sh",
        format!("echo $1 $3 $KEY >> {0}/ran; [ $1 -lt 3 ] || [ -e {0}/go ]\n", place.display()),
    );
    let command = |secret: &'static str| ["--", "train.sh", "{i}", "--password", secret];
    let (right, wrong) = (command("hunter2hunter2"), ["--", "train.sh", "{i}", "--token", "hunter2hunter2"]);
    let words = ["--param", "i=1..4", "--max-parallel", "1", "--env", "KEY=k1"];
    let id = sweep(&alice, &project, &[&words[..], &right].concat()).exits(1).run_id();
    assert_eq!(completed(&alice, &project, &id), [1, 2]);
    let stored = alice.sh(&project, "grep -r hunter2hunter2 .azuremlhistory_git || true").ok();
    assert_eq!(stored.stdout, "");
    let resume = |more: &[&str]| sweep(&alice, &project, &[&["resume", &id], more].concat());
    let refused = resume(&[]).exits(2);
    assert!(refused.stderr.contains("--env KEY=VALUE"), "{refused}");
    let refused = resume(&["--env", "KEY=k2"]).exits(1);
    assert!(refused.stderr.contains(&format!("sweep resume {id} -- COMMAND")), "{refused}");
    assert!(refused.stderr.contains("train.sh '{i}' --password '***'"), "{refused}");
    for other in [&wrong[..], &["--shell", "true {i}"]] {
        let refused = resume(&[&["--env", "KEY=k2"], other].concat()).exits(2);
        assert!(refused.stderr.contains("is not that of sweep"), "{refused}");
    }
    assert_eq!(children(&alice, &project, &id).len(), 4, "nothing ran");
    write(&place, "go", "");
    let resumed = resume(&[&["--env", "KEY=k2", "--max-parallel", "1"], &right[..]].concat()).ok();
    assert!(!resumed.stdout.contains("1/4 ") && !resumed.stdout.contains("2/4 "), "{resumed}");
    assert_eq!(completed(&alice, &project, &id), [1, 2, 3, 4]);
    let ran = std::fs::read_to_string(place.join("ran")).expect("members ran");
    let with = |key: &str| (1..=4).map(|i| format!("{i} hunter2hunter2 {key}\n")).collect::<Vec<_>>();
    assert_eq!(ran, with("k1").concat() + &with("k2")[2..].concat());
    let stored = alice.sh(&project, "grep -r hunter2hunter2 .azuremlhistory_git || true").ok();
    assert_eq!(stored.stdout, "");
    // A secret among the parameters would be in the record.
    let refused =
        sweep(&alice, &project, &["--param", "password=hunter2hunter2,other2other2", "--", "true"]).exits(2);
    assert!(refused.stderr.contains("--env password=VALUE"), "{refused}");
}

/// A script that tells its process id, and goes on until the file `go` is there.
fn write_waiting(project: &Path, place: &Path) {
    let script = format!(
        "import os, sys, time\nopen(f'{0}/{{sys.argv[1]}}-{{os.getpid()}}', 'x')\n\
         while not os.path.exists('{0}/go'):\n    time.sleep(0.02)\n",
        place.display()
    );
    write(project, "waits.py", script);
}

/// Waits until so many scripts of [`write_waiting`] have begun; gives their process ids by the number of their member.
fn begun(alice: &Actor<'_>, project: &Path, place: &Path, count: usize) -> Vec<(u64, String)> {
    let line = format!("until [ $(ls {0} | wc -l) = {count} ]; do sleep 0.05; done; ls {0}", place.display());
    let names = alice.sh(project, &line).ok().stdout;
    let parts = names.lines().filter_map(|name| name.split_once('-'));
    parts.map(|(number, pid)| (number.parse().expect("a number"), pid.to_owned())).collect()
}

#[test]
fn one_member_is_canceled_and_the_others_go_on_or_all_are_with_their_parent() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let place = sandbox.dir("pids");
    write_waiting(&project, &place);
    let words = ["sweep", "--param", "i=1..4", "--max-parallel", "3", "--", "python", "waits.py", "{i}"];
    let mut azml = alice.spawn_azml(&project, &words);
    let (id, _out) = read_to(&mut azml, "RunId: ");
    let pids = begun(&alice, &project, &place, 3);
    let second = children(&alice, &project, &id).into_iter().find(|run| run["sweep_member"] == 2);
    let second = second.expect("it is recorded")["run_id"].as_str().expect("text").to_owned();
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &second]).ok();
    let _canceled = alice.azml(&project, &["experiment", "wait", &second]).exits(130);
    // The next takes its place, and the others are where they were.
    let all = begun(&alice, &project, &place, 4);
    for (number, pid) in &pids {
        let alive = alice.sh(&project, &format!("kill -0 {pid}")).code == Some(0);
        assert_eq!(alive, *number != 2, "{number} of {all:?}");
    }
    write(&place, "go", "");
    assert_eq!(azml.wait().expect("azml ends").code(), Some(1));
    assert_eq!(info(&alice, &project, &second)["status"], "Canceled");
    assert_eq!(completed(&alice, &project, &id), [1, 3, 4]);
    // The canceled one has not completed.
    let _resumed = sweep(&alice, &project, &["resume", &id]).ok();
    assert_eq!(completed(&alice, &project, &id), [1, 2, 3, 4]);

    let place = sandbox.dir("others");
    write_waiting(&project, &place);
    let mut azml = alice.spawn_azml(&project, &words);
    let (id, _out) = read_to(&mut azml, "RunId: ");
    let pids = begun(&alice, &project, &place, 3);
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &id]).ok();
    assert_eq!(azml.wait().expect("azml ends").code(), Some(130));
    for (_, pid) in pids {
        let _gone = alice.sh(&project, &format!("! kill -0 {pid}")).ok();
    }
    let states: Vec<Value> =
        children(&alice, &project, &id).iter().map(|run| run["status"].clone()).collect();
    assert_eq!(states, [json!("Canceled"), json!("Canceled"), json!("Canceled")]);
    assert_eq!(info(&alice, &project, &id)["status"], "Canceled");
    let again = alice.azml(&project, &["experiment", "cancel", "-r", &id]).exits(1);
    assert!(again.stderr.contains("it is Canceled"), "{again}");
}

#[test]
fn what_was_started_just_before_azml_died_is_found() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let place = sandbox.dir("pids");
    write_waiting(&project, &place);
    let command = ["--", "python", "waits.py", "{i}"];
    let dies = alice.clone().with_env("AZML_FAULT", "submit:6");
    let died =
        sweep(&dies, &project, &[&["--param", "i=1..2", "--max-parallel", "1"], &command[..]].concat());
    let (id, pids) = (died.run_id(), begun(&alice, &project, &place, 1));
    let kept =
        alice.sh(&project, "cat ~/.local/state/azml/projects/*/runs/*/record.json | grep '\"pid\"' || true");
    assert_eq!(kept.ok().stdout, "", "azml died before it could record the script");
    assert_eq!(alice.azml_json(&project, &["history", "info", "-r", &id])["status"], "NotResponding");
    let orphan = &children(&alice, &project, &id)[0];
    assert_eq!(orphan["pid"].to_string(), pids[0].1, "{orphan}");
    write(&place, "go", "");
    std::fs::remove_file(place.join("go")).expect("it was there");
    let mut resumed = alice.spawn_azml(&project, &["sweep", "resume", &id]);
    let again = begun(&alice, &project, &place, 3);
    // Its parent is gone, so that it may be a zombie for a moment.
    let ended =
        format!("while grep -q '^State:.[^ZX]' /proc/{}/status 2>/dev/null; do sleep 0.05; done", pids[0].1);
    let _ended = alice.sh(&project, &ended).ok();
    assert_eq!(again.iter().filter(|(number, _)| *number == 1).count(), 2, "{again:?}");
    write(&place, "go", "");
    assert_eq!(resumed.wait().expect("azml ends").code(), Some(0));
    assert_eq!(completed(&alice, &project, &id), [1, 2]);
    // A run by itself is ended by hand.
    let place = sandbox.dir("alone");
    write_waiting(&project, &place);
    let _died = dies.azml(&project, &["run", "--", "python", "waits.py", "1"]);
    let pids = begun(&alice, &project, &place, 1);
    let run = alice.azml_json(&project, &["history", "last"])["run_id"].as_str().expect("text").to_owned();
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &run]).ok();
    let _gone = alice.sh(&project, &format!("while kill -0 {}; do sleep 0.05; done", pids[0].1)).ok();
}
