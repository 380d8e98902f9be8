//! Finds a record's path in the runs tree, and reads and writes that tree a path at a time.
//!
//! `v1/<ms 0..4>/<ms 4..6>/<ms 6..8>/<ms 8..10>/<run id>.json`, `ms` being the 13 digits of the
//! run's epoch milliseconds: folders sort as time does, and each stays small. `v1` is the version of
//! the layout; a tree that has anything else beside it was written by a newer azml and is refused.

use gix::{
    ObjectId, Repository,
    bstr::{BString, ByteSlice},
    objs::{
        Tree,
        tree::{Entry, EntryKind},
    },
};

use super::error::Error;
use crate::id::RunId;

/// The folder of the layout that this code reads and writes.
const LAYOUT: &str = "v1";

/// The number of folders in a record's path.
const DEPTH: usize = 5;

/// The parts of the path of a run's record.
pub(super) fn path_of(run: &RunId) -> [String; DEPTH + 1] {
    let ms = format!("{:013}", run.epoch_ms());
    let part = |range: std::ops::Range<usize>| ms[range].to_owned();
    [LAYOUT.to_owned(), part(0..4), part(4..6), part(6..8), part(8..10), format!("{run}.json")]
}

/// The run whose record the file `name` is.
fn run_of(name: &[u8]) -> Option<RunId> {
    RunId::parse(name.strip_suffix(b".json")?.to_str().ok()?).ok()
}

/// The records in a folder of the lowest level; what is no file is none.
fn records(tree: &Tree) -> impl Iterator<Item = (RunId, ObjectId)> + '_ {
    let files = tree.entries.iter().filter(|entry| entry.mode.is_blob());
    files.filter_map(|entry| Some((run_of(&entry.filename)?, entry.oid)))
}

/// Reads a tree object.
fn load(repo: &Repository, id: ObjectId) -> Result<Tree, Error> {
    let read = |source| Error::Object { id, source };
    let tree = repo.find_tree(id).map_err(read)?;
    Ok(tree.decode().map_err(read)?.into())
}

/// Reads the root of the runs tree, refusing a layout that is not known.
pub(super) fn load_root(repo: &Repository, root: ObjectId) -> Result<Tree, Error> {
    let tree = load(repo, root)?;
    match tree.entries.iter().find(|entry| entry.filename != LAYOUT || !entry.mode.is_tree()) {
        Some(entry) => Err(Error::NewerLayout { found: entry.filename.to_str_lossy().into_owned() }),
        None => Ok(tree),
    }
}

/// Puts blobs at paths, writing only the trees on the way; gives the new root.
pub(super) fn put(
    repo: &Repository,
    root: Option<ObjectId>,
    records: impl IntoIterator<Item = (RunId, ObjectId)>,
) -> Result<ObjectId, Error> {
    change(repo, root, records.into_iter().map(|(run, blob)| (run, Some(blob))))
}

/// Puts blobs at paths, or removes what is there, writing only the trees on the way; gives the new root.
pub(super) fn change(
    repo: &Repository,
    root: Option<ObjectId>,
    records: impl IntoIterator<Item = (RunId, Option<ObjectId>)>,
) -> Result<ObjectId, Error> {
    let root = root.map_or_else(|| Ok(Tree::empty()), |root| load_root(repo, root))?;
    let mut editor = gix::objs::tree::Editor::new(root, &repo.objects, repo.object_hash());
    for (run, blob) in records {
        let path = path_of(&run).map(BString::from);
        match blob {
            Some(blob) => editor.upsert(path.iter(), EntryKind::Blob, blob),
            None => editor.remove(path.iter()),
        }
        .map_err(Error::WriteObject)?;
    }
    editor.write(|tree| repo.write_object(tree).map(gix::Id::detach)).map_err(Error::WriteObject)
}

/// The blob of a run's record.
pub(super) fn get(repo: &Repository, root: ObjectId, run: &RunId) -> Result<Option<ObjectId>, Error> {
    let [folders @ .., file] = path_of(run);
    let Some(tree) = folder(repo, root, folders)? else { return Ok(None) };
    Ok(tree
        .entries
        .iter()
        .find(|entry| entry.filename == file.as_bytes() && entry.mode.is_blob())
        .map(|entry| entry.oid))
}

/// The records in the folder of a run's record, which are those of about its time.
pub(super) fn siblings(
    repo: &Repository,
    root: ObjectId,
    run: &RunId,
) -> Result<Vec<(RunId, ObjectId)>, Error> {
    let [folders @ .., _] = path_of(run);
    let Some(tree) = folder(repo, root, folders)? else { return Ok(Vec::new()) };
    Ok(records(&tree).collect())
}

