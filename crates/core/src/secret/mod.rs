//! Finds secrets: files that hold credentials by their name, and keys and tokens in the content of files.
//!
//! The forms are the table in `rules`. [`Scanner`] looks for them in content that comes piece by piece, at a cost that
//! is small beside hashing it; [`redacted`] copies a text without them; [`arguments`] does the same for the words of a
//! command. Binary files are looked into as any other: a key keeps its form in them. Text in UTF-16 is read as such.

mod argument;
mod form;
mod name;
mod redact;
mod rules;
mod scan;

use std::{
    fs::File,
    io::{self, Read},
    ops::Range,
    os::unix::ffi::OsStrExt,
    path::Path,
};

pub use self::{
    argument::{Masked, Redacted, arguments, is_secret_value},
    name::of_name,
    redact::{MASK, Values, redacted, redacted_text},
    scan::Scanner,
};
use crate::limits::SMALL_FILE;

/// A secret that was found in a content. It does not hold the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The kind of secret: `a GitHub token`.
    pub rule: &'static str,
    /// The line it begins on, counted from 1.
    pub line: u64,
    /// The bytes of the content that it takes.
    pub span: Range<u64>,
    /// It goes on beyond what was looked at: a long key.
    pub is_open: bool,
}

/// The ends of the names of files that say how a run is run: passwords in them have no form but the name before them.
const RUN_CONFIGURATIONS: [&[u8]; 2] = [b".runconfig", b".compute"];

/// Returns the first secret in the content of a file of this path (with `/`).
pub fn first_in_file_of(path: &[u8], content: &[u8]) -> Option<Finding> {
    first_in(content).or_else(|| {
        let is_configuration = RUN_CONFIGURATIONS.iter().any(|end| path.ends_with(end));
        if is_configuration { argument::in_configuration(content) } else { None }
    })
}

/// Returns the first secret in a content.
pub fn first_in(content: &[u8]) -> Option<Finding> {
    scan::whole(content, 1).into_iter().next()
}

/// Returns all secrets in a content, in order; they may overlap.
pub fn all_in(content: &[u8]) -> Vec<Finding> {
    scan::whole(content, usize::MAX)
}

/// Returns the first secret in a file; none in what is no regular file. A link is not followed.
pub fn first_in_file(path: &Path) -> io::Result<Option<Finding>> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let name = path.as_os_str().as_bytes();
    if RUN_CONFIGURATIONS.iter().any(|end| name.ends_with(end)) {
        let mut content = Vec::new();
        file.take(SMALL_FILE).read_to_end(&mut content)?;
        return Ok(first_in_file_of(name, &content));
    }
    let mut scanner = Scanner::first();
    let mut buffer = vec![0; scan::PIECE];
    while !scanner.has_found() {
        match file.read(&mut buffer)? {
            0 => break,
            count => scanner.feed(&buffer[..count]),
        }
    }
    Ok(scanner.finish().into_iter().next())
}

/// Opens a regular file; a link is not followed, and a FIFO not waited for.
fn open(path: &Path) -> io::Result<Option<File>> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => return Ok(None),
        opened => File::from(opened?),
    };
    Ok(file.metadata()?.is_file().then_some(file))
}

#[cfg(test)]
mod tests;
