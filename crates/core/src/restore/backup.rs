//! The backups: commits of what the folder was before a restore, on `refs/azureml/backups/<n>`.
//!
//! Numbers only grow while any backup is there; the newest [`KEPT`] are kept. A backup's commit has
//! no parents, so one that goes takes its content with it. Its trailer `Restored-Tree` says what the
//! restore made of the folder, and `Restored-Path` which paths it was about, if not all.

use gix::{
    ObjectId, Repository, actor,
    bstr::{BStr, BString, ByteSlice},
};

use super::{Error, steps::Counter};
use crate::{
    checkout::listing::Entry,
    history::{self, HistoryRepo},
    join,
    large::{self, Tree},
    quote::{quoted, unquoted},
    refs::{self, BACKUP_PREFIX},
};

/// The number of backups kept.
pub const KEPT: usize = 20;

const TRAILER: &str = "Restored-Tree: ";
const PATH_TRAILER: &str = "Restored-Path: ";

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its number; the newest has the highest.
    pub number: u64,
    /// Its commit.
    pub commit: ObjectId,
    /// The folder as it was.
    pub tree: ObjectId,
    /// True if each canonical pointer in it stands for a large file.
    pub has_large: bool,
    /// The tree that the restore made of the folder.
    pub restored: Option<ObjectId>,
    /// The paths that were restored; all if there are none.
    pub paths: Vec<BString>,
    /// When it was made, in seconds since 1970.
    pub seconds: i64,
}

/// The backups, newest first.
pub fn backups(history: &HistoryRepo) -> Result<Vec<Backup>, Error> {
    numbers(history)?.into_iter().map(|(number, commit)| read(history.git(), number, commit)).collect()
}

/// The newest backup: what an undo goes back to.
pub fn newest_backup(history: &HistoryRepo) -> Result<Option<Backup>, Error> {
    let newest = numbers(history)?.into_iter().next();
    newest.map(|(number, commit)| read(history.git(), number, commit)).transpose()
}

/// Numbers and commits, newest first; commits are not read.
fn numbers(history: &HistoryRepo) -> Result<Vec<(u64, ObjectId)>, Error> {
    let all = history.refs_below(BACKUP_PREFIX).map_err(Error::History)?;
    let mut numbers: Vec<_> =
        all.into_iter().filter_map(|(name, id)| Some((refs::backup_number(name.as_ref())?, id))).collect();
    numbers.sort_by(|a, b| b.cmp(a));
    Ok(numbers)
}

fn read(repo: &Repository, number: u64, commit: ObjectId) -> Result<Backup, Error> {
    let failed = |source| Error::Read { id: commit, source };
    let object = repo.find_commit(commit).map_err(failed)?;
    let tree = object.tree_id().map_err(failed)?.detach();
    let message = object.message_raw().map_err(failed)?;
    let restored = message.lines().rev().find_map(|line| {
        let hex = line.strip_prefix(TRAILER.as_bytes())?;
        ObjectId::from_hex(hex.trim()).ok()
    });
    let path = |line: &[u8]| Some(unquoted(line.strip_prefix(PATH_TRAILER.as_bytes())?).into_owned());
    let paths = message.lines().filter_map(path).collect();
    let has_large = large::is_in_message(message);
    let seconds = object.time().map_err(failed)?.seconds;
    Ok(Backup { number, commit, tree, has_large, restored, paths, seconds })
}

/// The number that the next backup gets.
pub(super) fn next_number(history: &HistoryRepo) -> Result<u64, Error> {
    Ok(numbers(history)?.first().map_or(1, |(newest, _)| newest + 1))
}

/// Writes a backup's commit; no ref is moved.
pub(super) fn write_commit(
    repo: &Repository,
    tree: Tree,
    restored: ObjectId,
    paths: &[BString],
    by: &actor::Signature,
) -> Result<ObjectId, Error> {
    let mut message = format!("Backup of the project folder before a restore\n\n{TRAILER}{restored}\n");
    message.extend(paths.iter().map(|path| format!("{PATH_TRAILER}{}\n", quoted(path))));
    if tree.has_large {
        message.extend([large::TRAILER, "\n"]);
    }
    join::write_commit(repo, tree.id, &[], by, message.as_str().into()).map_err(Error::Backup)
}

