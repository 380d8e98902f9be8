//! Stock git's opinion of repositories that other clients made.

use std::path::Path;

use crate::git::Git;

/// Requires that a repository is sound.
#[track_caller]
pub(crate) fn assert_sound(repository: &Path) {
    let output = Git::new(repository).run(&["fsck", "--strict", "--no-dangling", "--no-progress"]);
    let clean = output.out.lines().chain(output.err.lines()).all(|line| line.starts_with("notice: "));
    assert!(output.code == 0 && clean, "{}: {output:?}", repository.display());
}

/// Returns the objects that can be reached from revisions of a repository, commits and all, sorted.
#[track_caller]
pub(crate) fn objects(repository: &Path, revisions: &[&str]) -> Vec<String> {
    let args = [&["rev-list", "--objects", "--no-object-names"], revisions].concat();
    let mut lines: Vec<_> = Git::new(repository).run(&args).ok().lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// The id of a revision; empty where there is none.
pub(crate) fn id(repository: &Path, revision: &str) -> String {
    Git::new(repository).run(&["rev-parse", "-q", "--verify", revision]).out.trim().to_owned()
}

/// Returns the number of commits that can be reached from a revision.
#[track_caller]
pub(crate) fn count(repository: &Path, revision: &str) -> usize {
    Git::new(repository).run(&["rev-list", "--count", revision]).ok().trim().parse().expect("a number")
}
