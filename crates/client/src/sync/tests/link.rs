//! Linking: an empty repository, all or nothing, one winner.

use crate::sync::link::Linked;
use crate::sync::{Context, LinkMode, SyncError, link, list};
use crate::transport::Remote;

use super::computer::{Computer, bare, by, fsck, git, project_id, remote_at};

fn link_to(computer: &Computer, remote: &Remote, mode: LinkMode) -> Result<Linked, SyncError> {
    link(&computer.history, &computer.user(), remote, mode, Context::quiet(&by()))
}

fn state(computer: &Computer) -> (String, String, Option<String>) {
    let refs = git(computer.history.path(), &["for-each-ref"]);
    let url = computer.history.remote_url().unwrap().map(|url| url.to_string());
    (refs, git(&computer.root, &["config", "--list", "--local"]), url)
}

#[test]
fn an_empty_repository_gets_master_history_and_records() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    one.run("one", 1);
    let remote = remote_at(server.path());
    let linked = link_to(&one, &remote, LinkMode::Empty).unwrap();
    assert!(linked.created_master);
    let view = list(&remote).unwrap();
    assert_eq!(view.master, linked.master);
    assert_eq!(view.history(&project_id()), one.history.tip().unwrap());
    assert_eq!(view.runs.len(), 1);
    fsck(server.path());
    let url = server.path().to_str().unwrap();
    assert_eq!(one.history.remote_url().unwrap().unwrap().to_string(), url);
    assert_eq!(git(&one.root, &["remote", "get-url", "origin"]), url);
    assert_eq!(
        git(&one.root, &["status", "--porcelain", "--branch"]),
        "## master...origin/master\n?? one.txt"
    );
    assert!(!one.push(&remote).unwrap().sent, "nothing is owed");
    // A link whose answer was lost is found done when it is tried again.
    assert!(!link_to(&one, &remote, LinkMode::Empty).unwrap().created_master);
}

#[test]
fn a_repository_with_a_branch_is_refused_and_nothing_changes() {
    let (server, first, second) =
        (bare(), Computer::with_project(project_id()), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    second.run("two", 1);
    git(&first.root, &["push", "-q", server.path().to_str().unwrap(), "master:main"]);
    let before = state(&second);
    let error = link_to(&second, &remote, LinkMode::Empty).unwrap_err();
    assert!(matches!(&error, SyncError::NotEmpty { branches } if branches == &["main"]), "{error:?}");
    assert_eq!(state(&second), before);
}

#[test]
fn of_two_that_link_at_once_one_wins() {
    let server = bare();
    let ids = ["0a1b2c3d-0000-4000-8000-000000000001", "0a1b2c3d-0000-4000-8000-000000000002"];
    let computers = ids.map(|id| Computer::with_project(id.parse().unwrap()));
    let mut results = Vec::new();
    for (n, computer) in computers.iter().enumerate() {
        // Two masters that differ.
        std::fs::write(computer.root.join("who"), n.to_string()).unwrap();
        git(&computer.root, &["add", "who"]);
        git(&computer.root, &["commit", "-q", "-m", "who"]);
        computer.run("r", 1);
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = computers
            .iter()
            .map(|computer| (computer.root.clone(), *computer.history.id()))
            .map(|(root, id)| {
                let path = server.path();
                scope.spawn(move || {
                    let history = azml_core::history::HistoryRepo::open(&root, id).unwrap();
                    let user = azml_core::user_repo::UserRepo::open(&root).unwrap().unwrap();
                    link(&history, &user, &remote_at(path), LinkMode::Empty, Context::quiet(&by()))
                })
            })
            .collect();
        results.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
    });
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    let lost = results.iter().position(Result::is_err).unwrap();
    assert!(matches!(results[lost], Err(SyncError::NotEmpty { .. })), "{results:?}");
    assert_eq!(computers[lost].history.remote_url().unwrap(), None);
    assert_eq!(list(&remote_at(server.path())).unwrap().branches.len(), 2, "the winner's alone");
    fsck(server.path());
}

#[test]
fn a_clone_of_the_repository_may_be_linked_and_one_that_is_behind_may_not() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    one.run("one", 1);
    git(&one.root, &["push", "-q", server.path().to_str().unwrap(), "master"]);
    let linked = link_to(&one, &remote, LinkMode::EmptyOrClone).unwrap();
    assert!(!linked.created_master);
    assert_eq!(list(&remote).unwrap().histories.len(), 1);

    let two = Computer::with_project("0a1b2c3d-0000-4000-8000-000000000002".parse().unwrap());
    git(&two.root, &["commit", "-q", "--amend", "-m", "another beginning"]);
    let before = state(&two);
    assert!(matches!(link_to(&two, &remote, LinkMode::EmptyOrClone), Err(SyncError::Behind { .. })));
    assert_eq!(state(&two), before);
}
