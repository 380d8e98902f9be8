//! Files that the snapshot to restore would have left out: they are left alone.
//!
//! The ignore files themselves are part of a snapshot. A file that today's rules take in and the
//! target's leave out (being ignored, or a secret that no line takes back) is, in the folder that the
//! restore makes, a left-out file like any other.

use std::{collections::HashMap, path::Path};

use gix::{
    ObjectId, Repository,
    bstr::{BStr, BString, ByteSlice},
};

use super::{Change, Error};
use crate::{
    checkout,
    history::HistoryRepo,
    ignore::{self, Rules, Verdict},
    snapshot,
    user_repo::{
        UserRepo,
        nested::{self, Nested},
    },
};

/// Takes out of `changes` the removal of files that the rules of `target` ignore.
///
/// What the restore that is being undone brought goes all the same: `since` is what it had made.
pub(super) fn keep_what_the_target_ignores(
    history: &HistoryRepo,
    target: ObjectId,
    since: Option<ObjectId>,
    changes: &mut Vec<Change>,
) -> Result<(), Error> {
    let rules_change = changes.iter().any(|change| is_ignore_file(change.path.as_ref()));
    if !rules_change || changes.iter().all(|change| change.after.is_some()) {
        return Ok(());
    }
    let user_repo = |source| Error::Look(snapshot::Error::UserRepo(Box::new(source)));
    let user = UserRepo::open(history.root()).map_err(user_repo)?;
    let tracked = user.as_ref().map(UserRepo::tracked).transpose().map_err(user_repo)?.unwrap_or_default();
    let mut rules = TreeRules {
        repo: history.git(),
        tree: target,
        of_user: Rules::of_user(user.as_ref()),
        folders: HashMap::new(),
        root: history.root(),
        nested: HashMap::new(),
    };
    let mut kept = Vec::new();
    for change in changes.iter().filter(|change| change.after.is_none()) {
        let path = change.path.as_bstr();
        let left_out = match rules.verdict(path)? {
            Verdict::TakenBack => false,
            Verdict::In => snapshot::is_secret_name(path),
            Verdict::Out => {
                let is_tracked = tracked.has_file(path) || rules.nested_tracks(path);
                !is_tracked || snapshot::is_secret_name(path)
            }
        };
        if left_out && !since.map_or(Ok(false), |since| has(history.git(), since, path))? {
            kept.push(change.path.clone());
        }
    }
    changes.retain(|change| kept.binary_search(&change.path).is_err());
    Ok(())
}

fn is_ignore_file(path: &BStr) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name == b".gitignore" || name == ignore::FILE.as_bytes()
}

fn has(repo: &Repository, tree: ObjectId, path: &BStr) -> Result<bool, Error> {
    Ok(blob(repo, tree, path)?.is_some())
}

/// The content of the file at `path` of `tree`.
fn blob(repo: &Repository, tree: ObjectId, path: &BStr) -> Result<Option<Vec<u8>>, Error> {
    let read = |source| Error::Target { tree, source: checkout::Error::Read { id: tree, source } };
    let root = repo.find_tree(tree).map_err(read)?;
    let entry = root.lookup_entry(path.split(|byte| *byte == b'/')).map_err(read)?;
    let Some(entry) = entry.filter(|entry| entry.mode().is_blob()) else { return Ok(None) };
    Ok(Some(entry.object().map_err(read)?.detach().data))
}

/// The ignore rules of a tree that is not on the disk.
struct TreeRules<'r> {
    repo: &'r Repository,
    tree: ObjectId,
    of_user: Rules,
    /// By folder; `None` for one that is ignored as a whole.
    folders: HashMap<BString, Option<Rules>>,
    /// The project folder, for the repositories that lie in it.
    root: &'r Path,
    /// By folder, those that it lies in.
    nested: HashMap<BString, Nested>,
}

impl TreeRules<'_> {
    fn verdict(&mut self, path: &BStr) -> Result<Verdict, Error> {
        let folder = path.rfind_byte(b'/').map_or(&b""[..], |end| &path[..end]);
        let rules = self.of_folder(folder.as_bstr())?;
        Ok(rules.map_or(Verdict::Out, |rules| rules.verdict(path, false)))
    }

    fn of_folder(&mut self, folder: &BStr) -> Result<Option<Rules>, Error> {
        if let Some(known) = self.folders.get(folder) {
            return Ok(known.clone());
        }
        let inherited = match folder.rfind_byte(b'/') {
            _ if folder.is_empty() => Some(self.of_user.clone()),
            Some(end) => self.of_folder(folder[..end].as_bstr())?,
            None => self.of_folder(b"".as_bstr())?,
        };
        let is_in = |rules: &Rules| folder.is_empty() || rules.verdict(folder, true) != Verdict::Out;
        let rules = match inherited.filter(is_in) {
            Some(rules) => {
                let exclude = nested::exclude(self.root, folder);
                let rules = rules.with(folder.len(), exclude.as_deref(), None);
                let (git, own) = (self.file_in(folder, ".gitignore")?, self.file_in(folder, ignore::FILE)?);
                Some(rules.with(folder.len(), git.as_deref(), own.as_deref()))
            }
            None => None,
        };
        self.folders.insert(folder.to_owned(), rules.clone());
        Ok(rules)
    }

    fn nested_tracks(&mut self, path: &BStr) -> bool {
        let folder = path.rfind_byte(b'/').map_or(&b""[..], |end| &path[..end]);
        self.nested_of(folder.as_bstr()).tracks(path, false, &mut |_| ())
    }

    fn nested_of(&mut self, folder: &BStr) -> Nested {
        if folder.is_empty() {
            return Nested::default();
        }
        if let Some(known) = self.nested.get(folder) {
            return known.clone();
        }
        let above = folder.rfind_byte(b'/').map_or(&b""[..], |end| &folder[..end]);
        let around = self.nested_of(above.as_bstr());
        let nested = around.enter(self.root, folder).unwrap_or(around);
        self.nested.insert(folder.to_owned(), nested.clone());
        nested
    }

    fn file_in(&self, folder: &BStr, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut path = folder.to_owned();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        blob(self.repo, self.tree, path.as_ref())
    }
}
