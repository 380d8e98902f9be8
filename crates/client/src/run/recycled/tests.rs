//! The last run's folder as the next one's.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use azml_core::checkout::listing::Entry;
use gix::objs::tree::EntryKind;

use super::*;

/// Returns whether a look at the states tells all.
fn is_sure(folder: &Folder) -> bool {
    folder.state.is_some()
        && folder.files.iter().all(|file| file.state.is_some())
        && folder.folders.iter().all(|(_, folder)| is_sure(folder))
}

struct Testbed {
    dir: tempfile::TempDir,
    repo: gix::Repository,
}

impl Testbed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(dir.path().join("repo")).unwrap();
        Self { dir, repo }
    }

    fn listing(&self, files: &[(&str, EntryKind, &str)]) -> Listing {
        files
            .iter()
            .map(|(path, kind, content)| {
                let id = self.repo.write_blob(content).unwrap().detach();
                (BString::from(*path), Entry { kind: *kind, id, is_large: false })
            })
            .collect()
    }

    fn tree(&self, listing: &Listing) -> ObjectId {
        let mut editor = gix::objs::tree::Editor::new(
            gix::objs::Tree::empty(),
            &self.repo.objects,
            self.repo.object_hash(),
        );
        for (path, entry) in listing {
            editor.upsert(path.split_str("/"), entry.kind, entry.id).unwrap();
        }
        editor.write(|tree| self.repo.write_object(tree).map(gix::Id::detach)).unwrap()
    }

    /// Makes a folder of a listing and notes it, again until the clock can vouch for all of it.
    fn make(&self, name: &str, listing: &Listing) -> ObjectId {
        let (work, tree) = (self.path(name), self.tree(listing));
        fs::create_dir(&work).unwrap();
        checkout::add(&self.repo, listing, &work).unwrap();
        while !is_sure(
            &write_manifest(
                &work,
                tree,
                BString::default(),
                Folder::of(listing),
                &|_| false,
                &self.path("index"),
            )
            .unwrap()
            .top,
        ) {}
        tree
    }

    fn release(&self, name: &str) {
        release(&self.path(name), &self.path("index"), &self.path("spare"), &self.path("removable")).unwrap();
    }

    fn reuse(&self, tree: ObjectId, name: &str) -> Option<Reused> {
        reuse(
            &self.repo,
            tree,
            Path::new("/project"),
            &self.path("spare"),
            &self.path(name),
            &self.path("index"),
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// All files with their content (`-> target` for a link), and `!` for executable ones.
    fn content(&self, name: &str) -> Vec<String> {
        let root = self.path(name);
        let files = crate::run::folder::walk(&root).unwrap();
        let show = |path: &PathBuf| {
            let full = root.join(path);
            let mark = if fs::symlink_metadata(&full).unwrap().mode() & 0o100 != 0 { "!" } else { "" };
            match fs::read_link(&full) {
                Ok(target) => format!("{} -> {}", path.display(), target.display()),
                Err(_) => format!("{}{mark}={}", path.display(), fs::read_to_string(&full).unwrap()),
            }
        };
        files.iter().map(show).collect()
    }
}

#[test]
fn the_next_run_gets_exactly_its_snapshot_and_untouched_files_stay() {
    use EntryKind::{Blob, BlobExecutable, Link};
    let testbed = Testbed::new();
    let first = testbed.listing(&[
        ("a/same.txt", Blob, "same"),
        ("a/touched.txt", Blob, "as it was"),
        ("a/gone.txt", Blob, "gone"),
        ("dir", Blob, "a file that becomes a folder"),
        ("link", Link, "a/same.txt"),
        ("mode", Blob, "mode"),
    ]);
    testbed.make("one", &first);
    let work = testbed.path("one");
    let inode = fs::metadata(work.join("a/same.txt")).unwrap().ino();
    fs::write(work.join("a/touched.txt"), "as it is!").unwrap();
    fs::write(work.join("stray"), "x").unwrap();
    fs::create_dir_all(work.join("__pycache__/deep")).unwrap();
    std::os::unix::fs::symlink("/etc", work.join("evil")).unwrap();
    testbed.release("one");

    let second = testbed.listing(&[
        ("a/same.txt", Blob, "same"),
        ("a/touched.txt", Blob, "as it was"),
        ("dir/inside", Blob, "new"),
        ("evil/passwd", Blob, "not through the link"),
        ("link", Link, "a/same.txt"),
        ("mode", BlobExecutable, "mode"),
    ]);
    let next = testbed.path("two");
    let tree = testbed.tree(&second);
    assert!(matches!(testbed.reuse(tree, "two"), Some(Reused::Remade(_))));
    assert_eq!(
        testbed.content("two"),
        [
            "a/same.txt=same",
            "a/touched.txt=as it was",
            "dir/inside=new",
            "evil/passwd=not through the link",
            "link -> a/same.txt",
            "mode!=mode"
        ]
    );
    assert_eq!(fs::metadata(next.join("a/same.txt")).unwrap().ino(), inode, "it was not written again");
    assert!(!next.join("__pycache__").exists());
    assert!(testbed.reuse(tree, "three").is_none(), "it is taken");
}

#[test]
fn an_index_of_another_version_is_not_used() {
    let testbed = Testbed::new();
    fs::create_dir_all(testbed.path("spare/work")).unwrap();
    fs::write(testbed.path("spare/index"), "azml run folder 5\n").unwrap();
    assert!(testbed.reuse(testbed.tree(&Listing::new()), "two").is_none());
    assert!(!testbed.path("two").exists());
}

#[test]
fn the_same_snapshot_again_is_taken_as_it_was_without_what_the_script_left() {
    use EntryKind::{Blob, Link};
    let testbed = Testbed::new();
    let listing = testbed.listing(&[
        ("a/b/deep.txt", Blob, "deep"),
        ("a.b/near.txt", Blob, "near"),
        ("a/link", Link, "/etc/passwd"),
        ("top", Blob, "top"),
    ]);
    let tree = testbed.make("one", &listing);
    let as_made = testbed.content("one");
    for round in 0..3 {
        let (before, after) = (format!("run{round}"), format!("run{}", round + 1));
        let name = if round == 0 { "one" } else { &before };
        fs::write(testbed.path(name).join("a/b/stray"), "x").unwrap();
        std::os::unix::fs::symlink("/", testbed.path(name).join("root")).unwrap();
        testbed.release(name);
        assert!(matches!(testbed.reuse(tree, &after), Some(Reused::AsItWas(_))), "round {round}");
        assert_eq!(testbed.content(&after), as_made);
    }
    // A file that is changed in place, back to its length and time, is not taken for what it was.
    let file = testbed.path("run3").join("top");
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, "pot").unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    // A folder that became a link elsewhere is not walked into.
    let elsewhere = testbed.path("elsewhere");
    fs::rename(testbed.path("run3").join("a"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, testbed.path("run3").join("a")).unwrap();
    testbed.release("run3");
    assert!(matches!(testbed.reuse(tree, "last"), Some(Reused::Remade(_))));
    assert_eq!(testbed.content("last"), as_made);
    assert!(elsewhere.join("b/deep.txt").exists());
}

#[test]
fn a_large_folder_that_several_threads_look_at_is_its_snapshot_again() {
    let testbed = Testbed::new();
    let paths: Vec<String> = (0..1_200).map(|at| format!("d{}/e{}/f{at}", at % 7, at / 7 % 5)).collect();
    let files: Vec<_> = paths.iter().map(|path| (path.as_str(), EntryKind::Blob, "the same")).collect();
    let listing = testbed.listing(&files);
    let tree = testbed.make("one", &listing);
    let as_made = testbed.content("one");
    for at in 0..7 {
        let folder = testbed.path("one").join(format!("d{at}/e{}", at % 5));
        fs::write(folder.join("stray"), "x").unwrap();
        let first = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
        fs::write(first, "another").unwrap();
    }
    fs::remove_dir_all(testbed.path("one").join("d3/e4")).unwrap();
    testbed.release("one");
    assert!(matches!(testbed.reuse(tree, "two"), Some(Reused::Remade(_))));
    assert_eq!(testbed.content("two"), as_made);
}

#[test]
fn nothing_is_removed_through_a_folder_that_became_a_link_after_it_was_looked_at() {
    use EntryKind::Blob;
    let testbed = Testbed::new();
    let listing = testbed.listing(&[("a/b/made.txt", Blob, "made"), ("top", Blob, "top")]);
    testbed.make("one", &listing);
    let work = testbed.path("one");
    fs::write(work.join("a/b/stray"), "x").unwrap();
    fs::write(work.join("a/b/made.txt"), "changed").unwrap();
    let mut manifest = Manifest::read(&testbed.path("index")).unwrap();
    let open = Dir::open(&work).unwrap();
    let found = scan(&work, &manifest, None).unwrap();
    assert_eq!(found.differences.len(), 2);
    // Somebody exchanges the folder, with the same names in the other one.
    let outside = testbed.path("outside");
    fs::rename(work.join("a"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, work.join("a")).unwrap();
    assert!(remove(open, found, &mut manifest).is_err());
    assert_eq!(fs::read_dir(outside.join("b")).unwrap().count(), 2);
}
