//! Pushing to stock git.

use gix::ObjectId;
use gix::refs::FullName;

use super::git::ParseId as _;
use super::{Git, Kind, WAYS};
use crate::client::{Error, PushReport, PushRequest, PushSession, PushUpdate, Rejection};

const MASTER: &str = "refs/heads/master";

fn update(name: &str, old: Option<ObjectId>, new: Option<ObjectId>) -> PushUpdate {
    PushUpdate { name: FullName::try_from(name).unwrap(), old, new }
}

fn push(
    server: &Git,
    local: &Git,
    way: (Kind, u8),
    updates: Vec<PushUpdate>,
    atomic: bool,
) -> Result<PushReport, Error> {
    let mut connection = server.serve("receive-pack", way.0, way.1);
    let mut session = PushSession::start(connection.as_mut())?;
    let request = PushRequest { updates, atomic, ..PushRequest::default() };
    session.push(&local.gix(), &request, &mut |_| {})
}

/// Versions that a push is spoken in.
fn ways() -> impl Iterator<Item = (Kind, u8)> {
    WAYS.into_iter().map(|(kind, version)| (kind, version.min(1)))
}

#[test]
fn refs_are_made_moved_and_deleted_and_only_new_objects_travel() {
    for way in ways() {
        let (server, local) = (Git::bare(), Git::bare());
        let first = *local.commits(MASTER, 30).last().unwrap();
        let report = push(&server, &local, way, vec![update(MASTER, None, Some(first))], true).unwrap();
        assert!(report.is_ok(), "{way:?}: {report:?}");
        assert_eq!(server.id(MASTER), first);
        assert!(server.is_sound(), "{way:?}");
        let all = report.objects;

        let second = *local.commits(MASTER, 2).last().unwrap();
        let updates = vec![
            update(MASTER, Some(first), Some(second)),
            update("refs/azureml/runs/x", None, Some(second)),
        ];
        let report = push(&server, &local, way, updates, true).unwrap();
        assert!(report.is_ok(), "{way:?}: {report:?}");
        // Two commits, three trees and two files each.
        assert!(report.objects <= 14 && report.objects < all, "{way:?}: {report:?}");
        assert!(server.is_sound(), "{way:?}");

        let report =
            push(&server, &local, way, vec![update("refs/azureml/runs/x", Some(second), None)], false)
                .unwrap();
        assert!(report.is_ok(), "{way:?}: {report:?}");
        assert_eq!(server.run(&["for-each-ref", "--format=%(refname)"]), MASTER);
    }
}

#[test]
fn nothing_is_ever_forced() {
    for way in ways() {
        let (server, local) = (Git::bare(), Git::bare());
        let tip = *local.commits(MASTER, 3).last().unwrap();
        push(&server, &local, way, vec![update(MASTER, None, Some(tip))], true).unwrap();
        let theirs = *server.commits(MASTER, 1).last().unwrap();
        let other = *local.commits("refs/heads/other", 1).last().unwrap();

        // Somebody was ahead, and we do not know it.
        let stale = push(&server, &local, way, vec![update(MASTER, Some(tip), Some(other))], true).unwrap();
        assert!(stale.refs[0].1 == Err(Rejection::Stale { found: Some(theirs) }), "{way:?}: {stale:?}");
        // Or know it, and would write over it.
        let forced =
            push(&server, &local, way, vec![update(MASTER, Some(theirs), Some(other))], true).unwrap();
        assert_eq!(forced.refs[0].1, Err(Rejection::NonFastForward), "{way:?}");
        assert_eq!(server.id(MASTER), theirs);
    }
}

#[test]
fn what_a_hook_refuses_is_told_ref_by_ref_and_atomic_means_none() {
    for way in ways() {
        let (server, local) = (Git::bare(), Git::bare());
        let hook = server.path().join("hooks/update");
        std::fs::create_dir_all(server.path().join("hooks")).unwrap();
        std::fs::write(&hook, "#!/bin/sh\necho checking $1\n[ \"$1\" != refs/heads/closed ]\n").unwrap();
        make_executable(&hook);
        let tip = *local.commits(MASTER, 1).last().unwrap();
        let both = || vec![update(MASTER, None, Some(tip)), update("refs/heads/closed", None, Some(tip))];

        let report = push(&server, &local, way, both(), true).unwrap();
        assert_eq!(report.refs[1].1.as_ref().unwrap_err().to_string(), "hook declined", "{way:?}");
        assert!(report.refs[0].1.is_err(), "{way:?}: {report:?}");
        assert_eq!(server.run(&["for-each-ref"]), "");

        let report = push(&server, &local, way, both(), false).unwrap();
        assert_eq!(report.refs[0].1, Ok(()), "{way:?}");
        assert_eq!(report.refs[1].1.as_ref().unwrap_err().to_string(), "hook declined", "{way:?}");
        assert_eq!(server.id(MASTER), tip);
    }
}

