//! Two computers and one remote.

use crate::sync::{CloneOptions, Context, SyncError, clone, fetch_snapshot, list, pull};

use super::computer::{Computer, bare, by, fsck, git, is_in, project_id, remote_at};

fn history_ref() -> String {
    format!("refs/heads/AzureMLHistory/{}", project_id())
}

#[test]
fn what_is_unpushed_is_delivered_once() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    assert!(!one.push(&remote).unwrap().sent, "nothing to push yet");
    let (_, first) = one.run("first", 1);
    assert_eq!(one.history.unpushed().unwrap().len(), 2);
    let delivered = one.push(&remote).unwrap();
    assert!(delivered.sent && delivered.joins == 0);
    assert_eq!(delivered.history, Some(first));
    assert!(one.history.unpushed().unwrap().is_empty());
    assert_eq!(git(server.path(), &["rev-parse", &history_ref()]), first.to_string());
    fsck(server.path());

    let again = one.push(&remote).unwrap();
    assert!(!again.sent && again.history == Some(first));

    let (_, second) = one.run("second", 2);
    let small = one.push(&remote).unwrap();
    assert!(small.objects <= 12, "only what is new travels: {small:?}");
    assert!(is_in(server.path(), first, &second.to_string()));
    fsck(server.path());
}

#[test]
fn two_computers_that_push_at_once_lose_nothing() {
    let server = bare();
    let computers = [Computer::with_project(project_id()), Computer::with_project(project_id())];
    let mut named = Vec::new();
    for round in 0..3 {
        for (n, computer) in computers.iter().enumerate() {
            named.push(computer.run(&format!("c{n}"), 10 * round + i64::try_from(n).unwrap()));
        }
        let roots: Vec<_> = computers.iter().map(|computer| computer.root.clone()).collect();
        std::thread::scope(|scope| {
            for root in &roots {
                scope.spawn(|| {
                    let history = azml_core::history::HistoryRepo::open(root, project_id()).unwrap();
                    let remote = remote_at(server.path());
                    crate::sync::push_history(&history, &remote, Context::quiet(&by())).unwrap();
                });
            }
        });
    }
    for (run, commit) in &named {
        assert!(
            is_in(server.path(), *commit, &history_ref()),
            "the commit of {run} is reachable at the remote"
        );
    }
    let mut expected: Vec<_> = named.iter().map(|(run, _)| run.to_string()).collect();
    expected.sort();
    for computer in &computers {
        let remote = remote_at(server.path());
        pull(&computer.history, &remote, Context::quiet(&by())).unwrap();
        computer.push(&remote).unwrap();
        pull(&computer.history, &remote, Context::quiet(&by())).unwrap();
        assert_eq!(computer.run_ids(), expected);
        fsck(computer.history.path());
    }
    fsck(server.path());
}

#[test]
fn a_pull_brings_records_and_snapshots_and_pushes_nothing() {
    let server = bare();
    let (one, two) = (Computer::with_project(project_id()), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    let (run, commit) = one.run("one", 1);
    one.push(&remote).unwrap();
    let pulled = pull(&two.history, &remote, Context::quiet(&by())).unwrap();
    assert!(pulled.new_runs && pulled.new_snapshots);
    assert_eq!(two.history.tip().unwrap(), Some(commit));
    assert_eq!(two.run_ids(), [run.to_string()]);
    assert!(two.history.unpushed().unwrap().is_empty());

    two.run("two", 2);
    one.run("one", 3);
    one.push(&remote).unwrap();
    let before = git(server.path(), &["for-each-ref"]);
    let ours = two.history.tip().unwrap();
    let pulled = pull(&two.history, &remote, Context::quiet(&by())).unwrap();
    assert!(pulled.new_runs && !pulled.new_snapshots, "snapshots of both sides wait for the push");
    assert_eq!(two.history.tip().unwrap(), ours);
    assert_eq!(two.run_ids().len(), 3);
    assert_eq!(git(server.path(), &["for-each-ref"]), before);
    let delivered = two.push(&remote).unwrap();
    assert_eq!(delivered.joins, 1);
    assert!(is_in(server.path(), ours.unwrap(), &history_ref()));
    fsck(server.path());
}

#[test]
fn a_refused_push_is_told_in_the_servers_words_and_stays_unpushed() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    one.run("one", 1);
    // A file stands where the ref's folder would be.
    git(
        server.path(),
        &[
            "update-ref",
            "refs/azureml/runs",
            &git(server.path(), &["hash-object", "-w", "-t", "blob", "/dev/null"]),
        ],
    );
    let error = one.push(&remote_at(server.path())).unwrap_err();
    assert!(matches!(&error, SyncError::Rejected { .. } | SyncError::Busy { .. }), "{error:?}");
    assert_eq!(one.history.unpushed().unwrap().len(), 2);
}

