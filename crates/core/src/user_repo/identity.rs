//! The user's name and address, as Git's configuration has them, and as a commit has them.

use std::path::Path;

use gix::{actor, bstr::ByteSlice};
use jiff::Timestamp;

use super::UserRepo;
use crate::git_files;

/// A name and an e-mail address, as they stand in commits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The e-mail address.
    pub email: String,
}

impl Signature {
    /// As a commit of this moment says it: cleaned as Git cleans it, in UTC, so that two computers write the same bytes.
    pub fn at(&self, time: Timestamp) -> actor::Signature {
        let name = clean(&self.name);
        actor::Signature {
            // Git refuses to commit without a name.
            name: if name.is_empty() { "azml".into() } else { name.into() },
            email: clean(&self.email).into(),
            time: gix::date::Time::new(time.as_second(), 0),
        }
    }
}

/// A name or an address without what would break a commit's header, and without Git's crud at both ends.
pub fn clean(text: &str) -> String {
    let is_crud = |c: char| c <= ' ' || matches!(c, ',' | ':' | ';' | '<' | '>' | '"' | '\\' | '\'');
    text.trim_matches(is_crud).chars().filter(|c| !matches!(c, '\n' | '<' | '>' | '\0')).collect()
}

/// The author of commits by Git's configuration. The environment goes before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `author.name`, else `user.name`.
    pub name: Option<String>,
    /// `author.email`, else `user.email`.
    pub email: Option<String>,
    /// `user.useConfigOnly`: an address that is not configured is not to be made up.
    pub use_config_only: bool,
}

/// Git's configuration of the author: the repository's that `root` belongs to, the user's, the system's.
pub fn identity(root: &Path) -> Identity {
    match UserRepo::open(root) {
        Ok(Some(repo)) => repo.identity(),
        _ if git_files::check_globals().is_err() => Identity::default(),
        _ => gix::config::File::from_globals().map(|config| of_config(&config)).unwrap_or_default(),
    }
}

impl UserRepo {
    /// Returns the user's identity in this repository: [`identity()`].
    pub fn identity(&self) -> Identity {
        of_config(self.git.config_snapshot().plumbing())
    }
}

/// As gix's own answer, without the moment that comes with it: to know the time zone's name it reads all of them.
fn of_config(config: &gix::config::File) -> Identity {
    let first = |keys: [&str; 2]| {
        keys.iter().find_map(|key| config.string(*key)).map(|text| text.to_str_lossy().into_owned())
    };
    Identity {
        name: first(["author.name", "user.name"]),
        email: first(["author.email", "user.email"]),
        use_config_only: matches!(config.boolean("user.useConfigOnly"), Ok(Some(true))),
    }
}
