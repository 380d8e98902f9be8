//! Copies content with its secrets masked.

use std::io::{self, BufReader, Read, Write};

use aho_corasick::AhoCorasick;

use super::{
    Finding, all_in, form,
    scan::{Encoding, Scanner},
};
use crate::limits::SECRET_TAIL;

/// The text printed in place of a secret.
pub const MASK: &str = "***";

/// Copies a content in which `scanner` has found all secrets, with [`MASK`] in the place of each.
pub fn redacted(from: impl Read, to: &mut impl Write, scanner: &Scanner) -> io::Result<()> {
    let mask: Vec<u8> = match scanner.encoding() {
        Encoding::Bytes => MASK.into(),
        Encoding::Utf16Le => MASK.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Encoding::Utf16Be => MASK.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    };
    copy(from, to, scanner.findings(), &mask)
}

/// A text without its secrets, and which kinds they are.
pub fn redacted_text(text: &str) -> (String, Vec<&'static str>) {
    let found = all_in(text.as_bytes());
    if found.is_empty() {
        return (text.to_owned(), Vec::new());
    }
    let mut out = Vec::new();
    copy(text.as_bytes(), &mut out, &found, MASK.as_bytes()).expect("memory takes it");
    (String::from_utf8_lossy(&out).into_owned(), found.iter().map(|found| found.rule).collect())
}

fn copy(from: impl Read, to: &mut impl Write, findings: &[Finding], mask: &[u8]) -> io::Result<()> {
    let mut from = BufReader::with_capacity(64 * 1024, from);
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|found| found.span.start);
    let mut at = 0_u64;
    for found in sorted {
        // Another one covers it, or its beginning.
        let start = found.span.start.max(at);
        if found.span.end <= start {
            continue;
        }
        let is_new = found.span.start >= at;
        at += io::copy(&mut (&mut from).take(start - at), to)?;
        at += io::copy(&mut (&mut from).take(found.span.end - at), &mut io::sink())?;
        if is_new {
            to.write_all(mask)?;
        }
        if found.is_open {
            at += skip_key(&mut from, to, mask.len() / MASK.len())?;
        }
    }
    io::copy(&mut from, to).map(drop)
}

/// Passes over the rest of a key: base64, line ends and what quotes them, a unit of `width` bytes after the other. Copies
/// the unit that ends it; gives how much was read.
fn skip_key(from: &mut impl Read, to: &mut impl Write, width: usize) -> io::Result<u64> {
    let is_key = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\r' | b'\n' | b'\\' | b' ' | 0)
    };
    let mut passed = 0;
    while passed < SECRET_TAIL {
        let mut unit = Vec::with_capacity(width);
        passed += from.by_ref().take(width as u64).read_to_end(&mut unit)? as u64;
        if unit.is_empty() || !unit.iter().all(is_key) {
            to.write_all(&unit)?;
            break;
        }
    }
    Ok(passed)
}

/// Texts that are known to be secret, such as the value of an argument: looked for as they are.
#[derive(Clone, Default)]
pub struct Values {
    search: Option<AhoCorasick>,
    names: Vec<String>,
}

impl Values {
    /// Shorter ones, which other text has by chance, are not looked for; nor are `password`, `postgres` and the like.
    const SHORTEST: usize = 6;

    /// Those of pairs of a name and a value. What can't be looked for is passed over.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (name, value) in pairs {
            let is_telling = value.len() >= Self::SHORTEST && !form::is_example_password(value.as_bytes());
            if is_telling && !values.contains(&value) {
                names.push(name);
                values.push(value);
            }
        }
        let search = if values.is_empty() { None } else { AhoCorasick::new(&values).ok() };
        Self { search, names }
    }

    /// Returns whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.search.is_none()
    }

    /// Returns the name of the first one that is in a content.
    pub fn first_in(&self, from: impl Read) -> io::Result<Option<&str>> {
        let Some(search) = &self.search else { return Ok(None) };
        let first = search.stream_find_iter(from).next().transpose()?;
        Ok(first.map(|found| self.names[found.pattern().as_usize()].as_str()))
    }

    /// Copies a content with [`MASK`] in the place of each; gives their number.
    pub fn masked(&self, from: impl Read, to: &mut impl Write) -> io::Result<u64> {
        let mut count = 0;
        match &self.search {
            None => drop(io::copy(&mut { from }, to)?),
            Some(search) => search.try_stream_replace_all_with(from, &mut *to, |_, _, to| {
                count += 1;
                to.write_all(MASK.as_bytes())
            })?,
        }
        Ok(count)
    }

    /// A text without them.
    pub fn masked_text(&self, text: &str) -> String {
        match &self.search {
            None => text.to_owned(),
            Some(search) => search.replace_all(text, &vec![MASK; self.names.len()]),
        }
    }
}
