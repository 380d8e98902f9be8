//! Twelve computers that push at the same moment: all deliver.

use std::process::Child;

use e2e::folder::write;
use e2e::{Actor, Sandbox, git};
use serde_json::Value;

const COMPUTERS: usize = 12;

fn finish(child: Child, what: &str) -> String {
    let output = child.wait_with_output().expect("azml ends");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(output.status.success(), "{what}: {stdout}\n{stderr}");
    assert!(!stderr.contains("warning: "), "{what}: {stderr}");
    stdout
}

#[test]
fn twelve_computers_that_push_at_once_all_deliver() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let url = server.repo("iris");
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    write(&project, "train.py", "import sys\nprint('trained', sys.argv[1])\n");
    let first = alice.submit(&project, &["train.py", "first"]);

    let names: Vec<String> = (0..COMPUTERS).map(|n| format!("computer-{n}")).collect();
    let people: Vec<Actor<'_>> = names
        .iter()
        .map(|name| sandbox.actor_at(name, "carol", "carolpat").with_env("AZML_PUSH_WAIT", "170"))
        .collect();
    let clones: Vec<Child> = people
        .iter()
        .zip(&names)
        .map(|(who, name)| who.spawn_azml(&sandbox.dir(name), &["project", "clone", &url, "iris"]))
        .collect();
    for clone in clones {
        finish(clone, "clone");
    }
    // Each with a change of its own, so that snapshots and records have to be joined.
    let runs: Vec<Child> = people
        .iter()
        .zip(&names)
        .map(|(who, name)| {
            let folder = sandbox.path().join(name).join("iris");
            write(&folder, format!("{name}.txt"), name);
            who.spawn_azml(&folder, &["experiment", "submit", "-c", "local", "train.py", name])
        })
        .collect();
    let mut ids: Vec<String> = runs
        .into_iter()
        .map(|run| {
            let said = finish(run, "submit");
            said.lines().next().and_then(|line| line.strip_prefix("RunId: ")).expect("an id").to_owned()
        })
        .collect();

    // What the remote has is all there is: asked from a computer that took no part.
    let last = sandbox.actor_at("last", "alice", "alicepat");
    let _cloned = last.azml(&sandbox.dir("last"), &["project", "clone", &url, "iris"]).ok();
    let roamed = sandbox.path().join("last/iris");
    ids.push(first);
    ids.sort();
    let list = last.azml_json(&roamed, &["history", "list"]);
    let list = list.as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    // Of two that were submitted in one millisecond, one has an id of its own.
    let submitted_as = |run: &Value| match &run["properties"]["SubmittedAs"] {
        Value::Null => text(&run["run_id"]),
        other => text(other),
    };
    let mut there: Vec<String> = list.iter().map(submitted_as).collect();
    there.sort();
    assert_eq!(there, ids, "each record is there");
    let at_server = server.repositories().into_iter().find(|found| found.join("refs/azureml/runs").is_dir());
    let at_server = at_server.expect("runs were pushed");
    let branch = git::history_branch(&project);
    for id in list.iter().map(|run| text(&run["run_id"])) {
        let id = id.as_str();
        let commit = last.commit_of(&roamed, id);
        assert!(git::reaches(&alice, &at_server, &branch, &commit), "the snapshot of {id} is on the branch");
        let log = last.azml(&roamed, &["history", "info", "-r", id, "-a", "driver_log.txt"]).ok();
        assert!(log.stdout.starts_with("trained "), "{log}");
    }
    git::assert_sound(&alice, &at_server);
}
