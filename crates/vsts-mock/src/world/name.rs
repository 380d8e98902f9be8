//! Names of users, accounts, projects and repositories: which are legal, how they compare, and the ids that derive
//! from them.
//!
//! Ids are UUID v5 of the lower-case path of a thing (`repo/acme/iris/extra`), so that one seed gives the same GUIDs
//! on every machine. Names compare without regard to case.

use thiserror::Error;
use uuid::{Uuid, uuid};

/// The root of every derived id.
const NAMESPACE: Uuid = uuid!("6f1f9a2e-9c0b-5a53-8f6e-2b7a4f1d0c11");
/// Under which users' names are indexed.
pub(crate) const USERS: Uuid = uuid!("6f1f9a2e-9c0b-5a53-8f6e-000000000001");
/// Under which accounts' names are indexed.
pub(crate) const ACCOUNTS: Uuid = uuid!("6f1f9a2e-9c0b-5a53-8f6e-000000000002");

const LONGEST: usize = 64;
const LONGEST_DISPLAY: usize = 256;
const FORBIDDEN: &str = "/:\\~&%;@'\"?<>|#$*}{,+=[]";
const RESERVED: &[&str] = &[
    "prn",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "com10",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "nul",
    "con",
    "aux",
    "server",
    "signalr",
    "defaultcollection",
    "web",
    "app_browsers",
    "app_code",
    "app_data",
    "app_globalresources",
    "app_localresources",
    "app_themes",
    "app_webresources",
    "bin",
    "web.config",
];

/// Why a name is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// Nothing, or blanks alone.
    #[error("a {what} needs a name")]
    Empty {
        /// What was to be named.
        what: &'static str,
    },
    /// More characters than the service takes.
    #[error("the {what} name {name:?} is too long")]
    TooLong {
        /// What was to be named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A character, or a place of one, that the service does not take.
    #[error("the {what} name {name:?} may not contain {found:?} there")]
    Character {
        /// What was to be named.
        what: &'static str,
        /// The name.
        name: String,
        /// The character.
        found: char,
    },
    /// A word that the service keeps for itself.
    #[error("the {what} name {name:?} is reserved")]
    Reserved {
        /// What was to be named.
        what: &'static str,
        /// The name.
        name: String,
    },
}

/// What a name is compared by.
pub(crate) fn key(name: &str) -> String {
    name.to_lowercase()
}

/// The id of the thing with that path, say `["repo", "acme", "iris", "extra"]`.
pub(crate) fn derive(path: &[&str]) -> Uuid {
    Uuid::new_v5(&NAMESPACE, path.join("/").to_lowercase().as_bytes())
}

pub(crate) fn check_project(name: &str) -> Result<(), NameError> {
    check_title("project", name)?;
    if RESERVED.contains(&key(name).as_str()) {
        return Err(NameError::Reserved { what: "project", name: name.to_owned() });
    }
    Ok(())
}

pub(crate) fn check_repo(name: &str) -> Result<(), NameError> {
    check_title("repository", name)
}

/// An account's name is also a host's label.
pub(crate) fn check_account(name: &str) -> Result<(), NameError> {
    let what = "account";
    check_length(what, name)?;
    let bad = |found| NameError::Character { what, name: name.to_owned(), found };
    if let Some(found) = name.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-') {
        return Err(bad(found));
    }
    if name.starts_with('-') || name.ends_with('-') {
        return Err(bad('-'));
    }
    if RESERVED.contains(&key(name).as_str()) {
        return Err(NameError::Reserved { what, name: name.to_owned() });
    }
    Ok(())
}

/// A user's name goes before a colon in Basic credentials and into a path of the admin API.
pub(crate) fn check_user(name: &str) -> Result<(), NameError> {
    check_length("user", name)?;
    let bad = |c: &char| c.is_control() || matches!(c, ':' | '/' | '\\');
    if let Some(found) = name.chars().find(bad) {
        return Err(NameError::Character { what: "user", name: name.to_owned(), found });
    }
    check_edges("user", name)
}

