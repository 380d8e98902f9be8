//! The one error of the command line: what kind it is, what happened, what to do about it.
//!
//! Library errors become a [`CommandError`] by the conversions in `from.rs`; [`ErrorKind::exit_code`]
//! is the only table of exit codes.

mod from;

use std::error::Error;
use std::fmt;

/// The kind of failure that a command ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The command could not do what it was asked; also a script that failed.
    Failed,
    /// The command line is wrong.
    Usage,
    /// Something that was named does not exist.
    NotFound,
    /// Not signed in, or not allowed.
    NotAllowed,
    /// The remote could not be reached.
    Unavailable,
    /// Ctrl-C or a termination signal.
    Interrupted,
    /// The program of a run failed, and its own exit code is wanted.
    Program(u8),
    /// Nothing to report: all has been printed, and this exit code says the rest.
    Told(u8),
}

impl ErrorKind {
    /// All kinds that are printed, for tests.
    #[cfg(test)]
    pub const ALL: [Self; 6] =
        [Self::Failed, Self::Usage, Self::NotFound, Self::NotAllowed, Self::Unavailable, Self::Interrupted];

    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed | Self::Unavailable => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::NotAllowed => 4,
            Self::Interrupted => 130,
            Self::Program(code) | Self::Told(code) => code,
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub struct CommandError {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// The failure, with its causes as sources.
    pub error: Box<dyn Error + Send + Sync>,
    /// The ways out; each holds a command that works.
    pub hints: Vec<String>,
}

impl CommandError {
    /// An error of `kind`.
    pub fn new(kind: ErrorKind, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, error: error.into(), hints: Vec::new() }
    }

    /// The command could not do what it was asked.
    pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Failed, error)
    }

    /// The command line is wrong.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Usage, error)
    }

    /// Something that was named does not exist.
    pub fn not_found(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ErrorKind::NotFound, error)
    }

    /// An operation on a file failed.
    pub fn file(doing: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::failed(FileError::new(doing, path, source))
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The failure and its causes, outermost first; a cause that only repeats the line before it is left out.
    pub fn chain(&self) -> Vec<String> {
        let mut lines = vec![self.error.to_string()];
        let mut source = self.error.source();
        while let Some(cause) = source {
            let line = cause.to_string();
            if lines.last() != Some(&line) {
                lines.push(line);
            }
            source = cause.source();
        }
        lines
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", azml_core::quote::quoted_path(path))]
pub struct FileError {
    /// The verb: `read`, `write`, `create` …
    pub doing: &'static str,
    pub path: std::path::PathBuf,
    #[source]
    pub source: std::io::Error,
}

impl FileError {
    /// The error of `doing` something with the file at `path`.
    pub fn new(doing: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self { doing, path: path.to_owned(), source }
    }
}

/// Those of `known` that look like `given`, most similar first, at most three.
pub fn similar<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut scored: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let distance = edit_distance(given, name);
            let longest = given.chars().count().max(name.chars().count());
            let prefix = given.chars().count() >= 3 && (name.starts_with(given) || name.ends_with(given));
            (prefix || distance * 3 <= longest).then_some((if prefix { 0 } else { distance }, name))
        })
        .collect();
    scored.sort_unstable();
    scored.truncate(3);
    scored.into_iter().map(|(_, name)| name).collect()
}

/// The number of characters that must be inserted, removed or replaced to turn one text into the other.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, left) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_exit_code_that_the_manual_promises() {
        let codes: Vec<(ErrorKind, u8)> =
            ErrorKind::ALL.iter().map(|kind| (*kind, kind.exit_code())).collect();
        assert_eq!(
            codes,
            [
                (ErrorKind::Failed, 1),
                (ErrorKind::Usage, 2),
                (ErrorKind::NotFound, 3),
                (ErrorKind::NotAllowed, 4),
                (ErrorKind::Unavailable, 1),
                (ErrorKind::Interrupted, 130),
            ]
        );
    }

    #[test]
    fn causes_follow_without_repetition() {
        let error = CommandError::file("read", "/x".as_ref(), std::io::Error::other("disk on fire"));
        assert_eq!(error.chain(), ["cannot read /x", "disk on fire"]);
    }

    #[test]
    fn similar_names_are_found() {
        let runs = ["iris_1504832281116", "iris_1504832281117", "iris_1599999999999"];
        assert_eq!(
            similar("iris_1504832281115", runs),
            ["iris_1504832281116", "iris_1504832281117", "iris_1599999999999"][..2]
        );
        assert_eq!(similar("81117", runs), ["iris_1504832281117"]);
        assert_eq!(similar("loca", ["local", "docker"]), ["local"]);
        assert!(similar("zzz", ["local", "docker"]).is_empty());
    }
}
