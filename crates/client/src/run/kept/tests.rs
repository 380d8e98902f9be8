//! Tests of what scripts do to a run folder: all of it is kept, and the folder is the snapshot's again.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};

use azml_core::checkout::checkout;
use gix::objs::tree::EntryKind;
use proptest::prelude::*;

use super::*;
use crate::run::recycled;

/// A project, its run folder, and where files go.
struct Testbed {
    dir: tempfile::TempDir,
    repo: gix::Repository,
}

/// A file of a snapshot or of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    File(Vec<u8>, bool),
    Link(String),
    Folder,
}

impl Testbed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(dir.path().join("repo")).unwrap();
        for folder in ["project", "attachments"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        Self { dir, repo }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The tree of a snapshot.
    fn tree(&self, files: &BTreeMap<BString, Content>) -> ObjectId {
        let mut editor = gix::objs::tree::Editor::new(
            gix::objs::Tree::empty(),
            &self.repo.objects,
            self.repo.object_hash(),
        );
        for (path, content) in files {
            let (kind, bytes) = match content {
                Content::File(bytes, false) => (EntryKind::Blob, bytes.as_slice()),
                Content::File(bytes, true) => (EntryKind::BlobExecutable, bytes.as_slice()),
                Content::Link(target) => (EntryKind::Link, target.as_bytes()),
                Content::Folder => continue,
            };
            let id = self.repo.write_blob(bytes).unwrap().detach();
            editor.upsert(path.split_str("/"), kind, id).unwrap();
        }
        editor.write(|tree| self.repo.write_object(tree).map(gix::Id::detach)).unwrap()
    }

    /// Makes the run folder of a snapshot.
    fn make(&self, tree: ObjectId) -> Manifest {
        let (work, index) = (self.path("work"), self.path("work.index"));
        let project = self.path("project");
        match recycled::reuse(&self.repo, tree, &project, &self.path("spare"), &work, &index) {
            Some(recycled::Reused::AsItWas(made)) => return made,
            Some(recycled::Reused::Remade(_)) => {}
            None => drop(checkout(&self.repo, tree, &work).unwrap()),
        }
        let top = recycled::folders_of(&self.repo, tree).unwrap();
        recycled::write_manifest(&work, tree, BString::default(), top, &|_| false, &index).unwrap()
    }

    fn keep(&self, made: &Manifest, step: &dyn Fn()) -> Collected {
        self.ended(made, &Outputs::default(), &mut |ended| ended.keep(step).unwrap())
    }

    fn ended<T>(&self, made: &Manifest, outputs: &Outputs, does: &mut dyn FnMut(Ended<'_>) -> T) -> T {
        does(Ended {
            work: &self.path("work"),
            made,
            root: &self.path("project"),
            outputs,
            attachments: &self.path("attachments"),
            kept: &self.path("kept"),
            commit: None,
            now: Timestamp::UNIX_EPOCH,
        })
    }

    fn release(&self) {
        recycled::release(
            &self.path("work"),
            &self.path("work.index"),
            &self.path("spare"),
            &self.path("removable"),
        )
        .unwrap();
    }

    fn kept(&self) -> KeptRun {
        KeptRun { folder: self.path("kept") }
    }

    fn lines(&self) -> Vec<String> {
        let items = self.kept().items().unwrap();
        items.iter().map(|item| format!("{} {}", item.kind.as_str(), quoted(&item.path))).collect()
    }
}

/// Everything below a folder.
fn contents(root: &Path) -> BTreeMap<BString, Content> {
    let mut found = BTreeMap::new();
    walk(root, BStr::new(b""), &mut |path, place, there| {
        let content = if there.is_symlink() {
            Content::Link(fs::read_link(place).unwrap().to_str().unwrap().to_owned())
        } else if there.is_dir() {
            Content::Folder
        } else {
            Content::File(fs::read(place).unwrap(), there.permissions().mode() & 0o100 != 0)
        };
        found.insert(path, content);
    })
    .unwrap();
    found
}

fn file(text: &str) -> Content {
    Content::File(text.as_bytes().to_vec(), false)
}

fn snapshot(files: &[(&str, Content)]) -> BTreeMap<BString, Content> {
    files.iter().map(|(path, content)| (BString::from(*path), content.clone())).collect()
}

fn write(path: &Path, content: &Content) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match content {
        Content::File(bytes, is_executable) => {
            fs::write(path, bytes).unwrap();
            let mode = if *is_executable { 0o755 } else { 0o644 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        Content::Link(target) => symlink(target, path).unwrap(),
        Content::Folder => fs::create_dir_all(path).unwrap(),
    }
}

#[test]
fn everything_that_a_script_leaves_is_kept_or_named() {
    let testbed = Testbed::new();
    let tree = testbed.tree(&snapshot(&[
        ("results.csv", file("rate\n")),
        ("same.txt", file("same")),
        ("src/gone.py", file("gone")),
        ("src/mode.sh", file("echo")),
        ("link", Content::Link("same.txt".to_owned())),
        ("becomes/folder", file("x")),
    ]));
    let made = testbed.make(tree);
    let (work, project) = (testbed.path("work"), testbed.path("project"));
    // An ignored folder and an ignored file of the project's are linked; the script replaces the file.
    fs::create_dir(project.join("data")).unwrap();
    fs::write(project.join("cache.bin"), "the project's").unwrap();
    symlink(project.join("data"), work.join("data")).unwrap();
    fs::write(work.join("cache.bin"), "the run's").unwrap();
    // The script.
    fs::write(work.join("results.csv"), "rate\n0.1\n").unwrap();
    fs::write(work.join("same.txt"), "same").unwrap();
    fs::remove_file(work.join("src/gone.py")).unwrap();
    fs::set_permissions(work.join("src/mode.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(work.join("link")).unwrap();
    symlink("results.csv", work.join("link")).unwrap();
    fs::remove_dir_all(work.join("becomes")).unwrap();
    fs::write(work.join("becomes"), "a file").unwrap();
    write(&work.join("ckpt/epoch9.pt"), &file("weights"));
    write(&work.join("ckpt/latest"), &Content::Link("epoch9.pt".to_owned()));
    write(&work.join("clone/.git/HEAD"), &file("ref"));
    write(&work.join("empty/deeper"), &Content::Folder);
    write(&work.join("src/__pycache__/gone.cpython-313.pyc"), &file("bytecode"));
    let name = std::ffi::OsStr::from_bytes(b"n\xffme");
    fs::write(work.join(name), "not UTF-8").unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, work.join("pipe"), rustix::fs::FileType::Fifo, 0o644.into(), 0)
        .unwrap();
    let sparse = File::create(work.join("sparse.bin")).unwrap();
    sparse.set_len(1 << 30).unwrap();

    let before = testbed.ended(&made, &Outputs::default(), &mut |ended| ended.items().unwrap());
    let collected = testbed.keep(&made, &|| {});
    assert!(collected.is_clear && collected.troubles.is_empty(), "{collected:?}");
    assert_eq!(
        testbed.lines(),
        [
            "new becomes",
            "deleted becomes/folder",
            "changed cache.bin",
            "new ckpt/epoch9.pt",
            "new ckpt/latest",
            "new clone/.git/HEAD",
            "new empty/deeper",
            "changed link",
            r#"new "n\377me""#,
            "new pipe",
            "changed results.csv",
            "new sparse.bin",
            "deleted src/gone.py",
            "changed src/mode.sh",
        ]
    );
    let names = |items: &[Item]| items.iter().map(|item| (item.path.clone(), item.kind)).collect::<Vec<_>>();
    assert_eq!(names(&before), names(&testbed.kept().items().unwrap()), "the same was seen beforehand");
    let left = collected.left;
    assert_eq!((left.new, left.changed, left.deleted, left.not_kept), (7, 4, 2, 1));
    assert!(left.bytes < 1_000_000, "a hole takes no room: {}", left.bytes);
    let files = testbed.path("kept/files");
    assert_eq!(fs::read_to_string(files.join(name)).unwrap(), "not UTF-8");
    assert_eq!(fs::read_link(files.join("ckpt/latest")).unwrap(), Path::new("epoch9.pt"));
    assert_eq!(fs::read_to_string(project.join("cache.bin")).unwrap(), "the project's");

    testbed.release();
    remove_all(&testbed.path("kept")).unwrap();
    let made = testbed.make(tree);
    assert_eq!(contents(&work).get(BStr::new(b"becomes/folder")), Some(&file("x")));
    assert_eq!(testbed.tree(&contents(&work)), tree, "the next run has exactly the snapshot");
    let again = testbed.keep(&made, &|| {});
    assert!(again.is_clear && again.left.count() == 0 && !testbed.path("kept").exists(), "{again:?}");
}

#[test]
fn outputs_are_collected_and_what_can_not_be_is_kept() {
    let testbed = Testbed::new();
    let tree = testbed.tree(&snapshot(&[("outputs/old.txt", file("old")), ("a.py", file("a"))]));
    let made = testbed.make(tree);
    let work = testbed.path("work");
    for path in ["outputs/new.txt", "ckpt/deep/x.pt", "best.pt", "other/y.pt"] {
        write(&work.join(path), &file(path));
    }
    write(&work.join("outputs/nowhere"), &Content::Link("missing".to_owned()));
    // A folder where the output would go.
    fs::create_dir_all(testbed.path("attachments/ckpt/stuck.pt")).unwrap();
    write(&work.join("ckpt/stuck.pt"), &file("stuck"));
    let outputs = Outputs::declared(&["ckpt/".to_owned(), "*.pt".to_owned()]).unwrap();
    let collected = testbed.ended(&made, &outputs, &mut |ended| ended.keep(&|| {}).unwrap());
    assert_eq!(collected.troubles.len(), 1, "{collected:?}");
    assert_eq!(testbed.lines(), ["new ckpt/stuck.pt", "new other/y.pt", "new outputs/nowhere"]);
    let attached: Vec<BString> = contents(&testbed.path("attachments")).into_keys().collect();
    assert_eq!(attached, ["best.pt", "ckpt/deep/x.pt", "ckpt/stuck.pt", "outputs/new.txt"]);
}

#[test]
fn a_script_that_closes_its_folders_loses_nothing() {
    let testbed = Testbed::new();
    let tree = testbed.tree(&snapshot(&[("src/deep/a.py", file("a")), ("src/b.py", file("b"))]));
    let made = testbed.make(tree);
    let work = testbed.path("work");
    fs::write(work.join("src/deep/a.py"), "changed").unwrap();
    write(&work.join("locked/inside/model.pt"), &file("weights"));
    let close = |path: &str| fs::set_permissions(work.join(path), fs::Permissions::from_mode(0o000)).unwrap();
    for path in ["src/deep/a.py", "src/deep", "src", "locked/inside", "locked"] {
        close(path);
    }
    let collected = testbed.keep(&made, &|| {});
    assert!(collected.is_clear, "{collected:?}");
    assert_eq!(testbed.lines(), ["new locked/inside/model.pt", "changed src/deep/a.py"]);
    testbed.release();
    drop(testbed.make(tree));
    assert_eq!(testbed.tree(&contents(&work)), tree);
    assert_eq!(
        fs::metadata(work.join("src/deep")).unwrap().permissions().mode(),
        fs::metadata(&work).unwrap().permissions().mode()
    );
    remove_all(testbed.dir.path()).unwrap();
}

#[test]
fn what_can_not_be_moved_stays_in_the_run_folder_which_is_kept_as_a_whole() {
    let testbed = Testbed::new();
    let tree = testbed.tree(&snapshot(&[("a.py", file("a"))]));
    let made = testbed.make(tree);
    let work = testbed.path("work");
    fs::write(work.join("best.pt"), "weights").unwrap();
    // A path that is just short enough; a pipe keeps its folders from being moved as one.
    let mut deep = work.clone();
    while deep.as_os_str().len() < 3_900 {
        deep.push("d".repeat(150));
    }
    deep.push("e".repeat(4_091 - deep.as_os_str().len()));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("f"), "far down").unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, deep.join("p"), rustix::fs::FileType::Fifo, 0o644.into(), 0)
        .unwrap();
    let collected = testbed.keep(&made, &|| {});
    assert!(!collected.is_clear && collected.troubles.len() == 1);
    assert!(!work.exists(), "the next run makes a folder of its own");
    let items = testbed.kept().items().unwrap();
    let names: Vec<_> = items.iter().map(|item| (item.path[..1].as_bstr(), item.trouble.is_some())).collect();
    assert_eq!(names, [("b".into(), false), ("d".into(), true), ("d".into(), true)]);
    assert_eq!(fs::read_to_string(testbed.path("kept/files/best.pt")).unwrap(), "weights");
    fs::rename(testbed.path("kept/rest"), &work).unwrap();
    assert_eq!(fs::read_to_string(deep.join("f")).unwrap(), "far down");
}

#[test]
fn azml_killed_between_any_two_moves_keeps_everything_at_the_next_try() {
    let edits = |work: &Path| {
        fs::write(work.join("results.csv"), "0.1\n").unwrap();
        fs::remove_file(work.join("gone")).unwrap();
        for path in ["a.pt", "ckpt/1.pt", "ckpt/2.pt", "src/new.txt"] {
            write(&work.join(path), &file(path));
        }
        // Not moved as one folder: there is bytecode in it.
        write(&work.join("lib/x.txt"), &file("x"));
        write(&work.join("lib/__pycache__/x.pyc"), &file("bytecode"));
    };
    let files = [("results.csv", file("")), ("gone", file("g")), ("src/a.py", file("a"))];
    let expected = {
        let testbed = Testbed::new();
        let made = testbed.make(testbed.tree(&snapshot(&files)));
        edits(&testbed.path("work"));
        drop(testbed.keep(&made, &|| {}));
        (testbed.lines(), contents(&testbed.path("kept/files")))
    };
    let mut kills = 0;
    loop {
        let testbed = Testbed::new();
        let tree = testbed.tree(&snapshot(&files));
        let made = testbed.make(tree);
        edits(&testbed.path("work"));
        let steps = std::cell::Cell::new(0);
        let killed = catch_unwind(AssertUnwindSafe(|| {
            testbed.keep(&made, &|| {
                steps.set(steps.get() + 1);
                assert!(steps.get() <= kills, "killed here");
            })
        }));
        let made = Manifest::read(&testbed.path("work.index")).unwrap();
        let collected = testbed.keep(&made, &|| {});
        assert!(collected.is_clear, "killed after {kills} steps: {collected:?}");
        assert_eq!(
            (testbed.lines(), contents(&testbed.path("kept/files"))),
            expected,
            "killed after {kills} steps"
        );
        if killed.is_ok() {
            break;
        }
        kills += 1;
    }
    assert!(kills > 4, "only {kills} kills");
}

#[test]
fn some_of_the_kept_files_can_be_removed() {
    let testbed = Testbed::new();
    let made = testbed.make(testbed.tree(&snapshot(&[("gone", file("g"))])));
    let work = testbed.path("work");
    fs::remove_file(work.join("gone")).unwrap();
    write(&work.join("a/b/one"), &file("1"));
    write(&work.join("two"), &file("22"));
    drop(testbed.keep(&made, &|| {}));
    let items = testbed.kept().items().unwrap();
    testbed.kept().remove_items(&items[..1]).unwrap();
    assert_eq!(testbed.lines(), ["deleted gone", "new two"]);
    assert_eq!(testbed.kept().totals().unwrap(), (2, 2));
    assert!(!testbed.path("kept/files/a").exists());
    testbed.kept().remove_items(&items[1..]).unwrap();
    assert!(!testbed.path("kept").exists());
}

#[test]
fn files_are_copied_out_exactly_and_nothing_is_overwritten_unasked() {
    let testbed = Testbed::new();
    let made = testbed.make(testbed.tree(&BTreeMap::new()));
    let work = testbed.path("work");
    write(&work.join("bin/tool"), &Content::File(b"tool".to_vec(), true));
    write(&work.join("link"), &Content::Link("bin/tool".to_owned()));
    write(&work.join("empty"), &Content::Folder);
    fs::write(work.join(std::ffi::OsStr::from_bytes(b"\xfe")), "byte").unwrap();
    drop(testbed.keep(&made, &|| {}));
    let (items, out) = (testbed.kept().items().unwrap(), testbed.path("out"));
    assert_eq!(copy_out(&items, &out, false).unwrap(), 4);
    assert_eq!(contents(&out), contents(&testbed.path("kept/files")));
    assert_eq!(copy_out(&items, &out, false).unwrap(), 0, "all there already");
    fs::write(out.join("bin/tool"), "mine").unwrap();
    let refused = copy_out(&items, &out, false).unwrap_err();
    assert!(matches!(refused, CopyError::Conflicts { ref paths } if *paths == ["bin/tool"]), "{refused}");
    assert_eq!(fs::read_to_string(out.join("bin/tool")).unwrap(), "mine");
    assert_eq!(copy_out(&items, &out, true).unwrap(), 1);
    assert_eq!(contents(&out), contents(&testbed.path("kept/files")));
    // Never through a link.
    fs::remove_dir_all(out.join("bin")).unwrap();
    symlink(testbed.path("project"), out.join("bin")).unwrap();
    assert!(matches!(copy_out(&items, &out, true), Err(CopyError::InTheWay { .. })));
    assert!(!testbed.path("project/tool").exists());
}

/// One thing that a script does.
#[derive(Clone, Debug)]
enum Edit {
    Write(String, Content),
    Append(String),
    Delete(String),
    Touch(String),
    Mode(String, u32),
    Rename(String, String),
}

fn paths() -> impl Strategy<Value = String> {
    "[ab](/[ab]){0,2}"
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        4 => ("[xy]{0,3}", any::<bool>()).prop_map(|(text, mode)| Content::File(text.into_bytes(), mode)),
        1 => "[ab]".prop_map(Content::Link),
        1 => Just(Content::Folder),
    ]
}

fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => (paths(), content()).prop_map(|(path, content)| Edit::Write(path, content)),
        2 => paths().prop_map(Edit::Append),
        2 => paths().prop_map(Edit::Delete),
        1 => paths().prop_map(Edit::Touch),
        2 => (paths(), prop::sample::select(vec![0o755, 0o644, 0o600, 0o500])).prop_map(|(p, m)| Edit::Mode(p, m)),
        2 => (paths(), paths()).prop_map(|(from, to)| Edit::Rename(from, to)),
    ]
}

/// Does it as a script would: what can't be done is not done.
fn edit(work: &Path, edit: &Edit) {
    match edit {
        Edit::Write(path, content) => {
            let path = work.join(path);
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && !path.is_dir() {
                drop(fs::remove_file(&path));
                write(&path, content);
            }
        }
        Edit::Append(path) => {
            let file = fs::OpenOptions::new().append(true).open(work.join(path));
            drop(file.and_then(|mut file| io::Write::write_all(&mut file, b"more")));
        }
        Edit::Delete(path) => drop(remove_all(&work.join(path))),
        Edit::Touch(path) => {
            let file = fs::OpenOptions::new().append(true).open(work.join(path));
            drop(file.and_then(|file| file.set_modified(std::time::SystemTime::UNIX_EPOCH)));
        }
        Edit::Mode(path, mode) => {
            drop(fs::set_permissions(work.join(path), fs::Permissions::from_mode(*mode)));
        }
        Edit::Rename(from, to) => drop(fs::rename(work.join(from), work.join(to))),
    }
}

