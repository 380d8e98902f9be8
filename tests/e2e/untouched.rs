//! The user's own repository, before and after every command: HEAD, index bytes, branches, stash, status.

use std::path::Path;

use e2e::folder::write;
use e2e::git::UserState;
use e2e::{Actor, Sandbox};

/// Gives the project a rich state: commits, a branch, a stash, staged, changed and untracked files.
fn make_rich(alice: &Actor<'_>, project: &Path) {
    write(project, "train.py", "print('trained')\n");
    write(project, "a.txt", "a\n");
    write(project, "b.txt", "b\n");
    let _done = alice
        .sh(
            project,
            "git add . && git commit -qm work && git tag v1 && git checkout -qb topic && \
             echo stashed > a.txt && git stash -q && \
             echo staged > a.txt && git add a.txt && echo changed > b.txt && echo new > c.txt && \
             echo half > half.txt && git add -N half.txt",
        )
        .ok();
}

#[test]
fn no_command_touches_the_users_repository() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    let url = server.repo("iris");
    make_rich(&alice, &project);
    let before = UserState::of(&alice, &project);

    let first = alice.submit(&project, &["train.py"]);
    before.assert_same(&UserState::of(&alice, &project), "experiment submit");
    let second = alice.submit(&project, &["train.py"]);
    let commands: &[&[&str]] = &[
        &["history", "list"],
        &["history", "list", "-o", "table"],
        &["history", "last"],
        &["history", "info", "--run", &first],
        &["history", "sync"],
        &["project", "show"],
        &["project", "restore", "--run-id", &second, "--dry-run"],
        &["completion", "bash"],
    ];
    for args in commands {
        let _done = alice.azml(&project, args).ok();
        before.assert_same(&UserState::of(&alice, &project), &args.join(" "));
    }
    // Commands that fail leave it alone too.
    let failing: &[&[&str]] = &[
        &["project", "update", "-r", &url],
        &["project", "restore", "--run-id", "iris_1"],
        &["history", "info", "--run", "nonsense"],
        &["experiment", "submit", "-c", "nowhere", "train.py"],
    ];
    for args in failing {
        let _failed = alice.azml(&project, args).fails();
        before.assert_same(&UserState::of(&alice, &project), &args.join(" "));
    }

    // Restore changes files, and nothing else; undone, the status is the same again.
    write(&project, "b.txt", "changed again\n");
    let changed = UserState::of(&alice, &project);
    let _restored = alice.azml(&project, &["project", "restore", "--run-id", &first]).ok();
    changed
        .clone()
        .without_status()
        .assert_same(&UserState::of(&alice, &project).without_status(), "restore");
    let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    changed.assert_same(&UserState::of(&alice, &project), "restore --undo");
}

#[test]
fn the_snapshot_knows_where_the_user_was() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    make_rich(&alice, &project);
    let run = alice.submit(&project, &["train.py"]);
    let commit = alice.commit_of(&project, &run);
    let head = alice.git(&project, &["rev-parse", "HEAD"]).ok();

    let history = e2e::git::history_of(&project);
    let trailers =
        alice.git(&history, &["log", "-1", "--format=%(trailers:only,unfold)%an <%ae>", &commit]).ok().stdout;
    for line in [
        &format!("Run-Id: {run}"),
        "Script: train.py",
        "Target: local",
        &format!("Base-Commit: {}", head.text()),
        "Base-Branch: topic",
        "alice <alice@example.com>",
    ] {
        assert!(trailers.lines().any(|found| found == line), "`{line}` is not in\n{trailers}");
    }
    // The staged, the changed and the new file are in it as they are in the folder.
    for (name, text) in
        [("a.txt", "staged\n"), ("b.txt", "changed\n"), ("c.txt", "new\n"), ("half.txt", "half\n")]
    {
        let blob = alice.git(&history, &["cat-file", "blob", &format!("{commit}:{name}")]).ok();
        assert_eq!(blob.stdout, text, "{name}");
    }
}

#[test]
fn a_home_folder_and_the_root_are_no_projects() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let _refused = alice.azml(alice.home(), &["project", "create", "--existing"]).fails();
    assert!(!alice.home().join(".azureml").exists());
    assert!(!alice.home().join(".git").exists());
}