/// Puts entries into a tree at their paths.
pub(super) fn add_to_tree<'a>(
    repo: &Repository,
    tree: ObjectId,
    entries: impl IntoIterator<Item = (&'a BStr, Entry)>,
) -> Result<ObjectId, Error> {
    let read = |source| Error::Read { id: tree, source };
    let root = repo.find_tree(tree).map_err(read)?.decode().map_err(read)?.into();
    let mut editor = gix::objs::tree::Editor::new(root, &repo.objects, repo.object_hash());
    for (path, entry) in entries {
        let parts = path.split(|byte| *byte == b'/').map(ByteSlice::as_bstr);
        editor.upsert(parts, entry.kind, entry.id).map_err(Error::Backup)?;
    }
    editor.write(|tree| repo.write_object(tree).map(gix::Id::detach)).map_err(Error::Backup)
}

/// Removes all but the newest backups.
pub(super) fn prune(history: &HistoryRepo, steps: &Counter<'_>) -> Result<(), Error> {
    for (number, commit) in numbers(history)?.into_iter().skip(KEPT) {
        steps.before("remove an old backup")?;
        history.delete_ref(&refs::backup(number), commit).map_err(Error::History)?;
    }
    Ok(())
}

/// Adds to a backup what turned up while its restore was going on.
pub(super) struct LateBackup<'a> {
    /// The history with the backup.
    pub(super) history: &'a HistoryRepo,
    /// The backup's number.
    pub(super) number: u64,
    /// The tree that its restore makes of the folder.
    pub(super) restored: ObjectId,
    /// The author of the restore.
    pub(super) by: &'a actor::Signature,
    /// The paths that were added.
    pub(super) saved: Vec<BString>,
}

impl LateBackup<'_> {
    /// Adds what the folder had at `path`.
    pub(super) fn save(&mut self, path: &BStr, entry: Entry) -> Result<(), Error> {
        let repo = self.history.git();
        let name = refs::backup(self.number);
        loop {
            let tip = self.history.ref_tip(name.as_ref()).map_err(Error::History)?;
            let (tree, paths) = if let Some(tip) = tip {
                let backup = read(repo, self.number, tip)?;
                (Tree { id: backup.tree, has_large: backup.has_large }, backup.paths)
            } else {
                let empty = repo.write_object(gix::objs::Tree::empty()).map_err(Error::Backup)?.detach();
                (empty.into(), Vec::new())
            };
            let place = free_place(repo, tree.id, path, entry.id)?;
            let id = add_to_tree(repo, tree.id, [(place.as_ref(), entry)])?;
            let tree = Tree { id, has_large: tree.has_large || entry.is_large };
            let commit = write_commit(repo, tree, self.restored, &paths, self.by)?;
            match self.history.update_ref(&name, tip, commit) {
                Ok(()) => break,
                Err(history::Error::Moved { .. }) => {}
                Err(error) => return Err(Error::History(error)),
            }
        }
        super::flush::flush(self.history.path(), Vec::new())?;
        tracing::warn!(%path, backup = self.number, "a file changed during the restore; the backup has it");
        self.saved.push(path.to_owned());
        Ok(())
    }
}

/// `path`, or a name like it where the tree has a folder there or in its parents a file.
fn free_place(repo: &Repository, tree: ObjectId, path: &BStr, id: ObjectId) -> Result<BString, Error> {
    let read = |source| Error::Read { id: tree, source };
    let root = repo.find_tree(tree).map_err(read)?;
    let parts: Vec<_> = path.split(|byte| *byte == b'/').collect();
    for end in 1..=parts.len() {
        let entry = root.lookup_entry(parts[..end].iter().copied()).map_err(read)?;
        let last = end == parts.len();
        if entry.is_some_and(|entry| entry.mode().is_tree() == last) {
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().as_bstr();
            return Ok(format!("changed-during-restore-{}-{name}", id.to_hex_with_len(10)).into());
        }
    }
    Ok(path.to_owned())
}