/// Files that can stand in one folder: none of them is where another needs a folder.
fn consistent(files: Vec<(String, Content)>) -> BTreeMap<BString, Content> {
    let mut kept: BTreeMap<BString, Content> = BTreeMap::new();
    for (path, content) in files {
        let is_free = kept.keys().all(|other| {
            let (one, two) = (path.clone() + "/", other.to_string() + "/");
            !one.starts_with(&two) && !two.starts_with(&one)
        });
        if is_free && content != Content::Folder {
            kept.insert(path.into(), content);
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_snapshot_and_what_is_kept_are_what_the_script_left(
        runs in prop::collection::vec(
            (prop::collection::vec((paths(), content()), 0..6), prop::collection::vec(edits(), 0..8)), 1..4),
    ) {
        let testbed = Testbed::new();
        let work = testbed.path("work");
        for (files, script) in runs {
            let snapshot = consistent(files);
            let tree = testbed.tree(&snapshot);
            let made = testbed.make(tree);
            prop_assert_eq!(&contents(&work), &snapshot, "the run begins with exactly its snapshot");
            for one in &script {
                edit(&work, one);
            }
            let left = contents(&work);

            let collected = testbed.keep(&made, &|| {});
            prop_assert!(collected.is_clear && collected.troubles.is_empty(), "{:?}", collected);
            let mut rebuilt = snapshot.clone();
            if testbed.path("kept").exists() {
                for item in testbed.kept().items().unwrap() {
                    let was = snapshot.get(&item.path);
                    match item.kind {
                        Kind::New => prop_assert!(was.is_none() || collected.left.deleted > 0, "{:?}", item),
                        Kind::Changed | Kind::Deleted => prop_assert!(was.is_some(), "{:?}", item),
                    }
                    if item.kind == Kind::Deleted {
                        rebuilt.remove(&item.path);
                    }
                }
                rebuilt.extend(contents(&testbed.path("kept/files")));
            }
            // A folder of the snapshot's that is empty now says no more than that its files were deleted.
            let folders = |content: &BTreeMap<BString, Content>| {
                let mut content = content.clone();
                content.retain(|path, content| {
                    let below = |other: &BString| other.starts_with(&[path.as_slice(), b"/"].concat());
                    *content != Content::Folder || !snapshot.keys().any(below)
                });
                content
            };
            prop_assert_eq!(folders(&rebuilt), folders(&left));
            drop(remove_all(&testbed.path("kept")));
            testbed.release();
        }
    }
}
