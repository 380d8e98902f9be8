//! Decides which files are left out of a snapshot: `.gitignore` as Git reads it, then `.amlignore` on top.
//!
//! Git's rules, in Git's order: `.gitignore` of the file's own folder first, then those above it up to the top of the
//! user's work tree, then `info/exclude` of the user's repository, then `core.excludesFile`; in each the last matching line
//! decides; a file
//! below a left-out folder stays out whatever deeper lines say. A match in an `.amlignore` (nearest folder first, same
//! syntax) outranks all of these, and may take a file back with `!`. In a nested repository its own `.gitignore` files and
//! `info/exclude` come first; where they say nothing, the rules around it hold.
//!
//! Holds back what a restore would let in ([`Held`]), until an `.amlignore` says otherwise.
//!
//! Rules know nothing of what is tracked: the walk asks [`crate::user_repo::Tracked`] when a rule says "out".

mod held;
mod patterns;

use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use gix::{
    bstr::{BStr, ByteSlice},
    glob::pattern::Case,
};

use crate::{git_files, quote::is_disruptive, small_file};
pub use held::Held;
use patterns::{Patterns, Place};

/// The file whose rules are azml's own.
pub const FILE: &str = ".amlignore";

/// The rules' verdict on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No rule leaves it out.
    Included,
    /// A line `!…` of an `.amlignore` takes it in by name: it is in even if it looks like a secret.
    ForceIncluded,
    /// A rule leaves it out.
    Excluded,
}

/// The rules that hold in one folder: its own, and all that it inherits. Cheap to share.
#[derive(Debug, Clone)]
pub struct Rules {
    level: Option<Arc<Level>>,
    case: Case,
    held: Option<Arc<Held>>,
}

/// The rules that one folder (or the user's configuration) adds.
#[derive(Debug)]
struct Level {
    above: Option<Arc<Self>>,
    git: Patterns,
    own: Patterns,
}

impl Rules {
    /// No rules at all.
    pub fn none() -> Self {
        Self { level: None, case: Case::Sensitive, held: None }
    }

    /// The user's `core.excludesFile` and the repository's `info/exclude`, for the folder of the work tree at `prefix`.
    pub(crate) fn of_configuration(git: &gix::Repository, prefix: &BStr) -> Self {
        let config = git.config_snapshot();
        let mut rules = Self::none();
        if config.boolean("core.ignoreCase").unwrap_or(false) {
            rules.case = Case::Fold;
        }
        let configured = config.trusted_path("core.excludesFile").ok().flatten();
        // Unset, Git reads the file `ignore` beside the user's own `git/config`.
        let default =
            || git.config_path(gix::config::Source::Git).ok().map(|path| path.with_file_name("ignore"));
        let excludes: Option<PathBuf> = configured.or_else(default);
        let exclude = git.common_dir().join("info").join("exclude");
        for path in excludes.iter().chain([&exclude]) {
            rules = rules.with_above(prefix, small_file::read(path).ok().as_deref());
        }
        rules
    }

    /// These rules with those of a folder above the project; `lead` is the path from there to the project folder.
    pub(crate) fn with_above(&self, lead: &BStr, gitignore: Option<&[u8]>) -> Self {
        let place = if lead.is_empty() { Place::Below(0) } else { Place::Above(lead.to_owned()) };
        let git = Patterns::parse(gitignore.unwrap_or_default(), place);
        self.with_level(git, Patterns::parse(b"", Place::Below(0)))
    }

    /// These rules with those of the folder whose path (with `/`, relative to the project) has `folder_len` bytes.
    #[must_use]
    pub fn with(&self, folder_len: usize, gitignore: Option<&[u8]>, amlignore: Option<&[u8]>) -> Self {
        let base = if folder_len == 0 { 0 } else { folder_len + 1 };
        let parse = |text: Option<&[u8]>| Patterns::parse(text.unwrap_or_default(), Place::Below(base));
        self.with_level(parse(gitignore), parse(amlignore))
    }

    fn with_level(&self, git: Patterns, own: Patterns) -> Self {
        if git.is_empty() && own.is_empty() {
            return self.clone();
        }
        let level = Some(Arc::new(Level { above: self.level.clone(), git, own }));
        Self { level, case: self.case, held: self.held.clone() }
    }

    /// These rules, and what is held back is left out whatever a `.gitignore` says.
    #[must_use]
    pub fn holding(mut self, held: Held) -> Self {
        self.held = (!held.is_empty()).then(|| Arc::new(held));
        self
    }

    /// Returns whether this very file or folder is held back.
    pub fn is_held(&self, path: &BStr, is_dir: bool) -> bool {
        self.held.as_ref().is_some_and(|held| held.has(path, is_dir))
    }

    /// Returns whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.level.is_none() && self.held.is_none()
    }

    /// Returns the rules' verdict on `path` (with `/`, relative to the project), if its folder is not left out.
    pub fn verdict(&self, path: &BStr, is_dir: bool) -> Verdict {
        if let Some(force_included) = self.decide(path, is_dir, |level| &level.own) {
            return if force_included { Verdict::ForceIncluded } else { Verdict::Excluded };
        }
        if self.is_held(path, is_dir) {
            return Verdict::Excluded;
        }
        match self.decide(path, is_dir, |level| &level.git) {
            Some(false) => Verdict::Excluded,
            _ => Verdict::Included,
        }
    }

    fn decide(&self, path: &BStr, is_dir: bool, list: impl Fn(&Level) -> &Patterns) -> Option<bool> {
        let mut level = self.level.as_deref();
        while let Some(here) = level {
            if let Some(negative) = list(here).decide(path, is_dir, self.case) {
                return Some(negative);
            }
            level = here.above.as_deref();
        }
        None
    }

    /// Returns the rules' verdict on `path` and all folders above it, reading the ignore files below `root`.
    ///
    /// For one question; a walk carries its rules along instead.
    pub fn verdict_in(&self, root: &Path, path: &BStr, is_dir: bool) -> Verdict {
        let mut rules = self.read_folder(root, &[]);
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let folder = &path[..end];
            if rules.verdict(folder.as_bstr(), true) == Verdict::Excluded {
                return Verdict::Excluded;
            }
            rules = rules.read_folder(root, folder);
        }
        rules.verdict(path, is_dir)
    }

    /// These rules with those that the ignore files in a folder below `root` say.
    pub(crate) fn read_folder(&self, root: &Path, folder: &[u8]) -> Self {
        let at = root.join(std::ffi::OsStr::from_bytes(folder));
        let exclude = git_files::exclude(root, folder.as_bstr());
        self.with(folder.len(), exclude.as_deref(), None).with(
            folder.len(),
            read(&at.join(".gitignore")).as_deref(),
            read(&at.join(FILE)).as_deref(),
        )
    }
}

/// The text of an ignore file, if there is one that Git reads.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    let is_file = path.symlink_metadata().is_ok_and(|meta| meta.is_file());
    is_file.then(|| small_file::read(path).ok()).flatten()
}

/// The line that leaves out exactly this file, for the ignore file at the top of the project.
pub fn line_for(path: &BStr) -> String {
    let mut line = String::from("/");
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_disruptive(c) {
                line.extend(std::iter::repeat_n('?', c.len_utf8()));
                continue;
            }
            if matches!(c, '*' | '?' | '[' | '\\') {
                line.push('\\');
            }
            line.push(c);
        }
        // `?` stands for any one byte.
        line.extend(chunk.invalid().iter().map(|_| '?'));
    }
    if line.ends_with(' ') {
        line.insert(line.len() - 1, '\\');
    }
    line
}

#[cfg(test)]
mod tests;
