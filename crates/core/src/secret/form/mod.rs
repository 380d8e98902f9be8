//! Checks of what stands around an anchor: is it a secret, and where does that begin and end?
//!
//! Every check sees the same part of the content, however the content was read: [`BEHIND`](super::scan::BEHIND) bytes
//! before the anchor and [`AHEAD`](super::scan::AHEAD) bytes from it on.

mod keys;
mod names;
mod services;
mod url;

use std::ops::Range;

use bstr::ByteSlice as _;

pub(super) use self::{
    keys::{azure_annotated, azure_devops, azure_signature, old_azure_devops, pem, putty},
    names::{is_env_file, is_key_file},
    services::{
        discord_webhook, docker, docker_auth, npmrc, pypi, sendgrid, sk_key, slack, slack_app, slack_webhook,
        stripe, terraform, wandb,
    },
    url::{authorization, is_example_password, url_password, userinfo_password},
};

/// Characters that a token consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Alnum,
    /// Letters, digits and `_`.
    Word,
    UpperDigit,
    Hex,
    /// RFC 4648 section 4.
    Base64,
    /// RFC 4648 section 5.
    Base64Url,
    /// RFC 6750's `b64token`.
    Bearer,
    /// Letters, digits and `-`.
    SlackToken,
    /// The parts of a JSON web token (RFC 7515 section 7.1), or of another one that has dots.
    Dotted,
}

impl Class {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::UpperDigit => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::SlackToken => byte.is_ascii_alphanumeric() || byte == b'-',
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'),
            Self::Bearer => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=')
            }
        }
    }

    fn run(self, text: &[u8]) -> usize {
        text.iter().take_while(|byte| self.has(**byte)).count()
    }
}

/// The check of a rule.
pub(super) enum Form {
    /// The anchor, and after it so many characters of a class.
    Token { of: Class, least: usize, most: usize },
    /// The anchor is a name, and so many characters of a class are assigned to it.
    Value { of: Class, least: usize, most: usize },
    /// Code.
    With(fn(&Near<'_>) -> Option<Range<usize>>),
}

/// An anchor and what is around it.
pub(super) struct Near<'a> {
    /// The part of the content.
    pub(super) text: &'a [u8],
    /// The place of the anchor in it.
    pub(super) at: usize,
    /// The length of the anchor.
    pub(super) anchor: usize,
}

impl Form {
    /// Returns where in the text the secret is, if it is one.
    pub(super) fn check(&self, near: &Near<'_>) -> Option<Range<usize>> {
        match *self {
            Self::Token { of, least, most } => {
                let start = near.at;
                if !near.is_start() {
                    return None;
                }
                let rest = near.after();
                let length = of.run(rest);
                let is_long = length >= least && length <= most;
                (is_long && !is_placeholder(&rest[..length])).then(|| start..start + near.anchor + length)
            }
            Self::Value { of, least, most } => near.value(near.at + near.anchor, of, least, most),
            Self::With(check) => check(near),
        }
    }
}

impl Near<'_> {
    fn after(&self) -> &[u8] {
        &self.text[self.at + self.anchor..]
    }

    fn before(&self, count: usize) -> Option<&[u8]> {
        self.text.get(self.at.checked_sub(count)?..self.at)
    }

    /// Returns whether a token can begin at the anchor: a word before it would go on in it. A quoted `\n` is no part of it.
    fn is_start(&self) -> bool {
        let is_escape = matches!(self.before(2), Some([b'\\', b'n' | b'r' | b't']));
        is_escape || !self.text[..self.at].last().is_some_and(|byte| is_word(*byte))
    }

    /// The value that is assigned to a name that ends at `end`.
    fn value(&self, end: usize, of: Class, least: usize, most: usize) -> Option<Range<usize>> {
        let start = end + assignment(&self.text[end..])?;
        let length = of.run(&self.text[start..]);
        let value = &self.text[start..start + length];
        (length >= least && length <= most && !is_placeholder(value)).then(|| start..start + length)
    }
}

/// The longest text between a name and its value.
const MOST_GLUE: usize = 24;

/// The length of what stands between a name and its value in code, JSON, YAML, XML and settings: quotes, brackets,
/// blanks, and a sign of assignment among them.
fn assignment(text: &[u8]) -> Option<usize> {
    let is_glue = |byte: &u8| {
        matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'=' | b':' | b'>' | b',')
    };
    let length = text.iter().take(MOST_GLUE).take_while(|byte| is_glue(byte)).count();
    text[..length].iter().any(|byte| matches!(byte, b'=' | b':' | b'>' | b',' | b' ')).then_some(length)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns whether a token is an example's: documentation writes x for its characters, or says so.
fn is_placeholder(token: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"xxxx", b"example", b"your_", b"placeholder", b"redacted", b"changeme"];
    let lower = token[..token.len().min(120)].to_ascii_lowercase();
    WORDS.iter().any(|word| lower.find(word).is_some())
}

/// Returns whether a text mixes small and capital letters, or letters and digits, as random ones do.
fn is_mixed(text: &[u8]) -> bool {
    let has = |of: fn(&u8) -> bool| u8::from(text.iter().any(of));
    has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) >= 2
}

fn starts_with_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}
