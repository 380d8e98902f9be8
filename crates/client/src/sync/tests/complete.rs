//! A push delivers everything, whatever was there before.

use super::computer::{Computer, bare, fsck, git, is_in, project_id, remote_at};

fn refs() -> [String; 2] {
    [format!("refs/heads/AzureMLHistory/{}", project_id()), format!("refs/azureml/runs/{}", project_id())]
}

/// Deletes what no ref reaches.
fn sweep(server: &std::path::Path) {
    git(server, &["reflog", "expire", "--all", "--expire=now"]);
    git(server, &["gc", "-q", "--prune=now"]);
}

#[test]
fn a_state_that_returns_is_delivered() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    one.run_saying("rate", "0", 0);
    one.push(&remote).unwrap();
    let rates = ["1", "2", "1", "3", "2", "1"];
    let tips: Vec<_> =
        (1..).zip(rates).map(|(second, rate)| one.run_saying("rate", rate, second).1).collect();
    let trees: std::collections::HashSet<String> =
        tips.iter().map(|tip| git(one.history.path(), &["rev-parse", &format!("{tip}^{{tree}}")])).collect();
    assert_eq!(trees.len(), 3, "three states, each of them more than once");
    one.push(&remote).unwrap();
    fsck(server.path());
    assert_eq!(git(server.path(), &["rev-parse", &refs()[0]]), tips[5].to_string());
}

#[test]
fn a_remote_that_was_set_back_gets_again_what_it_lost() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    one.run("first", 1);
    one.push(&remote).unwrap();
    let before = refs().map(|name| git(server.path(), &["rev-parse", &name]));
    let (_, lost) = one.run("second", 2);
    one.push(&remote).unwrap();
    for (name, id) in refs().iter().zip(&before) {
        git(server.path(), &["update-ref", name, id]);
    }
    sweep(server.path());
    let (_, third) = one.run("third", 3);
    one.push(&remote).unwrap();
    fsck(server.path());
    assert!(is_in(server.path(), lost, &refs()[0]) && is_in(server.path(), third, &refs()[0]));
}
