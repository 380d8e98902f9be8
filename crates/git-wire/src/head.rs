//! The branch that `HEAD` names, read without opening the repository: lists of thousands of repositories show it.

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use gix::hash::Kind;
use gix::refs::file::{Store, loose};
use gix::refs::{FullName, Target};

use crate::limits::LOOSE_REF_BYTES;

/// The modification time, inode and length of a file, which tell its versions apart.
type Version = ((i64, i64), u64, u64);

/// The branch that `HEAD` named when it was read last, for who asks often.
#[derive(Debug, Default)]
pub struct KeptHead(Mutex<Option<(Version, FullName)>>);

impl KeptHead {
    /// Does what [`head_branch`] does, and reads nothing where `HEAD` is as it was and the branch has a file.
    ///
    /// # Errors
    /// If `HEAD` is missing or can't be read.
    pub fn branch(&self, git_dir: &Path) -> Result<Option<FullName>, gix::Error> {
        let version = |found: Metadata| ((found.mtime(), found.mtime_nsec()), found.ino(), found.len());
        // Before it is read: what is written meanwhile is read the next time.
        let now = std::fs::symlink_metadata(git_dir.join("HEAD")).ok().map(version);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(now), Some((then, name))) = (now, &*kept)
            && now == *then
            && git_dir.join(OsStr::from_bytes(name.as_bstr())).is_file()
        {
            return Ok(Some(name.clone()));
        }
        let found = head_branch(git_dir)?;
        *kept = now.zip(found.clone());
        Ok(found)
    }
}

/// Reads which branch `HEAD` of the repository with this folder names; `None` if the branch is not born yet, or `HEAD` names
/// a commit.
///
/// # Errors
/// If `HEAD` is missing or can't be read.
pub(crate) fn head_branch(git_dir: &Path) -> Result<Option<FullName>, gix::Error> {
    if let Some(name) = loose_branch(git_dir) {
        return Ok(Some(name));
    }
    let refs = Store::at(git_dir.to_owned(), Kind::Sha1);
    match refs.find("HEAD")?.target {
        Target::Symbolic(name) => Ok(refs.try_find(name.as_ref())?.is_some().then_some(name)),
        Target::Object(_) => Ok(None),
    }
}

/// Reads it if `HEAD` and the branch are plain files, with as few system calls as that takes: a list of thousands of
/// repositories is made of little else.
fn loose_branch(git_dir: &Path) -> Option<FullName> {
    let Target::Symbolic(name) = loose_ref(git_dir, FullName::try_from("HEAD").ok()?)? else { return None };
    loose_ref(git_dir, name.clone()).map(|_| name)
}

/// Returns the target of a ref, if its file is short and valid.
fn loose_ref(git_dir: &Path, name: FullName) -> Option<Target> {
    let mut content = [0; LOOSE_REF_BYTES];
    let mut file = File::open(git_dir.join(OsStr::from_bytes(name.as_bstr()))).ok()?;
    let length = file.read(&mut content).ok()?;
    if length == LOOSE_REF_BYTES {
        return None;
    }
    Some(loose::Reference::try_from_path(name, &content[..length], Kind::Sha1).ok()?.target)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_branch_is_what_opening_the_repository_finds() {
        let folder = tempfile::tempdir().unwrap();
        crate::Repository::create_bare(folder.path(), "master").unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let id = "1".repeat(40);
        let kept = KeptHead::default();
        let rows = [
            ("HEAD", "ref: refs/heads/master\n".to_owned(), None),
            ("refs/heads/master", format!("{id}\n"), Some("refs/heads/master")),
            (
                "packed-refs",
                format!("# pack-refs with: sorted \n{id} refs/heads/packed\n"),
                Some("refs/heads/master"),
            ),
            ("HEAD", "ref: refs/heads/packed\n".to_owned(), Some("refs/heads/packed")),
            ("HEAD", "ref: refs/heads/pack\n".to_owned(), None),
            ("HEAD", "ref: refs/heads/master\n".to_owned(), Some("refs/heads/master")),
            ("HEAD", format!("{id}\n"), None),
            ("HEAD", "ref: refs/heads/master".to_owned(), Some("refs/heads/master")),
            ("HEAD", format!("ref: refs/heads/master\n{}", "\n".repeat(1_000)), Some("refs/heads/master")),
            ("HEAD", "ref: refs/heads/other\n".to_owned(), None),
            ("refs/heads/other", "ref: refs/heads/master\n".to_owned(), Some("refs/heads/other")),
        ];
        for (file, text, expected) in rows {
            write(file, &text);
            let found = head_branch(folder.path()).unwrap();
            assert_eq!(
                found.as_ref().map(|name| name.as_bstr().to_string()).as_deref(),
                expected,
                "{file}: {text}"
            );
            for _ in 0..2 {
                assert_eq!(kept.branch(folder.path()).unwrap(), found, "{file}: {text}");
            }
            let opened = crate::Repository::open(folder.path()).unwrap().to_gix();
            let head = opened.head().unwrap();
            let named = if head.is_unborn() { None } else { head.referent_name().map(ToOwned::to_owned) };
            assert_eq!(found, named, "{file}: {text}");
        }
        for garbage in ["", "garbage\n", "ref: refs/heads/.invalid\n"] {
            write("HEAD", garbage);
            assert!(head_branch(folder.path()).is_err(), "{garbage:?}");
            assert!(kept.branch(folder.path()).is_err(), "{garbage:?}");
        }
        assert!(head_branch(&folder.path().join("nowhere")).is_err());
        write("HEAD", "ref: refs/heads/master\n");
        write("refs/heads/master", "");
        assert!(head_branch(folder.path()).is_err(), "the branch's file is empty");
    }
}
