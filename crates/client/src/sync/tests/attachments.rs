//! Attachments of runs: pushed with their records, fetched for one run alone, from every kind of host.

use std::path::{Path, PathBuf};

use crate::sync::{Context, SyncError, fetch_attachments};
use crate::transport::Remote;
use azml_core::run::attach;
use gix::ObjectId;

use super::computer::{Computer, bare, by, fsck, git, is_in, project_id, remote, remote_at};
use super::hosts::git_http_as;

fn attachments_ref() -> String {
    format!("refs/azureml/attachments/{}", project_id())
}

impl Computer {
    /// A run that left a log, and `size` bytes that don't compress.
    fn run_with(&self, name: &str, second: i64, size: usize) -> ObjectId {
        let (run, _) = self.run(name, second);
        let folder = self.history.run_folder(&run);
        std::fs::create_dir_all(folder.join("outputs")).unwrap();
        std::fs::write(folder.join("driver_log.txt"), format!("{name} said {second}\n")).unwrap();
        let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ u64::try_from(second).unwrap();
        let noise = (0..size).map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        });
        std::fs::write(folder.join("outputs/model.bin"), noise.collect::<Vec<u8>>()).unwrap();
        let names = ["driver_log.txt", "outputs/model.bin"].map(PathBuf::from);
        attach(&self.history, &run, &folder, &names, &by()).unwrap()
    }

    fn fetch(&self, remote: &Remote, commit: ObjectId, into: &Path) -> Result<u64, SyncError> {
        fetch_attachments(&self.history, Some(remote), commit, into, Context::quiet(&by()))
    }
}

#[test]
fn attachments_go_with_the_records_and_one_runs_come_alone() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    let first = one.run_with("first", 1, 2_000_000);
    let second = one.run_with("second", 2, 3_000);
    assert_eq!(one.history.unpushed().unwrap().len(), 3);
    one.push(&remote).unwrap();
    assert!(one.history.unpushed().unwrap().is_empty());
    assert_eq!(git(server.path(), &["rev-parse", &attachments_ref()]), second.to_string());
    assert!(!one.push(&remote).unwrap().sent, "nothing is sent twice");
    let third = one.run_with("third", 3, 1_000);
    let delivered = one.push(&remote).unwrap();
    assert!(delivered.bytes_sent < 10_000, "only what is new travels: {delivered:?}");
    fsck(server.path());

    let two = Computer::with_project(project_id());
    crate::sync::pull(&two.history, &remote, Context::quiet(&by())).unwrap();
    for id in [first, second, third] {
        assert!(!two.history.git().has_object(id), "they never come by themselves");
    }
    let into = two.root.join("fetched/second");
    let bytes = two.fetch(&remote, second, &into).unwrap();
    assert!(bytes < 20_000, "{bytes}");
    assert_eq!(std::fs::read_to_string(into.join("driver_log.txt")).unwrap(), "second said 2\n");
    assert_eq!(std::fs::metadata(into.join("outputs/model.bin")).unwrap().len(), 3_000);
    assert!(!two.history.is_shallow() && !two.history.git().has_object(second), "the history is as it was");
    let nowhere = ObjectId::from_hex(&[b'7'; 40]).unwrap();
    assert!(matches!(two.fetch(&remote, nowhere, &two.root.join("x")), Err(SyncError::NoAttachments { .. })));
    assert!(!two.root.join("x").exists());
    fsck(two.history.path());
}

#[test]
fn a_remote_that_was_set_back_gets_its_attachments_again() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    let first = one.run_with("first", 1, 3_000);
    one.push(&remote).unwrap();
    let second = one.run_with("second", 2, 3_000);
    one.push(&remote).unwrap();
    git(server.path(), &["update-ref", &attachments_ref(), &first.to_string()]);
    git(server.path(), &["gc", "-q", "--prune=now"]);
    one.push(&remote).unwrap();
    assert_eq!(git(server.path(), &["rev-parse", &attachments_ref()]), second.to_string());
    fsck(server.path());
}

