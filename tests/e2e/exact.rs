//! Snapshots hold the exact folder, as stock git gives it back.

use std::os::unix::fs::symlink;
use std::path::Path;

use e2e::folder::{set_executable, write};
use e2e::{Actor, Sandbox, contents, git};

/// Gives the run's folder as stock git has it, cloned from the project's hidden repository.
fn clone_of(sandbox: &Sandbox, actor: &Actor<'_>, project: &Path, run: &str) -> e2e::Contents {
    let history = git::history_of(project);
    let target = sandbox.path().join(format!("clone-{run}"));
    let (from, to) = (history.to_str().expect("UTF-8"), target.to_str().expect("UTF-8"));
    let _cloned = actor.git(sandbox.path(), &["clone", "-q", "-n", from, to]).ok();
    let _at = actor.git(&target, &["checkout", "-q", &actor.commit_of(project, run)]).ok();
    contents(&target)
}

#[test]
fn every_kind_of_file_comes_back_byte_for_byte() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "odd");
    write(&project, "train.py", "print('trained')\n");
    write(&project, "run me.sh", "#!/bin/sh\necho hi\n");
    set_executable(&project.join("run me.sh"), true);
    write(&project, "windows.txt", "one\r\ntwo\r\n");
    write(&project, "mixed.txt", "one\r\ntwo\nthree");
    write(&project, "empty", "");
    write(&project, "binary.bin", (0..=255).cycle().take(70_000).collect::<Vec<u8>>());
    write(&project, "Übersicht/日本語 ☃.txt", "non-ASCII\n");
    write(&project, "tab\tand \"quotes\"", "odd name\n");
    write(&project, "deep/er/and/deeper/file", "deep\n");
    write(&project, ".gitattributes", "*.txt text eol=lf\n*.bin filter=lfs\n");
    symlink("windows.txt", project.join("link")).expect("a link");
    symlink("../outside the project", project.join("deep/dangling")).expect("a link");
    symlink("Übersicht", project.join("link to a folder")).expect("a link");
    // A repository inside: its files, not its `.git`.
    let nested = project.join("vendored");
    write(&nested, "code.py", "pass\n");
    let _made = alice.git(&nested, &["init", "-q"]).ok();

    let run = alice.submit(&project, &["train.py"]);
    // No filter and no line-ending conversion was applied on the way in; stock git must not apply any going out.
    let folder = contents(&project);
    let history = git::history_of(&project);
    let commit = alice.commit_of(&project, &run);
    for (name, want) in [("windows.txt", &b"one\r\ntwo\r\n"[..]), ("mixed.txt", b"one\r\ntwo\nthree")] {
        let blob = alice.git(&history, &["cat-file", "blob", &format!("{commit}:{name}")]).ok();
        assert_eq!(blob.stdout.as_bytes(), want, "{name}");
    }
    let tree = alice.git(&history, &["ls-tree", "-r", "-z", "--name-only", &commit]).ok().stdout;
    let mut names: Vec<&str> = tree.split('\0').filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    let mut wanted = folder.names();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
    git::assert_sound(&alice, &history);
}

#[test]
fn a_clone_of_the_history_branch_is_the_folder_of_each_run() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "odd");
    let mut runs = Vec::new();
    write(&project, "train.py", "print('trained')\n");
    write(&project, "a folder/with spaces.txt", "one\r\n");
    runs.push((alice.submit(&project, &["train.py"]), contents(&project)));
    set_executable(&project.join("train.py"), true);
    runs.push((alice.submit(&project, &["train.py"]), contents(&project)));
    std::fs::remove_file(project.join("a folder/with spaces.txt")).expect("removed");
    symlink("train.py", project.join("a folder/with spaces.txt")).expect("a link");
    runs.push((alice.submit(&project, &["train.py"]), contents(&project)));
    std::fs::remove_dir_all(project.join("a folder")).expect("removed");
    write(&project, "a folder", "now a file\n");
    runs.push((alice.submit(&project, &["train.py"]), contents(&project)));
    std::fs::remove_file(project.join("a folder")).expect("removed");
    write(&project, "ünïcode/ß", "ß\n");
    runs.push((alice.submit(&project, &["train.py"]), contents(&project)));

    for (run, folder) in &runs {
        clone_of(&sandbox, &alice, &project, run).assert_same(folder, run);
    }
    // First parent = the previous snapshot: a straight line, one commit per change.
    let branch = git::history_branch(&project);
    let history = git::history_of(&project);
    let line = alice.git(&history, &["rev-list", "--first-parent", "--reverse", &branch]).ok().stdout;
    let commits: Vec<String> = runs.iter().map(|(run, _)| alice.commit_of(&project, run)).collect();
    assert!(line.trim_end().ends_with(&commits.join("\n")), "{line}\n{commits:?}");
}

