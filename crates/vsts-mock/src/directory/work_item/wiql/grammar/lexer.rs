//! The tokens of a query.

use super::WiqlError;

/// A token, with its place in the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The kind of a token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A keyword, or a field without brackets.
    Word(String),
    /// A field in brackets, without them.
    Field(String),
    Text(String),
    Number(f64),
    /// The name after `@`.
    Macro(String),
    /// An operator or a punctuation mark.
    Mark(&'static str),
}

/// The marks, longer ones first.
const MARKS: [&str; 12] = ["<>", "<=", ">=", "!=", "=", "<", ">", "(", ")", ",", "+", "-"];

/// Separates a query into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, WiqlError> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (kind, length) = match first {
            '[' => {
                let (name, length) = until(&rest[1..], ']').ok_or_else(|| expecting("]", rest))?;
                (Kind::Field(name.trim().to_owned()), length + 1)
            }
            '\'' | '"' => {
                let (value, length) = quoted(rest, first).ok_or_else(|| expecting("end of string", rest))?;
                (Kind::Text(value), length)
            }
            '@' => {
                let length = word_length(&rest[1..]);
                (Kind::Macro(rest[1..=length].to_owned()), length + 1)
            }
            first if first.is_ascii_digit() => {
                let is_part = |c: char| c.is_ascii_digit() || c == '.';
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                let number =
                    rest[..length].parse().map_err(|_| expecting("constant value", &rest[..length]))?;
                (Kind::Number(number), length)
            }
            first if first.is_alphabetic() || first == '_' => {
                let length = word_length(rest);
                (Kind::Word(rest[..length].to_owned()), length)
            }
            _ => {
                let mark = MARKS.into_iter().find(|mark| rest.starts_with(mark));
                let mark = mark.ok_or_else(|| expecting("comparison operator", &first.to_string()))?;
                (Kind::Mark(mark), mark.len())
            }
        };
        let start = text.len() - rest.len();
        all.push(Token { kind, start, end: start + length });
        rest = rest[length..].trim_start();
    }
    Ok(all)
}

fn expecting(expected: &'static str, found: &str) -> WiqlError {
    WiqlError::Expecting { expected, found: found.chars().take(40).collect() }
}

/// The text before a mark, and the length with the mark.
fn until(text: &str, mark: char) -> Option<(&str, usize)> {
    let at = text.find(mark)?;
    Some((&text[..at], at + mark.len_utf8()))
}

/// A text in quotation marks, in which two of them stand for one; and its length.
fn quoted(text: &str, mark: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut at = 1;
    loop {
        let (part, length) = until(text.get(at..)?, mark)?;
        value.push_str(part);
        at += length;
        if !text[at..].starts_with(mark) {
            return Some((value, at));
        }
        value.push(mark);
        at += 1;
    }
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(text.len())
}
