//! Keys by their encoding or by a place in them: PEM, PuTTY, the keys and tokens of Azure.

use std::ops::Range;

use bstr::ByteSlice as _;

use super::{Class, Near, is_placeholder, is_word};

/// The end of the line that has a word, or of what is seen.
fn end_of_line_with(near: &Near<'_>, word: &[u8]) -> usize {
    let rest = near.after();
    let end = rest.find(word).map(|at| at + rest[at..].find_byteset(b"\r\n").unwrap_or(rest.len() - at));
    near.at + near.anchor + end.unwrap_or(rest.len())
}

/// A private key in PEM: its header on a line of its own, or in JSON or code with enough of the key behind it.
pub(in crate::secret) fn pem(near: &Near<'_>) -> Option<Range<usize>> {
    const DASHES: &[u8] = b"-----";
    const LONGEST_LABEL: usize = 60;
    const LEAST_BODY: usize = 16;
    let rest = near.after();
    let length = rest[..rest.len().min(LONGEST_LABEL)].find(DASHES)?;
    let label = &rest[..length];
    if !(label.ends_with(b"PRIVATE KEY") || label == b"PGP PRIVATE KEY BLOCK") {
        return None;
    }
    let body_at = near.at + near.anchor + length + DASHES.len();
    let body = &near.text[body_at..];
    let is_line_start = near.text[..near.at]
        .iter()
        .rev()
        .find(|byte| !matches!(byte, b' ' | b'\t' | 0xef | 0xbb | 0xbf | 0xff));
    let blanks = body.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    let is_own_line =
        is_line_start.is_none_or(|byte| *byte == b'\n') && body.get(blanks).is_none_or(|byte| *byte == b'\n');
    let is_glue = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'"' | b'\'' | b'+' | b',' | b'#' | b'>' | b'|' | b'*'
        )
    };
    let mut key = &body[body.iter().take_while(|byte| is_glue(byte)).count()..];
    // An escaped line end: `\n` or `\r\n`.
    while body.len() > key.len()
        && body[body.len() - key.len() - 1] == b'\\'
        && matches!(key.first(), Some(b'n' | b'r'))
    {
        key = &key[1..];
        key = &key[key.iter().take_while(|byte| is_glue(byte)).count()..];
    }
    let is_example =
        key.starts_with(b"...") || key.starts_with(b"<") || is_placeholder(&key[..Class::Base64.run(key)]);
    let has_key = Class::Base64.run(key) >= LEAST_BODY
        || [&b"Proc-Type:"[..], b"DEK-Info:", b"Version:", b"Comment:"]
            .iter()
            .any(|header| key.starts_with(header));
    if is_example || !(is_own_line || has_key) {
        return None;
    }
    let end = body.find(b"-----END ").map_or(near.text.len(), |end| {
        let tail = &body[end + 9..];
        body_at
            + end
            + 9
            + tail.find(DASHES).filter(|at| *at < LONGEST_LABEL).map_or(0, |at| at + DASHES.len())
    });
    Some(near.at..end)
}

pub(in crate::secret) fn putty(near: &Near<'_>) -> Option<Range<usize>> {
    let rest = near.after();
    let is_header = rest.first().is_some_and(u8::is_ascii_digit) && rest.get(1) == Some(&b':');
    is_header.then(|| near.at..end_of_line_with(near, b"Private-MAC:"))
}

/// `…?sv=…&sig=…`, or `SharedAccessSignature sr=…&sig=…`.
pub(in crate::secret) fn azure_signature(near: &Near<'_>) -> Option<Range<usize>> {
    const LEAST: usize = 43;
    let is_parameter = matches!(near.text[..near.at].last(), Some(b'?' | b'&' | b';' | b' '));
    let start = near.at + near.anchor;
    let is_part = |byte: &u8| Class::Base64.has(*byte) || *byte == b'%';
    let length = near.text[start..].iter().take_while(|byte| is_part(byte)).count();
    // The other parameters of the same URL.
    let from = near.text[..near.at].iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
    let to = near.text[start..]
        .iter()
        .position(|b| b.is_ascii_whitespace() || *b == b'"')
        .map_or(near.text.len(), |n| start + n);
    let url = &near.text[from..to];
    let is_signature =
        url.find(b"se=").is_some() && (url.find(b"sv=").is_some() || url.find(b"sr=").is_some());
    (is_parameter && length >= LEAST && is_signature && !is_placeholder(&near.text[start..start + length]))
        .then(|| start..start + length)
}

/// So many letters and digits, with the anchor at a place among them.
fn around(near: &Near<'_>, place: usize, length: usize) -> Option<Range<usize>> {
    let start = near.at.checked_sub(place)?;
    let token = near.text.get(start..start + length)?;
    let is_whole = token.iter().all(u8::is_ascii_alphanumeric)
        && !near.text[..start].last().is_some_and(u8::is_ascii_alphanumeric)
        && !near.text.get(start + length).is_some_and(u8::is_ascii_alphanumeric);
    is_whole.then(|| start..start + length)
}

/// 84 letters and digits, `AZDO` at 76.
pub(in crate::secret) fn azure_devops(near: &Near<'_>) -> Option<Range<usize>> {
    around(near, 76, 84)
}

/// 84 letters and digits, `JQQJ99` at 52.
pub(in crate::secret) fn azure_annotated(near: &Near<'_>) -> Option<Range<usize>> {
    around(near, 52, 84)
}

/// 52 letters and digits of base32 that begin at `near.at`; the caller has counted them.
pub(in crate::secret) fn old_azure_devops(near: &Near<'_>) -> Option<Range<usize>> {
    const LEAST_DISTINCT: u32 = 12;
    const LEAST_DIGITS: usize = 2;
    /// The words that make it a hash, and the distance before it within which they count.
    const HASHES: [&[u8]; 4] = [b"sha", b"hash", b"base32", b"digest"];
    const SIGHT: usize = 40;
    let range = near.at..near.at + near.anchor;
    let token = &near.text[range.clone()];
    let before = &near.text[near.at.saturating_sub(SIGHT)..near.at];
    let before = before.rsplit(|byte| *byte == b'\n').next().unwrap_or(before).to_ascii_lowercase();
    let joins = |byte: &u8| is_word(*byte) || matches!(byte, b'-' | b'.' | b'+' | b'/');
    // A full stop at the end of a sentence is no part of a name.
    let goes_on = match near.text.get(range.end) {
        Some(b'.') => near.text.get(range.end + 1).is_some_and(|byte| is_word(*byte)),
        next => next.is_some_and(joins),
    };
    // `https://user:TOKEN@host` and `https://TOKEN@host` are the forms in which a slash is before it.
    let follows_slash = before.ends_with(b"/") && !before.ends_with(b"//");
    let is_alone = !follows_slash
        && !near.text[..near.at].last().is_some_and(|byte| joins(byte) && *byte != b'/')
        && !goes_on;
    let distinct = token.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 127)).count_ones();
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_hash = HASHES.iter().any(|word| before.find(word).is_some());
    (is_alone && distinct >= LEAST_DISTINCT && digits >= LEAST_DIGITS && !is_hash).then_some(range)
}