#[test]
fn two_computers_join_their_chains_without_fetching_each_others_files() {
    let server = bare();
    let computers = [Computer::with_project(project_id()), Computer::with_project(project_id())];
    let remote = remote_at(server.path());
    let mut named = Vec::new();
    for round in 0..3 {
        for (n, computer) in computers.iter().enumerate() {
            let second = 10 * round + i64::try_from(n).unwrap();
            named.push(computer.run_with(&format!("c{n}"), second, 500_000));
            computer.push(&remote).unwrap();
            fsck(computer.history.path());
        }
    }
    for commit in &named {
        assert!(is_in(server.path(), *commit, &attachments_ref()), "{commit}");
    }
    let own = |computer: &Computer| named.iter().filter(|id| computer.history.git().has_object(**id)).count();
    assert_eq!(computers.each_ref().map(own), [3, 3], "each has its own");
    assert!(computers.iter().all(|computer| computer.history.unpushed().unwrap().is_empty()));
    let into = computers[1].root.join("fetched");
    computers[1].fetch(&remote, named[2], &into).unwrap();
    assert_eq!(std::fs::read_to_string(into.join("driver_log.txt")).unwrap(), "c0 said 10\n");
    fsck(server.path());
}

#[test]
fn where_they_are_refused_the_rest_is_delivered_and_they_stay_unpushed() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let remote = remote_at(server.path());
    one.run_with("one", 1, 10);
    // A file stands where the ref's folder would be.
    let blob = git(server.path(), &["hash-object", "-w", "-t", "blob", "/dev/null"]);
    git(server.path(), &["update-ref", "refs/azureml/attachments", &blob]);
    let error = one.push(&remote).unwrap_err();
    assert!(error.to_string().contains("refs/azureml/attachments"), "{error}");
    let still_unpushed: Vec<String> =
        one.history.unpushed().unwrap().iter().map(|unpushed| unpushed.name.to_string()).collect();
    assert_eq!(still_unpushed, [attachments_ref()]);
    git(server.path(), &["update-ref", "-d", "refs/azureml/attachments"]);
    one.push(&remote).unwrap();
    assert!(one.history.unpushed().unwrap().is_empty());
}

#[test]
fn a_host_that_gives_out_no_single_commits_gives_the_ref() {
    let root = tempfile::tempdir().unwrap();
    git(root.path(), &["init", "-q", "--bare", "-b", "master", "r.git"]);
    let server = root.path().join("r.git");
    git(&server, &["config", "http.receivepack", "true"]);
    // Version 2 gives out any commit: here it is not spoken.
    let host = git_http_as(root.path(), None, false, |_, body| body.to_vec());
    let remote = remote(&format!("{}/r.git", host.url));
    let one = Computer::with_project(project_id());
    let first = one.run_with("first", 1, 1_000);
    one.run_with("second", 2, 1_000);
    one.push(&remote).unwrap();
    let two = Computer::with_project(project_id());
    let into = two.root.join("fetched");
    two.fetch(&remote, first, &into).unwrap();
    assert_eq!(std::fs::read_to_string(into.join("driver_log.txt")).unwrap(), "first said 1\n");
    // And a second computer's chain is joined there, too.
    let third = two.run_with("third", 3, 1_000);
    two.push(&remote).unwrap();
    for commit in [first, third] {
        assert!(is_in(&server, commit, &attachments_ref()), "{commit}");
    }
    fsck(&server);
    fsck(two.history.path());
}

#[test]
fn a_link_among_them_is_refused_and_nothing_is_written() {
    let (server, one) = (bare(), Computer::with_project(project_id()));
    let work = tempfile::tempdir().unwrap();
    git(work.path(), &["init", "-q", "-b", "x"]);
    std::os::unix::fs::symlink("/etc/passwd", work.path().join("driver_log.txt")).unwrap();
    git(work.path(), &["add", "-A"]);
    git(work.path(), &["commit", "-q", "-m", "evil"]);
    let url = server.path().to_str().unwrap();
    git(work.path(), &["push", "-q", url, &format!("HEAD:{}", attachments_ref())]);
    let commit = git(work.path(), &["rev-parse", "HEAD"]).parse::<ObjectId>().unwrap();
    let into = one.root.join("fetched");
    let refused = one.fetch(&remote_at(server.path()), commit, &into);
    assert!(matches!(refused, Err(SyncError::OddAttachment { path }) if path == "driver_log.txt"));
    assert!(!into.exists());
}
