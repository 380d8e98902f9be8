//! The folder that a script runs in: the snapshot's files, links to what the snapshot leaves out, nothing else.
//!
//! Linked are the inputs that ignore rules keep out of snapshots (data folders, virtual environments, a `.env`),
//! so that scripts find them where they are in the project. Afterwards the run's outputs are collected; everything else
//! that the script wrote is kept (see [`super::kept`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use azml_core::checkout::checkout;
use azml_core::dir::{Dir, Opened};
use azml_core::history::{self, HistoryRepo};
use azml_core::ignore::{Rules, Verdict};
use azml_core::large::Tree;
use azml_core::user_repo::UserRepo;
use gix::bstr::{BStr, BString, ByteSlice as _};

use super::collect::{Outside, Source, Target};
use super::kept::{self, Collected};
use super::links;
use super::outputs::Outputs;
use super::recycled::{self, Folder, Manifest, Reused};
use super::target::TargetError;

/// Never linked and never named, wherever it is.
const PASSED_OVER: [&str; 4] = [".git", "__pycache__", ".ipynb_checkpoints", history::FOLDER];
/// Never linked, at the top: what earlier runs and the Workbench left in the project folder.
const NOT_LINKED: [&str; 3] = ["outputs", "logs", "azureml-logs"];

/// A run's folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    made: Manifest,
}

impl RunFolder {
    /// Makes the folder with the files of `tree` (out of the last run's, if that was put aside) and links to the
    /// project's ignored files and to those that the snapshot has `left_out`.
    pub fn make(
        history: &HistoryRepo,
        tree: Tree,
        left_out: &BTreeSet<BString>,
        outputs: &Outputs,
        path: &Path,
        recycled: &Path,
    ) -> Result<Self, TargetError> {
        let failed = |source| TargetError::Checkout { folder: path.to_owned(), source };
        let index = path.with_extension("index");
        let root = history.root();
        let real_root = root.canonicalize().map_err(TargetError::file("look at", root))?;
        let (made, mut top) = match recycled::reuse(history.git(), tree, &real_root, recycled, path, &index) {
            Some(Reused::AsItWas(made)) => (Some(made), None),
            Some(Reused::Remade(top)) => (None, Some(top)),
            None => {
                checkout(history.git(), tree, path).map_err(failed)?;
                (None, Some(recycled::folders_of(history.git(), tree).map_err(failed)?))
            }
        };
        let mut links_of = BString::default();
        if let Some(top) = &mut top
            && links::adjust(history.git(), top, path, root)
                .map_err(TargetError::file("make links in", path))?
        {
            links_of = real_root.as_os_str().as_bytes().into();
        }
        let user = UserRepo::open(root).ok().flatten();
        let open = Dir::open(path).map_err(TargetError::file("open", path))?;
        let mut linker = Linker {
            root,
            work: path,
            folders: Opened::below(Arc::new(open)),
            rules: user.as_ref().map_or_else(Rules::none, UserRepo::ignore_rules),
            left_out,
            outputs,
            linked_into: BTreeSet::new(),
        };
        let has = top.as_ref().or(made.as_ref().map(|made| &made.top)).expect("it is one or the other");
        linker.link_missing(BStr::new(b""), Some(has))?;
        let Linker { linked_into, .. } = linker;
        let made = match (made, top) {
            (Some(made), _) => made,
            (None, top) => {
                let is_linked_into = |folder: &BStr| linked_into.contains(folder);
                recycled::write_manifest(
                    path,
                    tree.id,
                    links_of,
                    top.unwrap_or_default(),
                    &is_linked_into,
                    &index,
                )
                .map_err(TargetError::file("write", &index))?
            }
        };
        Ok(Self { path: path.to_owned(), made })
    }

    /// The files and folders that were made in it.
    pub(super) fn made(&self) -> &Manifest {
        &self.made
    }

    /// Puts the folder aside for the next run, if that can be done; nothing else may use it any more.
    pub(super) fn release(&self, project: &ProjectFolders) {
        release(&self.path, project);
    }
}

/// The folders that all runs of a project share beside the project folder.
#[derive(Clone, Debug)]
pub struct ProjectFolders {
    /// The last run's folder, for the next one.
    pub recycled: PathBuf,
    /// Run folders that nobody needs any more.
    pub removable: PathBuf,
    /// The kept files of all runs.
    pub kept: PathBuf,
}

impl ProjectFolders {
    /// Those in the project's folder of azml's state.
    pub fn of(project_dir: &Path) -> Self {
        Self {
            recycled: project_dir.join("spare"),
            removable: project_dir.join("removable"),
            kept: kept::folder_of(project_dir),
        }
    }
}

