//! Scans with an index find the same as without: folders that are not listed again, whatever changes in them; and
//! any tree comes back as it was.

use std::{
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
};

use gix::bstr::ByteSlice;
use proptest::prelude::*;

use super::{Fixture, age, fixture};
use crate::checkout::checkout;

/// The tree of the folder as a process without an index would make it.
fn without_index(f: &Fixture) -> String {
    let index = f.history.stat_index_path();
    let kept = fs::read(&index).unwrap();
    fs::remove_file(&index).unwrap();
    let tree = f.take().tree.to_string();
    fs::write(&index, kept).unwrap();
    tree
}

type Change = (&'static str, fn(&Path));

#[test]
fn every_change_in_a_folder_that_the_index_knows_is_seen() {
    let changes: &[Change] = &[
        ("edited", |r| fs::write(r.join("a/b/one.py"), "longer than before").unwrap()),
        ("edited, same size", |r| fs::write(r.join("a/b/one.py"), "LONGER than before").unwrap()),
        ("added", |r| fs::write(r.join("a/b/new.py"), "new").unwrap()),
        ("removed", |r| fs::remove_file(r.join("a/b/new.py")).unwrap()),
        ("renamed", |r| fs::rename(r.join("a/b/two.py"), r.join("a/b/three.py")).unwrap()),
        ("renamed over", |r| fs::rename(r.join("a/b/three.py"), r.join("a/b/one.py")).unwrap()),
        ("moved between folders", |r| fs::rename(r.join("a/b/one.py"), r.join("c/one.py")).unwrap()),
        ("a folder that was empty", |r| fs::write(r.join("a/b/again.py"), "x").unwrap()),
        ("made executable", |r| {
            fs::set_permissions(r.join("c/one.py"), fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("a file becomes a folder", |r| {
            fs::remove_file(r.join("c/one.py")).unwrap();
            fs::create_dir(r.join("c/one.py")).unwrap();
            fs::write(r.join("c/one.py/in"), "x").unwrap();
        }),
        ("a folder becomes a link", |r| {
            fs::remove_dir_all(r.join("a/b")).unwrap();
            symlink("../c", r.join("a/b")).unwrap();
        }),
        ("a link becomes a folder", |r| {
            fs::remove_file(r.join("a/b")).unwrap();
            fs::create_dir(r.join("a/b")).unwrap();
            fs::write(r.join("a/b/back.py"), "x").unwrap();
        }),
        ("a folder is swapped for another", |r| {
            fs::create_dir(r.join("d")).unwrap();
            fs::write(r.join("d/back.py"), "y").unwrap();
            fs::rename(r.join("a/b"), r.join("e")).unwrap();
            fs::rename(r.join("d"), r.join("a/b")).unwrap();
        }),
        ("ignored from above", |r| fs::write(r.join(".gitignore"), "back.py\n").unwrap()),
        ("ignored no longer", |r| fs::write(r.join(".gitignore"), "nothing\n").unwrap()),
        ("ignored in its folder", |r| fs::write(r.join("a/b/.gitignore"), "*.py\n").unwrap()),
        ("taken back", |r| fs::write(r.join("a/b/.amlignore"), "!back.py\n").unwrap()),
        ("whole folder ignored", |r| fs::write(r.join(".amlignore"), "/a/\n").unwrap()),
        ("whole folder back", |r| fs::remove_file(r.join(".amlignore")).unwrap()),
        ("a secret comes, and is taken in", |r| {
            fs::write(r.join("c/.env"), "K=1").unwrap();
            fs::write(r.join(".amlignore"), "!.env\n").unwrap();
        }),
        ("and is not", |r| fs::write(r.join(".amlignore"), "# !.env\n").unwrap()),
        ("all is gone", |r| fs::remove_dir_all(r.join("a")).unwrap()),
    ];
    let f = fixture();
    for name in ["a/b/one.py", "a/b/two.py", "c/keep.txt", "top.txt"] {
        f.write(name, name);
    }
    for n in 0..40 {
        f.write(&format!("full/{n}"), "x");
    }
    for (what, change) in changes {
        // Settled: every folder's own time is in the index now.
        age(&f.root);
        f.take();
        age(&f.root);
        f.take();
        assert!(!f.take().is_new);
        change(&f.root);
        let taken = f.take();
        assert!(taken.is_new, "{what}: not seen");
        assert_eq!(taken.tree.to_string(), without_index(&f), "{what}");
    }
    f.fsck();
}

#[test]
fn two_names_of_one_file_and_sparse_files_are_files() {
    let f = fixture();
    f.write("one", "shared");
    fs::hard_link(f.root.join("one"), f.root.join("two")).unwrap();
    let sparse = fs::File::create(f.root.join("sparse")).unwrap();
    sparse.set_len(20 << 20).unwrap();
    let taken = f.take();
    assert_eq!(taken.bytes_new, 6 + (20 << 20), "one content is stored once");
    assert_eq!(taken.tree.to_string(), f.tree_by_git());
    age(&f.root);
    f.take();
    // A change by one name is a change by the other.
    fs::write(f.root.join("two"), "by the other name").unwrap();
    assert_eq!(f.take().tree.to_string(), f.tree_by_git());

    let out = tempfile::tempdir().unwrap();
    checkout(f.history.git(), f.take().tree, &out.path().join("out")).unwrap();
    let (one, two) = (out.path().join("out/one"), out.path().join("out/two"));
    assert_eq!(fs::read(&one).unwrap(), b"by the other name");
    assert_ne!(fs::metadata(one).unwrap().ino(), fs::metadata(two).unwrap().ino());
    assert_eq!(fs::metadata(out.path().join("out/sparse")).unwrap().len(), 20 << 20);
}

#[test]
fn modes_are_plain_or_executable_and_nothing_else_comes_back() {
    let f = fixture();
    for (name, mode) in
        [("setuid", 0o4755), ("setgid", 0o2755), ("sticky", 0o1644), ("world", 0o666), ("all", 0o777)]
    {
        f.write(name, name);
        fs::set_permissions(f.root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let taken = f.take();
    let modes: Vec<String> = f.files().into_values().collect();
    assert_eq!(
        modes,
        ["100755", "100755", "100755", "100644", "100644"],
        "all, setgid, setuid, sticky, world"
    );
    let out = tempfile::tempdir().unwrap();
    checkout(f.history.git(), taken.tree, &out.path().join("out")).unwrap();
    for entry in fs::read_dir(out.path().join("out")).unwrap().flatten() {
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7000, 0, "{entry:?}: {mode:o}");
    }
}

#[test]
fn a_history_that_cannot_be_written_is_named() {
    let f = fixture();
    f.write("train.py", "1");
    let tmp = f.history.path().join("azml/tmp");
    fs::remove_dir_all(&tmp).unwrap();
    fs::write(&tmp, "no folder").unwrap();
    let error = super::take(&f.history, &super::request(), &super::Silent).unwrap_err();
    let mut said = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    assert!(said.contains("azml/tmp"), "{said}");
}

/// A name of any bytes that a tree may hold.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(vec![
            "a", "A", "b", "ä", "a\u{308}", ".x", "a b", "-", "a.b", "a\\b", "*", "!n", "#"
        ])
        .prop_map(|name| name.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>().prop_filter("no separator", |b| !matches!(b, 0 | b'/')), 1..6)
            .prop_filter("no folder's own name", |name| name != b"." && name != b".."),
    ]
}

#[derive(Debug, Clone)]
enum Act {
    Write(Vec<Vec<u8>>, Vec<u8>, bool),
    Link(Vec<Vec<u8>>, Vec<u8>),
    Remove(Vec<Vec<u8>>),
    Snapshot,
}

fn any_act() -> impl Strategy<Value = Act> {
    let path = || prop::collection::vec(any_name(), 1..4);
    prop_oneof![
        4 => (path(), prop::collection::vec(any::<u8>(), 0..40), any::<bool>())
            .prop_map(|(path, content, runs)| Act::Write(path, content, runs)),
        1 => (path(), any_name()).prop_map(|(path, target)| Act::Link(path, target)),
        2 => path().prop_map(Act::Remove),
        2 => Just(Act::Snapshot),
    ]
}

fn at(root: &Path, path: &[Vec<u8>]) -> std::path::PathBuf {
    path.iter().fold(root.to_owned(), |at, part| at.join(std::ffi::OsStr::from_bytes(part)))
}

/// Does it, if the tree allows it; the history itself is left alone.
fn act(f: &Fixture, act: &Act) {
    let place = |path: &[Vec<u8>]| {
        let place = at(&f.root, path);
        let is_ours = path[0].as_bstr() == crate::history::FOLDER;
        let parent = place.parent().unwrap();
        (!is_ours && fs::create_dir_all(parent).is_ok() && parent.canonicalize().unwrap() == parent)
            .then_some(place)
    };
    match act {
        Act::Write(path, content, runs) => {
            if let Some(place) = place(path)
                && place.symlink_metadata().is_ok_and(|there| there.is_file())
                    | place.symlink_metadata().is_err()
            {
                fs::write(&place, content).unwrap();
                fs::set_permissions(place, fs::Permissions::from_mode(if *runs { 0o755 } else { 0o644 }))
                    .unwrap();
            }
        }
        Act::Link(path, target) => {
            if let Some(place) = place(path) {
                drop(symlink(std::ffi::OsStr::from_bytes(target), place));
            }
        }
        Act::Remove(path) => {
            let place = at(&f.root, path);
            if path[0].as_bstr() != crate::history::FOLDER {
                drop(fs::remove_dir_all(&place).or_else(|_| fs::remove_file(&place)));
            }
        }
        Act::Snapshot => drop(f.take()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is done to a folder between snapshots, the index makes no difference; and what a snapshot holds, written
    /// out, is what a snapshot of it would hold.
    #[test]
    fn any_tree_comes_back_and_the_index_makes_no_difference(acts in prop::collection::vec(any_act(), 1..30)) {
        let f = fixture();
        for step in &acts {
            act(&f, step);
        }
        let taken = f.take();
        prop_assert_eq!(taken.tree.to_string(), without_index(&f));
        let copy = fixture();
        let out = copy.root.join("out");
        checkout(f.history.git(), taken.tree, &out).unwrap();
        for entry in fs::read_dir(&out).unwrap().flatten() {
            fs::rename(entry.path(), copy.root.join(entry.file_name())).unwrap();
        }
        fs::remove_dir(&out).unwrap();
        prop_assert_eq!(copy.take().tree, taken.tree);
    }
}
