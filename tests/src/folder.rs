//! Folders as values: every file's bytes and executable bit, every link's target, compared exactly.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// One file or link.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
    /// A regular file.
    File {
        /// True if its owner may execute it.
        executable: bool,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// A symbolic link.
    Link(PathBuf),
}

/// A folder's files and links by path. Empty folders are not in it: Git has none.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Contents(BTreeMap<PathBuf, Entry>);

/// Bytes that compress badly, and that no other seed gives.
pub fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut state = u32::try_from(seed).expect("a small number").wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// The folder without `.git` and the history repository, at any depth.
pub fn contents(folder: &Path) -> Contents {
    read(folder, &[b".git", b".azuremlhistory_git"])
}

/// The folder with everything in it.
pub fn everything(folder: &Path) -> Contents {
    read(folder, &[])
}

fn read(folder: &Path, left_out: &[&[u8]]) -> Contents {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        let entries = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        for entry in entries.map(|entry| entry.expect("a folder can be listed")) {
            let (path, kind) = (entry.path(), entry.file_type().expect("an entry has a type"));
            if left_out.contains(&entry.file_name().as_bytes()) {
                continue;
            }
            let name = path.strip_prefix(folder).expect("found below the folder").to_path_buf();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                found.insert(name, Entry::Link(std::fs::read_link(&path).expect("a link can be read")));
            } else if kind.is_file() {
                let bytes =
                    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let mode = entry.metadata().expect("a file has metadata").permissions().mode();
                found.insert(name, Entry::File { executable: mode & 0o100 != 0, bytes });
            }
        }
    }
    Contents(found)
}

impl Contents {
    /// The same without what lies below this path.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.0.retain(|name, _| !name.starts_with(path));
        self
    }

    /// Returns whether there is a file or link of this name.
    pub fn has(&self, path: impl AsRef<OsStr>) -> bool {
        self.0.contains_key(Path::new(path.as_ref()))
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Returns the number of files and links.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Requires that both are the same, and names what differs.
    #[track_caller]
    pub fn assert_same(&self, other: &Self, what: &str) {
        let names = self.0.keys().chain(other.0.keys());
        let mut differing: Vec<&PathBuf> =
            names.filter(|name| self.0.get(*name) != other.0.get(*name)).collect();
        differing.sort();
        differing.dedup();
        let only = |side: &Self| {
            let entries =
                differing.iter().filter_map(|name| Some(((*name).clone(), side.0.get(*name)?.clone())));
            Self(entries.collect())
        };
        assert!(
            differing.is_empty(),
            "{what}: not the same\nexpected\n{:?}found\n{:?}",
            only(self),
            only(other)
        );
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, entry) in &self.0 {
            match entry {
                Entry::File { executable, bytes } => {
                    let mark = if *executable { "*" } else { "" };
                    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
                    writeln!(out, "{name:?}{mark} {} bytes: {start:?}", bytes.len())?;
                }
                Entry::Link(target) => writeln!(out, "{name:?} -> {target:?}")?,
            }
        }
        Ok(())
    }
}

/// Writes a file, with the folders above it.
pub fn write(root: &Path, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    let path = root.join(name);
    let parent = path.parent().expect("a file is in a folder");
    std::fs::create_dir_all(parent).unwrap_or_else(|error| panic!("{}: {error}", parent.display()));
    std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Makes a file executable or not.
pub fn set_executable(path: &Path, executable: bool) {
    let mode = if executable { 0o755 } else { 0o644 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode is set");
}

/// Copies a folder with all that is in it: modes, links, times.
pub fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp starts");
    assert!(status.success(), "cp -a {} {}", from.display(), to.display());
}

/// Removes a folder with everything in it.
pub fn remove(path: &Path) {
    std::fs::remove_dir_all(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
