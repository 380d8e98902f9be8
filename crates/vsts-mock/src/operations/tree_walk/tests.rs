//! Compares walks with gix's; and trees that are made to be walked for ever.

use std::collections::BTreeMap;

use gix::objs::tree::EntryKind;
use gix::prelude::Write as _;
use proptest::prelude::*;

use super::*;

struct Directory {
    _folder: tempfile::TempDir,
    repository: gix::Repository,
}

impl Directory {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let repository = gix::init_bare(folder.path()).expect("a repository").with_object_memory();
        Self { _folder: folder, repository }
    }

    /// Writes a tree whose entries are given in Git's order.
    fn tree(&self, entries: &[(&str, EntryKind, ObjectId)]) -> ObjectId {
        let mut data = Vec::new();
        for (name, kind, id) in entries {
            data.extend_from_slice(format!("{:o} {name}\0", EntryMode::from(*kind).value()).as_bytes());
            data.extend_from_slice(id.as_slice());
        }
        self.repository.objects.write_buf(Kind::Tree, &data).expect("written")
    }

    fn blob(&self, text: &str) -> ObjectId {
        self.repository.write_blob(text).expect("written").detach()
    }

    /// `levels` folders, each with ten entries that are all the same.
    fn bomb(&self, levels: usize, leaf: (EntryKind, ObjectId)) -> ObjectId {
        let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let mut entry = leaf;
        for _ in 0..levels {
            let entries: Vec<_> = names.iter().map(|name| (name.as_str(), entry.0, entry.1)).collect();
            entry = (EntryKind::Tree, self.tree(&entries));
        }
        entry.1
    }

    fn nested(&self, levels: usize, leaf: (EntryKind, ObjectId)) -> ObjectId {
        (0..levels).fold(leaf, |(kind, id), _| (EntryKind::Tree, self.tree(&[("d", kind, id)]))).1
    }

    fn listed(&self, old: Option<ObjectId>, new: Option<ObjectId>) -> Result<Vec<String>, WalkError> {
        let mut all = Vec::new();
        let work = Work::new();
        differing(&self.repository, &work, old, new, |path, old, new| {
            let mark = match (old, new) {
                (None, _) => '+',
                (_, None) => '-',
                _ => '~',
            };
            all.push(format!("{mark}{path}"));
            Ok(())
        })?;
        Ok(all)
    }
}

fn bound(result: Result<Vec<String>, WalkError>) -> Exceeded {
    match result {
        Err(WalkError::Exceeded(exceeded)) => exceeded,
        Err(WalkError::Git(error)) => panic!("{error}"),
        Ok(all) => panic!("{} entries", all.len()),
    }
}

#[test]
fn folders_come_before_what_is_in_them_and_paths_in_order() {
    let directory = Directory::new();
    let (a, b) = (directory.blob("a"), directory.blob("b"));
    let inner = directory.tree(&[("x", EntryKind::Blob, a), ("y", EntryKind::Blob, a)]);
    let edited = directory.tree(&[("x", EntryKind::Blob, b), ("z", EntryKind::Blob, a)]);
    let old = directory.tree(&[("d", EntryKind::Tree, inner), ("e", EntryKind::Blob, a)]);
    let new = directory.tree(&[
        ("d.txt", EntryKind::Blob, a),
        ("d", EntryKind::Tree, edited),
        ("e", EntryKind::Tree, inner),
    ]);
    let all = directory.listed(None, Some(old)).expect("a walk");
    assert_eq!(all, ["+d", "+d/x", "+d/y", "+e"]);
    let all = directory.listed(Some(old), Some(new)).expect("a walk");
    assert_eq!(all, ["+d.txt", "~d/x", "-d/y", "+d/z", "-e", "+e", "+e/x", "+e/y"]);
    assert!(directory.listed(Some(old), Some(old)).expect("a walk").is_empty());
}

/// S1: fourteen objects with a million million paths.
#[test]
fn a_bomb_is_refused_whatever_it_is_made_of() {
    let directory = Directory::new();
    let (file, other) = (directory.blob("x"), directory.blob("y"));
    let (empty, odd) = (directory.tree(&[]), directory.tree(&[("f", EntryKind::Blob, file)]));
    let leaves = [
        ((EntryKind::Blob, file), (EntryKind::Blob, other)),
        // Trees alone: no file is ever reached.
        ((EntryKind::Tree, empty), (EntryKind::Tree, odd)),
    ];
    for (one, two) in leaves {
        let (before, after) = (directory.bomb(12, one), directory.bomb(12, two));
        for pair in [(None, Some(after)), (Some(before), None), (Some(before), Some(after))] {
            assert_eq!(bound(directory.listed(pair.0, pair.1)), Exceeded::Entries, "{one:?} {pair:?}");
        }
    }
}

