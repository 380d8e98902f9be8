//! Tests of snapshots. Stock Git is the classify of what was stored.

mod edges;
mod large;
mod repositories;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use jiff::Timestamp;

use super::*;
use crate::{
    id::{ProjectId, RunId},
    user_repo::Base,
};

const ID: &str = "0a1b2c3d-0000-4000-8000-000000000001";

pub(super) struct Fixture {
    _folder: tempfile::TempDir,
    pub(super) root: PathBuf,
    pub(super) history: HistoryRepo,
}

pub(super) fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("iris");
    fs::create_dir(&root).unwrap();
    let id: ProjectId = ID.parse().unwrap();
    let history = HistoryRepo::init(&root, id).unwrap();
    Fixture { _folder: folder, root, history }
}

pub(super) fn request() -> Request {
    Request {
        home: None,
        limits: Limits::default(),
        author: Signature { name: "Ada".into(), email: "ada@example.com".into() },
        time: Timestamp::from_second(1_511_000_000).unwrap(),
        message: Message { subject: "First".into(), ..Message::default() },
    }
}

impl Fixture {
    pub(super) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(super) fn take(&self) -> Taken {
        take(&self.history, &request(), &Silent).unwrap()
    }

    pub(super) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(self.history.path())
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {}", output.stderr.as_bstr());
        output.stdout.to_str_lossy().trim_end().to_owned()
    }

    /// Paths and modes of the newest snapshot.
    pub(super) fn files(&self) -> BTreeMap<String, String> {
        let listing = self.git(&["ls-tree", "-r", "-z", &format!("AzureMLHistory/{ID}")]);
        listing
            .split('\0')
            .filter(|line| !line.is_empty())
            .map(|line| {
                let (mode, path) = line.split_once('\t').unwrap();
                (path.to_owned(), mode[..6].to_owned())
            })
            .collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    pub(super) fn fsck(&self) {
        assert_eq!(self.git(&["fsck", "--strict", "--no-dangling"]), "");
    }

    /// The tree that stock Git makes of the folder, with an index of its own and without filters.
    pub(super) fn tree_by_git(&self) -> String {
        let dir = tempfile::tempdir().unwrap();
        let run = |args: &[&str]| {
            let output = Command::new("git")
                .args(args)
                .env("GIT_DIR", dir.path().join("git"))
                .env("GIT_WORK_TREE", &self.root)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .current_dir(&self.root)
                .output()
                .unwrap();
            assert!(output.status.success(), "git {args:?}: {}", output.stderr.as_bstr());
            output.stdout.to_str_lossy().trim_end().to_owned()
        };
        run(&["init", "-q"]);
        fs::write(dir.path().join("git/info/exclude"), ".azuremlhistory_git\n").unwrap();
        fs::write(dir.path().join("git/info/attributes"), "* -text -filter\n").unwrap();
        run(&["add", "-A"]);
        run(&["write-tree"])
    }
}

#[test]
fn the_whole_folder_byte_for_byte() {
    let f = fixture();
    f.write("train.py", "print(1)\n");
    f.write("data/iris with space.csv", "a\r\nb\r\n");
    f.write("ünï/日本.txt", "x");
    f.write("a.b/c", "sorts before a/");
    f.write("a/c", "2");
    f.write("a-b", "3");
    f.write("empty", "");
    fs::create_dir(f.root.join("empty folder")).unwrap();
    f.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(f.root.join("run.sh"), fs::Permissions::from_mode(0o6777)).unwrap();
    symlink("../outside", f.root.join("a/link")).unwrap();
    symlink("a", f.root.join("folder-link")).unwrap();
    f.write(".gitattributes", "* text=auto eol=lf\n");

    let taken = f.take();
    assert!(taken.is_new);
    assert_eq!(taken.files, 11);
    assert_eq!(taken.left_out, []);
    assert_eq!(taken.tree.to_string(), f.tree_by_git());
    let files = f.files();
    assert_eq!(files["run.sh"], "100755");
    assert_eq!(files["train.py"], "100644");
    assert_eq!(files["a/link"], "120000");
    assert_eq!(f.git(&["cat-file", "blob", &format!("{}:data/iris with space.csv", taken.commit)]), "a\r\nb");
    assert_eq!(f.git(&["rev-parse", &format!("AzureMLHistory/{ID}")]), taken.commit.to_string());
    f.fsck();
}

