//! Tests of restore: what it does, what it refuses, and that no kill leaves a mixture.

mod at_once;
mod edits;
mod exact;
mod faults;
mod held;
mod large;
mod links;
mod paths;
mod refusals;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, fs::symlink},
    path::Path,
};

use gix::bstr::BString;
use jiff::Timestamp;

use super::*;
use crate::{
    history::HistoryRepo,
    large::Tree,
    snapshot::{Limits, Silent, TreeRequest},
    user_repo::Signature,
};

/// A project folder with its history repository.
struct Project {
    _folder: tempfile::TempDir,
    history: HistoryRepo,
}

/// The file at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    File(Vec<u8>),
    Executable(Vec<u8>),
    Link(Vec<u8>),
}

/// The files of a folder, by path. Folders are there for what is in them.
type State = BTreeMap<BString, Node>;

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("project");
        fs::create_dir(&root).unwrap();
        let id = "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
        let history = HistoryRepo::init(&root, id).unwrap();
        Self { _folder: folder, history }
    }

    /// One in which nearly every file is a large one.
    fn of_large_files(state: &State) -> Self {
        let mut project = Self::new();
        project.history.set_large_from(4);
        project.become_(state);
        project
    }

    fn with(state: &State) -> Self {
        let project = Self::new();
        project.become_(state);
        project
    }

    fn root(&self) -> &Path {
        self.history.root()
    }

    fn write(&self, path: &str, content: &str) {
        put(self.root(), path.as_bytes(), &Node::File(content.into()));
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root().join(path)).ok()
    }

    /// Makes the folder hold exactly `state`.
    fn become_(&self, state: &State) {
        for entry in fs::read_dir(self.root()).unwrap().map(Result::unwrap) {
            if entry.file_name() == crate::history::FOLDER {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                fs::remove_dir_all(entry.path()).unwrap();
            } else {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        for (path, node) in state {
            put(self.root(), path, node);
        }
    }

    fn state(&self) -> State {
        let mut state = State::new();
        read_state(self.root(), &mut BString::default(), &mut state);
        state
    }

    /// The folder as a tree.
    fn tree(&self) -> Tree {
        let request = TreeRequest { limits: Limits::NONE, ..TreeRequest::default() };
        crate::snapshot::tree(&self.history, &request, &Silent).unwrap().tree()
    }

    /// The tree of `state`, taken by making the folder be it.
    fn tree_of(&self, state: &State) -> Tree {
        let now = self.state();
        self.become_(state);
        let tree = self.tree();
        self.become_(&now);
        tree
    }

    /// The same project as another process would open it.
    fn reopened(&self) -> HistoryRepo {
        let mut history = HistoryRepo::open(self.root(), *self.history.id()).unwrap();
        history.set_large_from(self.history.large_from());
        history
    }

    fn restore(&self, tree: Tree) -> Result<Done, Error> {
        execute(&self.history, &plan(&self.history, tree)?, &context(), &NoSteps)
    }

    fn undo(&self) -> Result<Done, Error> {
        undo(&self.history, &context(), &NoSteps)
    }

    fn is_clean(&self) {
        assert!(!self.history.restore_journal_path().exists(), "a journal is left");
        assert!(
            self.state().keys().all(|path| !path.windows(6).any(|w| w == b".azml-")),
            "{:?}",
            self.state().keys()
        );
    }

    /// Stock git finds nothing wrong with the history repository.
    fn fsck(&self) {
        let mut git = std::process::Command::new("git");
        git.arg("--git-dir").arg(self.history.path()).args(["fsck", "--strict", "--no-dangling"]);
        let output = git.env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn context() -> Context {
    let alice = Signature { name: "alice".to_owned(), email: "alice@example.com".to_owned() };
    Context { by: alice.at(Timestamp::from_second(1_504_832_281).unwrap()), force: false }
}

fn file(content: &str) -> Node {
    Node::File(content.into())
}

fn executable(content: &str) -> Node {
    Node::Executable(content.into())
}

fn link(target: &str) -> Node {
    Node::Link(target.into())
}

fn state<const N: usize>(nodes: [(&str, Node); N]) -> State {
    nodes.into_iter().map(|(path, node)| (path.into(), node)).collect()
}

fn put(root: &Path, path: &[u8], node: &Node) {
    let path = root.join(std::ffi::OsStr::from_bytes(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match node {
        Node::Link(target) => symlink(std::ffi::OsStr::from_bytes(target), path).unwrap(),
        Node::File(content) => fs::write(path, content).unwrap(),
        Node::Executable(content) => {
            fs::write(&path, content).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

fn read_state(folder: &Path, prefix: &mut BString, state: &mut State) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_name() == crate::history::FOLDER {
            continue;
        }
        let len = prefix.len();
        prefix.extend_from_slice(entry.file_name().as_bytes());
        let metadata = entry.path().symlink_metadata().unwrap();
        if metadata.is_dir() {
            prefix.push(b'/');
            read_state(&entry.path(), prefix, state);
        } else if metadata.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap();
            state.insert(prefix.clone(), Node::Link(target.as_os_str().as_bytes().to_owned()));
        } else if metadata.is_file() {
            let content = fs::read(entry.path()).unwrap();
            let node = if metadata.permissions().mode() & 0o100 == 0 { Node::File } else { Node::Executable };
            state.insert(prefix.clone(), node(content));
        }
        prefix.truncate(len);
    }
}

/// The folder to go back to: of everything something.
fn old() -> State {
    state([
        (".azureml/project.json", file("{}")),
        ("same/unchanged.txt", file("same")),
        ("train.py", file("print('old')\n")),
        ("crlf.txt", file("one\r\ntwo\r\n")),
        ("run.sh", file("#!/bin/sh\n")),
        ("tool", executable("#!/bin/sh\necho\n")),
        ("name with spaces.txt", file("x")),
        ("größe/ß ü.txt", file("ü")),
        ("file-then-folder", file("a file")),
        ("folder-then-file/a/b/c.txt", file("deep")),
        ("folder-then-file/d.txt", file("d")),
        ("link-then-file", link("train.py")),
        ("file-then-link", file("content")),
        ("link", link("same")),
        ("folder-then-link/inner.txt", file("inner")),
        ("link-then-folder", link("same")),
        ("deep/a/b/c/d/only.txt", file("gone in the new one")),
        ("empty.txt", file("")),
    ])
}

/// The folder that is there.
fn new() -> State {
    state([
        (".azureml/project.json", file("{}")),
        ("same/unchanged.txt", file("same")),
        ("train.py", file("print('new, and longer')\n")),
        ("crlf.txt", file("one\ntwo\n")),
        ("run.sh", executable("#!/bin/sh\n")),
        ("tool", file("#!/bin/sh\necho\n")),
        ("name with spaces, another.txt", file("y")),
        ("größe/ä.txt", file("ä")),
        ("file-then-folder/x/y.txt", file("now in a folder")),
        ("folder-then-file", file("now a file")),
        ("link-then-file", file("now a file")),
        ("file-then-link", link("nowhere/at/all")),
        ("link", link("same/unchanged.txt")),
        ("folder-then-link", link("same")),
        ("link-then-folder/inner.txt", file("inner")),
        ("other/deep/e/f/only.txt", file("gone in the old one")),
        ("outputs/model.bin", file("\0\u{1}\u{2}")),
    ])
}
