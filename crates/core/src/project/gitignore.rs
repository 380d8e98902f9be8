//! The lines that a project's `.gitignore` needs.

use std::{io::ErrorKind, path::Path};

use super::{Error, write_whole};
use crate::{dir::Dir, io_error::IoError, limits::SMALL_FILE, small_file};

/// The name of the file.
pub(super) const FILE: &str = ".gitignore";

/// The lines that the Workbench ignored, in its order.
const LINES: [&str; 4] = [crate::history::FOLDER, ".ipynb_checkpoints", "azureml-logs", "*.dprep.user"];

/// Adds what is missing to the `.gitignore` of the project folder, on lines of its own; gives the content that it had, which
/// is empty if it was not there, or `None` if nothing is missing.
///
/// A file without a newline at its end gets one first; a file with CRLF line ends gets CRLF. Nothing else changes. A link is
/// refused: Git reads no ignore file through one, and the file that it leads to may be private.
pub(crate) fn update_gitignore(root: &Path) -> Result<Option<Vec<u8>>, Error> {
    let path = root.join(FILE);
    let top = Dir::open(root).map_err(IoError::of("open", root))?;
    let is_link = || top.read_link(FILE.into()).is_ok();
    let old =
        match top.open_file(FILE.into()).and_then(|mut file| small_file::read_open(&mut file, SMALL_FILE)) {
            Ok(old) => old,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(_) if is_link() => return Err(Error::InTheWay { path, what: "a link" }),
            // To open a socket fails without a reason.
            Err(error) => {
                let source = small_file::probe(&path, SMALL_FILE).err().unwrap_or(error);
                return Err(IoError { action: "read", path, source }.into());
            }
        };
    match completed(&old) {
        Some(new) => write_whole(root, FILE, &new).map(|()| Some(old)),
        None => Ok(None),
    }
}

fn completed(old: &[u8]) -> Option<Vec<u8>> {
    let has = |wanted: &str| {
        old.split(|b| *b == b'\n').any(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_end();
            let line = line.strip_prefix(b"/").unwrap_or(line);
            line.strip_suffix(b"/").unwrap_or(line) == wanted.as_bytes()
        })
    };
    let missing: Vec<_> = LINES.iter().filter(|line| !has(line)).collect();
    if missing.is_empty() {
        return None;
    }
    let newline: &[u8] = if old.windows(2).any(|pair| pair == b"\r\n") { b"\r\n" } else { b"\n" };
    let mut new = old.to_vec();
    if !new.is_empty() && !new.ends_with(b"\n") {
        new.extend_from_slice(newline);
    }
    for line in missing {
        new.extend_from_slice(line.as_bytes());
        new.extend_from_slice(newline);
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_file_gets_the_workbenchs_lines() {
        assert_eq!(
            completed(b"").unwrap(),
            b".azuremlhistory_git\n.ipynb_checkpoints\nazureml-logs\n*.dprep.user\n"
        );
    }

    #[test]
    fn only_what_is_missing_is_added_and_never_onto_another_line() {
        let new = completed(b"__pycache__\nazureml-logs/\n/.azuremlhistory_git").unwrap();
        assert_eq!(
            new,
            b"__pycache__\nazureml-logs/\n/.azuremlhistory_git\n.ipynb_checkpoints\n*.dprep.user\n"
        );
    }

    #[test]
    fn line_ends_follow_the_file() {
        assert!(completed(b"a\r\nb").unwrap().starts_with(b"a\r\nb\r\n.azuremlhistory_git\r\n"));
    }

    proptest! {
        #[test]
        fn the_old_content_stays_and_a_second_time_changes_nothing(old in "[a-z.*/\r\n_-]{0,60}") {
            let new = completed(old.as_bytes()).unwrap_or_else(|| old.clone().into_bytes());
            prop_assert!(new.starts_with(old.as_bytes()));
            prop_assert_eq!(completed(&new), None);
        }
    }
}
