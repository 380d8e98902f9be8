//! Stock git's view of repositories, which decides whether azml and vsts-mock left them sound.

use std::path::{Path, PathBuf};

use crate::Actor;

/// Everything of the user's own repository that azml must leave alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserState {
    head: String,
    index: Option<Vec<u8>>,
    refs: String,
    stash: String,
    config: String,
    status: String,
}

impl UserState {
    /// Reads it without changing it: `git status` must not refresh the index on the way.
    pub fn of(actor: &Actor<'_>, project: &Path) -> Self {
        let git = |args: &[&str]| actor.git(project, &[&["--no-optional-locks"], args].concat()).ok().stdout;
        Self {
            head: std::fs::read_to_string(project.join(".git/HEAD"))
                .expect("the user's repository has a HEAD"),
            index: std::fs::read(project.join(".git/index")).ok(),
            refs: git(&["for-each-ref"]),
            stash: git(&["stash", "list"]),
            config: git(&["config", "--local", "--list"]),
            status: git(&["status", "--porcelain=v2", "--branch", "--untracked-files=all"]),
        }
    }

    /// The same without `git status`, for commands whose work is to change files.
    #[must_use]
    pub fn without_status(mut self) -> Self {
        self.status.clear();
        self
    }

    /// Requires that nothing changed.
    #[track_caller]
    pub fn assert_same(&self, after: &Self, what: &str) {
        assert_eq!(self.head, after.head, "HEAD after {what}");
        assert_eq!(self.index, after.index, "bytes of the index after {what}");
        assert_eq!(self.refs, after.refs, "branches and tags after {what}");
        assert_eq!(self.stash, after.stash, "stash after {what}");
        assert_eq!(self.config, after.config, "configuration after {what}");
        assert_eq!(self.status, after.status, "status after {what}");
    }
}

/// The hidden repository of a project.
pub fn history_of(project: &Path) -> PathBuf {
    project.join(".azuremlhistory_git")
}

/// The project's GUID, as its file says.
pub fn project_id(project: &Path) -> String {
    let text =
        std::fs::read_to_string(project.join(".azureml/project.json")).expect("a project has a project.json");
    let file: serde_json::Value = serde_json::from_str(&text).expect("project.json is JSON");
    file["Id"].as_str().expect("project.json has an Id").to_owned()
}

/// The name of the project's history branch.
pub fn history_branch(project: &Path) -> String {
    format!("AzureMLHistory/{}", project_id(project))
}

/// Requires that `git fsck --strict` finds nothing wrong.
#[track_caller]
pub fn assert_sound(actor: &Actor<'_>, repository: &Path) {
    let output = actor.git(repository, &["fsck", "--strict", "--no-dangling", "--no-progress"]).ok();
    // A warning would not fail it. What it notices about a repository without any commit is no complaint.
    let clean = output.stderr.lines().chain(output.stdout.lines()).all(|line| line.starts_with("notice: "));
    assert!(clean, "not clean: {output}");
}

/// Counts the commits of a branch of a repository.
#[track_caller]
pub fn count_commits(actor: &Actor<'_>, repository: &Path, revision: &str) -> usize {
    actor.git(repository, &["rev-list", "--count", revision]).ok().text().parse().expect("a number")
}

/// Returns whether a commit can be reached from a branch.
pub fn reaches(actor: &Actor<'_>, repository: &Path, branch: &str, commit: &str) -> bool {
    actor.git(repository, &["merge-base", "--is-ancestor", commit, branch]).code == Some(0)
}

/// Returns whether a repository has an object, without asking a remote for it.
pub fn has_object(actor: &Actor<'_>, repository: &Path, id: &str) -> bool {
    actor.git(repository, &["cat-file", "-e", id]).code == Some(0)
}

/// Every bare repository below a folder: a server's own.
pub fn repositories_below(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(dir) = open.pop() {
        if dir.join("HEAD").is_file() && dir.join("objects").is_dir() {
            found.push(dir);
            continue;
        }
        let entries = std::fs::read_dir(&dir).into_iter().flatten().flatten();
        open.extend(
            entries
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path()),
        );
    }
    found
}
