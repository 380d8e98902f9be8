//! Which files are left out of a snapshot: `.gitignore` as Git reads it, then `.amlignore` on top.
//!
//! Git's rules, in Git's order: `.gitignore` of the file's own folder first, then those above it, then
//! `info/exclude` of the user's repository, then `core.excludesFile`; in each the last matching line decides; a file
//! below a left-out folder stays out whatever deeper lines say. A match in an `.amlignore` (nearest folder first, same
//! syntax) outranks all of these, and may take a file back with `!`.
//!
//! Rules know nothing of what is tracked: the walk asks [`crate::user_repo::Tracked`] when a rule says "out".

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

use crate::user_repo::UserRepo;
use patterns::Patterns;

/// The file whose rules are azml's own.
pub const FILE: &str = ".amlignore";

/// What the rules say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No rule leaves it out.
    In,
    /// A line `!…` of an `.amlignore` takes it in by name: it is in even if it looks like a secret.
    TakenBack,
    /// A rule leaves it out.
    Out,
}

/// The rules that hold in one folder: its own, and all that it inherits. Cheap to share.
#[derive(Debug, Clone)]
pub struct Rules {
    level: Option<Arc<Level>>,
    case: Case,
}

/// What one folder (or the user's configuration) adds.
#[derive(Debug)]
struct Level {
    above: Option<Arc<Self>>,
    git: Patterns,
    own: Patterns,
}

impl Rules {
    /// No rules at all.
    pub fn none() -> Self {
        Self { level: None, case: Case::Sensitive }
    }

    /// The rules that hold everywhere: the user's `core.excludesFile` and the repository's `info/exclude`.
    pub fn of_user(repo: Option<&UserRepo>) -> Self {
        let Some(repo) = repo else { return Self::none() };
        let git = repo.git();
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
            if let Ok(text) = std::fs::read(path) {
                rules = rules.with(0, Some(&text), None);
            }
        }
        rules
    }

    /// These rules with those of the folder whose path (with `/`, relative to the project) has `folder_len` bytes.
    #[must_use]
    pub fn with(&self, folder_len: usize, gitignore: Option<&[u8]>, amlignore: Option<&[u8]>) -> Self {
        let base = if folder_len == 0 { 0 } else { folder_len + 1 };
        let git = Patterns::parse(gitignore.unwrap_or_default(), base);
        let own = Patterns::parse(amlignore.unwrap_or_default(), base);
        if git.is_empty() && own.is_empty() {
            return self.clone();
        }
        Self { level: Some(Arc::new(Level { above: self.level.clone(), git, own })), case: self.case }
    }

    /// Whether there is no rule at all.
    pub fn is_empty(&self) -> bool {
        self.level.is_none()
    }

    /// What the rules say of `path` (with `/`, relative to the project), given that no rule leaves its folder out.
    pub fn verdict(&self, path: &BStr, is_dir: bool) -> Verdict {
        if let Some(taken_back) = self.decide(path, is_dir, |level| &level.own) {
            return if taken_back { Verdict::TakenBack } else { Verdict::Out };
        }
        match self.decide(path, is_dir, |level| &level.git) {
            Some(false) => Verdict::Out,
            _ => Verdict::In,
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

    /// What the rules say of `path` with all folders above it looked at too, reading the ignore files below `root`.
    ///
    /// For one question; a walk carries its rules along instead.
    pub fn verdict_in(&self, root: &Path, path: &BStr, is_dir: bool) -> Verdict {
        let mut rules = self.read_folder(root, &[]);
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let folder = &path[..end];
            if rules.verdict(folder.as_bstr(), true) == Verdict::Out {
                return Verdict::Out;
            }
            rules = rules.read_folder(root, folder);
        }
        rules.verdict(path, is_dir)
    }

    fn read_folder(&self, root: &Path, folder: &[u8]) -> Self {
        let at = root.join(std::ffi::OsStr::from_bytes(folder));
        let read = |name: &str| {
            let path = at.join(name);
            path.symlink_metadata()
                .is_ok_and(|meta| meta.is_file())
                .then(|| std::fs::read(path).ok())
                .flatten()
        };
        self.with(folder.len(), read(".gitignore").as_deref(), read(FILE).as_deref())
    }
}

/// The line that leaves out exactly this file, for the ignore file at the top of the project.
pub fn line_for(path: &BStr) -> String {
    let mut line = String::from("/");
    for c in path.to_str_lossy().chars() {
        if matches!(c, '*' | '?' | '[' | '\\') {
            line.push('\\');
        }
        // A byte that is no character is written as any one character.
        line.push(if c == '\u{fffd}' || c.is_control() { '?' } else { c });
    }
    if line.ends_with(' ') {
        line.insert(line.len() - 1, '\\');
    }
    line
}

#[cfg(test)]
mod tests;
