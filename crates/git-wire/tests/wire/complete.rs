//! Nothing is missing from a pack: trees and blobs that return, move or are merged arrive whatever was sent before.

use std::collections::{BTreeSet, HashSet};

use git_wire::pack::count;
use gix::ObjectId;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::histories::{History, Query, plan, query};
use crate::sandbox::{Sandbox, WAYS, commit, fsck, git};

/// So many cases for each 256 that `PROPTEST_CASES` asks for, which is the default.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: u32::try_from(u64::from(default.cases) * u64::from(cases) / 256).unwrap_or(u32::MAX).max(1),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..default
    }
}

/// Replays three states of one folder where the last is the first again, and what else makes a tree return.
fn returning_histories(work: &std::path::Path) -> Vec<&'static str> {
    git(work, &["checkout", "-q", "-b", "file", "main"]);
    commit(work, "conf", "rate 1\n");
    commit(work, "conf", "rate 2\n");
    commit(work, "conf", "rate 1\n");
    git(work, &["checkout", "-q", "-b", "folder", "main"]);
    commit(work, "model/deep/layer", "one\n");
    commit(work, "model/deep/layer", "two\n");
    git(work, &["revert", "--no-edit", "HEAD"]);
    git(work, &["checkout", "-q", "-b", "moved", "main"]);
    commit(work, "here/deep/file", "moves\n");
    git(work, &["mv", "here", "there"]);
    git(work, &["commit", "-q", "-m", "moved"]);
    commit(work, "there/deep/file", "changed\n");
    git(work, &["revert", "--no-edit", "HEAD", "HEAD~1"]);
    git(work, &["checkout", "-q", "-b", "mode", "main"]);
    commit(work, "script", "#!/bin/sh\n");
    git(work, &["update-index", "--chmod=+x", "script"]);
    git(work, &["commit", "-q", "-m", "executable"]);
    git(work, &["update-index", "--chmod=-x", "script"]);
    git(work, &["commit", "-q", "-m", "not any more"]);
    git(work, &["checkout", "-q", "-b", "merged", "file~1"]);
    git(work, &["merge", "-q", "-s", "ours", "--no-edit", "folder~1"]);
    commit(work, "conf", "rate 1\n");
    vec!["file", "folder", "moved", "mode", "merged"]
}

#[test]
fn a_state_that_returns_is_fetched() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    for (scheme, version) in WAYS {
        let name = format!("clone-{scheme}-{version}");
        git(&sandbox.path(""), &["clone", "-q", &sandbox.url(scheme, "origin.git"), &name]);
    }
    let branches = returning_histories(&work);
    git(&work, &["push", "-q", "origin", "--all"]);
    for (scheme, version) in WAYS {
        let clone = sandbox.path(&format!("clone-{scheme}-{version}"));
        let version = format!("protocol.version={version}");
        for branch in &branches {
            git(&clone, &["-c", &version, "fetch", "-q", "origin", branch]);
            fsck(&clone);
        }
    }
}

/// A repository in memory; what is on the disk is nothing.
fn in_memory() -> (tempfile::TempDir, gix::Repository) {
    let folder = tempfile::tempdir().expect("a folder");
    git_wire::Repository::create_bare(folder.path(), "main").expect("created");
    let repo = gix::open_opts(folder.path(), gix::open::Options::isolated()).expect("opened");
    (folder, repo.with_object_memory())
}

/// Counts for `query` and compares with what the model says is due.
fn check(history: &History, query: &Query) -> Result<BTreeSet<ObjectId>, TestCaseError> {
    let (wants, haves) = (history.ids(&query.wants), history.ids(&query.haves));
    let counted = count(&history.repo, &wants, &haves, &history.options(query), &mut |_| Ok(()));
    let counted = counted.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    let sent: BTreeSet<ObjectId> = counted.objects.iter().copied().collect();
    prop_assert_eq!(sent.len(), counted.objects.len(), "each object once");
    // A clock that goes wrong may hide that the receiver has a commit.
    let mut commits: HashSet<ObjectId> = counted.objects[..counted.commits].iter().copied().collect();
    let expected = history.expected(query, &commits);
    if history.is_skewed && !expected.new.iter().all(|id| commits.contains(id)) {
        // The filter leaves commits out, so that which were found new isn't to be seen.
        commits.clone_from(&expected.reached);
    }
    let expected = history.expected(query, &commits);
    prop_assert!(
        history.is_skewed || commits.iter().all(|id| !expected.had.contains(id)),
        "a commit that the receiver has"
    );
    let missing: Vec<_> = expected.must.difference(&sent).collect();
    prop_assert!(missing.is_empty(), "missing: {missing:?}");
    let needless: Vec<_> = sent.difference(&expected.may).collect();
    prop_assert!(needless.is_empty(), "needless: {needless:?}");
    let unknown: Vec<_> = counted.known.iter().filter(|id| !expected.had.contains(*id)).collect();
    prop_assert!(unknown.is_empty(), "not had, so no base of a delta: {unknown:?}");
    Ok(sent)
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn what_the_receiver_lacks_is_counted(plan in plan(), queries in vec(query(true), 1..12)) {
        let (_folder, repo) = in_memory();
        let history = History::make(&plan, repo, &mut |_| {});
        for query in &queries {
            check(&history, query)?;
        }
    }
}
