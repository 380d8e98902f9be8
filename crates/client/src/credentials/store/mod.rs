//! The logins that azml keeps: one for each scheme, host and port.
//!
//! A JSON file in the configuration folder that only its owner may read says for whom there are logins; their tokens are
//! in the system's keyring where there is one, else in the file itself. So the keyring is asked only when there is
//! something in it. The file is replaced as a whole by rename: a reader sees the old or the new one. A newer format is
//! refused, not guessed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keyring::{Keyring, KeyringError};
use super::{Origin, Secret};
use crate::limits;

/// The name of the file in azml's configuration folder.
const FILE_NAME: &str = "tokens.json";
/// The format written, and the newest one read.
const VERSION: u32 = 2;
/// The permissions of the file.
const OWNER_ALONE: u32 = 0o600;

/// The stored logins.
#[derive(Debug, Clone)]
pub struct TokenStore {
    path: PathBuf,
    keyring: Keyring,
    now: Option<Timestamp>,
}

/// A login for one origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name that goes with the token.
    pub user: String,
    pub token: Secret,
    /// When the token ends, if that is known.
    pub expires: Option<Timestamp>,
    /// The service that was signed in to; `None` for what Git gave to keep.
    pub service: Option<String>,
    /// True if signing in made the token, so that signing out ends it.
    pub is_session: bool,
}

/// The store that keeps a token.
#[derive(Debug)]
pub enum Place {
    /// Into the system's keyring.
    Keyring,
    /// Into the file, because the keyring would not do.
    File(KeyringError),
}

