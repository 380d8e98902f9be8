//! Formats of repositories that can't be read here, found out before anything is taken for what it is not.

use std::path::Path;

use gix::bstr::ByteSlice as _;
use gix::config::{File, Source};

/// The latest version of the repository format that is read, as stock git's.
const LATEST: i64 = 1;

/// Extensions that change nothing about how objects and refs are read.
const HARMLESS: [&str; 7] = [
    "noop",
    "noop-v1",
    "partialclone",
    "preciousobjects",
    "relativeworktrees",
    "worktreeconfig",
    "compatobjectformat",
];

/// Why a repository's format isn't one that can be read, with the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// Its objects have ids of another kind.
    #[error(
        "the repository names its objects by {0}, which is not supported. Make one with SHA-1 of it: git fast-export \
         --all | git -C NEW fast-import"
    )]
    ObjectFormat(String),
    /// Its refs are stored in another way.
    #[error(
        "the repository stores its refs as {0}, which is not supported. Convert it: git refs migrate --ref-format=files"
    )]
    RefStorage(String),
    /// It has an extension that nobody here knows.
    #[error("the repository has the extension '{0}', which is not supported")]
    Extension(String),
    /// It is of a newer version.
    #[error("the repository has the format version {0}, and {LATEST} is the latest that is supported")]
    Version(i64),
}

/// Looks at a repository's configuration. One that can't be read is reported when the repository is opened.
pub(crate) fn check(git_dir: &Path) -> Result<(), Unsupported> {
    let Ok(config) = File::from_path_no_includes(git_dir.join("config"), Source::Local) else {
        return Ok(());
    };
    let version = config.integer("core.repositoryformatversion").ok().flatten().unwrap_or_default();
    if version > LATEST {
        return Err(Unsupported::Version(version));
    }
    for section in config.sections_by_name("extensions").into_iter().flatten() {
        for key in section.value_names() {
            let name = key.to_lowercase();
            let value = section.value(&key).unwrap_or_default().to_str_lossy().to_lowercase();
            match (name.as_str(), value.as_str()) {
                ("objectformat", "sha1") | ("refstorage", "files") => {}
                ("objectformat", other) => return Err(Unsupported::ObjectFormat(other.to_uppercase())),
                ("refstorage", other) => {
                    let kind = other.split(':').next().unwrap_or(other);
                    return Err(Unsupported::RefStorage(kind.to_owned()));
                }
                // Stock git reads unknown ones over in version 0, which has no extensions.
                (other, _) if version > 0 && !HARMLESS.contains(&other) => {
                    return Err(Unsupported::Extension(name));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: &str) -> Result<(), Unsupported> {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("config"), config).expect("a file");
        check(dir.path())
    }

    #[test]
    fn formats_are_told_by_the_configuration() {
        let v1 = "[core]\n\trepositoryformatversion = 1\n";
        let rows = [
            (String::new(), Ok(())),
            ("[core]\n\trepositoryformatversion = 0\n\tbare = true\n".into(), Ok(())),
            (format!("{v1}[extensions]\n\tobjectFormat = sha1\n\trefStorage = files\n"), Ok(())),
            (format!("{v1}[extensions]\n\tworktreeConfig = true\n\tpartialClone = origin\n"), Ok(())),
            (
                format!("{v1}[extensions]\n\tobjectformat = sha256\n"),
                Err(Unsupported::ObjectFormat("SHA256".to_owned())),
            ),
            (
                format!("{v1}[Extensions]\n\trefStorage = reftable\n"),
                Err(Unsupported::RefStorage("reftable".to_owned())),
            ),
            (
                format!("{v1}[extensions]\n\trefStorage = reftable:///elsewhere\n"),
                Err(Unsupported::RefStorage("reftable".to_owned())),
            ),
            (format!("{v1}[extensions]\n\tmoon = full\n"), Err(Unsupported::Extension("moon".to_owned()))),
            ("[extensions]\n\tmoon = full\n".into(), Ok(())),
            ("[core]\n\trepositoryformatversion = 2\n".into(), Err(Unsupported::Version(2))),
            ("[core\n".into(), Ok(())),
        ];
        for (config, expected) in rows {
            assert_eq!(of(&config), expected, "{config}");
        }
    }
}
