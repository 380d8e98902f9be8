//! Tests of joining, with stock git to say what the result is.

use gix::objs::Tree;
use jiff::Timestamp;

use super::*;
use crate::user_repo::Signature;

fn repo() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let repo = gix::init_bare(folder.path()).unwrap();
    (folder, repo)
}

fn by() -> actor::Signature {
    let author = Signature { name: "al<ice>\n".to_owned(), email: "alice@example.com".to_owned() };
    author.at(Timestamp::from_second(1_504_832_281).unwrap())
}

fn commit(repo: &Repository, content: &str, parents: &[ObjectId]) -> ObjectId {
    let blob = repo.write_blob(content).unwrap().detach();
    let entry = gix::objs::tree::Entry {
        mode: gix::objs::tree::EntryKind::Blob.into(),
        filename: "a".into(),
        oid: blob,
    };
    let tree = repo.write_object(Tree { entries: vec![entry] }).unwrap().detach();
    write_commit(repo, tree, parents, &by(), content.into()).unwrap()
}

#[test]
fn lines_that_grew_apart_are_joined_with_our_tree_and_both_parents() {
    let (folder, repo) = repo();
    let base = commit(&repo, "base", &[]);
    let (ours, theirs) = (commit(&repo, "ours", &[base]), commit(&repo, "theirs", &[base]));
    let Joined::Both(joined) = join(&repo, ours, theirs, &by()).unwrap() else { panic!("not joined") };
    let object = repo.find_commit(joined).unwrap();
    assert_eq!(object.parent_ids().map(gix::Id::detach).collect::<Vec<_>>(), [theirs, ours]);
    assert_eq!(object.tree_id().unwrap().detach(), tree_of(&repo, ours).unwrap());
    assert_eq!(join(&repo, joined, theirs, &by()).unwrap(), Joined::Ours(joined));
    assert_eq!(join(&repo, ours, joined, &by()).unwrap(), Joined::Theirs(joined));
    let mut git = std::process::Command::new("git");
    let output =
        git.arg("--git-dir").arg(folder.path()).args(["fsck", "--strict", "--no-dangling"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_line_that_has_the_other_in_it_is_taken_as_it_is() {
    let (_folder, repo) = repo();
    let first = commit(&repo, "1", &[]);
    let mut tip = first;
    for i in 2..20 {
        tip = commit(&repo, &i.to_string(), &[tip]);
    }
    assert_eq!(join(&repo, tip, first, &by()).unwrap(), Joined::Ours(tip));
    assert_eq!(join(&repo, first, tip, &by()).unwrap(), Joined::Theirs(tip));
    assert_eq!(join(&repo, tip, tip, &by()).unwrap(), Joined::Ours(tip));
}

#[test]
fn the_newest_commits_are_enough() {
    let (folder, repo) = repo();
    let absent = ObjectId::from_hex(b"00000000000000000000000000000000000000aa").unwrap();
    let theirs = commit(&repo, "theirs", &[absent]);
    std::fs::write(folder.path().join("shallow"), format!("{theirs}\n")).unwrap();
    let ours = commit(&repo, "ours", &[]);
    assert!(matches!(join(&repo, ours, theirs, &by()).unwrap(), Joined::Both(_)));
    let later = commit(&repo, "later", &[theirs]);
    assert_eq!(join(&repo, later, theirs, &by()).unwrap(), Joined::Ours(later));
    assert!(!contains(&repo, later, absent).unwrap(), "what is not here is not known to be in it");
}

#[test]
fn many_tips_are_joined_once_and_ours_stays_first() {
    let (folder, repo) = repo();
    let ours = commit(&repo, "ours", &[]);
    let theirs: Vec<ObjectId> = (0..120).map(|n| commit(&repo, &format!("run {n}"), &[])).collect();
    let tip = join_all(&repo, Some(ours), &theirs, &by()).unwrap().unwrap();
    assert_eq!(tree_of(&repo, tip).unwrap(), tree_of(&repo, ours).unwrap());
    assert!(theirs.iter().all(|their| contains(&repo, tip, *their).unwrap()));
    assert_eq!(join_all(&repo, Some(tip), &theirs, &by()).unwrap(), Some(tip), "they are known");
    let first = join_all(&repo, None, &theirs[..2], &by()).unwrap().unwrap();
    assert_eq!(tree_of(&repo, first).unwrap(), tree_of(&repo, theirs[0]).unwrap());
    assert_eq!(join_all(&repo, None, &[], &by()).unwrap(), None);
    let mut git = std::process::Command::new("git");
    let git = git.arg("--git-dir").arg(folder.path());
    let output = git.args(["log", "--first-parent", "--format=%H"]).arg(tip.to_string()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 4, "ours, and three times fifty");
}