/// The records of a run's millisecond.
pub(super) fn of_moment(
    repo: &Repository,
    root: Option<ObjectId>,
    run: &RunId,
) -> Result<Vec<(RunId, ObjectId)>, Error> {
    let Some(root) = root else { return Ok(Vec::new()) };
    let mut found = siblings(repo, root, run)?;
    found.retain(|(id, _)| id.epoch_ms() == run.epoch_ms());
    Ok(found)
}

/// The tree at a path.
fn folder(repo: &Repository, root: ObjectId, path: [String; DEPTH]) -> Result<Option<Tree>, Error> {
    let mut tree = load_root(repo, root)?;
    for part in path {
        let is_it = |entry: &&Entry| entry.filename == part.as_bytes() && entry.mode.is_tree();
        let Some(entry) = tree.entries.iter().find(is_it) else {
            return Ok(None);
        };
        tree = load(repo, entry.oid)?;
    }
    Ok(Some(tree))
}

/// The records of a runs tree, newest first; each tree is read when it is reached.
pub(super) struct NewestFirst<'r> {
    repo: &'r Repository,
    /// The folders (with their depth) and records still to come, the next at the end.
    ahead: Vec<Ahead>,
}

enum Ahead {
    Folder { id: ObjectId, depth: usize },
    Record { run: RunId, blob: ObjectId },
}

impl<'r> NewestFirst<'r> {
    /// Walks the tree `root`.
    pub(super) fn new(repo: &'r Repository, root: ObjectId) -> Result<Self, Error> {
        load_root(repo, root)?;
        Ok(Self { repo, ahead: vec![Ahead::Folder { id: root, depth: 0 }] })
    }

    fn open(&mut self, id: ObjectId, depth: usize) -> Result<(), Error> {
        let tree = load(self.repo, id)?;
        if depth < DEPTH {
            let folders = tree.entries.iter().filter(|entry| entry.mode.is_tree());
            self.ahead.extend(folders.map(|entry| Ahead::Folder { id: entry.oid, depth: depth + 1 }));
        } else {
            let mut records: Vec<_> = records(&tree).collect();
            records.sort_by(|(a, _), (b, _)| a.epoch_ms().cmp(&b.epoch_ms()).then_with(|| a.cmp(b)));
            self.ahead.extend(records.into_iter().map(|(run, blob)| Ahead::Record { run, blob }));
        }
        Ok(())
    }
}

impl Iterator for NewestFirst<'_> {
    type Item = Result<(RunId, ObjectId), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.ahead.pop()? {
                Ahead::Record { run, blob } => return Some(Ok((run, blob))),
                Ahead::Folder { id, depth } => {
                    if let Err(error) = self.open(id, depth) {
                        self.ahead.clear();
                        return Some(Err(error));
                    }
                }
            }
        }
    }
}

/// The records of a runs tree as far as its folders can be read; whether all of them could.
pub(super) fn readable(repo: &Repository, root: ObjectId) -> (Vec<(RunId, ObjectId)>, bool) {
    let (mut found, mut complete) = (Vec::new(), true);
    let mut folders = vec![(root, 0)];
    while let Some((id, depth)) = folders.pop() {
        let Ok(tree) = load(repo, id) else {
            complete = false;
            continue;
        };
        if depth == DEPTH {
            found.extend(records(&tree));
        } else {
            let below = tree.entries.iter().filter(|entry| entry.mode.is_tree());
            folders.extend(below.map(|entry| (entry.oid, depth + 1)));
        }
    }
    (found, complete)
}

/// A record that one tree has and the other has not, or has otherwise.
pub(super) struct Difference {
    /// The run.
    pub(super) run: RunId,
    /// Their blob, which differs from ours.
    pub(super) theirs: ObjectId,
}

/// Returns the records of `theirs` that `ours` lacks or has otherwise; folders that are the same are not read.
pub(super) fn differences(
    repo: &Repository,
    ours: Option<ObjectId>,
    theirs: ObjectId,
) -> Result<Vec<Difference>, Error> {
    load_root(repo, theirs)?;
    ours.map(|ours| load_root(repo, ours)).transpose()?;
    let mut found = Vec::new();
    let mut folders = vec![(ours, theirs, 0)];
    while let Some((ours, theirs, depth)) = folders.pop() {
        if ours == Some(theirs) {
            continue;
        }
        let ours = ours.map(|id| load(repo, id)).transpose()?.unwrap_or_else(Tree::empty);
        for entry in load(repo, theirs)?.entries {
            let same_name =
                ours.entries.iter().find(|e| e.filename == entry.filename && e.mode == entry.mode);
            let ours = same_name.map(|e| e.oid);
            if depth < DEPTH && entry.mode.is_tree() {
                folders.push((ours, entry.oid, depth + 1));
            } else if depth == DEPTH
                && ours != Some(entry.oid)
                && entry.mode.is_blob()
                && let Some(run) = run_of(&entry.filename)
            {
                found.push(Difference { run, theirs: entry.oid });
            }
        }
    }
    Ok(found)
}