#[test]
fn a_home_folder_with_nothing_but_the_url_roams_the_project() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    crate::sync::link(
        &one.history,
        &one.user(),
        &remote,
        crate::sync::LinkMode::Empty,
        Context::quiet(&by()),
    )
    .unwrap();
    let (_, first) = one.run("first", 1);
    one.run("second", 2);
    let (_, third) = one.run("third", 3);
    one.push(&remote).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("deep/iris");
    let cloned = clone(&remote, &root, &CloneOptions::default(), Context::quiet(&by())).unwrap();
    assert_eq!((cloned.id, cloned.history), (project_id(), third));
    let two = Computer::at(dir, root);
    assert_eq!(std::fs::read_to_string(two.root.join("third.txt")).unwrap(), "third 3\n");
    assert_eq!(two.run_ids(), one.run_ids());
    assert_eq!(git(&two.root, &["rev-parse", "master"]), git(&one.root, &["rev-parse", "master"]));
    assert_eq!(git(&two.root, &["status", "--porcelain"]), "?? first.txt\n?? second.txt\n?? third.txt");
    assert_eq!(git(&two.root, &["rev-parse", "@{upstream}"]), git(&one.root, &["rev-parse", "master"]));
    assert_eq!(git(two.history.path(), &["rev-list", "--count", &history_ref()]), "1", "not all of history");
    assert!(two.history.unpushed().unwrap().is_empty());
    assert_eq!(std::fs::read_dir(two.root.parent().unwrap()).unwrap().count(), 1, "nothing else is left");

    // Any run's snapshot, alone.
    assert!(!two.history.git().has_object(first));
    let fetched = fetch_snapshot(&two.history, &remote, first, Context::quiet(&by())).unwrap();
    assert!(!fetched.was_here);
    assert_eq!(git(two.history.path(), &["show", &format!("{first}:first.txt")]), "first 1");
    assert!(fetch_snapshot(&two.history, &remote, first, Context::quiet(&by())).unwrap().was_here);

    // And it goes on from there, on both sides.
    let (_, fourth) = two.run("fourth", 4);
    let delivered = two.push(&remote).unwrap();
    assert!(delivered.joins == 0 && delivered.history == Some(fourth), "{delivered:?}");
    one.run("fifth", 5);
    one.push(&remote).unwrap();
    let pulled = pull(&two.history, &remote, Context::quiet(&by())).unwrap();
    assert!(pulled.new_runs && pulled.new_snapshots);
    assert_eq!(two.run_ids(), one.run_ids());
    assert_eq!(two.history.tip().unwrap(), one.history.tip().unwrap());
    for dir in [server.path(), two.history.path(), one.history.path(), &two.root] {
        fsck(dir);
    }
}

#[test]
fn roaming_refuses_what_it_can_not_decide_and_leaves_nothing() {
    let server = bare();
    let remote = remote_at(server.path());
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("x");
    let go = |options: CloneOptions| clone(&remote, &folder, &options, Context::quiet(&by())).unwrap_err();
    assert!(matches!(go(CloneOptions::default()), SyncError::NoHistory { id: None }));

    let other = "0a1b2c3d-0000-4000-8000-000000000002".parse().unwrap();
    for id in [project_id(), other] {
        let computer = Computer::with_project(id);
        computer.run("r", 1);
        computer.push(&remote).unwrap();
    }
    assert!(matches!(go(CloneOptions::default()), SyncError::SeveralProjects { ids } if ids.len() == 2));
    let master = CloneOptions { id: Some(other), master_files: true, ..CloneOptions::default() };
    assert!(matches!(go(master), SyncError::NoMaster));
    assert_eq!(list(&remote).unwrap().histories.len(), 2);
    assert!(!folder.exists());

    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("mine"), "x").unwrap();
    let full = go(CloneOptions { id: Some(other), ..CloneOptions::default() });
    assert!(matches!(full, SyncError::FolderNotEmpty { .. }));
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
}

#[test]
fn a_remote_that_is_not_there_is_told_and_nothing_is_lost() {
    let one = Computer::with_project(project_id());
    one.run("one", 1);
    let nowhere = tempfile::tempdir().unwrap();
    let error = one.push(&remote_at(&nowhere.path().join("gone"))).unwrap_err();
    assert!(matches!(error, SyncError::NotFound { .. }), "{error:?}");
    assert_eq!(one.history.unpushed().unwrap().len(), 2);
}
