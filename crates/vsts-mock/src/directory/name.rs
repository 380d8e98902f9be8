//! Names of users, accounts, projects and repositories: which are legal, how they compare, and the ids that derive
//! from them.
//!
//! Ids are UUID v5 of the lower-case path of a thing (`repo/acme/iris/extra`), so that one seed gives the same GUIDs
//! on every machine. Names compare without regard to case.

use std::ops::RangeInclusive;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization as _;
use uuid::{Uuid, uuid};

use crate::limits::{DISPLAY_NAME_CHARACTERS, NAME_CHARACTERS};

/// The root of every derived id.
const NAMESPACE: Uuid = uuid!("6f1f9a2e-9c0b-5a53-8f6e-2b7a4f1d0c11");
/// Under which users' names are indexed.
pub(crate) const USERS: Uuid = uuid!("6f1f9a2e-9c0b-5a53-8f6e-000000000001");
/// Under which accounts' names are indexed.
pub(crate) const ACCOUNTS: Uuid = uuid!("6f1f9a2e-9c0b-5a53-8f6e-000000000002");

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
        /// The kind of thing to be named.
        what: &'static str,
    },
    /// More characters than the service takes.
    #[error("the {what} name {name:?} is too long")]
    TooLong {
        /// The kind of thing to be named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A character, or a place of one, that the service does not take.
    #[error("the {what} name {name:?} may not contain {found:?} there")]
    Character {
        /// The kind of thing to be named.
        what: &'static str,
        /// The name.
        name: String,
        /// The character.
        found: char,
    },
    /// Letters of two scripts that look alike, such as Latin and Cyrillic.
    #[error("the {what} name {name:?} may not mix letters of scripts that look alike")]
    Mixed {
        /// The kind of thing to be named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// It looks like the name of something that is there, in letters of another script.
    #[error(
        "the {what} name {name:?} looks like {other:?}, which is there already, in letters of another script"
    )]
    Alike {
        /// The kind of thing to be named.
        what: &'static str,
        /// The name.
        name: String,
        /// The name that is there.
        other: String,
    },
    /// A word that the service keeps for itself.
    #[error("the {what} name {name:?} is reserved")]
    Reserved {
        /// The kind of thing to be named.
        what: &'static str,
        /// The name.
        name: String,
    },
}

impl NameError {
    pub(crate) fn alike(what: &'static str, name: &str, other: &str) -> Self {
        Self::Alike { what, name: name.to_owned(), other: other.to_owned() }
    }
}

/// Letters that look like those of other scripts, by script: the ranges of Unicode's `Scripts.txt` that people write in.
const LOOKALIKES: &[&[RangeInclusive<char>]] = &[
    &['A'..='Z', 'a'..='z', 'À'..='ɏ', 'Ḁ'..='ỿ'],
    &['Ͱ'..='Ͽ', 'ἀ'..='῿'],
    &['Ѐ'..='ԯ', 'ᲀ'..='\u{1c8f}', 'ⷠ'..='ⷿ', 'Ꙁ'..='ꚟ'],
    &['Ա'..='\u{58f}'],
    &['Ꭰ'..='\u{13ff}', 'ꭰ'..='ꮿ'],
];

/// Characters that nobody sees, or that turn the order of others around.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Refuses what would let one name look like another: characters that can't be seen or that stand for others (full-width
/// letters, ligatures, decomposed accents), the dotted and the dotless i, which are one letter in other cases, and mixed
/// scripts.
pub(crate) fn check_look(what: &'static str, name: &str) -> Result<(), NameError> {
    // The vowel signs of Thai and Lao are written as one character, whatever the normal form says.
    let is_vowel = |c: char| matches!(c, '\u{e33}' | '\u{eb3}');
    let stands_for_itself = |c: &char| is_vowel(*c) || std::iter::once(*c).nfkc().eq(std::iter::once(*c));
    let is_odd = |c: &char| is_invisible(*c) || matches!(c, 'İ' | 'ı') || !stands_for_itself(c);
    let letters = || name.chars().filter(|c| !is_vowel(*c));
    let decomposed =
        || letters().zip(letters().nfkc()).find(|(given, normal)| given != normal).map(|(c, _)| c);
    if let Some(found) = name.chars().find(is_odd).or_else(decomposed) {
        return Err(NameError::Character { what, name: name.to_owned(), found });
    }
    let is_of = |script: &&&[RangeInclusive<char>]| {
        name.chars().any(|c| c.is_alphabetic() && script.iter().any(|range| range.contains(&c)))
    };
    if LOOKALIKES.iter().filter(is_of).count() > 1 {
        return Err(NameError::Mixed { what, name: name.to_owned() });
    }
    Ok(())
}