/// S1: paths of nested folders are quadratic.
#[test]
fn deep_folders_are_refused_and_those_that_git_takes_are_not() {
    let directory = Directory::new();
    let leaf = (EntryKind::Blob, directory.blob("x"));
    let deep = directory.nested(WALK_DEPTH, leaf);
    assert_eq!(directory.listed(None, Some(deep)).expect("a walk").len(), WALK_DEPTH);
    let deeper = directory.nested(WALK_DEPTH + 2, leaf);
    assert_eq!(bound(directory.listed(None, Some(deeper))), Exceeded::Depth);
    // Ten long paths through each of which a deep folder is reached.
    let name = "n".repeat(200);
    let long = (0..1_000).fold(leaf, |(kind, id), _| (EntryKind::Tree, directory.tree(&[(&name, kind, id)])));
    let wide = directory.bomb(1, long);
    assert_eq!(bound(directory.listed(None, Some(wide))), Exceeded::PathBytes);
}

#[test]
fn many_files_are_listed() {
    let directory = Directory::new();
    let file = directory.blob("x");
    let names: Vec<String> = (0..1_000).map(|n| format!("{n:04}")).collect();
    let folder: Vec<_> = names.iter().map(|name| (name.as_str(), EntryKind::Blob, file)).collect();
    let folder = directory.tree(&folder);
    let top: Vec<_> = names[..200].iter().map(|name| (name.as_str(), EntryKind::Tree, folder)).collect();
    let all = directory.listed(None, Some(directory.tree(&top))).expect("a walk");
    assert_eq!(all.len(), 200_200);
}

/// A folder of a random directory.
#[derive(Clone, Debug)]
enum Node {
    File(u8),
    Folder(BTreeMap<String, Self>),
}

impl Node {
    fn any() -> impl Strategy<Value = Self> {
        let file = (0..3_u8).prop_map(Node::File);
        file.prop_recursive(3, 24, 4, |inner| {
            prop::collection::btree_map("[ab.]{1,2}", inner, 0..4).prop_map(Node::Folder)
        })
    }

    fn write(&self, directory: &Directory) -> (EntryKind, ObjectId) {
        match self {
            Self::File(content) => (EntryKind::Blob, directory.blob(&content.to_string())),
            Self::Folder(entries) => {
                let mut all: Vec<_> =
                    entries.iter().map(|(name, node)| (name.as_str(), node.write(directory))).collect();
                all.sort_by(|a, b| {
                    let is_tree = |kind| kind == EntryKind::Tree;
                    name_order(a.0.as_bytes(), is_tree(a.1.0), b.0.as_bytes(), is_tree(b.1.0))
                });
                let all: Vec<_> = all.into_iter().map(|(name, (kind, id))| (name, kind, id)).collect();
                (EntryKind::Tree, directory.tree(&all))
            }
        }
    }

    fn size(&self) -> Size {
        let Self::Folder(entries) = self else { return Size::default() };
        let mut size = Size::default();
        for (name, node) in entries {
            size.add_entry(name.len());
            if let Self::Folder(_) = node {
                size.add_below(name.len(), node.size());
            }
        }
        size
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Everything that gix finds is found, but for folders on both sides; and what is measured is what is walked through.
    #[test]
    fn a_walk_finds_what_gix_finds(old in Node::any(), new in Node::any()) {
        let directory = Directory::new();
        let wrap = |node: Node| Node::Folder([("top".to_owned(), node)].into());
        let (old, new) = (wrap(old), wrap(new));
        let (before, after) = (old.write(&directory).1, new.write(&directory).1);
        let mut found = directory.listed(Some(before), Some(after)).expect("a walk");
        found.sort();
        let data = |id| directory.repository.find_object(id).expect("a tree").data.clone();
        let (a, b) = (data(before), data(after));
        let mut recorder = gix::diff::tree::Recorder::default();
        gix::diff::tree(
            TreeRefIter::from_bytes(&a, gix::hash::Kind::Sha1),
            TreeRefIter::from_bytes(&b, gix::hash::Kind::Sha1),
            gix::diff::tree::State::default(),
            &directory.repository.objects,
            &mut recorder,
        ).expect("a diff");
        use gix::diff::tree::recorder::Change;
        let mut expected: Vec<String> = recorder.records.iter().filter_map(|change| match change {
            Change::Addition { path, .. } => Some(format!("+{path}")),
            Change::Deletion { path, .. } => Some(format!("-{path}")),
            Change::Modification { entry_mode, .. } if entry_mode.is_tree() => None,
            Change::Modification { path, .. } => Some(format!("~{path}")),
        }).collect();
        expected.sort();
        prop_assert_eq!(found, expected);
        let work = Work::new();
        let mut trees = Trees { repository: &directory.repository, work: &work, kept: HashMap::new(), kept_bytes: 0 };
        let measured = Size::of(&mut trees, (None, Some(after))).expect("measured");
        prop_assert_eq!(measured, new.size());
    }
}
