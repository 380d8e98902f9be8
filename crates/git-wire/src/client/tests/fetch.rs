//! Fetching from stock git.

use gix::ObjectId;

use super::{Git, Kind, WAYS};
use crate::client::{Error, FetchRequest, FetchSession, Fetched, Progress};

fn fetch(server: &Git, local: &Git, way: (Kind, u8), request: &FetchRequest) -> Result<Fetched, Error> {
    let mut connection = server.serve("upload-pack", way.0, way.1);
    let mut session = FetchSession::start(connection.as_mut(), &["refs/heads/"])?;
    session.fetch(&local.gix(), request, &mut |_| {})
}

fn wants(id: ObjectId) -> FetchRequest {
    FetchRequest { wants: vec![id], ..FetchRequest::default() }
}

#[test]
fn refs_come_as_the_server_has_them_and_as_they_were_asked_for() {
    let server = Git::bare();
    for way in WAYS {
        let mut connection = server.serve("upload-pack", way.0, way.1);
        assert!(FetchSession::start(connection.as_mut(), &[]).unwrap().refs().is_empty(), "{way:?}");
    }
    let tip = server.commits("refs/heads/master", 1)[0];
    server.commits("refs/azureml/runs/x", 1);
    server.run(&["-c", "user.name=a", "-c", "user.email=a", "tag", "-a", "-m", "t", "v1", "master"]);
    for way in WAYS {
        let mut connection = server.serve("upload-pack", way.0, way.1);
        let session = FetchSession::start(connection.as_mut(), &[]).unwrap();
        let names: Vec<_> = session.refs().iter().map(|found| found.name.as_bstr().to_string()).collect();
        assert_eq!(names, ["HEAD", "refs/azureml/runs/x", "refs/heads/master", "refs/tags/v1"], "{way:?}");
        assert_eq!(
            session.refs()[0].symref_target.as_ref().unwrap().as_bstr(),
            "refs/heads/master",
            "{way:?}"
        );
        assert_eq!(session.refs()[3].peeled, Some(tip), "{way:?}");
        drop(session);

        let mut connection = server.serve("upload-pack", way.0, way.1);
        let session = FetchSession::start(connection.as_mut(), &["refs/heads/"]).unwrap();
        assert_eq!(session.refs().len(), 1, "{way:?}");
    }
}

#[test]
fn a_whole_history_arrives_and_later_only_what_is_new() {
    for way in WAYS {
        let (server, local) = (Git::bare(), Git::bare());
        let first = server.commits("refs/heads/master", 60);
        let old_tip = *first.last().unwrap();
        let fetched = fetch(&server, &local, way, &wants(old_tip)).unwrap();
        assert!(fetched.objects >= 60 * 4, "{way:?}");
        assert!(fetched.shallow_added.is_empty());
        local.run(&["update-ref", "refs/heads/master", &old_tip.to_string()]);
        assert!(local.is_sound(), "{way:?}");

        let new_tip = server.commits("refs/heads/master", 2)[1];
        // What is here alone: more than one round of offers.
        let ours = *local.commits("refs/heads/ours", 40).last().unwrap();
        let request = FetchRequest { haves: vec![ours, old_tip], ..wants(new_tip) };
        let mut received = 0;
        let mut connection = server.serve("upload-pack", way.0, way.1);
        let mut session = FetchSession::start(connection.as_mut(), &["refs/heads/"]).unwrap();
        let fetched = session
            .fetch(&local.gix(), &request, &mut |progress| {
                if let Progress::Received { bytes } = progress {
                    received = bytes;
                }
            })
            .unwrap();
        // Two commits, their trees and blobs; and perhaps the bases that completed a thin pack.
        assert!(fetched.objects <= 20, "{way:?}: {fetched:?}");
        assert_eq!(received, fetched.bytes_received);
        local.run(&["update-ref", "refs/heads/master", &new_tip.to_string()]);
        assert!(local.is_sound(), "{way:?}");
        assert_eq!(local.run(&["rev-list", "--count", "master"]), "62");
    }
}

#[test]
fn histories_that_share_nothing_are_fetched_whole() {
    for way in WAYS {
        let (server, local) = (Git::bare(), Git::bare());
        let tip = *server.commits("refs/heads/master", 5).last().unwrap();
        let ours = *local.commits("refs/heads/other", 300).last().unwrap();
        fetch(&server, &local, way, &FetchRequest { haves: vec![ours], ..wants(tip) }).unwrap();
        local.run(&["update-ref", "refs/heads/master", &tip.to_string()]);
        assert_eq!(local.run(&["rev-list", "--count", "master"]), "5", "{way:?}");
    }
}