/// Puts a run folder aside that has nothing in it but its snapshot's files.
pub(super) fn release(work: &Path, project: &ProjectFolders) {
    let index = work.with_extension("index");
    if let Err(error) = recycled::release(work, &index, &project.recycled, &project.removable) {
        tracing::debug!(%error, "the run's folder is not kept for the next run");
    }
}

/// Returns the manifest of the folder of a run that another azml began.
pub(super) fn made_in(history: &HistoryRepo, work: &Path, tree: Option<Tree>) -> io::Result<Manifest> {
    Manifest::read(&work.with_extension("index")).or_else(|error| match tree {
        Some(tree) => recycled::made_of(history.git(), tree, work).map_err(io::Error::other),
        None => Err(error),
    })
}

struct Linker<'a> {
    root: &'a Path,
    work: &'a Path,
    folders: Opened,
    rules: Rules,
    left_out: &'a BTreeSet<BString>,
    outputs: &'a Outputs,
    linked_into: BTreeSet<BString>,
}

impl Linker<'_> {
    /// Links what the project has in `folder` and the run's folder lacks, if it is left out of snapshots; `made` is
    /// what the run's folder has there of the snapshot.
    fn link_missing(&mut self, folder: &BStr, made: Option<&Folder>) -> Result<(), TargetError> {
        let source = self.root.join(as_path(folder));
        let entries = match fs::read_dir(&source) {
            Err(error) if !folder.is_empty() && is_passable(&error) => return Ok(()),
            entries => entries.map_err(TargetError::file("read", &source))?,
        };
        for entry in entries {
            let entry = entry.map_err(TargetError::file("read", &source))?;
            let name = entry.file_name();
            if made.is_some_and(|made| made.has_file(name.as_bytes())) {
                continue;
            }
            if PASSED_OVER.iter().any(|passed| name.eq_ignore_ascii_case(passed))
                || (folder.is_empty() && NOT_LINKED.iter().any(|passed| name == *passed))
            {
                continue;
            }
            let name = name.as_bytes().as_bstr();
            let path = recycled::join(folder, name);
            let path = path.as_bstr();
            if self.outputs.names(path) {
                continue;
            }
            let is_dir = match entry.file_type() {
                Err(error) if is_passable(&error) => continue,
                kind => kind.map_err(TargetError::file("look at", &entry.path()))?.is_dir(),
            };
            match made.and_then(|made| made.folder(name)) {
                Some(made) if is_dir => self.link_missing(path, Some(made))?,
                None if self.is_left_out(path, is_dir) => {
                    let target = entry.path();
                    let target = target.as_os_str().as_bytes().as_bstr();
                    match self.folders.at(folder).and_then(|into| into.new_link(target, name)) {
                        Err(error) if is_passable(&error) => continue,
                        made => made.map_err(TargetError::file("make link", &self.in_work(path)))?,
                    }
                    self.linked_into.insert(folder.to_owned());
                }
                // As the snapshot, the run does without a folder that can't be read.
                None if is_dir && fs::read_dir(entry.path()).is_err_and(|error| is_passable(&error)) => {}
                // A folder whose files are all left out, one by one: made if there is something to link in it.
                None if is_dir => {
                    match self.folders.at(folder).and_then(|into| into.make(name)) {
                        Err(error) if is_passable(&error) => continue,
                        // One that is there already may have come meanwhile; what is in it stays.
                        made => made.map_err(TargetError::file("make folder", &self.in_work(path)))?,
                    };
                    self.linked_into.insert(folder.to_owned());
                    // Still empty: then it was not needed. An empty folder in the project stays an empty folder.
                    self.link_missing(path, None)?;
                }
                // Not left out; or a file of the project where the snapshot, taken before, has a folder.
                _ => {}
            }
        }
        Ok(())
    }

    fn in_work(&self, path: &BStr) -> PathBuf {
        self.work.join(as_path(path))
    }

    /// Returns whether ignore rules keep a path out of snapshots, or the snapshot left it out as a secret.
    fn is_left_out(&self, path: &BStr, is_dir: bool) -> bool {
        self.rules.verdict_in(self.root, path, is_dir) == Verdict::Excluded || self.left_out.contains(path)
    }
}

/// Returns whether an entry of the project folder is passed over for this: it may not be read, it went away meanwhile, or its path
/// is too long below the run's folder.
fn is_passable(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound, PermissionDenied};
    matches!(error.kind(), PermissionDenied | NotFound | NotADirectory | InvalidFilename)
}

/// The outputs in the project folder before a run in place.
#[derive(Debug)]
pub struct Before {
    root: PathBuf,
    outputs: Outputs,
    files: BTreeMap<PathBuf, State>,
}

