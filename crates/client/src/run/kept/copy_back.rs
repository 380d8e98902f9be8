//! Bringing kept files back: out into any folder, or into the project folder by way of a restore.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use azml_core::checkout::listing::Entry;
use azml_core::checkout::path::check;
use azml_core::dir::{Dir, split};
use azml_core::history::HistoryRepo;
use azml_core::large::{Pointer, Tree};
use azml_core::quote::{quoted, quoted_path};
use azml_core::restore::{self, Done, Plan, Steps};
use azml_core::snapshot::{self, Limits, Silent, TreeRequest};
use gix::bstr::{BStr, BString, ByteSlice};
use gix::objs::tree::{Editor, EntryKind};
use gix::{ObjectId, Repository};

use super::{Item, Kind};
use crate::run::disk::{NO_LINK, copy, native};

/// Why files were not brought back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// Other files are where they would go. Nothing was changed.
    #[error("{} in the way have other content, first `{}`", counted(.paths.len()), .paths.first().map_or(Cow::default(), |path| quoted(path)))]
    Conflicts { paths: Vec<BString> },
    /// Something is in the way that can't be backed up. Nothing was changed.
    #[error("`{}` is in the way, and is not replaced", quoted(.path))]
    InTheWay {
        /// The place.
        path: BString,
    },
    /// A path that no project can have. Nothing was changed.
    #[error("`{}` can't be a file of a project", quoted(.path))]
    NoProjectFile {
        /// The one that is meant.
        path: BString,
    },
    /// The project folder changed meanwhile. Nothing was changed by this.
    #[error("the project folder changes at this moment")]
    FolderChanges,
    /// The content of the project folder could not be read.
    #[error("can't find out what the project folder holds")]
    Look(#[from] snapshot::Error),
    /// The restore that brings them failed.
    #[error(transparent)]
    Restore(#[from] restore::Error),
    /// The history repository fails.
    #[error("can't use the run history")]
    Git(#[source] Box<gix::Error>),
    /// A file operation failed.
    #[error("cannot {doing} {}", quoted_path(path))]
    File {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl CopyError {
    fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }
}

fn git(error: gix::Error) -> CopyError {
    CopyError::Git(Box::new(error))
}

fn counted(count: usize) -> String {
    if count == 1 { "a file".to_owned() } else { format!("{count} files") }
}

/// Copies items to their paths below `folder`; gives how many. Other files there are replaced only with `force`.
pub fn copy_out(items: &[Item], folder: &Path, force: bool) -> Result<usize, CopyError> {
    let mut wanted = Vec::new();
    let mut conflicts = Vec::new();
    for item in items {
        let Some(place) = &item.place else { continue };
        let to = folder.join(native(item.path.as_bstr()));
        match fs::symlink_metadata(&to) {
            _ if !leads_through_folders(folder, item.path.as_bstr()) => {
                return Err(CopyError::InTheWay { path: item.path.clone() });
            }
            Err(_) => wanted.push((place, item)),
            Ok(found) if found.is_dir() && place.is_dir() => {}
            Ok(found) if found.is_dir() => return Err(CopyError::InTheWay { path: item.path.clone() }),
            Ok(_) if is_same(place, &to) => {}
            Ok(_) => {
                conflicts.push(item.path.clone());
                wanted.push((place, item));
            }
        }
    }
    if !conflicts.is_empty() && !force {
        return Err(CopyError::Conflicts { paths: conflicts });
    }
    fs::create_dir_all(folder).map_err(CopyError::file("make folder", folder))?;
    let top = Dir::open(folder).map_err(CopyError::file("open", folder))?;
    for (place, item) in &wanted {
        let path = item.path.as_bstr();
        copy_one(place, &top, path, true)
            .map_err(|error| CopyError::file("write", &folder.join(native(path)))(error))?;
    }
    Ok(wanted.len())
}

/// Copies a file, a link or an empty folder to a path below an open folder, whole or not at all, and through no link.
fn copy_one(place: &Path, top: &Dir, path: &BStr, replaces: bool) -> io::Result<()> {
    if fs::symlink_metadata(place)?.is_dir() {
        return Ok(top.make_below(path).map(drop)?);
    }
    let (above, name) = split(path);
    let folder = top.make_below(above)?;
    folder.put(name, replaces, |part| copy(place, &folder, part))
}

/// Returns whether everything on the way to the path is a folder, or nothing yet.
fn leads_through_folders(root: &Path, path: &BStr) -> bool {
    path.find_iter("/").all(|end| {
        let above = root.join(native(path[..end].as_bstr()));
        fs::symlink_metadata(above)
            .map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |found| found.is_dir())
    })
}

/// Opens a file, and no link.
fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(NO_LINK).open(path)
}

/// Returns whether two files or links have the same content and may both be executed, or neither.
fn is_same(one: &Path, other: &Path) -> bool {
    let same = || -> io::Result<bool> {
        let (found, there) = (fs::symlink_metadata(one)?, fs::symlink_metadata(other)?);
        if found.is_symlink() && there.is_symlink() {
            return Ok(fs::read_link(one)? == fs::read_link(other)?);
        }
        let is_executable = |found: &fs::Metadata| found.permissions().mode() & 0o100 != 0;
        if !(found.is_file() && there.is_file())
            || found.len() != there.len()
            || is_executable(&found) != is_executable(&there)
        {
            return Ok(false);
        }
        let (mut one, mut other) = (io::BufReader::new(open(one)?), io::BufReader::new(open(other)?));
        loop {
            let (left, right) = (io::BufRead::fill_buf(&mut one)?, io::BufRead::fill_buf(&mut other)?);
            let count = left.len().min(right.len());
            if left[..count] != right[..count] {
                return Ok(false);
            }
            if count == 0 {
                return Ok(left.len() == right.len());
            }
            io::BufRead::consume(&mut one, count);
            io::BufRead::consume(&mut other, count);
        }
    };
    same().unwrap_or(false)
}

/// The files that were brought into the project folder.
#[derive(Debug)]
pub struct Applied {
    /// The plan of the restore.
    pub plan: Plan,
    /// The result of the restore.
    pub done: Done,
    /// Files that were too large for the backup's repository, and were copied to where nothing was.
    pub large: Vec<BString>,
}

/// Brings items into the project folder, by a restore that can be undone. What is another file there than in the run's
/// snapshot `of_run` is replaced only if the restore is forced.
pub fn apply(
    history: &HistoryRepo,
    of_run: Option<ObjectId>,
    items: &[Item],
    context: &restore::Context,
    steps: &dyn Steps,
) -> Result<Applied, CopyError> {
    let request = TreeRequest { limits: Limits::NONE, ..TreeRequest::default() };
    let folder = snapshot::tree(history, &request, &Silent)?.tree();
    let repo = history.git();
    let mut wanted = Wanted::default();
    for item in items {
        wanted.add(history, item)?;
    }
    let mut conflicts = BTreeSet::new();
    for (path, entry) in &wanted.entries {
        let now = entry_at(repo, folder.id, path.as_bstr())?;
        if now == At::from(*entry) {
            continue;
        }
        let then = of_run.map_or(Ok(At::Nothing), |tree| entry_at(repo, tree, path.as_bstr()))?;
        if now != then {
            conflicts.insert(path.clone());
        }
    }
    if !conflicts.is_empty() && !context.force {
        return Err(CopyError::Conflicts { paths: conflicts.into_iter().collect() });
    }
    let target = Tree { id: wanted.tree(repo, folder.id)?, ..folder };
    let plan = restore::plan(history, target)?;
    if plan.folder() != folder {
        return Err(CopyError::FolderChanges);
    }
    let done = restore::execute(history, &plan, context, steps)?;
    let mut large = Vec::new();
    let root = history.root();
    let top = Dir::open(root).map_err(CopyError::file("open", root))?;
    for (path, place) in wanted.copied {
        copy_one(&place, &top, path.as_bstr(), false)
            .map_err(|error| CopyError::file("write", &root.join(native(path.as_bstr())))(error))?;
        large.push(path);
    }
    Ok(Applied { plan, done, large })
}

/// The files that the project folder is to have.
#[derive(Default)]
struct Wanted {
    /// By a restore; nothing: the file goes.
    entries: Vec<(BString, Option<Entry>)>,
    /// By a copy into a free place: large files, empty folders.
    copied: Vec<(BString, PathBuf)>,
}

impl Wanted {
    fn add(&mut self, history: &HistoryRepo, item: &Item) -> Result<(), CopyError> {
        let path = item.path.as_bstr();
        let Some(place) = &item.place else {
            if item.kind == Kind::Deleted {
                self.entries.push((item.path.clone(), None));
            }
            return Ok(());
        };
        let read = || CopyError::file("read", place);
        let found = fs::symlink_metadata(place).map_err(read())?;
        if check(path, found.is_symlink()).is_err() {
            return Err(CopyError::NoProjectFile { path: item.path.clone() });
        }
        let repo = history.git();
        let entry = if found.is_symlink() {
            let target = fs::read_link(place).map_err(read())?;
            let id = repo.write_blob(target.as_os_str().as_bytes()).map_err(git)?;
            Entry { kind: EntryKind::Link, id: id.detach(), is_large: false }
        } else if found.is_dir()
            || found.len() > Limits::default().file
            || is_text_of_a_pointer(place, found.len())
        {
            let to = history.root().join(native(path));
            let is_there = if found.is_dir() { to.is_dir() } else { is_same(place, &to) };
            if is_there {
                return Ok(());
            }
            if fs::symlink_metadata(&to).is_ok() || !leads_through_folders(history.root(), path) {
                return Err(CopyError::InTheWay { path: item.path.clone() });
            }
            self.copied.push((item.path.clone(), place.clone()));
            return Ok(());
        } else {
            let file = open(place).map_err(read())?;
            let id = repo.write_blob_stream(file).map_err(git)?;
            let is_executable = found.permissions().mode() & 0o100 != 0;
            let kind = if is_executable { EntryKind::BlobExecutable } else { EntryKind::Blob };
            Entry { kind, id: id.detach(), is_large: false }
        };
        self.entries.push((item.path.clone(), Some(entry)));
        Ok(())
    }

    /// The tree of the project folder with it.
    fn tree(&self, repo: &Repository, folder: ObjectId) -> Result<ObjectId, CopyError> {
        let root = repo.find_tree(folder).map_err(git)?;
        let root = root.decode().map_err(git)?.into();
        let mut editor = Editor::new(root, &repo.objects, repo.object_hash());
        for (path, entry) in &self.entries {
            let parts = path.split_str("/").map(ByteSlice::as_bstr);
            match entry {
                Some(entry) => editor.upsert(parts, entry.kind, entry.id),
                None => editor.remove(parts),
            }
            .map_err(git)?;
        }
        editor.write(|tree| repo.write_object(tree).map(gix::Id::detach)).map_err(git)
    }
}

/// Returns whether a file is the text of a pointer, which would stand for a large file in a tree.
fn is_text_of_a_pointer(place: &Path, size: u64) -> bool {
    size < 1024 && fs::read(place).is_ok_and(|text| Pointer::parse(&text).is_some())
}

/// Returns the entry of a tree at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Nothing,
    File(Entry),
    Folder,
    /// A file is where the path needs a folder.
    Unreachable,
}

impl From<Option<Entry>> for At {
    fn from(entry: Option<Entry>) -> Self {
        entry.map_or(Self::Nothing, Self::File)
    }
}

fn entry_at(repo: &Repository, tree: ObjectId, path: &BStr) -> Result<At, CopyError> {
    let parts: Vec<&[u8]> = path.split_str("/").collect();
    let mut tree = repo.find_tree(tree).map_err(git)?;
    for (at, part) in parts.iter().enumerate() {
        let entry = tree.lookup_entry([*part]).map_err(git)?;
        let Some(entry) = entry.map(|entry| (entry.mode(), entry.object_id())) else {
            return Ok(At::Nothing);
        };
        let (mode, id) = entry;
        let is_last = at + 1 == parts.len();
        match (mode.is_tree(), is_last) {
            (true, true) => return Ok(At::Folder),
            (false, true) => return Ok(At::File(Entry { kind: mode.kind(), id, is_large: false })),
            (false, false) => return Ok(At::Unreachable),
            (true, false) => tree = repo.find_tree(id).map_err(git)?,
        }
    }
    Ok(At::Nothing)
}
