//! Ignored files stay out of snapshots: a restore that brings back older ignore rules names what they would take in.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Sandbox};

/// A linked project with a run before `patients/` was ignored and one after; the runs, and the remote.
fn ignoring(sandbox: &Sandbox, alice: &Actor<'_>) -> (PathBuf, [String; 2], PathBuf) {
    let remote = sandbox.bare_repo("r.git");
    let url = remote.to_str().expect("a path in UTF-8");
    let project = alice.create_linked_project(&sandbox.dir("work"), "demo", url);
    write(&project, "s.py", "import os; print('here' if os.path.exists('patients/p.csv') else 'gone')\n");
    let first = alice.submit(&project, &["s.py"]);
    let rules = std::fs::read_to_string(project.join(".gitignore")).expect("a file") + "patients/\n";
    write(&project, ".gitignore", &rules);
    write(&project, "patients/p.csv", "name,illness\n");
    let second = alice.submit(&project, &["s.py"]);
    (project, [first, second], remote)
}

/// Everything that any commit of a repository has had.
fn ever(alice: &Actor<'_>, repo: &Path) -> String {
    let repo = repo.to_str().expect("a path in UTF-8");
    let args = ["--git-dir", repo, "log", "--all", "--name-only", "--format="];
    alice.git(Path::new("/"), &args).ok().stdout
}

#[test]
fn what_a_restore_would_take_in_is_named_and_stays_home_until_the_user_says_so() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let (project, [first, second], remote) = ignoring(&sandbox, &alice);

    let dry = alice.azml(&project, &["project", "restore", "-r", &first, "--dry-run", "-o", "json"]).ok();
    assert!(dry.stderr.contains("patients/"), "{dry}");
    let list: serde_json::Value = serde_json::from_str(&dry.stdout).expect("JSON");
    assert_eq!(list["held_back"], serde_json::json!(["patients/"]));
    let restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    assert!(restored.stderr.contains("held back") && restored.stderr.contains("patients/"), "{restored}");

    // Runs find it where it is, and say each time that it is not in the snapshot.
    let run = alice.azml(&project, &["experiment", "submit", "-c", "local", "s.py"]).ok();
    assert!(run.stdout.contains("here"), "{run}");
    assert!(run.stderr.contains("held back") && run.stderr.contains("patients/"), "{run}");
    assert!(!ever(&alice, &remote).contains("patients"), "an ignored folder was pushed");
    let show = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(show["held_back"], serde_json::json!(["/patients/"]));

    // Forward again its own rule holds, and nothing has to be said.
    let _restored = alice.azml(&project, &["project", "restore", "-r", &second]).ok();
    let run = alice.azml(&project, &["experiment", "submit", "-c", "local", "s.py"]).ok();
    assert!(!run.stderr.contains("held back"), "{run}");

    // Back, and the line that keeps it out for good; then the one that takes it in.
    let restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    let hint = |start: &str| {
        let line = restored.stderr.lines().find(|line| line.contains(start)).expect("a hint").to_owned();
        line.split_once(": printf").map(|(_, rest)| format!("printf{rest}")).expect("a command")
    };
    let (keep_out, take_in) = (hint("no run is to have it"), hint("runs are to have it"));
    let _said = alice.sh(&project, &keep_out).ok();
    let run = alice.azml(&project, &["experiment", "submit", "-c", "local", "s.py"]).ok();
    assert!(!run.stderr.contains("held back"), "{run}");
    assert!(!ever(&alice, &remote).contains("patients"));
    std::fs::remove_file(project.join(".amlignore")).expect("a file");
    let _restored = alice.azml(&project, &["project", "restore", "-r", &second]).ok();
    let _restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    let _said = alice.sh(&project, &take_in).ok();
    let run = alice.azml(&project, &["experiment", "submit", "-c", "local", "s.py"]).ok();
    assert!(!run.stderr.contains("held back"), "{run}");
    assert!(ever(&alice, &remote).contains("patients/p.csv"), "the user has said so");
}

#[test]
fn many_are_named_briefly_with_one_command_for_all() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_project(&sandbox.dir("work"), "demo");
    write(&project, "s.py", "print(1)\n");
    let first = alice.submit(&project, &["s.py"]);
    let rules = std::fs::read_to_string(project.join(".gitignore")).expect("a file") + "*.csv\n";
    write(&project, ".gitignore", &rules);
    for n in 0..40 {
        write(&project, format!("table {n}.csv"), "1\n");
    }
    let _second = alice.submit(&project, &["s.py"]);
    let restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    assert!(restored.stderr.contains("and 35 more"), "{restored}");
    let hint = restored.stderr.lines().find(|line| line.contains("runs are to have it")).expect("a hint");
    let command = hint.split_once("the remote: ").expect("a command").1;
    let _said = alice.sh(&project, command).ok();
    let run = alice.submit(&project, &["s.py"]);
    let commit = alice.commit_of(&project, &run);
    let history = project.join(".azuremlhistory_git");
    let args = ["--git-dir", history.to_str().expect("UTF-8"), "ls-tree", "-r", "--name-only", &commit];
    let files = alice.git(&project, &args).ok().stdout;
    assert_eq!(files.lines().filter(|file| file.starts_with("table ")).count(), 40, "{files}");
    let show = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(show["held_back"], serde_json::json!([]));
}
