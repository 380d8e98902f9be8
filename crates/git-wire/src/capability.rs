//! Capability lists: what a peer can do, as words with optional values.
//!
//! Version 0 puts them on one line, separated by spaces, behind a NUL byte ([`Capabilities::parse_words`]); version 2 sends
//! one on each line ([`Capabilities::push`]). Order is kept and a name may come several times (`symref=`), so a list
//! survives the round trip.

use std::fmt;

use bstr::{BStr, BString, ByteSlice};

/// A list of capabilities, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    entries: Vec<(BString, Option<BString>)>,
}

impl Capabilities {
    /// Parses words separated by spaces, each `name` or `name=value`.
    pub fn parse_words(words: &[u8]) -> Self {
        let mut list = Self::default();
        for word in words.strip_suffix(b"\n").unwrap_or(words).split(|byte| *byte == b' ') {
            if !word.is_empty() {
                list.push(word);
            }
        }
        list
    }

    /// Splits `line` at the NUL byte that capabilities stand behind on the first line of version 0.
    pub fn split_line(line: &[u8]) -> (&[u8], Self) {
        match line.find_byte(0) {
            Some(at) => (&line[..at], Self::parse_words(&line[at + 1..])),
            None => (line, Self::default()),
        }
    }

    /// Adds one capability, `name` or `name=value`.
    pub fn push(&mut self, word: &[u8]) {
        let entry = match word.find_byte(b'=') {
            Some(at) => (word[..at].into(), Some(word[at + 1..].into())),
            None => (word.into(), None),
        };
        self.entries.push(entry);
    }

    /// Takes `name` off the list, with or without value.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|(known, _)| known != name);
    }

    /// Returns whether `name` is in the list, with or without value.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.iter().any(|(known, _)| known == name)
    }

    /// The first value of `name`, if it is in the list with one.
    pub fn value(&self, name: &str) -> Option<&BStr> {
        self.entries
            .iter()
            .find(|(known, value)| known == name && value.is_some())
            .and_then(|(_, value)| value.as_deref().map(BStr::new))
    }

    /// All values of `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a BStr> {
        self.entries
            .iter()
            .filter(move |(known, _)| known == name)
            .filter_map(|(_, value)| value.as_deref().map(BStr::new))
    }

    /// Returns whether `word` is among the words of the value of `name`, as in `fetch=shallow filter`.
    pub fn has_feature(&self, name: &str, word: &str) -> bool {
        self.values(name).any(|value| value.split(|byte| *byte == b' ').any(|known| known == word.as_bytes()))
    }

    /// All capabilities as names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&BStr, Option<&BStr>)> {
        self.entries.iter().map(|(name, value)| (name.as_bstr(), value.as_deref().map(BStr::new)))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Prints the words separated by spaces.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.entries.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{name}")?;
            if let Some(value) = value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_line_of_an_advertisement_is_taken_apart() {
        let (line, list) =
            Capabilities::split_line(b"abc HEAD\0multi_ack  symref=HEAD:refs/heads/a symref=B:c agent=g/1\n");
        assert_eq!(line, b"abc HEAD");
        assert!(list.contains("multi_ack") && !list.contains("multi") && list.contains("symref"));
        assert_eq!(list.values("symref").collect::<Vec<_>>(), ["HEAD:refs/heads/a", "B:c"]);
        assert_eq!(list.value("agent").map(ToString::to_string).as_deref(), Some("g/1"));
        assert_eq!(list.to_string(), "multi_ack symref=HEAD:refs/heads/a symref=B:c agent=g/1");
    }

    #[test]
    fn features_of_a_version_2_command_are_words() {
        let mut list = Capabilities::default();
        list.push(b"fetch=shallow wait-for-done filter");
        assert!(list.has_feature("fetch", "filter") && !list.has_feature("fetch", "wait"));
    }

    proptest! {
        #[test]
        fn lists_survive_the_round_trip(words in proptest::collection::vec("[!-~]{1,20}", 0..10)) {
            let list = Capabilities::parse_words(words.join(" ").as_bytes());
            prop_assert_eq!(Capabilities::parse_words(list.to_string().as_bytes()), list);
        }

        #[test]
        fn any_bytes_parse_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (line, list) = Capabilities::split_line(&bytes);
            prop_assert!(line.len() + list.iter().count() <= bytes.len());
        }
    }
}