/// Returns the form of a name that is compared.
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
    check_text(what, name)?;
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
    check_text("user", name)?;
    let bad = |c: &char| c.is_control() || matches!(c, ':' | '/' | '\\');
    if let Some(found) = name.chars().find(bad) {
        return Err(NameError::Character { what: "user", name: name.to_owned(), found });
    }
    check_edges("user", name)
}

/// A group's name is shown after its place and a backslash.
pub(crate) fn check_group(name: &str) -> Result<(), NameError> {
    check_text("group", name)?;
    let bad = |c: &char| c.is_control() || "/\\[]:|<>+=;?*,@\"".contains(*c);
    if let Some(found) = name.chars().find(bad) {
        return Err(NameError::Character { what: "group", name: name.to_owned(), found });
    }
    check_edges("group", name)
}

/// A name of the Experimentation service, or of a resource group: it stands in a resource's id.
pub(crate) fn check_resource(what: &'static str, name: &str) -> Result<(), NameError> {
    check_text(what, name)?;
    let bad = |c: &char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | '(' | ')');
    if let Some(found) = name.chars().find(bad) {
        return Err(NameError::Character { what, name: name.to_owned(), found });
    }
    if name.starts_with(['_', '-']) {
        return Err(NameError::Character { what, name: name.to_owned(), found: '_' });
    }
    check_edges(what, name)
}

/// A display name of a token or a key, which nothing else refers to.
pub(crate) fn check_display_name(what: &'static str, name: &str) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if name.encode_utf16().count() > DISPLAY_NAME_CHARACTERS {
        return Err(NameError::TooLong { what, name: name.to_owned() });
    }
    match name.chars().find(|c| c.is_control()) {
        Some(found) => Err(NameError::Character { what, name: name.to_owned(), found }),
        None => Ok(()),
    }
}

fn check_title(what: &'static str, name: &str) -> Result<(), NameError> {
    check_text(what, name)?;
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

fn check_text(what: &'static str, name: &str) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Empty { what });
    }
    if name.encode_utf16().count() > NAME_CHARACTERS {
        return Err(NameError::TooLong { what, name: name.to_owned() });
    }
    check_look(what, name)
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
    fn names_that_look_like_others_are_refused() {
        let rows = [
            "al\u{200b}ice",
            "alice\u{200d}",
            "\u{202e}ecila",
            "ali\u{2066}ce",
            "al\u{ad}ice",
            "alice\u{fe0f}",
            "ａｌｉｃｅ",
            "ﬁnance",
            "al\u{131}ce",
            "AL\u{130}CE",
            "K\u{212a}",
            "ſales",
            "gro\u{308}ße",
            "аlice",
            "αlice",
        ];
        for name in rows {
            assert!(check_user(name).is_err(), "{name:?}");
            assert!(check_repo(name).is_err(), "{name:?}");
            assert!(check_project(name).is_err(), "{name:?}");
            assert!(check_group(name).is_err(), "{name:?}");
        }
        for name in ["алиса", "Αλίκη", "愛麗絲", "앨리스", "أليس", "größe", "naïve café", "Łódź", "iris 🌸"]
        {
            assert_eq!(check_repo(name), Ok(()), "{name:?}");
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
