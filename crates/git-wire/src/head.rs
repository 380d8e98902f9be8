//! The branch that `HEAD` names, read without opening the repository: lists of thousands of repositories show it.

use std::path::Path;

use gix::refs::file::Store;
use gix::refs::{FullName, Target};

/// Reads which branch `HEAD` of the repository with this folder names; `None` if the branch is not born yet, or `HEAD` names
/// a commit.
///
/// # Errors
/// If `HEAD` is missing or can't be read.
pub fn head_branch(git_dir: &Path) -> Result<Option<FullName>, gix::Error> {
    let refs = Store::at(git_dir.to_owned(), gix::hash::Kind::Sha1);
    match refs.find("HEAD")?.target {
        Target::Symbolic(name) => Ok(refs.try_find(name.as_ref())?.is_some().then_some(name)),
        Target::Object(_) => Ok(None),
    }
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
            ("HEAD", format!("{id}\n"), None),
        ];
        for (file, text, expected) in rows {
            write(file, &text);
            let found = head_branch(folder.path()).unwrap();
            assert_eq!(
                found.as_ref().map(|name| name.as_bstr().to_string()).as_deref(),
                expected,
                "{file}: {text}"
            );
            let opened = crate::Repository::open(folder.path()).unwrap().to_gix();
            let head = opened.head().unwrap();
            let named = if head.is_unborn() { None } else { head.referent_name().map(ToOwned::to_owned) };
            assert_eq!(found, named, "{file}: {text}");
        }
        for garbage in ["", "garbage\n", "ref: refs/heads/.invalid\n"] {
            write("HEAD", garbage);
            assert!(head_branch(folder.path()).is_err(), "{garbage:?}");
        }
        assert!(head_branch(&folder.path().join("nowhere")).is_err());
    }
}