/// A group's name is shown after its place and a backslash.
pub(crate) fn check_group(name: &str) -> Result<(), NameError> {
    check_length("group", name)?;
    let bad = |c: &char| c.is_control() || "/\\[]:|<>+=;?*,@\"".contains(*c);
    if let Some(found) = name.chars().find(bad) {
        return Err(NameError::Character { what: "group", name: name.to_owned(), found });
    }
    check_edges("group", name)
}

/// A name of the Experimentation service, or of a resource group: it stands in a resource's id.
pub(crate) fn check_resource(what: &'static str, name: &str) -> Result<(), NameError> {
    check_length(what, name)?;
    let bad = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | '(' | ')');
    if let Some(found) = name.chars().find(bad) {
        return Err(NameError::Character { what, name: name.to_owned(), found });
    }
    if name.starts_with(['_', '-']) {
        return Err(NameError::Character { what, name: name.to_owned(), found: '_' });
    }
    check_edges(what, name)
}

/// What people call a token or a key of theirs where nothing else has to name it.
pub(crate) fn check_display_name(what: &'static str, name: &str) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if name.encode_utf16().count() > LONGEST_DISPLAY {
        return Err(NameError::TooLong { what, name: name.to_owned() });
    }
    match name.chars().find(|c| c.is_control()) {
        Some(found) => Err(NameError::Character { what, name: name.to_owned(), found }),
        None => Ok(()),
    }
}

fn check_title(what: &'static str, name: &str) -> Result<(), NameError> {
    check_length(what, name)?;
    if let Some(found) = name.chars().find(|c| c.is_control() || FORBIDDEN.contains(*c)) {
        return Err(NameError::Character { what, name: name.to_owned(), found });
    }
    if name.starts_with('_') {
        return Err(NameError::Character { what, name: name.to_owned(), found: '_' });
    }
    check_edges(what, name)
}

fn check_edges(what: &'static str, name: &str) -> Result<(), NameError> {
    for edge in [name.chars().next(), name.chars().last()].into_iter().flatten() {
        if edge == '.' || edge.is_whitespace() {
            return Err(NameError::Character { what, name: name.to_owned(), found: edge });
        }
    }
    Ok(())
}

fn check_length(what: &'static str, name: &str) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if name.encode_utf16().count() > LONGEST {
        return Err(NameError::TooLong { what, name: name.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_refused() {
        let long = "x".repeat(65);
        for name in [
            "",
            " ",
            ".",
            "..",
            "a/../b",
            "a\\b",
            "a\0b",
            "a.",
            " a",
            "a ",
            "C:",
            "_git",
            "a?b",
            "a\u{1b}[0m",
            &long,
        ] {
            assert!(check_repo(name).is_err(), "{name:?}");
            assert!(check_project(name).is_err(), "{name:?}");
        }
        for name in ["CON", "nul", "DefaultCollection", "Web", "bin"] {
            assert!(check_project(name).is_err(), "{name:?}");
        }
        for name in ["", "a.b", "a_b", "-a", "a-", "ä", "defaultcollection", "_mock", "a/b", ".."] {
            assert!(check_account(name).is_err(), "{name:?}");
        }
        for name in ["", "a:b", "a/b", "..", "a\n"] {
            assert!(check_user(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn ordinary_names_are_taken() {
        for name in ["iris", "x.git", "My Project", "größe", "-x", "a.b-c_d", "extra.lock"] {
            assert_eq!(check_repo(name), Ok(()), "{name:?}");
        }
        assert_eq!(check_account("acme-2"), Ok(()));
        assert_eq!(check_user("alice@example.com"), Ok(()));
    }

    #[test]
    fn ids_come_from_names_alone() {
        assert_eq!(derive(&["repo", "Acme", "iris", "Extra"]), derive(&["repo", "acme", "iris", "extra"]));
        assert_eq!(derive(&["user", "alice"]).to_string(), "b0a07e09-660a-57b8-bb15-d5bb56825549");
    }
}
