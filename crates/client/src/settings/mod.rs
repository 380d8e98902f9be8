//! The settings of a user for all commands: their table, and the source of each value.
//!
//! A setting is taken from its environment variable, else from `config.toml` in azml's configuration folder, else
//! it has its default. [`table::SETTINGS`] is the one place that names and explains them: `azml config`, the manual
//! pages and the checks of values all come from it. A flag of a command goes before all of them.

mod file;
mod table;
mod value;

pub use file::{FILE_NAME, FileError};
pub use table::{SETTINGS, Setting, VARIABLES};
pub use value::{Kind, ValueError};

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::env::Env;
use crate::text::parse_size as size;
use crate::ui::{ColorChoice, OutputFormat};

/// Why the settings can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file of settings can't be read or written, or is not TOML.
    #[error(transparent)]
    File(#[from] FileError),
    /// A value that its setting does not take.
    #[error("{place} is `{value}`")]
    Value {
        /// The variable, or the key and its file.
        place: String,
        /// The value that was found there.
        value: String,
        #[source]
        source: ValueError,
    },
    /// There is no such setting.
    #[error("there is no setting `{name}`")]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
}

/// The source of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The setting's environment variable.
    Environment,
    /// `config.toml`.
    File,
    /// Nobody has set it.
    Default,
}

impl Source {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::File => "config.toml",
            Self::Default => "default",
        }
    }
}

/// The settings in force. Every value in them has been checked.
#[derive(Debug, Clone)]
pub struct Settings {
    path: PathBuf,
    values: Vec<(&'static Setting, String, Source)>,
    unknown: Vec<String>,
}

impl Settings {
    /// Reads the file, and the environment over it.
    pub fn read(env: &Env) -> Result<Self, Error> {
        let path = env.config_dir().join(FILE_NAME);
        let mut in_file = file::read(&path)?;
        let mut values = Vec::with_capacity(SETTINGS.len());
        for setting in SETTINGS {
            let kept = in_file.remove(setting.key);
            let (value, source, place) = match (env.text(setting.variable), kept) {
                (Some(value), _) => (value.to_owned(), Source::Environment, setting.variable.to_owned()),
                (None, Some(value)) => {
                    (value, Source::File, format!("`{}` in {}", setting.key, path.display()))
                }
                (None, None) => (setting.default.to_owned(), Source::Default, setting.key.to_owned()),
            };
            if source != Source::Default {
                setting.kind.check(&value).map_err(|source| Error::Value {
                    place,
                    value: value.clone(),
                    source,
                })?;
            }
            values.push((setting, value, source));
        }
        Ok(Self { path, values, unknown: in_file.into_keys().collect() })
    }

    /// The file, whether it is there or not.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keys in the file that this azml does not know.
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// Every setting with its value and where that comes from.
    pub fn all(&self) -> impl Iterator<Item = (&'static Setting, &str, Source)> {
        self.values.iter().map(|(setting, value, source)| (*setting, value.as_str(), *source))
    }

    /// The time that a run's end waits for its push.
    pub fn push_wait(&self) -> Duration {
        self.seconds("push_wait")
    }

    /// The most bytes of a run's attachments that are pushed.
    pub fn attachments_limit(&self) -> u64 {
        size(self.text("attachments_limit")).expect("the value has been checked")
    }

    /// Bytes from which on a file is a large one.
    pub fn large_file(&self) -> u64 {
        self.size_or_none("large_file")
    }

    /// The most bytes of new large files that a snapshot takes.
    pub fn large_limit(&self) -> u64 {
        self.size_or_none("large_limit")
    }

    /// The names of arguments whose values are recorded though they look like secrets.
    pub fn plain_arguments(&self) -> Vec<&str> {
        let names = self.text("plain_arguments").split(',').map(|name| name.trim().trim_start_matches('-'));
        names.filter(|name| !name.is_empty()).collect()
    }

    /// For how long the files are kept that a run wrote beside its outputs; zero for ever.
    pub fn keep_days(&self) -> Duration {
        value::days(self.text("keep_days")).expect("the value has been checked")
    }

    /// The most bytes of such files that are kept of one project; 0 for any number.
    pub fn keep_size(&self) -> u64 {
        size(self.text("keep_size")).expect("the value has been checked")
    }

    /// The time between two signs of life of a running run; zero for none.
    pub fn heartbeat(&self) -> Duration {
        self.seconds("heartbeat")
    }

    /// The time to wait for a connection to a remote.
    pub fn connect_timeout(&self) -> Duration {
        self.seconds("connect_timeout")
    }

    /// The time that a conversation with a remote may be silent.
    pub fn stall_timeout(&self) -> Duration {
        self.seconds("stall_timeout")
    }

    /// The format of results, if one is set.
    pub fn output(&self) -> Option<OutputFormat> {
        value::choice(self.text("output"))
    }

    /// When to use colour.
    pub fn color(&self) -> ColorChoice {
        value::choice(self.text("color")).unwrap_or_default()
    }

    /// The command line of the pager, if one is set.
    pub fn pager(&self) -> Option<&str> {
        let (_, value, source) = self.all().find(|(setting, ..)| setting.key == "pager")?;
        (source != Source::Default).then_some(value)
    }

    /// The log filter, in the syntax of `tracing`.
    pub fn log(&self) -> Option<&str> {
        Some(self.text("log")).filter(|text| !text.is_empty())
    }

    /// Puts a value into the file, which keeps its comments and its order.
    pub fn set(&self, key: &str, value: &str) -> Result<(), Error> {
        let setting = Setting::by_key(key)?;
        let place = format!("`{key}`");
        setting.kind.check(value).map_err(|source| Error::Value {
            place,
            value: value.to_owned(),
            source,
        })?;
        Ok(file::write(&self.path, setting, Some(value))?)
    }

    /// Takes a value out of the file, also one that this azml does not know.
    pub fn unset(&self, key: &str) -> Result<(), Error> {
        let known = Setting::by_key(key);
        match known {
            Ok(setting) => Ok(file::write(&self.path, setting, None)?),
            Err(_) if self.unknown.iter().any(|unknown| unknown == key) => Ok(file::remove(&self.path, key)?),
            Err(error) => Err(error),
        }
    }

    /// The value of a setting.
    pub fn text(&self, key: &str) -> &str {
        let found = self.values.iter().find(|(setting, ..)| setting.key == key);
        found.map(|(_, value, _)| value.as_str()).expect("the key is in the table")
    }

    /// A size of which 0 means none at all.
    fn size_or_none(&self, key: &str) -> u64 {
        match size(self.text(key)).expect("the value has been checked") {
            0 => u64::MAX,
            bytes => bytes,
        }
    }

    fn seconds(&self, key: &str) -> Duration {
        value::seconds(self.text(key)).expect("the value has been checked")
    }
}

#[cfg(test)]
mod tests;