#[test]
fn a_shallow_repository_pushes_what_it_made() {
    for way in ways() {
        let (server, local) = (Git::bare(), Git::bare());
        let tip = *server.commits(MASTER, 5).last().unwrap();
        let mut connection = server.serve("upload-pack", way.0, 2);
        let mut session = crate::client::FetchSession::start(connection.as_mut(), &[]).unwrap();
        let request = crate::client::FetchRequest { wants: vec![tip], depth: Some(1), ..Default::default() };
        session.fetch(&local.gix(), &request, &mut |_| {}).unwrap();
        drop(session);
        local.run(&["update-ref", MASTER, &tip.to_string()]);
        let new = *local.commits(MASTER, 1).last().unwrap();
        let report = push(&server, &local, way, vec![update(MASTER, Some(tip), Some(new))], true).unwrap();
        assert!(report.is_ok(), "{way:?}: {report:?}");
        assert_eq!(server.run(&["rev-list", "--count", MASTER]), "6");
        assert!(server.is_sound());
    }
}

/// A shallow server's history ends where it says, whatever is older over here.
#[test]
fn a_shallow_server_gets_what_is_older_than_its_history() {
    for way in ways() {
        let (server, local) = (Git::bare(), Git::bare());
        let all = local.commits(MASTER, 5);
        let source = format!("file://{}", local.path().display());
        server.run(&["fetch", "-q", "--depth=1", &source, "+refs/heads/master:refs/heads/master"]);
        let merged = local.run(&[
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit-tree",
            "-p",
            &all[4].to_string(),
            "-p",
            &all[1].to_string(),
            "-m",
            "merged",
            &format!("{}^{{tree}}", all[1]),
        ]);
        let new = merged.parse_id();
        let report = push(&server, &local, way, vec![update(MASTER, Some(all[4]), Some(new))], true).unwrap();
        assert!(report.is_ok(), "{way:?}: {report:?}");
        assert!(server.is_sound(), "{way:?}");
    }
}

/// A server that is shallow at a commit before it has it gets that commit without its history, and later ones on top.
#[test]
fn a_history_begins_where_both_sides_say() {
    for way in ways() {
        let (server, local) = (Git::bare(), Git::bare());
        let tip = *local.commits(MASTER, 5).last().unwrap();
        std::fs::write(server.path().join("shallow"), format!("{tip}\n")).unwrap();
        let mut connection = server.serve("receive-pack", way.0, way.1);
        let mut session = PushSession::start(connection.as_mut()).unwrap();
        let updates = vec![update(MASTER, None, Some(tip))];
        let request = PushRequest { updates, boundary: vec![tip], ..PushRequest::default() };
        let report = session.push(&local.gix(), &request, &mut |_| {}).unwrap();
        drop(session);
        assert!(report.is_ok(), "{way:?}: {report:?}");
        assert_eq!(server.run(&["rev-list", "--count", MASTER]), "1", "{way:?}");
        let new = *local.commits(MASTER, 1).last().unwrap();
        let report = push(&server, &local, way, vec![update(MASTER, Some(tip), Some(new))], true).unwrap();
        // The commit, its three folders and its two files.
        assert!(report.is_ok() && report.objects == 6, "{way:?}: {report:?}");
        assert_eq!(server.run(&["rev-list", "--count", MASTER]), "2", "{way:?}");
        assert!(server.is_sound(), "{way:?}");
    }
}

/// A server whose refs reach less than they should says so, and takes everything.
#[test]
fn a_server_that_lacks_objects_says_so_and_takes_all() {
    for way in ways() {
        let (server, local) = (Git::bare(), Git::bare());
        let first = *local.commits(MASTER, 3).last().unwrap();
        push(&server, &local, way, vec![update(MASTER, None, Some(first))], true).unwrap();
        let second = *local.commits(MASTER, 1).last().unwrap();
        let tell = |exclude: Vec<ObjectId>, everything| {
            let mut connection = server.serve("receive-pack", way.0, way.1);
            let mut session = PushSession::start(connection.as_mut()).unwrap();
            let updates = vec![update(MASTER, Some(first), Some(second))];
            let request =
                PushRequest { updates, atomic: true, exclude, everything, ..PushRequest::default() };
            session.push(&local.gix(), &request, &mut |_| {}).unwrap()
        };
        // What it is thought to have and has not.
        let lost = local.id(&format!("{MASTER}^{{tree}}"));
        let report = tell(vec![lost], false);
        assert!(!report.is_ok() && report.lacks_objects(), "{way:?}: {report:?}");
        let report = tell(vec![lost], true);
        assert!(report.is_ok() && !report.lacks_objects(), "{way:?}: {report:?}");
        assert!(server.is_sound(), "{way:?}");
    }
}

fn make_executable(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}
