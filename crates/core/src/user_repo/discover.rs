//! Finding the repository that a project folder belongs to, as Git finds it.
//!
//! The folder decides, and not `GIT_DIR`: a hook that runs azml for another folder would else lead it astray.

use std::{
    ffi::OsStr,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use gix::bstr::{BString, ByteSlice};

use super::{Error, Format, UserRepo, failed};
use crate::{
    git_files,
    ignore::{self, Rules, Verdict},
    limits::GIT_PATH_FILE,
    refs,
};

impl UserRepo {
    /// Opens the repository of the project folder `root`: its own, else the one whose work tree it lies in.
    pub fn open(root: &Path) -> Result<Option<Self>, Error> {
        match Self::open_at(root)? {
            Some(own) => Ok(Some(own)),
            None => Self::open_around(root),
        }
    }

    /// Opens the project folder's own repository, if it has one (a folder `.git`, or a file of a linked work tree).
    pub fn open_at(root: &Path) -> Result<Option<Self>, Error> {
        let dot_git = root.join(".git");
        if dot_git.symlink_metadata().is_err() {
            return Ok(None);
        }
        // An empty folder of that name, or one that was not finished, is no repository: Git says the same.
        if dot_git.is_dir() && !dot_git.join("HEAD").exists() {
            return Ok(None);
        }
        let git = open_git(&dot_git, root)?;
        Ok(Some(Self { git, root: root.to_owned(), work_tree: root.to_owned(), prefix: BString::default() }))
    }

    /// Opens the repository whose work tree the folder `root` lies in, at the top or anywhere below.
    ///
    /// A repository counts if Git finds it from there (`GIT_CEILING_DIRECTORIES` and the borders of file systems hold), if it
    /// belongs to the user or to the project folder's owner, and if it does not ignore the project folder: `cargo new`
    /// makes a repository in an ignored folder too.
    fn open_around(root: &Path) -> Result<Option<Self>, Error> {
        let Ok(folder) = root.canonicalize() else { return Ok(None) };
        for above in folder.ancestors() {
            git_files::check(above.join(".git"), GIT_PATH_FILE)?;
        }
        let options = gix::discover::upwards::Options {
            match_ceiling_dir_or_error: false,
            dot_git_only: true,
            ..gix::discover::upwards::Options::default()
        };
        let Ok((found, _)) = gix::discover::upwards_opts(&folder, options.apply_environment()) else {
            return Ok(None);
        };
        let Some(top) = found.into_repository_and_work_tree_directories().1 else { return Ok(None) };
        let git = open_git(&top.join(".git"), &top)?;
        if git.git_dir_trust() != gix::sec::Trust::Full && !has_same_owner(git.git_dir(), &folder) {
            tracing::debug!(repository = %top.display(), "it belongs to somebody else, and does not count");
            return Ok(None);
        }
        let Some(work_tree) = work_tree_of(&git, &top) else { return Ok(None) };
        let Ok(below) = folder.strip_prefix(&work_tree) else { return Ok(None) };
        let mut prefix = BString::from(below.as_os_str().as_bytes());
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        let repo = Self { git, root: root.to_owned(), work_tree, prefix };
        if repo.is_around() && repo.ignores_the_project()? {
            tracing::debug!(repository = %top.display(), "it ignores the project folder, and does not count");
            return Ok(None);
        }
        Ok(Some(repo))
    }

    /// Returns whether the repository around the project ignores its folder, and tracks nothing in it.
    fn ignores_the_project(&self) -> Result<bool, Error> {
        let mut rules = Rules::of_configuration(&self.git, b"".as_bstr());
        let mut is_ignored = false;
        for end in self.prefix.find_iter("/") {
            let folder = self.prefix[..end].as_bstr();
            let above = folder.rfind_byte(b'/').map_or(&b""[..], |slash| &folder[..slash]);
            let text = self.gitignore_in(above);
            rules = rules.with(above.len(), text.as_deref(), None);
            is_ignored |= rules.verdict(folder, true) == Verdict::Excluded;
        }
        Ok(is_ignored && !self.tracked()?.has_below(b"".as_bstr()))
    }

    /// The ignore rules that the project folder inherits: the user's `core.excludesFile`, the repository's `info/exclude`, and
    /// the `.gitignore` files above the project folder.
    pub fn ignore_rules(&self) -> Rules {
        let prefix = self.prefix();
        let mut rules = Rules::of_configuration(&self.git, prefix);
        let mut start = 0;
        while let Some(slash) = prefix[start..].find_byte(b'/') {
            let text = self.gitignore_in(prefix[..start].trim_end_with(|c| c == '/'));
            rules = rules.with_above(prefix[start..].as_bstr(), text.as_deref());
            start += slash + 1;
        }
        rules
    }

    fn gitignore_in(&self, folder: &[u8]) -> Option<Vec<u8>> {
        ignore::read(&self.work_tree.join(OsStr::from_bytes(folder)).join(".gitignore"))
    }
}

fn open_git(dot_git: &Path, top: &Path) -> Result<gix::Repository, Error> {
    git_files::check_globals()?;
    git_files::check(dot_git.to_owned(), GIT_PATH_FILE)?;
    let git_dir = git_files::git_dir_of(top);
    let common_dir = git_dir.as_deref().map(git_files::common_dir);
    if let (Some(git_dir), Some(common_dir)) = (&git_dir, &common_dir) {
        git_files::check_repository(git_dir, common_dir, &[refs::MASTER])?;
    }
    gix::open(dot_git).map_err(|source| {
        let config = common_dir.map(|folder| folder.join("config"));
        let config = config
            .and_then(|path| gix::config::File::from_path_no_includes(path, gix::config::Source::Local).ok());
        match config
            .and_then(|config| config.string("extensions.objectFormat").map(|format| format == "sha256"))
        {
            Some(true) => Error::Format { path: top.to_owned(), format: Format::Sha256 },
            _ => failed("open HEAD", top)(source),
        }
    })
}

/// The work tree that the repository's own configuration says: `core.worktree` can lead elsewhere, and of a bare one there is
/// none. `GIT_WORK_TREE`, which gix would heed, is about another repository.
fn work_tree_of(git: &gix::Repository, top: &Path) -> Option<PathBuf> {
    // A linked work tree is where its file `.git` is, also of a bare repository.
    if git.common_dir() != git.git_dir() {
        return top.canonicalize().ok();
    }
    let path = git.common_dir().join("config");
    let config = gix::config::File::from_path_no_includes(path, gix::config::Source::Local).ok()?;
    if matches!(config.boolean("core.bare"), Ok(Some(true))) {
        return None;
    }
    let configured = config.string("core.worktree");
    let work_tree = configured.map(|path| git.git_dir().join(OsStr::from_bytes(&path)));
    work_tree.unwrap_or_else(|| top.to_owned()).canonicalize().ok()
}

fn has_same_owner(one: &Path, other: &Path) -> bool {
    match (one.metadata(), other.metadata()) {
        (Ok(one), Ok(other)) => one.uid() == other.uid(),
        _ => false,
    }
}
