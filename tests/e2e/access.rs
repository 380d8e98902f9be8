//! Permissions, as azml and stock git report them.

use e2e::folder::write;
use e2e::{Actor, Sandbox, Server, git};

/// A project of alice's with one run, on the server.
fn alices_project(sandbox: &Sandbox, server: &Server) -> std::path::PathBuf {
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_linked_project(&sandbox.dir("alices"), "iris", &server.repo("iris"));
    write(&project, "train.py", "print('trained')\n");
    let _run = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    project
}

fn refs(actor: &Actor<'_>, dir: &std::path::Path, url: &str) -> String {
    actor.git(dir, &["ls-remote", url]).ok().stdout
}

#[test]
fn a_reader_reads_everything_and_pushes_nothing() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let project = alices_project(&sandbox, &server);
    let bob = sandbox.actor("bob", "bobpat");
    let url = server.repo("iris");
    let dir = sandbox.dir("bobs");
    let before = refs(&bob, &dir, &url);

    let _cloned = bob.azml(&dir, &["project", "clone", &url, "iris"]).ok();
    let his = dir.join("iris");
    assert_eq!(bob.run_ids(&his).len(), 1);
    // A run of his goes on; its record is his until somebody lets him push.
    write(&his, "train.py", "print('mine')\n");
    let run = bob.submit(&his, &["train.py"]);
    let output = bob.azml(&his, &["history", "sync"]).exits(4);
    assert!(output.stderr.contains("TF401027"), "the server's own words: {output}");
    assert!(bob.run_ids(&his).contains(&run));
    // Stock git gets the same verdict.
    let _committed = bob.sh(&his, "git add -A && git commit -qm mine").ok();
    let output = bob.git(&his, &["push", "origin", "master"]).fails();
    assert!(output.stderr.contains("TF401027"), "{output}");
    assert_eq!(refs(&bob, &dir, &url), before);
    assert_eq!(sandbox.actor("alice", "alicepat").run_ids(&project).len(), 1);
}

#[test]
fn an_outsider_sees_nothing_at_all() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let _project = alices_project(&sandbox, &server);
    let mallory = sandbox.actor("mallory", "mallorypat");
    let dir = sandbox.dir("mallorys");
    let hidden = server.repo("iris");
    let absent = format!("{}/acme/_git/nowhere", server.http());

    let words = |url: &str| {
        let output = mallory.git(&dir, &["ls-remote", url]).fails();
        output.stderr.replace("nowhere", "iris")
    };
    assert!(
        words(&hidden).contains("does not exist") || words(&hidden).contains("not found"),
        "{}",
        words(&hidden)
    );
    assert_eq!(words(&hidden), words(&absent), "hidden and absent have to look the same");

    let output = mallory.azml(&dir, &["project", "clone", &hidden, "iris"]).exits(3);
    assert!(output.stderr.contains("does not exist"), "{output}");
    assert!(!dir.join("iris").exists());
}

#[test]
fn a_missing_or_wrong_token_is_refused() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let _project = alices_project(&sandbox, &server);
    let url = server.repo("iris");
    let dir = sandbox.dir("other");
    for actor in [sandbox.stranger("nobody"), sandbox.actor("liar", "not-a-token")] {
        let _refused = actor.git(&dir, &["ls-remote", &url]).fails();
        let output = actor.azml(&dir, &["project", "clone", &url, "iris"]).exits(4);
        assert!(output.stderr.contains("hint: "), "what to do about it: {output}");
        assert!(!output.stderr.contains("not-a-token"), "the token is in the message: {output}");
        assert!(!dir.join("iris").exists());
    }
}

#[test]
fn a_token_is_in_no_log_and_in_no_file() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let project = alices_project(&sandbox, &server);
    let alice = sandbox.actor("alice", "alicepat").with_env("AZML_LOG", "trace");
    let with_secret = server.repo("iris").replace("http://", "http://alice:alicepat@");
    let _cloned =
        alice.azml(&sandbox.dir("again"), &["project", "clone", &with_secret, "iris", "--debug"]).ok();
    let output = alice.azml(&project, &["history", "sync", "--debug"]).ok();
    assert!(!output.stderr.contains("alicepat"), "{output}");
    let again = sandbox.path().join("again/iris");
    let show = alice.azml(&again, &["project", "show", "-o", "json"]).ok();
    assert!(!show.stdout.contains("alicepat"), "{show}");
    assert!(!server.log().contains("alicepat"), "{}", server.log());
    for folder in [&project, &again, &sandbox.path().join("home-alice")] {
        let found = alice.sh(folder, "grep -rl alicepat . || true").ok();
        assert_eq!(found.text(), "", "in {}", folder.display());
    }
    let _listed = git::history_of(&project);
}

#[test]
fn a_contributor_pushes_runs_of_her_own() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let project = alices_project(&sandbox, &server);
    let carol = sandbox.actor("carol", "carolpat");
    let _cloned =
        carol.azml(&sandbox.dir("carols"), &["project", "clone", &server.repo("iris"), "iris"]).ok();
    let hers = sandbox.path().join("carols/iris");
    write(&hers, "train.py", "print('hers')\n");
    let run = carol.submit(&hers, &["train.py"]);
    let _synced = carol.azml(&hers, &["history", "sync"]).ok();
    let alice = sandbox.actor("alice", "alicepat");
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert!(alice.run_ids(&project).contains(&run));
    // "All members can restore any of them."
    let _restored = alice.azml(&project, &["project", "restore", "--run-id", &run]).ok();
    assert_eq!(std::fs::read_to_string(project.join("train.py")).expect("restored"), "print('hers')\n");
}
