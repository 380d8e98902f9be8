//! Checks the names that a tree may bring onto the disk.
//!
//! Guarantee: a path that passes [`check`] stays below the folder it is joined to, on every
//! operating system azml runs on, and is no spelling of `.git` or of the history repository that
//! any of their file systems would take for it. Checked are names alone; that no parent is a
//! symbolic link is up to whoever writes.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use gix::{
    bstr::{BStr, BString, ByteSlice, ByteVec},
    validate::path::component,
};

/// The history repository's folder in the project folder.
const HISTORY_FOLDER: &str = ".azuremlhistory_git";

/// The reason why a path in a tree is unsafe.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum Unsafe {
    /// Empty, or with an empty part: `a//b`, `/etc/passwd`, `a/`.
    #[error("a part of it is empty")]
    EmptyPart,
    /// `.` or `..`.
    #[error("it has `.` or `..` in it")]
    Relative,
    /// A zero byte, or on Windows a separator, drive or device name.
    #[error("it has a character or name in it that this system does not take")]
    Unusable,
    /// A spelling of `.git`.
    #[error("it would be inside a `.git` folder")]
    DotGit,
    /// A spelling of the history repository's folder.
    #[error("it would be inside the run history's own repository")]
    HistoryRepository,
    /// A `.gitmodules` that is a symbolic link.
    #[error("`.gitmodules` may not be a symbolic link")]
    LinkedModules,
}

/// Checks a whole path of a tree; `is_symlink` says what it leads to.
pub fn check(path: &BStr, is_symlink: bool) -> Result<(), Unsafe> {
    let last = path.rfind_byte(b'/').map_or(0, |at| at + 1);
    let mut start = 0;
    for part in path.split(|byte| *byte == b'/') {
        check_name(part.as_bstr(), is_symlink && start == last)?;
        start += part.len() + 1;
    }
    Ok(())
}

/// Checks one name, an entry of a tree.
pub fn check_name(name: &BStr, is_symlink: bool) -> Result<(), Unsafe> {
    if name.contains(&0) {
        return Err(Unsafe::Unusable);
    }
    let options = component::Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
    // A backslash is a plain byte here and a separator on Windows: what stands between two of them
    // must not be `.git` either. `..` between them is harmless where the byte is plain.
    for part in name.split(|byte| *byte == b'\\') {
        if is_spelling_of(part, HISTORY_FOLDER) {
            return Err(Unsafe::HistoryRepository);
        }
        if is_spelling_of(part, ".git") || is_spelling_of(part, "git~1") {
            return Err(Unsafe::DotGit);
        }
    }
    let mode = is_symlink.then_some(component::Mode::Symlink);
    component(name, mode, options).map(|_| ()).map_err(|error| match error {
        component::Error::Empty => Unsafe::EmptyPart,
        component::Error::Relative | component::Error::PathSeparator => Unsafe::Relative,
        component::Error::DotGitDir => Unsafe::DotGit,
        component::Error::SymlinkedGitModules => Unsafe::LinkedModules,
        _ => Unsafe::Unusable,
    })
}

/// Returns whether some file system would take `name` for `wanted` (lower-case ASCII): letters of either case, code
/// points that HFS+ ignores, dots and spaces at the end and `:stream` as on NTFS.
fn is_spelling_of(name: &[u8], wanted: &str) -> bool {
    let mut seen = String::with_capacity(wanted.len());
    for c in name.chars() {
        match c {
            ':' => break,
            '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}' => {}
            // Folds to ASCII where case is ignored: the long s and the Kelvin sign.
            '\u{17f}' => seen.push('s'),
            '\u{212a}' => seen.push('k'),
            c => seen.push(c.to_ascii_lowercase()),
        }
    }
    seen.trim_end_matches(['.', ' ']) == wanted
}

/// Returns whether `name` is a spelling of a folder that no snapshot holds: a repository's, the history's.
pub(crate) fn is_reserved(name: &[u8]) -> bool {
    matches!(check_name(name.as_bstr(), false), Err(Unsafe::DotGit | Unsafe::HistoryRepository))
}

/// The bytes of a link's target or of a path, as this system says them.
pub(crate) fn to_native(path: &BStr) -> Cow<'_, Path> {
    path.to_path_lossy()
}

/// The other way round.
pub fn from_native(path: &Path) -> BString {
    Vec::from_path_lossy(path).into_owned().into()
}

/// Joins a checked `path` to `folder`.
pub(crate) fn below(folder: &Path, path: &BStr) -> PathBuf {
    folder.join(to_native(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> Option<Unsafe> {
        check(path.into(), false).err()
    }

    #[test]
    fn plain_names_pass_whatever_their_bytes() {
        for path in [
            "a",
            "a b/c d.txt",
            "größe/ß.py",
            ".gitignore",
            ".github/x",
            "git",
            "a..b",
            "...",
            "x.git",
            "-rf",
            "a\\b",
            "ünï:cödé",
        ] {
            assert_eq!(refused(path), None, "{path}");
        }
        assert_eq!(check(b"bad\xffutf8".as_bstr(), false), Ok(()));
    }

    #[test]
    fn paths_that_leave_the_folder_are_refused() {
        for path in ["..", ".", "../x", "a/../b", "a/..", "./a"] {
            assert_eq!(refused(path), Some(Unsafe::Relative), "{path}");
        }
        for path in ["", "/", "/etc/passwd", "a//b", "a/"] {
            assert_eq!(refused(path), Some(Unsafe::EmptyPart), "{path}");
        }
        assert_eq!(refused("a\0b"), Some(Unsafe::Unusable));
    }

    #[test]
    fn every_spelling_of_dot_git_is_refused() {
        let spellings = [
            ".git",
            ".GIT",
            ".GiT",
            ".git.",
            ".git ",
            ".git . .",
            ".git...",
            "git~1",
            "GIT~1",
            "git~1.",
            "git~1 ",
            ".git::$INDEX_ALLOCATION",
            ".git:x",
            ".git .:x",
            ".g\u{200c}it",
            "\u{feff}.git",
            ".gi\u{202e}T",
            "x\\.git\\hooks",
            ".git\\hooks",
            ".Git\u{206f}",
        ];
        for name in spellings {
            assert_eq!(refused(name), Some(Unsafe::DotGit), "{name:?}");
            assert_eq!(
                refused(&format!("deep/{name}/hooks/post-checkout")),
                Some(Unsafe::DotGit),
                "{name:?}"
            );
        }
        for name in [
            ".azuremlhistory_git",
            ".AzureMLHistory_git",
            ".azuremlhistory_git.",
            ".azuremlhi\u{17f}tory_git",
        ] {
            assert_eq!(refused(&format!("{name}/config")), Some(Unsafe::HistoryRepository), "{name:?}");
        }
        assert_eq!(check(".gitmodules".into(), true), Err(Unsafe::LinkedModules));
        assert_eq!(check(".gitmodules".into(), false), Ok(()));
    }
}