impl Before {
    /// Notes what is there.
    pub fn scan(root: &Path, outputs: Outputs) -> Result<Self, TargetError> {
        let mut files = BTreeMap::new();
        for file in outputs_in(root, &outputs)? {
            if let Some(state) = state(root, &file) {
                files.insert(file, state);
            }
        }
        Ok(Self { root: root.to_owned(), outputs, files })
    }

    /// Copies what is new or changed since.
    pub(super) fn collect(&self, into: &Path) -> Result<Collected, TargetError> {
        let source = Source::open(&self.root).map_err(TargetError::file("open", &self.root))?;
        fs::create_dir_all(into).map_err(TargetError::file("make folder", into))?;
        let mut collected = Collected::default();
        for file in outputs_in(&self.root, &self.outputs)? {
            // A link to nothing is passed over as any other that leads to no file.
            let Some(now) = state(&self.root, &file) else { continue };
            if self.files.get(&file) == Some(&now) {
                continue;
            }
            let path = file.as_os_str().as_bytes().as_bstr();
            match now.is_link.then(|| source.target(path)) {
                Some(Target::NoFile) => {}
                Some(Target::Outside(target)) => collected.outside.push(Outside { path: file, target }),
                None | Some(Target::File(_)) => {
                    source
                        .transfer(path, into, false)
                        .map_err(TargetError::file("collect", &self.root.join(&file)))?;
                }
            }
        }
        Ok(collected)
    }
}

/// The state of a file, or of the file that a link leads to.
#[derive(Debug, PartialEq, Eq)]
struct State {
    is_link: bool,
    length: u64,
    modified: Option<SystemTime>,
}

/// Looks at a file; `None` if it is neither a file nor a link to one.
fn state(root: &Path, file: &Path) -> Option<State> {
    let path = root.join(file);
    let is_link = fs::symlink_metadata(&path).ok()?.is_symlink();
    let found = fs::metadata(path).ok()?;
    let is_whole = found.is_file() || (is_link && found.is_dir());
    is_whole.then(|| State { is_link, length: found.len(), modified: found.modified().ok() })
}

/// All outputs below the project folder, sorted, relative to it; links are not followed.
fn outputs_in(root: &Path, outputs: &Outputs) -> Result<Vec<PathBuf>, TargetError> {
    walk_where(root, &|path| outputs.may_be_below(path), &|path| outputs.has(path))
}

/// All files and links below a folder, sorted, relative to it; links are not followed.
#[cfg(test)]
pub(super) fn walk(root: &Path) -> Result<Vec<PathBuf>, TargetError> {
    walk_where(root, &|_| true, &|_| true)
}

fn walk_where(
    root: &Path,
    enters: &dyn Fn(&BStr) -> bool,
    takes: &dyn Fn(&BStr) -> bool,
) -> Result<Vec<PathBuf>, TargetError> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = match fs::read_dir(&path) {
            Err(error) if is_passable(&error) => continue,
            entries => entries.map_err(TargetError::file("read", &path))?,
        };
        for entry in entries {
            let entry = entry.map_err(TargetError::file("read", &path))?;
            let name = entry.file_name();
            if PASSED_OVER.iter().any(|passed| name == *passed) {
                continue;
            }
            let below = folder.join(name);
            let as_bytes = below.as_os_str().as_bytes().as_bstr();
            let kind = entry.file_type().map_err(TargetError::file("look at", &entry.path()))?;
            if kind.is_dir() && enters(as_bytes) {
                folders.push(below);
            } else if !kind.is_dir() && takes(as_bytes) {
                files.push(below);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// A path as Git writes it, bytes with `/`, as Unix has it.
fn as_path(path: &BStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_place_brings_what_it_changed_and_takes_nothing_away() {
        let dir = tempfile::tempdir().unwrap();
        let (root, into) = (dir.path().join("p"), dir.path().join("a"));
        fs::create_dir_all(root.join("outputs/deep")).unwrap();
        fs::write(root.join("outputs/old.txt"), "old").unwrap();
        fs::write(root.join("outputs/changed.txt"), "before").unwrap();
        let before = Before::scan(&root, Outputs::default()).unwrap();
        fs::write(root.join("outputs/changed.txt"), "afterwards").unwrap();
        fs::write(root.join("outputs/deep/new.txt"), "new").unwrap();
        before.collect(&into).unwrap();
        let collected: Vec<String> =
            walk(&into).unwrap().iter().map(|p| p.to_string_lossy().into_owned()).collect();
        assert_eq!(collected, ["outputs/changed.txt", "outputs/deep/new.txt"]);
        assert!(root.join("outputs/deep/new.txt").exists());
    }
}
