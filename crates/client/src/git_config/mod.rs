//! The user's Git configuration, read as Git reads it: the system's, the user's, that of the project's own repository
//! if it belongs to the user, and what the environment sets.
//!
//! The configuration of somebody else's repository is not read: it would say which programs run as this user and
//! where this user's credentials go (CVE-2022-24765). That of the history repository is not read here either.

mod load;
mod parameters;
mod url_match;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::user_repo::Identity;
use bstr::{BStr, BString, ByteSlice as _};

pub use load::Repository;
use url_match::Fit;
pub use url_match::NormalUrl;

use crate::env::Env;

/// Why the configuration can't be used. Git refuses to run then, too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line that is not one of a configuration file.
    #[error("bad config line {line} in file {}", path.display())]
    Syntax {
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A file can't be read.
    #[error("can't read the Git configuration {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Files include each other without end.
    #[error("{} includes more than {} files within each other; does one include itself?", path.display(), load::MAX_DEPTH)]
    Depth {
        /// The file with one include too many.
        path: PathBuf,
    },
    /// A path that is relative to no file.
    #[error("the relative path of {key} needs a file that it is relative to; the environment is none")]
    Relative {
        /// The setting.
        key: String,
    },
    /// A key that has to have a value.
    #[error("missing value for {key} in {place}")]
    NoValue {
        /// The setting.
        key: String,
        /// The file that it stands in, or the environment.
        place: String,
    },
    /// A value that is not of the setting's kind.
    #[error("bad config value '{value}' for {key} in {place}: {why}")]
    Value {
        /// The setting.
        key: String,
        /// The file that it stands in, or the environment.
        place: String,
        value: String,
        /// The reason.
        why: &'static str,
    },
    /// A setting that Git heeds and azml can't, and that is not safe to pass over.
    #[error("{key} is set in {place}, which azml can't check a server against")]
    Unsupported {
        /// The setting.
        key: String,
        /// The file that it stands in, or the environment.
        place: String,
    },
    /// A variable that sets configuration is not what Git expects.
    #[error("the environment variable {variable} {why}")]
    Environment {
        /// Its name.
        variable: String,
        /// The reason.
        why: &'static str,
    },
    /// The project's repository can't be opened.
    #[error(transparent)]
    Repository(#[from] azml_core::user_repo::Error),
}

/// A setting as it stands in a file or in the environment.
#[derive(Clone, Debug)]
pub struct Entry {
    /// In lower case.
    section: String,
    subsection: Option<BString>,
    /// In lower case.
    name: String,
    /// `None` for a key without `=`.
    value: Option<BString>,
    /// `None` for the environment.
    file: Option<Arc<Path>>,
}

impl Entry {
    /// The key, as Git writes it.
    fn key(&self) -> String {
        match &self.subsection {
            Some(subsection) => format!("{}.{subsection}.{}", self.section, self.name),
            None => format!("{}.{}", self.section, self.name),
        }
    }

    /// The last part of the key, in lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn place(&self) -> String {
        self.file
            .as_ref()
            .map_or_else(|| "the environment".to_owned(), |file| format!("file {}", file.display()))
    }

    /// The value; an error if there is none.
    pub fn text(&self) -> Result<&BStr, Error> {
        self.value
            .as_ref()
            .map(|value| value.as_bstr())
            .ok_or_else(|| Error::NoValue { key: self.key(), place: self.place() })
    }

    /// The value, which has to be UTF-8.
    pub fn str(&self) -> Result<&str, Error> {
        self.text()?.to_str().map_err(|_| self.bad("it is not UTF-8"))
    }

    /// The value as yes or no.
    pub fn boolean(&self) -> Result<bool, Error> {
        let Some(value) = &self.value else { return Ok(true) };
        let parsed = gix::config::Boolean::try_from(value.as_bstr());
        parsed.map(|boolean| boolean.0).map_err(|_| self.bad("it is neither true nor false"))
    }

    /// The error for a value that must not be shown.
    pub fn secret(&self, why: &'static str) -> Error {
        Error::Value { key: self.key(), place: self.place(), value: "***".to_owned(), why }
    }

    /// The error for a setting that Git heeds, and azml can't.
    pub fn unsupported(&self) -> Error {
        Error::Unsupported { key: self.key(), place: self.place() }
    }

    fn bad(&self, why: &'static str) -> Error {
        let value = self.value.as_ref().map(ToString::to_string).unwrap_or_default();
        Error::Value { key: self.key(), place: self.place(), value, why }
    }
}

/// For which way a URL is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Reading.
    Fetch,
    /// Writing.
    Push,
}

/// The whole configuration, in the order in which Git reads it: what comes later counts more.
#[derive(Clone, Debug, Default)]
pub struct GitConfig {
    entries: Vec<Entry>,
    home: Option<PathBuf>,
}

impl GitConfig {
    /// Reads it, for a project with that repository of the user's, if it has one.
    pub fn load(env: &Env, repository: Option<&Repository>) -> Result<Self, Error> {
        let entries = load::entries(env, repository)?;
        Ok(Self { entries, home: env.home().map(Path::to_path_buf) })
    }

    /// The entry that counts of those with this key, which has no subsection.
    pub fn last(&self, section: &str, name: &str) -> Option<&Entry> {
        let is_it =
            |entry: &&Entry| entry.subsection.is_none() && entry.section == section && entry.name == name;
        self.entries.iter().rev().find(is_it)
    }

