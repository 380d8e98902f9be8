//! The system's keyring: the Secret Service on the session bus.
//!
//! azml asks it only where there may be one, and waits for it no longer than a named time-out: each question has a thread
//! of its own, which is left behind when nobody answers. A build without the feature `keyring` has none.

use std::path::Path;
#[cfg(feature = "keyring")]
use std::sync::mpsc;
use std::time::Duration;

use super::{Origin, Secret};
use crate::env::{AZML_KEYRING, DBUS_SESSION_BUS_ADDRESS, Env, XDG_RUNTIME_DIR};

/// The name of azml's secrets there.
#[cfg(feature = "keyring")]
const SERVICE: &str = "azml";
/// The time that a keyring gets if nobody is there to unlock it.
const UNATTENDED: Duration = Duration::from_secs(3);
/// The time that it gets if a person may have to unlock it.
const ATTENDED: Duration = Duration::from_mins(1);

/// A failure of the keyring.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// There is none, or it is turned off.
    #[error("there is no system keyring here")]
    Absent,
    /// It did not answer.
    #[error("the system keyring did not answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// It refused, or could not be reached.
    #[error("the system keyring can't be used: {0}")]
    Failed(String),
}

/// The keyring of this user, if there may be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyring {
    timeout: Option<Duration>,
}

impl Keyring {
    /// No keyring at all.
    pub const NONE: Self = Self { timeout: None };

    /// The keyring that the environment leads to, unless it is turned off there.
    pub fn of(env: &Env) -> Self {
        let is_off = env.text(AZML_KEYRING).is_some_and(|value| value.eq_ignore_ascii_case("off"));
        let has_bus = || {
            let socket = env.get(XDG_RUNTIME_DIR).map(|dir| Path::new(dir).join("bus"));
            env.get(DBUS_SESSION_BUS_ADDRESS).is_some() || socket.is_some_and(|socket| socket.exists())
        };
        if is_off || !cfg!(feature = "keyring") || !has_bus() {
            return Self::NONE;
        }
        let is_attended = env.stdin_is_terminal && env.stderr_is_terminal;
        Self { timeout: Some(if is_attended { ATTENDED } else { UNATTENDED }) }
    }
}

#[cfg(feature = "keyring")]
impl Keyring {
    /// Keeps a secret for an origin.
    pub(super) fn set(self, origin: &Origin, secret: &Secret) -> Result<(), KeyringError> {
        let secret = secret.clone();
        self.ask(origin, move |entry| entry.set_password(secret.expose()))
    }

    /// The secret of an origin, if one is there.
    pub(super) fn get(self, origin: &Origin) -> Result<Option<Secret>, KeyringError> {
        self.ask(origin, |entry| match entry.get_password() {
            Ok(secret) => Ok(Some(Secret::new(secret))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Forgets the secret of an origin; one that is not there is forgotten already.
    pub(super) fn delete(self, origin: &Origin) -> Result<(), KeyringError> {
        self.ask(origin, |entry| match entry.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }

    fn ask<T: Send + 'static>(
        self,
        origin: &Origin,
        question: impl FnOnce(&keyring::Entry) -> keyring::Result<T> + Send + 'static,
    ) -> Result<T, KeyringError> {
        let timeout = self.timeout.ok_or(KeyringError::Absent)?;
        let origin = origin.to_string();
        let (answer, answered) = mpsc::channel();
        std::thread::spawn(move || {
            let result = match keyring::Entry::store_status() {
                Ok(()) => keyring::Entry::new(SERVICE, &origin).and_then(|entry| question(&entry)),
                // What stands in the way of the keyring itself is more telling than that there is none.
                Err(error) => Err(keyring::Error::Invalid("keyring".to_owned(), error.to_string())),
            };
            // Nobody may be listening any more.
            drop(answer.send(result));
        });
        match answered.recv_timeout(timeout) {
            Ok(Ok(value)) => Ok(value),
            // Its own words only: the causes may show what was kept.
            Ok(Err(keyring::Error::Invalid(_, why))) => Err(KeyringError::Failed(why)),
            Ok(Err(error)) => Err(KeyringError::Failed(error.to_string())),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(KeyringError::TimedOut(timeout)),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                Err(KeyringError::Failed("it ended in the middle of the answer".to_owned()))
            }
        }
    }
}

#[cfg(not(feature = "keyring"))]
impl Keyring {
    pub(super) fn set(self, _: &Origin, _: &Secret) -> Result<(), KeyringError> {
        Err(KeyringError::Absent)
    }

    pub(super) fn get(self, _: &Origin) -> Result<Option<Secret>, KeyringError> {
        Err(KeyringError::Absent)
    }

    pub(super) fn delete(self, _: &Origin) -> Result<(), KeyringError> {
        Err(KeyringError::Absent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_bus_or_when_turned_off_there_is_none() {
        let of = |vars: &[(&str, &str)]| Keyring::of(&Env::fixed(vars.iter().copied(), "/"));
        let bus = (DBUS_SESSION_BUS_ADDRESS, "unix:path=/nowhere");
        assert_eq!(of(&[bus, (AZML_KEYRING, "off")]), Keyring::NONE);
        assert_eq!(of(&[]), Keyring::NONE);
        assert_eq!(of(&[(XDG_RUNTIME_DIR, "/nowhere")]), Keyring::NONE);
        assert_ne!(of(&[bus]), Keyring::NONE);
    }
}