#[test]
fn nothing_changed_makes_no_commit_and_reads_nothing() {
    let f = fixture();
    f.write("train.py", "1");
    f.write("a/b/c.txt", "2");
    age(&f.root);
    let first = f.take();
    let index = fs::read(f.history.stat_index_path()).unwrap();
    let second = f.take();
    assert!(!second.is_new);
    assert_eq!((second.commit, second.tree), (first.commit, first.tree));
    assert_eq!((first.changed, second.changed, second.bytes_new), (2, 0, 0));
    assert_eq!(fs::read(f.history.stat_index_path()).unwrap(), index, "the index is not rewritten");
    assert_eq!(f.git(&["rev-list", "--count", "--all"]), "1");
}

/// Waits until the clock of the files has moved on, so that none is racy.
pub(super) fn age(root: &Path) {
    let probe = tempfile::NamedTempFile::new_in(root.parent().unwrap()).unwrap();
    let start = probe.as_file().metadata().unwrap().modified().unwrap();
    while {
        fs::write(probe.path(), "x").unwrap();
        probe.as_file().metadata().unwrap().modified().unwrap() <= start
    } {}
}

#[test]
fn changes_additions_removals_and_types_are_seen() {
    let f = fixture();
    for name in ["keep/one", "keep/two", "change", "remove/only", "type"] {
        f.write(name, name);
    }
    age(&f.root);
    f.take();
    f.write("change", "changed");
    f.write("add/new", "new");
    fs::remove_dir_all(f.root.join("remove")).unwrap();
    fs::remove_file(f.root.join("type")).unwrap();
    f.write("type/inside", "now a folder");
    age(&f.root);
    let taken = f.take();
    assert_eq!(taken.tree.to_string(), f.tree_by_git());
    assert_eq!(taken.changed, 3);
    fs::remove_dir_all(f.root.join("type")).unwrap();
    f.write("type", "a file again");
    fs::set_permissions(f.root.join("change"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(f.take().tree.to_string(), f.tree_by_git());
    assert_eq!(f.git(&["rev-list", "--count", "--first-parent", &format!("AzureMLHistory/{ID}")]), "3");
    f.fsck();
}

#[test]
fn an_edit_that_keeps_size_and_time_is_seen() {
    let f = fixture();
    f.write("a", "1111");
    let before = fs::metadata(f.root.join("a")).unwrap().modified().unwrap();
    f.take();
    f.write("a", "2222");
    fs::File::options().write(true).open(f.root.join("a")).unwrap().set_modified(before).unwrap();
    assert_eq!(f.take().tree.to_string(), f.tree_by_git());
}

#[test]
fn the_message_carries_trailers_that_git_reads() {
    let f = fixture();
    f.write("train.py", "1");
    let base = "0123456789012345678901234567890123456789".parse().unwrap();
    let message = Message {
        run_id: Some(RunId::new("iris", 1_511_000_000_123).unwrap()),
        script: Some("train.py".into()),
        target: Some("local".into()),
        base: Some(Base { commit: base, branch: Some("feature/x".into()), folder: None }),
        ..Message::default()
    };
    let taken = take(&f.history, &Request { message, ..request() }, &Silent).unwrap();
    let said = f.git(&[
        "log",
        "-1",
        "--format=%an|%ae|%at|%s|%(trailers:separator=%x7C)",
        &taken.commit.to_string(),
    ]);
    assert_eq!(
        said,
        "Ada|ada@example.com|1511000000|Run train.py as iris_1511000000123|Run-Id: iris_1511000000123|Script: \
         train.py|Target: local|Base-Commit: 0123456789012345678901234567890123456789|Base-Branch: feature/x"
    );
}

#[test]
fn rules_say_what_stays_out_and_a_later_rule_takes_a_file_out() {
    let f = fixture();
    f.write(".gitignore", "*.log\nvenv/\n/data\n");
    f.write(".amlignore", "!keep.log\nnotes.txt\n");
    for name in [
        "train.py",
        "a.log",
        "keep.log",
        "venv/lib/x.py",
        "data/big",
        "src/data",
        "notes.txt",
        "src/notes.txt",
    ] {
        f.write(name, name);
    }
    f.take();
    assert_eq!(f.names(), [".amlignore", ".gitignore", "keep.log", "src/data", "train.py"]);
    f.write(".amlignore", "train.py\n");
    f.take();
    assert_eq!(f.names(), [".amlignore", ".gitignore", "notes.txt", "src/data", "src/notes.txt"]);
    f.fsck();
}

#[test]
fn what_the_users_git_tracks_is_in_whatever_the_rules_say() {
    let f = fixture();
    let run = |args: &[&str]| {
        assert!(Command::new("git").args(args).current_dir(&f.root).status().unwrap().success());
    };
    run(&["init", "-q"]);
    for name in ["out/tracked", "out/deep/tracked", "out/untracked", "a.log", "b.log"] {
        f.write(name, name);
    }
    run(&["add", "-f", "out/tracked", "out/deep/tracked", "a.log"]);
    f.write(".gitignore", "out/\n*.log\n.azuremlhistory_git\n");
    f.write(".amlignore", "a.log\n");
    f.take();
    assert_eq!(f.names(), [".amlignore", ".gitignore", "a.log", "out/deep/tracked", "out/tracked"]);
}

#[test]
fn nested_repositories_are_plain_files() {
    let f = fixture();
    f.write("sub/code.py", "1");
    assert!(
        Command::new("git").args(["init", "-q"]).current_dir(f.root.join("sub")).status().unwrap().success()
    );
    f.write("linked/.git", "gitdir: ../elsewhere\n");
    f.write("linked/code.py", "2");
    f.write("odd/.GIT/config", "3");
    let taken = f.take();
    assert_eq!(f.names(), ["linked/code.py", "sub/code.py"]);
    assert_eq!(taken.left_out, [LeftOut { path: "odd/.GIT".into(), why: Why::Name }]);
    f.fsck();
}

#[test]
fn secrets_stay_out_and_are_named_until_they_are_taken_back() {
    let f = fixture();
    f.write("train.py", "1");
    f.write(".env", "PASSWORD=x");
    f.write("key.txt", "-----BEGIN RSA PRIVATE KEY-----\n");
    f.write("conf/id_rsa", "x");
    let secret = |path: &str| LeftOut { path: path.into(), why: Why::Secret };
    let expected = [secret(".env"), secret("conf/id_rsa"), secret("key.txt")];
    age(&f.root);
    assert_eq!(f.take().left_out, expected);
    assert_eq!(f.names(), ["train.py"]);
    let again = f.take();
    assert_eq!((again.left_out.as_slice(), again.changed), (&expected[..], 0));

    f.write(".amlignore", "!.env\n!key.txt\n");
    let taken = f.take();
    assert_eq!(taken.left_out, [secret("conf/id_rsa")]);
    assert_eq!(f.names(), [".amlignore", ".env", "key.txt", "train.py"]);
    f.fsck();

    fs::remove_file(f.root.join(".amlignore")).unwrap();
    assert_eq!(f.take().left_out, expected);
    assert_eq!(f.names(), ["train.py"]);
}

#[test]
fn special_and_unreadable_files_are_named() {
    let f = fixture();
    f.write("train.py", "1");
    rustix::fs::mkfifoat(rustix::fs::CWD, f.root.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(f.root.join("socket")).unwrap();
    f.write("locked/x", "1");
    f.write("secretive", "1");
    let shut = fs::Permissions::from_mode(0o000);
    fs::set_permissions(f.root.join("secretive"), shut.clone()).unwrap();
    fs::set_permissions(f.root.join("locked"), shut).unwrap();
    let taken = f.take();
    fs::set_permissions(f.root.join("locked"), fs::Permissions::from_mode(0o755)).unwrap();
    let said: Vec<_> = taken.left_out.iter().map(|out| (out.path.to_string(), out.why)).collect();
    let special = |path: &str| (path.to_owned(), Why::Special);
    if rustix::process::geteuid().is_root() {
        assert_eq!(said, [special("pipe"), special("socket")]);
    } else {
        let unreadable = |path: &str| (path.to_owned(), Why::Unreadable);
        assert_eq!(said, [unreadable("locked"), special("pipe"), unreadable("secretive"), special("socket")]);
    }
}

#[test]
fn too_large_stops_it_before_anything_is_written() {
    let f = fixture();
    f.write("train.py", "1");
    for n in 0..12u8 {
        f.write(&format!("data/[{n}] model.bin"), vec![n; 1000 + usize::from(n)]);
    }
    let limits = Limits { file: 1_010, total: 100_000, ..Limits::NONE };
    let limited = |limits| take(&f.history, &Request { limits, ..request() }, &Silent);
    let before = f.history.disk_use().unwrap();
    let Err(Error::TooLarge { largest, leave_out, .. }) = limited(limits) else { panic!("it is too large") };
    assert_eq!(largest.len(), 10);
    assert_eq!(largest[0], ("data/[11] model.bin".into(), 1011));
    let lines = |found: &[LeaveOut]| found.iter().map(|found| found.line.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&leave_out), ["/data/\\[11] model.bin"]);
    assert_eq!(f.history.disk_use().unwrap().loose_objects, before.loose_objects);
    assert_eq!(f.history.tip().unwrap(), None);

    let Err(Error::TooLarge { total, leave_out, .. }) =
        limited(Limits { file: 5_000, total: 10_500, ..Limits::NONE })
    else {
        panic!("it is too much")
    };
    assert_eq!((total, lines(&leave_out)), (12_067, vec!["/data/".to_owned()]));
    f.write(".amlignore", lines(&leave_out).join("\n"));
    limited(Limits { file: 5_000, total: 10_500, ..Limits::NONE }).unwrap();

    // What is stored already is not new content.
    f.write("stored", vec![1; 1001]);
    limited(Limits::NONE).unwrap();
    fs::copy(f.root.join("stored"), f.root.join("copy")).unwrap();
    limited(Limits { file: 900, total: 900, ..Limits::NONE }).unwrap();
    f.fsck();
}

#[test]
fn many_files_become_one_pack_and_large_ones_stream() {
    let f = fixture();
    for n in 0..300 {
        f.write(&format!("d{}/{n}.txt", n % 7), format!("content {n}\n").repeat(n + 1));
    }
    let large: Vec<u8> = (0..6_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    f.write("model.bin", &large);
    let taken = f.take();
    assert_eq!(taken.tree.to_string(), f.tree_by_git());
    assert_eq!((taken.files, taken.bytes_new > 6_000_000), (301, true));
    let used = f.history.disk_use().unwrap();
    assert_eq!((used.packs, used.loose_objects), (1, 0), "the commit is in it too");
    f.git(&["verify-pack", "-v", &pack_index(&f)]);
    f.fsck();
    assert_eq!(fs::read_dir(f.history.own_folder().join("tmp")).unwrap().count(), 0);
}

fn pack_index(f: &Fixture) -> String {
    let mut list = fs::read_dir(f.history.path().join("objects/pack")).unwrap();
    list.find_map(|entry| {
        let path = entry.unwrap().path();
        path.extension().is_some_and(|x| x == "idx").then(|| path.display().to_string())
    })
    .unwrap()
}

#[test]
fn objects_that_are_stored_are_not_written_again() {
    let f = fixture();
    for n in 0..60 {
        f.write(&format!("{n}"), format!("{n}"));
    }
    f.take();
    fs::remove_file(f.history.stat_index_path()).unwrap();
    let before = f.history.disk_use().unwrap();
    let taken = f.take();
    assert_eq!((taken.is_new, taken.changed, taken.bytes_new), (false, 60, 0));
    let after = f.history.disk_use().unwrap();
    assert_eq!((after.packs, after.loose_objects), (before.packs, before.loose_objects));
}

#[test]
fn names_that_are_not_utf8_and_very_deep_trees() {
    use std::os::unix::ffi::OsStrExt;
    let f = fixture();
    let odd = std::ffi::OsStr::from_bytes(b"caf\xe9\x01.txt");
    fs::write(f.root.join(odd), "1").unwrap();
    // Deeper than a path that the system takes in one piece.
    let part = "d".repeat(100);
    let mut folder =
        rustix::fs::open(&f.root, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..120 {
        rustix::fs::mkdirat(&folder, part.as_str(), 0o755.into()).unwrap();
        folder = rustix::fs::openat(&folder, part.as_str(), rustix::fs::OFlags::DIRECTORY, 0.into()).unwrap();
    }
    let leaf = rustix::fs::openat(
        &folder,
        "leaf",
        rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY,
        rustix::fs::Mode::from_raw_mode(0o644),
    )
    .unwrap();
    rustix::io::write(&leaf, b"deep").unwrap();
    let taken = f.take();
    assert_eq!(taken.files, 2);
    let names = f.git(&["ls-tree", "-z", "--name-only", &taken.tree.to_string()]);
    assert!(names.contains('\u{fffd}'), "{names:?}");
    let blob: BString = f
        .git(&["cat-file", "blob", &format!("{}:{}leaf", taken.tree, format!("{part}/").repeat(120))])
        .into();
    assert_eq!(blob, "deep");
    // Git's own fsck would walk it too.
    f.fsck();
    // What std removes by path it could not remove at this depth.
    assert!(Command::new("rm").arg("-rf").arg(f.root.join(&part)).status().unwrap().success());
}

#[test]
fn a_damaged_or_foreign_index_is_never_believed() {
    let f = fixture();
    f.write("a/b", "1");
    f.write("c", "2");
    age(&f.root);
    f.take();
    let path = f.history.stat_index_path();
    let sound = fs::read(&path).unwrap();
    for at in 0..sound.len() {
        let mut damaged = sound.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, damaged).unwrap();
        let taken = f.take();
        assert_eq!((taken.is_new, taken.files), (false, 2), "byte {at}");
        fs::write(&path, &sound).unwrap();
    }
    fs::write(&path, &sound[..sound.len() - 1]).unwrap();
    assert_eq!(f.take().files, 2);
}

#[test]
fn two_at_once_lose_nothing() {
    let f = fixture();
    for n in 0..50 {
        f.write(&format!("{n}"), format!("{n}"));
    }
    let commits: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let (history, root) = (f.history.clone(), f.root.clone());
                scope.spawn(move || {
                    (0..5)
                        .map(|round| {
                            fs::write(root.join(format!("own-{n}")), format!("{round}")).unwrap();
                            take(&history, &request(), &Silent).unwrap().commit
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let reachable = f.git(&["rev-list", &format!("AzureMLHistory/{ID}")]);
    for commit in commits {
        assert!(reachable.contains(&commit.to_string()), "{commit} is not on the branch");
    }
    f.fsck();
}

#[test]
fn a_home_folder_is_refused_and_the_leavings_of_the_dead_are_swept() {
    let f = fixture();
    f.write("a", "1");
    let refused = take(&f.history, &Request { home: Some(f.root.clone()), ..request() }, &Silent);
    assert!(matches!(refused, Err(Error::NotAProjectFolder { .. })));
    let dead = f.history.own_folder().join("tmp/wdead");
    fs::create_dir_all(&dead).unwrap();
    fs::write(dead.join("held"), "").unwrap();
    fs::write(dead.join("pack"), "half").unwrap();
    f.take();
    assert!(!dead.exists());
}

#[test]
fn an_empty_folder_is_a_snapshot_too() {
    let f = fixture();
    let taken = f.take();
    assert!(taken.is_new);
    assert_eq!(taken.files, 0);
    f.fsck();
    assert!(!f.take().is_new);
}