#[test]
fn one_commit_comes_alone_by_its_id_and_the_rest_can_follow() {
    for way in WAYS {
        let (server, local) = (Git::bare(), Git::bare());
        let all = server.commits("refs/heads/master", 10);
        let tip = all[9];
        let by_depth = FetchRequest { depth: Some(1), ..wants(tip) };
        let fetched = fetch(&server, &local, way, &by_depth).unwrap();
        assert_eq!(fetched.shallow_added, [tip], "{way:?}");
        local.run(&["update-ref", "refs/heads/master", &tip.to_string()]);
        assert_eq!(local.run(&["rev-list", "--count", "master"]), "1");
        assert!(local.is_sound(), "{way:?}");

        // An older one, by its id: version 2 gives it out, version 0 must be told to.
        let by_id = FetchRequest { depth: Some(1), haves: vec![tip], ..wants(all[3]) };
        if way.1 == 0 {
            let refused = fetch(&server, &local, way, &by_id);
            assert!(matches!(refused, Err(Error::NotOurRef { id }) if id == all[3]), "{way:?}: {refused:?}");
            server.run(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        }
        let fetched = fetch(&server, &local, way, &by_id).unwrap();
        assert_eq!(fetched.shallow_added, [all[3]], "{way:?}");
        assert_eq!(local.run(&["cat-file", "-t", &all[3].to_string()]), "commit");
        local.run(&["update-ref", "refs/heads/old", &all[3].to_string()]);
        assert!(local.is_sound(), "{way:?}");
        assert_eq!(local.run(&["show", &format!("{}:files/3", all[3])]), "3");

        // Two more on top, from the shallow state; then everything.
        let newer = server.commits("refs/heads/master", 2)[1];
        fetch(&server, &local, way, &FetchRequest { haves: vec![tip], ..wants(newer) }).unwrap();
        local.run(&["update-ref", "refs/heads/master", &newer.to_string()]);
        assert_eq!(local.run(&["rev-list", "--count", "master"]), "3", "{way:?}");
        assert!(local.is_sound(), "{way:?}");
        let whole = FetchRequest { depth: Some(i32::MAX as u32), haves: vec![newer], ..wants(newer) };
        fetch(&server, &local, way, &whole).unwrap();
        assert_eq!(local.run(&["rev-list", "--count", "master"]), "12", "{way:?}");
        assert!(!local.path().join("shallow").exists(), "{way:?}");
        assert!(local.is_sound(), "{way:?}");
    }
}

#[test]
fn an_id_that_nobody_has_is_not_ours() {
    for way in WAYS {
        let (server, local) = (Git::bare(), Git::bare());
        server.run(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
        server.commits("refs/heads/master", 1);
        let nowhere = ObjectId::from_hex(b"1234567890123456789012345678901234567890").unwrap();
        server.may_fail();
        let result = fetch(&server, &local, way, &wants(nowhere));
        assert!(matches!(result, Err(Error::NotOurRef { id }) if id == nowhere), "{way:?}: {result:?}");
        assert!(
            std::fs::read_dir(local.path().join("objects/pack")).unwrap().next().is_none(),
            "nothing is left"
        );
    }
}

#[test]
fn a_session_of_version_2_takes_more_than_one_fetch() {
    for way in [(Kind::Stream, 2), (Kind::Requests, 2)] {
        let (server, one, two) = (Git::bare(), Git::bare(), Git::bare());
        let all = server.commits("refs/heads/master", 3);
        let mut connection = server.serve("upload-pack", way.0, way.1);
        let mut session = FetchSession::start(connection.as_mut(), &["refs/heads/"]).unwrap();
        session.fetch(&one.gix(), &wants(all[2]), &mut |_| {}).unwrap();
        assert!(session.takes_more());
        session.fetch(&two.gix(), &FetchRequest { depth: Some(1), ..wants(all[2]) }, &mut |_| {}).unwrap();
        assert!(one.gix().has_object(all[0]));
        assert!(!two.gix().has_object(all[0]) && two.gix().has_object(all[2]));
    }
}
