//! Two computers that submit at once: all runs on both, nothing forced, every commit that a run named reachable.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox, git};

const ROUNDS: usize = 4;

/// Both submit at the same moment, several times, with different content; then both sync, and all is everywhere.
fn submit_at_once(first: (&Actor<'_>, &Path), second: (&Actor<'_>, &Path), remote: &Path) {
    let submit = ["experiment", "submit", "-c", "local", "train.py"];
    let mut runs = Vec::new();
    for round in 0..ROUNDS {
        let children = [first, second].map(|(actor, project)| {
            write(project, "data.txt", format!("round {round} of {}\n", project.display()));
            actor.spawn_azml(project, &submit)
        });
        for child in children {
            let output = child.wait_with_output().expect("azml ends");
            let output = e2e::Output::new("azml experiment submit".to_owned(), &output).ok();
            runs.push(output.run_id());
        }
    }
    // Twice: the first may deliver what the second has to fetch.
    for (actor, project) in [first, second, first, second] {
        let _synced = actor.azml(project, &["history", "sync"]).ok();
    }

    let (mut here, mut there) = (first.0.run_ids(first.1), second.0.run_ids(second.1));
    here.sort();
    there.sort();
    runs.sort();
    assert_eq!(here, there, "the computers list different runs");
    // Two that began in one millisecond were told one id: the one keeps it, the other has one of its own by now.
    let list = first.0.azml_json(first.1, &["history", "list"]);
    let listed = list.as_array().expect("a list");
    let mut submitted: Vec<&str> = listed
        .iter()
        .map(|run| run["properties"]["SubmittedAs"].as_str().or(run["run_id"].as_str()).expect("an id"))
        .collect();
    submitted.sort_unstable();
    assert_eq!(submitted, runs, "a run was lost");
    let runs = here;
    let branch = git::history_branch(first.1);
    for run in &runs {
        let commit = first.0.commit_of(first.1, run);
        assert_eq!(second.0.commit_of(second.1, run), commit, "{run}");
        assert!(
            git::reaches(first.0, remote, &branch, &commit),
            "{commit} of {run} is not on the remote's branch"
        );
    }
    // What each run's snapshot holds is what its computer had.
    let history = git::history_of(first.1);
    for (_, project) in [first, second] {
        let name = project.display().to_string();
        let found = runs.iter().filter(|run| {
            let commit = first.0.commit_of(first.1, run);
            let blob = first.0.git(remote, &["cat-file", "blob", &format!("{commit}:data.txt")]).ok();
            blob.stdout.ends_with(&format!("of {name}\n"))
        });
        assert_eq!(found.count(), ROUNDS, "snapshots of {name}");
    }
    for repository in [remote, &history, &git::history_of(second.1)] {
        git::assert_sound(first.0, repository);
    }
}

#[test]
fn over_http_with_rewriting_denied() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    // carol may not force: were a push of hers forced, it would be refused and her runs would stay away.
    let carol = sandbox.actor("carol", "carolpat");
    let url = server.repo("extra");
    let hers = alice.create_linked_project(&sandbox.dir("alices"), "iris", &url);
    write(&hers, "train.py", "print('trained')\n");
    let _run = alice.azml(&hers, &["project", "snapshot"]).ok();
    let _synced = alice.azml(&hers, &["history", "sync"]).ok();
    let _cloned = carol.azml(&sandbox.dir("carols"), &["project", "clone", &url, "iris"]).ok();
    let others = sandbox.path().join("carols/iris");
    write(&others, "train.py", "print('trained')\n");

    let branch = format!("refs/heads/{}", git::history_branch(&hers));
    let holds =
        |repository: &Path| alice.git(repository, &["rev-parse", "--verify", "-q", &branch]).code == Some(0);
    let remote =
        server.repositories().into_iter().find(|repository| holds(repository)).expect("the repo is on disk");
    submit_at_once((&alice, &hers), (&carol, &others), &remote);
}

#[test]
fn through_stock_gits_receive_pack_that_refuses_force() {
    let sandbox = Sandbox::new();
    let ssh = sandbox.script("fake-ssh", "for last; do :; done; exec sh -c \"$last\"\n");
    let alice = sandbox.stranger("alice").with_env("GIT_SSH_COMMAND", &ssh);
    let other = sandbox.stranger("bob").with_env("GIT_SSH_COMMAND", &ssh);
    let remote = sandbox.bare_repo("remote.git");
    for (key, value) in [
        ("receive.denyNonFastForwards", "true"),
        ("receive.denyDeletes", "true"),
        ("receive.fsckObjects", "true"),
        ("core.logAllRefUpdates", "always"),
    ] {
        let _set = alice.git(&remote, &["config", key, value]).ok();
    }
    let url = format!("ssh://box{}", remote.display());
    let hers = alice.create_linked_project(&sandbox.dir("alices"), "iris", &url);
    let _cloned = other.azml(&sandbox.dir("bobs"), &["project", "clone", &url, "iris"]).ok();
    let others = sandbox.path().join("bobs/iris");
    for project in [&hers, &others] {
        write(project, "train.py", "print('trained')\n");
    }
    submit_at_once((&alice, &hers), (&other, &others), &remote);

    // Every step of the branch and of the runs was a fast-forward.
    let refs = alice.git(&remote, &["for-each-ref", "--format=%(refname)"]).ok().stdout;
    for name in refs.lines() {
        let log = alice.git(&remote, &["reflog", "show", "--format=%H", name]).ok().stdout;
        let steps: Vec<&str> = log.lines().collect();
        for pair in steps.windows(2) {
            assert!(git::reaches(&alice, &remote, pair[0], pair[1]), "{name} was rewritten: {log}");
        }
    }
}

#[test]
fn two_runs_of_one_project_on_one_computer_at_once() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('trained')\n");
    let mut runs = Vec::new();
    for round in 0..3 {
        write(&project, "data.txt", format!("{round}\n"));
        let submit = ["experiment", "submit", "-c", "local", "train.py"];
        let children = [(); 3].map(|()| alice.spawn_azml(&project, &submit));
        for child in children {
            let output = child.wait_with_output().expect("azml ends");
            runs.push(e2e::Output::new("azml experiment submit".to_owned(), &output).ok().run_id());
        }
    }
    let mut listed = alice.run_ids(&project);
    listed.sort();
    runs.sort();
    assert_eq!(listed, runs);
    let distinct: std::collections::BTreeSet<&String> = runs.iter().collect();
    assert_eq!(distinct.len(), runs.len(), "two runs have one id");
    let numbers = alice.azml_json(&project, &["history", "list", "--query", "[].run_number"]);
    let mut numbers: Vec<u64> =
        numbers.as_array().expect("a list").iter().filter_map(serde_json::Value::as_u64).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
    git::assert_sound(&alice, &git::history_of(&project));
}
