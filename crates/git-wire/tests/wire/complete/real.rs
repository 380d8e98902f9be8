//! Real sources as histories, sent in two parts at every split point: the crates that this one is built from as if each
//! were the next version of one, and the project's own commits, with versions taken back in between.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use git_wire::pack::{CountOptions, count};
use gix::ObjectId;
use gix::objs::tree::{Entry, EntryKind};
use gix::objs::{Commit, Tree, TreeRefIter, Write as _};

use super::histories::signature;
use super::in_memory;
use crate::sandbox::try_git;

/// So many versions make a history: each split point costs what lies behind it.
const COMMITS: usize = 32;
/// Larger files are left out: what is compared is folders.
const MAX_FILE: u64 = 64 << 10;

/// Sends what each commit reaches to who has all up to each commit before, and requires every object.
fn split_everywhere(repo: &gix::Repository, commits: &[ObjectId]) {
    // When an object was there first.
    let mut first: HashMap<ObjectId, usize> = HashMap::new();
    for (at, id) in commits.iter().enumerate() {
        let tree = repo.find_commit(*id).expect("a commit").tree_id().expect("its tree").detach();
        first.insert(*id, at);
        let mut pending = vec![tree];
        while let Some(tree) = pending.pop() {
            if first.contains_key(&tree) {
                continue;
            }
            first.insert(tree, at);
            let tree = repo.find_tree(tree).expect("a tree");
            for entry in TreeRefIter::from_bytes(&tree.data, gix::hash::Kind::Sha1) {
                let entry = entry.expect("an entry");
                match entry.mode.kind() {
                    EntryKind::Tree => pending.push(entry.oid.to_owned()),
                    EntryKind::Commit => {}
                    _ => {
                        first.entry(entry.oid.to_owned()).or_insert(at);
                    }
                }
            }
        }
    }
    for (at, have) in commits.iter().enumerate() {
        let counted =
            count(repo, &commits[commits.len() - 1..], &[*have], &CountOptions::default(), &mut |_| Ok(()))
                .expect("counted");
        let sent: HashSet<ObjectId> = counted.objects.iter().copied().collect();
        let missing: Vec<_> =
            first.iter().filter(|(id, first)| **first > at && !sent.contains(*id)).collect();
        assert!(missing.is_empty(), "after {at} of {} commits: {missing:?}", commits.len());
        let commits_sent = counted.objects[..counted.commits].iter().filter(|id| first[*id] <= at).count();
        assert_eq!(commits_sent, 0, "commits that the receiver has");
    }
}

/// The folders of this project's newest commits, oldest first; none if the sources came without their history.
fn versions_of_the_project(repo: &gix::Repository) -> Vec<ObjectId> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let count = format!("--max-count={COMMITS}");
    let list = try_git(&project, &["log", "--first-parent", "--reverse", "--format=%T", &count]);
    let trees: Vec<ObjectId> = String::from_utf8_lossy(&list.stdout)
        .lines()
        .map(|id| ObjectId::from_hex(id.as_bytes()).expect("an id"))
        .collect();
    let copy = |object: gix::Object<'_>| repo.write_buf(object.kind, &object.data).expect("written");
    let options = gix::open::Options::isolated().with(gix::sec::Trust::Full);
    let source = gix::open_opts(&project, options);
    let mut pending = trees.clone();
    while let (Some(id), Ok(source)) = (pending.pop(), &source) {
        if repo.has_object(id) {
            continue;
        }
        let object = source.find_object(id).expect("stored");
        if object.kind == gix::objs::Kind::Tree {
            for entry in TreeRefIter::from_bytes(&object.data, gix::hash::Kind::Sha1) {
                let entry = entry.expect("an entry");
                pending.extend(Some(entry.oid.to_owned()).filter(|_| !entry.mode.is_commit()));
            }
        }
        copy(object);
    }
    trees
}

/// The folders of crates that this one is built from.
fn sources() -> Vec<PathBuf> {
    let run = |program: &str, args: &[&str]| {
        let folder = env!("CARGO_MANIFEST_DIR");
        let output = Command::new(program).args(args).current_dir(folder).output();
        let output = output.expect("what built the tests is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let version = run("rustc", &["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    // Crates for other hosts need not be here.
    let text = run("cargo", &["metadata", "--format-version=1", "--offline", "--filter-platform", host]);
    let manifests = text.split("\"manifest_path\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut folders: Vec<PathBuf> = manifests
        .filter(|path| path.contains("/gix-"))
        .filter_map(|path| Some(Path::new(path).parent()?.into()))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

fn write_folder(repo: &gix::Repository, folder: &Path) -> ObjectId {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry")) {
        let meta = entry.metadata().expect("it is there");
        let (kind, oid) = if meta.is_dir() {
            (EntryKind::Tree, write_folder(repo, &entry.path()))
        } else if meta.is_file() && meta.len() <= MAX_FILE {
            let content = std::fs::read(entry.path()).expect("read");
            (EntryKind::Blob, repo.write_blob(content).expect("written").detach())
        } else {
            continue;
        };
        let filename = gix::path::into_bstr(PathBuf::from(entry.file_name())).expect("bytes").into_owned();
        entries.push(Entry { mode: kind.into(), filename, oid });
    }
    entries.sort();
    repo.write_object(&Tree { entries }).expect("written").detach()
}

/// A commit for each of `trees`, forward two and back one.
fn chain(repo: &gix::Repository, trees: &[ObjectId]) -> Vec<ObjectId> {
    let mut commits: Vec<ObjectId> = Vec::new();
    for at in 0..trees.len() * 2 {
        let who = signature(1_500_000_000 + i64::try_from(at).expect("few"));
        let commit = Commit {
            tree: trees[at.div_ceil(2).min(trees.len() - 1) - usize::from(at % 4 == 3)],
            parents: commits.last().copied().into_iter().collect(),
            author: who.clone(),
            committer: who,
            encoding: None,
            message: format!("{at}\n").into(),
            extra_headers: Vec::new(),
        };
        commits.push(repo.write_object(&commit).expect("written").detach());
    }
    commits
}

#[test]
fn versions_that_follow_and_take_back_one_another_are_sent_in_two_parts() {
    let (_folder, repo) = in_memory();
    let folders = sources();
    assert!(folders.len() > 10, "the engine is built from many crates: {folders:?}");
    let crates: Vec<ObjectId> =
        folders.iter().take(COMMITS).map(|folder| write_folder(&repo, folder)).collect();
    split_everywhere(&repo, &chain(&repo, &crates));
    split_everywhere(&repo, &chain(&repo, &versions_of_the_project(&repo)));
}
