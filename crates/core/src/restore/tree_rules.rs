//! The ignore rules that hold when a tree is restored, before it is.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
};

use gix::{
    ObjectId, Repository,
    bstr::{BStr, BString, ByteSlice},
};

use super::{Change, Error};
use crate::{
    checkout, git_files,
    history::HistoryRepo,
    ignore::{self, Rules, Verdict},
    snapshot,
    user_repo::{Tracked, UserRepo, nested::Nested},
};

/// The ignore rules of a tree that is not on the disk, with what Git tracks there.
pub(super) struct TreeRules<'r> {
    history: &'r HistoryRepo,
    tree: ObjectId,
    /// Ignore files that the restore removes.
    removed: BTreeSet<BString>,
    of_user: Rules,
    tracked: Tracked,
    /// By folder; `None` for one that is ignored as a whole.
    folders: HashMap<BString, Option<Rules>>,
    /// By folder, the repositories that it lies in.
    nested: HashMap<BString, Nested>,
}

/// Returns whether a path is that of a file with ignore rules.
pub(super) fn is_ignore_file(path: &BStr) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name == b".gitignore" || name == ignore::FILE.as_bytes()
}

impl<'r> TreeRules<'r> {
    /// The rules of `tree` once `changes` have made the folder that.
    pub(super) fn of(history: &'r HistoryRepo, tree: ObjectId, changes: &[Change]) -> Result<Self, Error> {
        let user_repo = |source| Error::Look(snapshot::Error::UserRepo(Box::new(source)));
        let user = UserRepo::open(history.root()).map_err(user_repo)?;
        let tracked = user.as_ref().map(UserRepo::tracked).transpose().map_err(user_repo)?;
        let removed = changes.iter().filter(|change| change.after.is_none()).map(|change| &change.path);
        Ok(Self {
            history,
            tree,
            removed: removed.filter(|path| is_ignore_file(path.as_ref())).cloned().collect(),
            of_user: user.as_ref().map_or_else(Rules::none, UserRepo::ignore_rules),
            tracked: tracked.unwrap_or_default(),
            folders: HashMap::new(),
            nested: HashMap::new(),
        })
    }

    /// The rules that the project folder inherits.
    pub(super) fn of_user(&self) -> &Rules {
        &self.of_user
    }

    /// Returns the verdict of the rules on a path.
    pub(super) fn verdict(&mut self, path: &BStr, is_folder: bool) -> Result<Verdict, Error> {
        let rules = self.of_folder(parent(path))?;
        Ok(rules.map_or(Verdict::Excluded, |rules| rules.verdict(path, is_folder)))
    }

    /// Returns whether Git tracks the file, or a file below the folder.
    pub(super) fn is_tracked(&mut self, path: &BStr, is_folder: bool) -> bool {
        let by_user = if is_folder { self.tracked.has_below(path) } else { self.tracked.has_file(path) };
        by_user || self.nested_of(parent(path)).tracks(path, is_folder, &mut |_| ())
    }

    /// Returns whether the tree has a file or folder at this path.
    pub(super) fn has(&self, path: &BStr) -> Result<bool, Error> {
        Ok(entry(self.history.git(), self.tree, path)?.is_some())
    }

    fn of_folder(&mut self, folder: &BStr) -> Result<Option<Rules>, Error> {
        if let Some(known) = self.folders.get(folder) {
            return Ok(known.clone());
        }
        let rules = if folder.is_empty() {
            Some(self.of_user.clone())
        } else {
            let above = self.of_folder(parent(folder))?;
            above.filter(|rules| rules.verdict(folder, true) != Verdict::Excluded)
        };
        let rules = match rules {
            Some(rules) => {
                let exclude = git_files::exclude(self.history.root(), folder);
                let rules = rules.with(folder.len(), exclude.as_deref(), None);
                let (git, own) = (self.file_in(folder, ".gitignore")?, self.file_in(folder, ignore::FILE)?);
                Some(rules.with(folder.len(), git.as_deref(), own.as_deref()))
            }
            None => None,
        };
        self.folders.insert(folder.to_owned(), rules.clone());
        Ok(rules)
    }

    /// An ignore file as the restore leaves it: the tree's, else one that is ignored itself and stays.
    fn file_in(&self, folder: &BStr, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut path = folder.to_owned();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        let restored = blob(self.history.git(), self.tree, path.as_ref())?;
        if restored.is_some() || self.removed.contains(&path) {
            return Ok(restored);
        }
        let path = self.history.root().join(OsStr::from_bytes(&path));
        let is_file = path.symlink_metadata().is_ok_and(|meta| meta.is_file());
        Ok(is_file.then(|| crate::small_file::read(&path).ok()).flatten())
    }

    fn nested_of(&mut self, folder: &BStr) -> Nested {
        if folder.is_empty() {
            return Nested::default();
        }
        if let Some(known) = self.nested.get(folder) {
            return known.clone();
        }
        let around = self.nested_of(parent(folder));
        let nested = around.enter(self.history.root(), folder).unwrap_or(around);
        self.nested.insert(folder.to_owned(), nested.clone());
        nested
    }
}

fn parent(path: &BStr) -> &BStr {
    path.rfind_byte(b'/').map_or(&b""[..], |end| &path[..end]).as_bstr()
}

fn entry<'r>(
    repo: &'r Repository,
    tree: ObjectId,
    path: &BStr,
) -> Result<Option<gix::object::tree::Entry<'r>>, Error> {
    let read = |source| Error::Target { tree, source: checkout::Error::Read { id: tree, source } };
    let root = repo.find_tree(tree).map_err(read)?;
    root.lookup_entry(path.split(|byte| *byte == b'/')).map_err(read)
}

/// The content of the file at `path` of `tree`.
pub(super) fn blob(repo: &Repository, tree: ObjectId, path: &BStr) -> Result<Option<Vec<u8>>, Error> {
    let read = |source| Error::Target { tree, source: checkout::Error::Read { id: tree, source } };
    let found = entry(repo, tree, path)?.filter(|entry| entry.mode().is_blob());
    found.map(|entry| entry.object().map(|object| object.detach().data).map_err(read)).transpose()
}
