//! A computer with a project on it, and the repository that it is pushed to.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::credentials::Provider;
use crate::sync::{Context, Pushed, SyncError, push_history};
use crate::transport::{Remote, TransportOptions};
use azml_core::history::HistoryRepo;
use azml_core::id::{ProjectId, RunId};
use azml_core::remote_url::RemoteUrl;
use azml_core::run::{RunRecord, RunStore, Status};
use azml_core::snapshot::{self, Limits, Message, Request, Silent};
use azml_core::user_repo::{Signature, UserRepo};
use gix::ObjectId;
use jiff::Timestamp;

pub(crate) fn project_id() -> ProjectId {
    "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_511_000_000 + second).unwrap()
}

pub(crate) fn author() -> Signature {
    Signature { name: "alice".to_owned(), email: "alice@example.com".to_owned() }
}

pub(crate) fn by() -> gix::actor::Signature {
    author().at(at(0))
}

pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_AUTHOR_NAME", "a")
        .env("GIT_AUTHOR_EMAIL", "a@example.com")
        .env("GIT_COMMITTER_NAME", "a")
        .env("GIT_COMMITTER_EMAIL", "a@example.com")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// An empty bare repository.
pub(crate) fn bare() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    git(dir.path(), &["init", "-q", "--bare", "-b", "master"]);
    dir
}

pub(crate) fn remote(url: &str) -> Remote {
    Remote::new(RemoteUrl::parse(url).unwrap(), Provider::new(), TransportOptions::default())
}

pub(crate) fn remote_at(dir: &Path) -> Remote {
    remote(dir.to_str().unwrap())
}

pub(crate) fn fsck(dir: &Path) {
    git(dir, &["fsck", "--strict", "--full"]);
}

/// A project folder.
pub(crate) struct Computer {
    _dir: tempfile::TempDir,
    pub(crate) root: PathBuf,
    pub(crate) history: HistoryRepo,
}

impl Computer {
    /// A project that was just created, with the user's own repository and one commit in it.
    pub(crate) fn with_project(id: ProjectId) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("iris");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(root.join("train.py"), "print(1)\n").unwrap();
        std::fs::write(root.join(".gitignore"), ".azuremlhistory_git\n").unwrap();
        git(&root, &["init", "-q", "-b", "master"]);
        git(&root, &["add", "-A"]);
        git(&root, &["commit", "-q", "-m", "Initial commit"]);
        let history = HistoryRepo::init(&root, id).unwrap();
        Self { _dir: dir, root, history }
    }

    /// Opens the project that roaming made in `root`.
    pub(crate) fn at(dir: tempfile::TempDir, root: PathBuf) -> Self {
        let history = HistoryRepo::open(&root, project_id()).unwrap();
        Self { _dir: dir, root, history }
    }

    pub(crate) fn user(&self) -> UserRepo {
        UserRepo::open(&self.root).unwrap().unwrap()
    }

    /// Edits the project, takes a snapshot and writes the record of a run.
    pub(crate) fn run(&self, name: &str, second: i64) -> (RunId, ObjectId) {
        self.run_saying(name, &format!("{name} {second}\n"), second)
    }

    /// The same, with a file that holds `content`.
    pub(crate) fn run_saying(&self, name: &str, content: &str, second: i64) -> (RunId, ObjectId) {
        std::fs::write(self.root.join(format!("{name}.txt")), content).unwrap();
        let run_id = RunId::new(name, u64::try_from(at(second).as_millisecond()).unwrap()).unwrap();
        let request = Request {
            home: None,
            limits: Limits::default(),
            author: author(),
            time: at(second),
            message: Message {
                subject: String::new(),
                run_id: Some(run_id.clone()),
                script: None,
                target: None,
                base: None,
                has_large: false,
            },
        };
        let taken = snapshot::take(&self.history, &request, &Silent).unwrap();
        let mut record = RunRecord::new(run_id.clone(), self.history.id(), "train.py", at(second));
        record.status = Status::Completed;
        record.set_commit_id(taken.commit);
        RunStore::new(&self.history).start(&record, &by()).unwrap();
        (run_id, taken.commit)
    }

    pub(crate) fn push(&self, remote: &Remote) -> Result<Pushed, SyncError> {
        push_history(&self.history, remote, Context::quiet(&by()))
    }

    pub(crate) fn run_ids(&self) -> Vec<String> {
        let mut ids: Vec<_> =
            RunStore::new(&self.history).all().unwrap().iter().map(|run| run.run_id.to_string()).collect();
        ids.sort();
        ids
    }
}

pub(crate) fn is_in(dir: &Path, commit: ObjectId, reference: &str) -> bool {
    let commit = commit.to_string();
    Command::new("git")
        .current_dir(dir)
        .args(["merge-base", "--is-ancestor", &commit, reference])
        .status()
        .unwrap()
        .success()
}
