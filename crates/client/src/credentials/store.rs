//! The logins that azml keeps: one token for each scheme, host and port.
//!
//! A JSON file in the configuration folder that only its owner may read. It is replaced as a whole
//! by rename, so that a reader sees the old or the new one. A newer format is refused, not guessed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Origin, Secret};

/// The name of the file in azml's configuration folder.
const FILE_NAME: &str = "tokens.json";
/// The format written, and the newest one read.
const VERSION: u32 = 1;

/// The file of stored logins.
#[derive(Debug, Clone)]
pub struct TokenStore {
    path: PathBuf,
}

/// Why the file of stored logins can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It can't be read.
    #[error("can't read the stored logins in '{}'", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It can't be written.
    #[error("can't write the stored logins to '{}'", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It is not what azml writes. The cause is left out, for it could show a piece of the file.
    #[error("'{}' does not hold stored logins as azml writes them", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// A newer azml has written it.
    #[error("'{}' has format {found}, and this azml reads formats up to {VERSION}", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    tokens: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    user: String,
    token: String,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl TokenStore {
    /// The store in this configuration folder; nothing is read or made yet.
    pub fn in_folder(config_dir: &Path) -> Self {
        Self { path: config_dir.join(FILE_NAME) }
    }

    /// Where the logins are kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The user name and token kept for exactly this origin.
    pub fn get(&self, origin: &Origin) -> Result<Option<(String, Secret)>, StoreError> {
        let mut file = self.read()?;
        Ok(file.tokens.remove(&origin.to_string()).map(|entry| (entry.user, Secret::new(entry.token))))
    }

    /// Keeps a login, in place of an older one for the same origin.
    pub fn put(&self, origin: &Origin, user: &str, token: &Secret) -> Result<(), StoreError> {
        let mut file = self.read()?;
        let entry = Entry { user: user.to_owned(), token: token.expose().to_owned() };
        file.tokens.insert(origin.to_string(), entry);
        self.write(&file)
    }

    /// Forgets a login; `false` if there was none.
    pub fn remove(&self, origin: &Origin) -> Result<bool, StoreError> {
        let mut file = self.read()?;
        let was_there = file.tokens.remove(&origin.to_string()).is_some();
        if was_there {
            self.write(&file)?;
        }
        Ok(was_there)
    }

    /// For whom logins are kept, and under which user name.
    pub fn list(&self) -> Result<Vec<(String, String)>, StoreError> {
        Ok(self.read()?.tokens.into_iter().map(|(origin, entry)| (origin, entry.user)).collect())
    }

    fn read(&self) -> Result<File, StoreError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(File { version: VERSION, tokens: BTreeMap::new() });
            }
            Err(source) => return Err(StoreError::Read { path: self.path.clone(), source }),
        };
        let malformed = |_| StoreError::Malformed { path: self.path.clone() };
        let VersionOnly { version } = serde_json::from_slice(&bytes).map_err(malformed)?;
        if version > VERSION {
            return Err(StoreError::Newer { path: self.path.clone(), found: version });
        }
        serde_json::from_slice(&bytes).map_err(malformed)
    }

    fn write(&self, file: &File) -> Result<(), StoreError> {
        let failed = |source| StoreError::Write { path: self.path.clone(), source };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        let text = serde_json::to_vec_pretty(file).map_err(|error| failed(error.into()))?;
        // A temporary file is made for its owner alone (0600), before anything is in it.
        let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        temporary.write_all(&text).and_then(|()| temporary.as_file().sync_all()).map_err(failed)?;
        temporary.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn a_login_is_for_its_own_scheme_host_and_port_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::in_folder(&dir.path().join("azml"));
        assert_eq!(store.get(&origin("https://git.example.com/x")).unwrap(), None);
        store.put(&origin("https://git.example.com/a/b"), "alice", &Secret::new("s3cret")).unwrap();

        assert!(store.get(&origin("https://GIT.example.com:443/c")).unwrap().is_some());
        for other in [
            "http://git.example.com/",
            "https://git.example.com:8443/",
            "https://example.com/",
            "https://a.git.example.com/",
        ] {
            assert_eq!(store.get(&origin(other)).unwrap(), None, "{other}");
        }
        assert!(store.remove(&origin("https://git.example.com")).unwrap());
        assert!(!store.remove(&origin("https://git.example.com")).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::in_folder(dir.path());
        store.put(&origin("https://h"), "u", &Secret::new("t")).unwrap();
        store.put(&origin("https://h2"), "u", &Secret::new("t")).unwrap();
        assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(store.list().unwrap().len(), 2);
    }

    #[test]
    fn a_newer_format_is_refused_and_a_broken_file_shows_nothing_of_itself() {
        let dir = tempfile::tempdir().unwrap();
        let store = TokenStore::in_folder(dir.path());
        fs::write(store.path(), r#"{"version":2,"vault":"x"}"#).unwrap();
        assert!(matches!(store.get(&origin("https://h")), Err(StoreError::Newer { found: 2, .. })));
        fs::write(store.path(), r#"{"version":1,"tokens":"hunter2"}"#).unwrap();
        let error = store.get(&origin("https://h")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
