//! Remotes that are down: the run goes on, and what is owed is delivered by the next sync.

use e2e::folder::write;
use e2e::{Sandbox, git};

#[test]
fn a_run_with_the_server_down_arrives_with_the_next_sync() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    let url = server.repo("iris");
    write(&project, "train.py", "print('trained')\n");
    let before = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();

    let down = server.go_down();
    write(&project, "train.py", "print('trained offline')\n");
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    assert!(output.stdout.contains("trained offline"), "{output}");
    let run = output.run_id();
    assert_eq!(alice.run_ids(&project), [run.clone(), before]);
    // What is owed is said, and a sync that can't deliver fails without harm.
    let unpushed =
        |project: &std::path::Path| alice.azml_json(project, &["project", "show"])["owed"].to_string();
    assert!(unpushed(&project).contains(&git::history_branch(&project)), "{}", unpushed(&project));
    let output = alice.azml(&project, &["history", "sync"]).fails();
    assert!(output.stderr.starts_with("error: "), "{output}");

    let server = down.come_back(&sandbox);
    assert_eq!(server.repo("iris"), url, "the same address");
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(unpushed(&project), "[]");
    let other = sandbox.actor_at("laptop", "alice", "alicepat");
    let there = sandbox.dir("laptop");
    let _cloned = other.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let roamed = there.join("iris");
    assert_eq!(other.run_ids(&roamed), alice.run_ids(&project));
    assert_eq!(
        std::fs::read_to_string(roamed.join("train.py")).expect("roamed"),
        "print('trained offline')\n"
    );
}

#[test]
fn the_next_command_that_talks_to_the_remote_delivers_what_is_unpushed() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_str().expect("UTF-8");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", url);
    write(&project, "train.py", "print('1')\n");

    let away = sandbox.path().join("away.git");
    std::fs::rename(&remote, &away).expect("unplugged");
    let offline = alice.submit(&project, &["train.py"]);
    std::fs::rename(&away, &remote).expect("plugged in");
    write(&project, "train.py", "print('2')\n");
    let online = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();

    let branch = git::history_branch(&project);
    for run in [&offline, &online] {
        assert!(git::reaches(&alice, &remote, &branch, &alice.commit_of(&project, run)), "{run}");
    }
    git::assert_sound(&alice, &remote);
}

#[test]
fn states_that_returned_while_the_remote_was_away_are_delivered() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let bare = sandbox.bare_repo("remote.git");
    let folder = bare.to_str().expect("UTF-8").to_owned();
    for (name, url) in [("hosted", server.repo("iris")), ("plain", folder)] {
        let project = alice.create_linked_project(&sandbox.dir(name), "iris", &url);
        write(&project, "rate", "0\n");
        write(&project, "train.py", "print(open('rate').read())\n");
        let _first = alice.submit(&project, &["train.py"]);
        let _synced = alice.azml(&project, &["history", "sync"]).ok();

        let history = git::history_of(&project);
        let unplug = |url: &str| alice.git(&history, &["config", "remote.origin.url", url]).ok();
        let _unplugged = unplug(sandbox.path().join("nowhere.git").to_str().expect("UTF-8"));
        let mut runs = Vec::new();
        for rate in ["1", "2", "1"] {
            write(&project, "rate", format!("{rate}\n"));
            runs.push(alice.submit(&project, &["train.py"]));
        }
        let _plugged_in = unplug(&url);
        let _synced = alice.azml(&project, &["history", "sync"]).ok();
        let there = sandbox.dir(&format!("{name}-laptop"));
        let other = sandbox.actor_at(&format!("{name}-laptop"), "alice", "alicepat");
        let _cloned = other.azml(&there, &["project", "clone", &url, "iris"]).ok();
        let roamed = there.join("iris");
        for (run, rate) in runs.iter().zip(["1", "2"]) {
            let _restored = other.azml(&roamed, &["project", "restore", "--run-id", run]).ok();
            let restored = std::fs::read_to_string(roamed.join("rate")).expect("restored");
            assert_eq!(restored, format!("{rate}\n"), "{name}: {run}");
        }
    }
    git::assert_sound(&alice, &bare);
    for repository in server.repositories() {
        git::assert_sound(&alice, &repository);
    }
}

#[test]
fn commands_that_need_no_remote_ask_none() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    write(&project, "train.py", "print('trained')\n");
    let run = alice.submit(&project, &["train.py"]);
    write(&project, "train.py", "print('edited')\n");
    let _down = server.go_down();
    for args in [
        &["history", "list"][..],
        &["history", "last"],
        &["history", "info", "--run", &run],
        &["project", "show"],
        &["project", "restore", "--run-id", &run],
        &["project", "restore", "--undo"],
    ] {
        let output = alice.azml(&project, args).ok();
        assert_eq!(output.stderr.matches("error").count(), 0, "{output}");
    }
}