    /// Returns whether the user says that a folder of somebody else's is safe: `safe.directory`.
    pub fn is_safe_directory(&self, folder: &Path) -> Result<bool, Error> {
        let mut is_safe = false;
        let is_it = |entry: &&Entry| {
            entry.subsection.is_none() && entry.section == "safe" && entry.name == "directory"
        };
        for entry in self.entries.iter().filter(is_it) {
            let Some(path) = self.path(entry)? else {
                is_safe = false;
                continue;
            };
            is_safe |= path == Path::new("*")
                || path == folder
                || (path.ends_with("*") && path.parent().is_some_and(|above| folder.starts_with(above)));
        }
        Ok(is_safe)
    }

    /// The author of commits.
    pub fn identity(&self) -> Identity {
        let first = |name| {
            let entry = self.last("author", name).or_else(|| self.last("user", name))?;
            entry.text().ok().map(|text| text.to_str_lossy().into_owned())
        };
        let use_config_only =
            self.last("user", "useconfigonly").is_some_and(|entry| entry.boolean().unwrap_or(false));
        Identity { name: first("name"), email: first("email"), use_config_only }
    }

    /// All entries `<section>.<name>` and `<section>.<url>.<name>` that count for a URL: each one that fits no worse
    /// than every one before it. Of a setting with one value the last counts.
    pub fn for_url(&self, section: &str, name: &str, url: Option<&NormalUrl>) -> Vec<&Entry> {
        let mut best = Fit::default();
        let mut found = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.section == section && entry.name == name) {
            let fit = match &entry.subsection {
                None => Some(Fit::default()),
                Some(pattern) => {
                    url.zip(NormalUrl::pattern(pattern)).and_then(|(url, pattern)| url.fit(&pattern))
                }
            };
            if let Some(fit) = fit.filter(|fit| *fit >= best) {
                best = fit;
                found.push(entry);
            }
        }
        found
    }

    /// All entries of a section that are for every URL, or for one that fits, however well; `fallback` says whether a
    /// subsection that is no URL fits.
    pub fn all_for_url(
        &self,
        section: &str,
        url: Option<&NormalUrl>,
        fallback: impl Fn(&BStr) -> bool,
    ) -> Vec<&Entry> {
        let fits = |pattern: &BString| match NormalUrl::pattern(pattern) {
            Some(pattern) => url.is_some_and(|url| url.fit(&pattern).is_some()),
            None => fallback(pattern.as_bstr()),
        };
        let in_section = self.entries.iter().filter(|entry| entry.section == section);
        in_section.filter(|entry| entry.subsection.as_ref().is_none_or(&fits)).collect()
    }

    /// An entry's value as a path, with `~/` and `~user/` filled in; `None` if it is empty.
    pub fn path(&self, entry: &Entry) -> Result<Option<PathBuf>, Error> {
        let text = entry.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        load::interpolate(text, self.home.as_deref()).map(Some).ok_or_else(|| entry.bad("it is no path"))
    }

    /// The name of a remote with exactly this URL.
    pub fn remote_with_url(&self, url: &str) -> Option<&BStr> {
        let is_it = |entry: &&Entry| {
            entry.section == "remote"
                && entry.name == "url"
                && entry.value.as_ref().is_some_and(|value| value == url)
        };
        self.entries.iter().find(is_it).and_then(|entry| entry.subsection.as_ref()).map(|name| name.as_bstr())
    }

    /// The value of `remote.<remote>.<name>` that counts.
    pub fn of_remote(&self, remote: &BStr, name: &str) -> Option<&Entry> {
        let is_it = |entry: &&Entry| {
            entry.section == "remote"
                && entry.name == name
                && entry.subsection.as_ref().is_some_and(|it| it == remote)
        };
        self.entries.iter().rev().find(is_it)
    }

    /// Rewrites a URL by `url.<base>.insteadOf` and `pushInsteadOf`: the longest prefix is replaced, of equal ones by
    /// the base that is named first. For a push the second goes before the first.
    pub fn rewrite<'a>(&self, url: &'a str, direction: Direction) -> Result<Cow<'a, str>, Error> {
        if direction == Direction::Push
            && let Some(rewritten) = self.replaced(url, "pushinsteadof")?
        {
            return Ok(rewritten.into());
        }
        Ok(self.replaced(url, "insteadof")?.map_or(Cow::Borrowed(url), Cow::Owned))
    }

    /// Returns whether a URL is rewritten.
    pub fn rewrites(&self, url: &str) -> Result<bool, Error> {
        Ok(self.replaced(url, "insteadof")?.is_some() || self.replaced(url, "pushinsteadof")?.is_some())
    }

    fn replaced(&self, url: &str, name: &str) -> Result<Option<String>, Error> {
        let rules = || self.entries.iter().filter(|entry| entry.section == "url" && entry.name == name);
        let mut best: Option<(usize, usize, &Entry)> = None;
        for entry in rules() {
            let prefix = entry.text()?;
            if entry.subsection.is_none() || !url.as_bytes().starts_with(prefix) {
                continue;
            }
            // Git keeps one list of prefixes a base, in the order in which bases are first named.
            let rank = rules().position(|other| other.subsection == entry.subsection).unwrap_or_default();
            if best.is_none_or(|(longest, first, _)| {
                prefix.len() > longest || prefix.len() == longest && rank < first
            }) {
                best = Some((prefix.len(), rank, entry));
            }
        }
        let Some((length, _, entry)) = best else { return Ok(None) };
        let base = entry.subsection.as_ref().map(|base| base.as_bytes()).unwrap_or_default();
        let rewritten = [base, &url.as_bytes()[length..]].concat();
        String::from_utf8(rewritten).map(Some).map_err(|_| entry.bad("the URL that it makes is not UTF-8"))
    }
}

#[cfg(test)]
mod tests;