#[test]
fn a_run_without_changes_makes_no_commit() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "same");
    write(&project, "train.py", "print('trained')\n");
    let first = alice.submit(&project, &["train.py"]);
    let history = git::history_of(&project);
    let branch = git::history_branch(&project);
    let count = git::count_commits(&alice, &history, &branch);

    let second = alice.submit(&project, &["train.py"]);
    // Touched but the same: still no change.
    let _touched = alice.sh(&project, "touch train.py").ok();
    let third = alice.submit(&project, &["train.py"]);

    assert_eq!(git::count_commits(&alice, &history, &branch), count);
    let commit = alice.commit_of(&project, &first);
    assert_eq!(alice.commit_of(&project, &second), commit);
    assert_eq!(alice.commit_of(&project, &third), commit);
    assert_eq!(alice.run_ids(&project), [third, second, first]);
}

#[test]
fn a_change_within_the_clocks_grain_is_seen() {
    // Same size, written right after the snapshot: a stat index that trusts equal times would miss it.
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "racy");
    write(&project, "train.py", "print('0')\n");
    for turn in 1..6 {
        let _same_time = alice
            .sh(&project, &format!("printf \"print('{turn}')\\n\" > train.py; touch -d @1500000000 train.py"))
            .ok();
        let run = alice.submit(&project, &["train.py"]);
        let commit = alice.commit_of(&project, &run);
        let blob =
            alice.git(&git::history_of(&project), &["cat-file", "blob", &format!("{commit}:train.py")]).ok();
        assert_eq!(blob.stdout, format!("print('{turn}')\n"));
    }
}

#[test]
fn ignored_files_and_secrets_stay_out_and_secrets_are_named() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "secrets");
    write(&project, "train.py", "print('trained')\n");
    write(&project, "data/big.csv", "1,2,3\n");
    write(&project, "cache/x.tmp", "x\n");
    write(&project, "keep.log", "kept\n");
    write(&project, "drop.log", "dropped\n");
    write(&project, "tracked.log", "tracked\n");
    write(&project, ".env", "PASSWORD=hunter2\n");
    write(
        &project,
        "id_rsa",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    );
    write(&project, ".netrc", "machine example.com login a password b\n");
    let ignored = std::fs::read_to_string(project.join(".gitignore")).expect("a project has a .gitignore");
    write(&project, ".gitignore", format!("{}\n/data/\n*.log\n", ignored.trim_end()));
    write(&project, ".amlignore", "cache/\n!keep.log\n");
    // What the user's own Git tracks is in, whatever the rules say.
    let _tracked = alice.git(&project, &["add", "-f", "tracked.log"]).ok();

    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    let commit = alice.commit_of(&project, &output.run_id());
    let tree = alice.git(&git::history_of(&project), &["ls-tree", "-r", "--name-only", &commit]).ok().stdout;
    let names: Vec<&str> = tree.lines().collect();
    for name in ["train.py", "keep.log", "tracked.log", ".gitignore", ".amlignore", ".azureml/project.json"] {
        assert!(names.contains(&name), "{name} is missing: {names:?}");
    }
    for name in ["data/big.csv", "cache/x.tmp", "drop.log", ".env", "id_rsa", ".netrc"] {
        assert!(!names.contains(&name), "{name} got in: {names:?}");
    }
    for secret in [".env", "id_rsa", ".netrc"] {
        assert!(output.stderr.contains(secret), "{secret} is not named: {output}");
    }

    // `.amlignore` takes one back.
    write(&project, ".amlignore", "cache/\n!keep.log\n!.env\n");
    let commit = alice.commit_of(&project, &alice.submit(&project, &["train.py"]));
    assert!(git::has_object(&alice, &git::history_of(&project), &format!("{commit}:.env")));
}

#[test]
fn too_much_at_once_stops_before_anything_is_written() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "large");
    write(&project, "train.py", "print('trained')\n");
    let large = std::fs::File::create(project.join("weights.bin")).expect("a file");
    large.set_len(11_000_000_000).expect("a sparse file");
    let before = e2e::folder::everything(&project);

    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).fails();
    assert!(output.stderr.contains("weights.bin") && output.stderr.contains("--allow-large"), "{output}");
    assert!(output.stderr.contains(".amlignore"), "{output}");
    let objects = |contents: &e2e::Contents| {
        contents.names().into_iter().filter(|name| name.contains("/objects/")).collect::<Vec<_>>()
    };
    assert_eq!(objects(&before), objects(&e2e::folder::everything(&project)), "something was written");

    write(&project, ".amlignore", "weights.bin\n");
    let _run = alice.submit(&project, &["train.py"]);
}
