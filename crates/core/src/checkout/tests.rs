//! Tests of checkout: exact, as stock git would have it, and never out of the folder.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::Command,
};

use gix::objs::{
    Tree,
    tree::{self, EntryKind},
};

use super::*;

struct Repo {
    folder: tempfile::TempDir,
    git: Repository,
}

impl Repo {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let git = gix::init_bare(folder.path().join("repo.git")).unwrap();
        Self { folder, git }
    }

    fn blob(&self, content: impl AsRef<[u8]>) -> ObjectId {
        self.git.write_blob(content).unwrap().detach()
    }

    fn tree(&self, entries: impl IntoIterator<Item = (BString, EntryKind, ObjectId)>) -> ObjectId {
        let entries =
            entries.into_iter().map(|(filename, kind, oid)| tree::Entry { mode: kind.into(), filename, oid });
        let mut tree = Tree { entries: entries.collect() };
        tree.entries.sort();
        self.git.write_object(&tree).unwrap().detach()
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// The tree that stock git makes of what is in the target folder.
    fn as_git_sees_it(&self) -> String {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.arg("--git-dir")
                .arg(self.git.git_dir())
                .arg("--work-tree")
                .arg(self.target())
                .args(arguments);
            git.env("GIT_INDEX_FILE", self.folder.path().join("index")).env("GIT_CONFIG_GLOBAL", "/dev/null");
            let output = git.current_dir(self.target()).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        git(&["add", "-A", "-f", "."]);
        git(&["write-tree"]).trim().to_owned()
    }
}

#[test]
fn stock_git_sees_the_very_tree_that_was_checked_out() {
    let repo = Repo::new();
    let (text, bytes) = (repo.blob("one\r\ntwo\n"), repo.blob([0, 255, 10]));
    let many =
        repo.tree((0..300).map(|i| (format!("{i:03}").into(), EntryKind::Blob, repo.blob(format!("{i}")))));
    let inner = repo.tree([
        ("b c".into(), EntryKind::BlobExecutable, text),
        (BString::from(b"\xff\xfe.bin".to_vec()), EntryKind::Blob, bytes),
        ("back\\slash".into(), EntryKind::Blob, text),
    ]);
    let tree = repo.tree([
        ("größe".into(), EntryKind::Tree, inner),
        ("many".into(), EntryKind::Tree, many),
        (".gitignore".into(), EntryKind::Blob, repo.blob("*\n")),
        ("empty".into(), EntryKind::Blob, repo.blob("")),
        ("out".into(), EntryKind::Link, repo.blob("../../..")),
        ("in".into(), EntryKind::Link, repo.blob("many/001")),
    ]);
    let written = checkout(&repo.git, tree, &repo.target()).unwrap();
    assert_eq!(written.files, 307);
    assert_eq!(repo.as_git_sees_it(), tree.to_string());
    assert_eq!(fs::read_link(repo.target().join("out")).unwrap(), Path::new("../../.."));
    let mode = |path: &str| repo.target().join(path).metadata().unwrap().permissions().mode() & 0o7111;
    assert_eq!((mode("größe/b c"), mode("empty")), (0o111 & !umask(), 0));
    assert!(repo.target().join(std::ffi::OsStr::from_bytes(b"gr\xc3\xb6\xc3\x9fe/\xff\xfe.bin")).is_file());
}

/// Returns the process's umask, seen by making a folder.
fn umask() -> u32 {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("x")).unwrap();
    !folder.path().join("x").metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let repo = Repo::new();
    let tree = repo.tree([("a".into(), EntryKind::Blob, repo.blob("1"))]);
    fs::create_dir(repo.target()).unwrap();
    checkout(&repo.git, tree, &repo.target()).unwrap();
    assert!(matches!(checkout(&repo.git, tree, &repo.target()), Err(Error::NotEmpty { .. })));
}

#[test]
fn unsafe_trees_are_refused_before_anything_is_written() {
    let repo = Repo::new();
    let blob = repo.blob("evil");
    let hook = repo.tree([("post-checkout".into(), EntryKind::BlobExecutable, blob)]);
    for name in [
        ".git",
        ".GiT",
        "git~1",
        ".git ",
        "..",
        ".",
        ".g\u{200c}it",
        ".git::$INDEX_ALLOCATION",
        ".azuremlhistory_git",
        "a/b",
    ] {
        let deep = repo.tree([(name.into(), EntryKind::Tree, hook)]);
        let tree = repo.tree([("a".into(), EntryKind::Blob, blob), ("z".into(), EntryKind::Tree, deep)]);
        let refused = checkout(&repo.git, tree, &repo.target());
        assert!(matches!(refused, Err(Error::UnsafePath { .. })), "{name}: {refused:?}");
    }
    // A link and, by the same name, a folder with a file: the file would be written through the link.
    let twice = Tree {
        entries: [(EntryKind::Link, repo.blob("..")), (EntryKind::Tree, hook)]
            .map(|(kind, oid)| tree::Entry { mode: kind.into(), filename: "d".into(), oid })
            .to_vec(),
    };
    let twice = repo.git.write_object(&twice).unwrap().detach();
    assert!(matches!(checkout(&repo.git, twice, &repo.target()), Err(Error::TwoAtOnePath { .. })));
    let modules = repo.tree([(".gitmodules".into(), EntryKind::Link, blob)]);
    assert!(matches!(checkout(&repo.git, modules, &repo.target()), Err(Error::UnsafePath { .. })));
    assert!(!repo.target().exists());
}

#[test]
fn another_repositorys_commit_is_an_empty_folder() {
    let repo = Repo::new();
    let tree = repo.tree([
        ("sub".into(), EntryKind::Commit, repo.blob("any id")),
        ("a".into(), EntryKind::Blob, repo.blob("1")),
    ]);
    checkout(&repo.git, tree, &repo.target()).unwrap();
    assert_eq!(fs::read_dir(repo.target().join("sub")).unwrap().count(), 0);
}

#[test]
fn what_is_missing_is_named() {
    let repo = Repo::new();
    let absent = ObjectId::from_hex(b"00000000000000000000000000000000000000aa").unwrap();
    let tree = repo.tree((0..64).map(|i| (format!("{i}").into(), EntryKind::Blob, absent)));
    let failed = checkout(&repo.git, tree, &repo.target());
    assert!(matches!(failed, Err(Error::Read { id, .. }) if id == absent), "{failed:?}");
}