/// Why the stored logins can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file can't be read.
    #[error("can't read the stored logins in '{}'", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file can't be written.
    #[error("can't write the stored logins to '{}'", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is not what azml writes. The cause is left out, for it could show a piece of the file.
    #[error("'{}' does not hold stored logins as azml writes them", .path.display())]
    Malformed { path: PathBuf },
    /// Others may read the tokens in it, and that can't be changed.
    #[error("'{}' may be read by others (mode {mode:04o}), and is not used", .path.display())]
    Exposed {
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A newer azml has written it.
    #[error("'{}' has format {found}, and this azml reads formats up to {VERSION}", .path.display())]
    Newer {
        path: PathBuf,
        /// The format found.
        found: u32,
    },
    /// The token is in the keyring, and that can't be asked.
    #[error("the login for {origin} is in the system keyring")]
    Keyring {
        /// For whom.
        origin: String,
        #[source]
        source: KeyringError,
    },
    /// The token has ended.
    #[error("the login for {origin} expired on {on}; sign in again with `azml login`")]
    Expired {
        /// For whom.
        origin: String,
        /// The day, as people write it.
        on: String,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct File {
    version: u32,
    /// The origin that was signed in to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<String>,
    #[serde(default)]
    tokens: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    user: String,
    /// Absent when it is in the keyring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    session: bool,
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

impl TokenStore {
    /// The store in this configuration folder, without a keyring; nothing is read or made yet.
    pub fn in_folder(config_dir: &Path) -> Self {
        Self { path: config_dir.join(FILE_NAME), keyring: Keyring::NONE, now: None }
    }

    /// With this keyring for new tokens.
    #[must_use]
    pub fn with_keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = keyring;
        self
    }

    /// With the time, so that a token that has ended is known to have.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Makes the file readable for its owner alone; gives its permissions before, if that was needed.
    pub fn protect(&self) -> Option<u32> {
        let mode = self.exposed()?;
        // Where this fails, reading the file fails too.
        fs::set_permissions(&self.path, fs::Permissions::from_mode(OWNER_ALONE)).ok().map(|()| mode)
    }

    /// The permissions of the file, if others than its owner have any.
    fn exposed(&self) -> Option<u32> {
        let mode = fs::metadata(&self.path).ok()?.permissions().mode() & 0o7777;
        (mode & 0o077 != 0).then_some(mode)
    }

    /// The file that lists the logins.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The user name and token kept for exactly this origin; an error if they have ended.
    pub fn get(&self, origin: &Origin) -> Result<Option<(String, Secret)>, StoreError> {
        let Some(login) = self.login(origin)? else { return Ok(None) };
        match (login.expires, self.now) {
            (Some(end), Some(now)) if end <= now => {
                Err(StoreError::Expired { origin: origin.to_string(), on: day(end) })
            }
            _ => Ok(Some((login.user, login.token))),
        }
    }

    /// The whole login kept for exactly this origin, be it over or not.
    pub fn login(&self, origin: &Origin) -> Result<Option<Login>, StoreError> {
        let mut file = self.read()?;
        let Some(entry) = file.tokens.remove(&origin.to_string()) else { return Ok(None) };
        let token = match entry.token {
            Some(token) => Some(Secret::new(token)),
            None => self
                .keyring
                .get(origin)
                .map_err(|source| StoreError::Keyring { origin: origin.to_string(), source })?,
        };
        // Somebody has taken it out of the keyring: there is no login any more.
        Ok(token.map(|token| Login {
            user: entry.user,
            token,
            expires: entry.expires,
            service: entry.service,
            is_session: entry.session,
        }))
    }

    /// The service that was signed in to last, if the user has not signed out since.
    pub fn current(&self) -> Result<Option<String>, StoreError> {
        let mut file = self.read()?;
        let current = file.current.and_then(|origin| file.tokens.remove(&origin));
        Ok(current.and_then(|entry| entry.service))
    }

    /// The origins of all services that the user is signed in to.
    pub fn services(&self) -> Result<Vec<Origin>, StoreError> {
        let tokens = self.read()?.tokens.into_iter();
        Ok(tokens
            .filter(|(_, entry)| entry.service.is_some())
            .filter_map(|(name, _)| Origin::parse(&name))
            .collect())
    }

    /// Keeps a user name and token, in place of older ones for the same origin.
    #[cfg(test)]
    pub fn put(&self, origin: &Origin, user: &str, token: &Secret) -> Result<Place, StoreError> {
        let login = Login {
            user: user.to_owned(),
            token: token.clone(),
            expires: None,
            service: None,
            is_session: false,
        };
        self.keep(origin, &login)
    }

    /// Keeps a login, in place of an older one for the same origin. One with a service becomes the current one.
    pub fn keep(&self, origin: &Origin, login: &Login) -> Result<Place, StoreError> {
        let mut file = self.read()?;
        let place = match self.keyring.set(origin, &login.token) {
            Ok(()) => Place::Keyring,
            Err(why) => Place::File(why),
        };
        let in_file = matches!(place, Place::File(_)).then(|| login.token.expose().to_owned());
        let entry = Entry {
            user: login.user.clone(),
            token: in_file,
            expires: login.expires,
            service: login.service.clone(),
            session: login.is_session,
        };
        file.tokens.insert(origin.to_string(), entry);
        if login.service.is_some() {
            file.current = Some(origin.to_string());
        }
        self.write(file)?;
        Ok(place)
    }

    /// Forgets a login; `false` if there was none.
    pub fn remove(&self, origin: &Origin) -> Result<bool, StoreError> {
        let mut file = self.read()?;
        let Some(entry) = file.tokens.remove(&origin.to_string()) else { return Ok(false) };
        if entry.token.is_none() {
            self.keyring
                .delete(origin)
                .map_err(|source| StoreError::Keyring { origin: origin.to_string(), source })?;
        }
        if file.current.as_deref() == Some(&origin.to_string()) {
            file.current = None;
        }
        self.write(file)?;
        Ok(true)
    }

    fn read(&self) -> Result<File, StoreError> {
        if let Some(mode) = self.exposed() {
            return Err(StoreError::Exposed { path: self.path.clone(), mode });
        }
        let bytes = match azml_core::small_file::read_at_most(&self.path, limits::TOKEN_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(File::default()),
            Err(source) => return Err(StoreError::Read { path: self.path.clone(), source }),
        };
        let malformed = |_| StoreError::Malformed { path: self.path.clone() };
        let VersionOnly { version } = serde_json::from_slice(&bytes).map_err(malformed)?;
        if version > VERSION {
            return Err(StoreError::Newer { path: self.path.clone(), found: version });
        }
        serde_json::from_slice(&bytes).map_err(malformed)
    }

    fn write(&self, mut file: File) -> Result<(), StoreError> {
        let failed = |source| StoreError::Write { path: self.path.clone(), source };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        file.version = VERSION;
        let text = serde_json::to_vec_pretty(&file).map_err(|error| failed(error.into()))?;
        // A temporary file is made for its owner alone (0600), before anything is in it.
        azml_core::small_file::replace(&self.path, &text, true).map_err(failed)
    }
}

/// A time's day.
pub(crate) fn day(time: Timestamp) -> String {
    time.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

#[cfg(test)]
mod tests;
