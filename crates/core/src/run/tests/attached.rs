//! Attachments in Git: one commit a run, with that run's files alone.

use std::{path::PathBuf, process::Command};

use super::{by, history};
use crate::{
    checkout::{checkout, listing},
    id::RunId,
    run::{AttachError, attach},
};

fn run(ms: u64) -> RunId {
    RunId::new("iris", ms).unwrap()
}

#[test]
fn each_commit_has_its_own_runs_files_and_follows_the_one_before() {
    let (folder, history) = history();
    let files = folder.path().join("files");
    std::fs::create_dir_all(files.join("outputs/deep")).unwrap();
    std::fs::write(files.join("driver_log.txt"), "said\n").unwrap();
    std::fs::write(files.join("outputs/deep/model.bin"), vec![7; 3_000_000]).unwrap();
    std::fs::write(files.join("stays"), "not named").unwrap();
    let names = ["driver_log.txt", "outputs/deep/model.bin"].map(PathBuf::from);
    let first = attach(&history, &run(1), &files, &names, &by()).unwrap();
    let second = attach(&history, &run(2), &files, &names[..1], &by()).unwrap();

    let git = history.git();
    assert_eq!(history.ref_tip(history.attachments_ref().as_ref()).unwrap(), Some(second));
    let commit = git.find_commit(second).unwrap();
    assert_eq!(commit.parent_ids().map(gix::Id::detach).collect::<Vec<_>>(), [first]);
    let paths = |id| {
        let tree = git.find_commit(id).unwrap().tree_id().unwrap().detach();
        listing::list(git, tree).unwrap().into_keys().map(|path| path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(paths(first), ["driver_log.txt", "outputs/deep/model.bin"]);
    assert_eq!(paths(second), ["driver_log.txt"]);
    let again = folder.path().join("again");
    checkout(git, git.find_commit(first).unwrap().tree_id().unwrap().detach(), &again).unwrap();
    assert_eq!(std::fs::read(again.join("outputs/deep/model.bin")).unwrap(), vec![7; 3_000_000]);
    let fsck = Command::new("git").current_dir(history.path()).args(["fsck", "--strict"]).output().unwrap();
    assert!(fsck.status.success(), "{}", String::from_utf8_lossy(&fsck.stderr));
}

#[test]
fn what_git_must_not_have_is_refused_and_moves_no_ref() {
    let (folder, history) = history();
    for name in [".git/config", "a/../b", "no-such-file"] {
        let refused = attach(&history, &run(1), folder.path(), &[PathBuf::from(name)], &by());
        assert!(matches!(refused, Err(AttachError::Name { .. } | AttachError::Read { .. })), "{name}");
    }
    assert_eq!(history.ref_tip(history.attachments_ref().as_ref()).unwrap(), None);
}
