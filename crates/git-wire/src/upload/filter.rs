//! Filter specifications as clients send them: `blob:none`, `blob:limit=<n>`, `tree:<depth>`, `object:type=<kind>`, and
//! `combine:<spec>+<spec>…`, whose parts are percent-encoded. What Git has beyond that is refused in its words.

use bstr::{BStr, BString, ByteSlice};
use gix::objs::Kind;

use super::text::shorten;
use crate::Error;
use crate::pack::Filter;

/// The number of filters that may be combined, and their nesting depth: each level needs to be encoded once more.
const MAX_PARTS: usize = 64;
const MAX_NESTING: usize = 4;
/// The characters to percent-encode within a combination, apart from space and control bytes.
const RESERVED: &[u8] = b"~`!@#$^&*()[]{}\\;'\",<>?";

/// Parses the filter `spec`.
pub(super) fn parse(spec: &BStr) -> Result<Filter, Error> {
    let mut parts = 0;
    parse_at(spec, 0, &mut parts)
}

fn parse_at(spec: &BStr, nesting: usize, parts: &mut usize) -> Result<Filter, Error> {
    *parts += 1;
    if *parts > MAX_PARTS {
        return Err(Error::Limit { what: "combined filters", limit: MAX_PARTS as u64 });
    }
    let invalid = || Error::protocol(format!("invalid filter-spec '{}'", shorten(spec)));
    if spec == "blob:none" {
        Ok(Filter::BLOBS)
    } else if let Some(size) = spec.strip_prefix(b"blob:limit=") {
        Ok(Filter::blobs_from(number(size).ok_or_else(invalid)?))
    } else if let Some(depth) = spec.strip_prefix(b"tree:") {
        let depth = number(depth).ok_or_else(|| Error::protocol("expected 'tree:<depth>'"))?;
        Ok(Filter::depth(depth))
    } else if let Some(kind) = spec.strip_prefix(b"object:type=") {
        let kind = Kind::from_bytes(kind).map_err(|_| {
            let kind = shorten(kind);
            Error::protocol(format!("'{kind}' for 'object:type=<type>' is not a valid object type"))
        })?;
        Ok(Filter::only(kind))
    } else if spec.starts_with(b"sparse:path=") {
        Err(Error::protocol("sparse:path filters support has been dropped"))
    } else if spec.starts_with(b"sparse:oid=") {
        Err(Error::protocol("filter 'sparse:oid' not supported"))
    } else if let Some(combined) = spec.strip_prefix(b"combine:") {
        combine(combined, nesting, parts)
    } else {
        Err(invalid())
    }
}

fn combine(combined: &[u8], nesting: usize, parts: &mut usize) -> Result<Filter, Error> {
    if combined.is_empty() {
        return Err(Error::protocol("expected something after combine:"));
    }
    if nesting >= MAX_NESTING {
        return Err(Error::Limit { what: "nested filters", limit: MAX_NESTING as u64 });
    }
    let mut all = Filter::default();
    for part in combined.split(|byte| *byte == b'+') {
        // Git lets a last `+` be.
        if part.is_empty() {
            continue;
        }
        let bare = |byte: &u8| *byte <= b' ' || RESERVED.contains(byte);
        if let Some(byte) = part.iter().copied().find(bare) {
            let byte = byte.escape_ascii();
            return Err(Error::protocol(format!("must escape char in sub-filter-spec: '{byte}'")));
        }
        all = all.and(parse_at(decode(part).as_bstr(), nesting + 1, parts)?);
    }
    Ok(all)
}

/// A number that may end in `k`, `m` or `g`; `None` if it isn't one or is out of range.
fn number(text: &[u8]) -> Option<u64> {
    let (digits, shift) = match text.last()?.to_ascii_lowercase() {
        b'k' => (&text[..text.len() - 1], 10),
        b'm' => (&text[..text.len() - 1], 20),
        b'g' => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    digits.to_str().ok()?.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Decodes `%41`; what isn't that stays as it is, as with Git.
fn decode(text: &[u8]) -> BString {
    let mut decoded = BString::default();
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.split_first_chunk::<2>().filter(|_| *byte == b'%').and_then(|(pair, after)| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(pair[0])? << 4 | digit(pair[1])?;
            Some((u8::try_from(value).ok()?, after))
        });
        let (byte, after) = escaped.unwrap_or((*byte, after));
        decoded.push(byte);
        rest = after;
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_understood() {
        for (spec, filter) in [
            ("blob:none", Filter::BLOBS),
            ("blob:limit=0", Filter::BLOBS),
            ("blob:limit=10", Filter::blobs_from(10)),
            ("blob:limit=2k", Filter::blobs_from(2048)),
            ("blob:limit=1M", Filter::blobs_from(1 << 20)),
            ("blob:limit=3g", Filter::blobs_from(3 << 30)),
            ("blob:limit=18446744073709551615", Filter::blobs_from(u64::MAX)),
            ("tree:0", Filter::TREES),
            ("tree:1", Filter::depth(1)),
            ("tree:4294967296", Filter::depth(1 << 32)),
            ("object:type=tag", Filter::only(Kind::Tag)),
            ("combine:blob:none", Filter::BLOBS),
            ("combine:blob:limit=5+tree:3", Filter::blobs_from(5).and(Filter::depth(3))),
            ("combine:tree%3A3+blob%3anone+", Filter::BLOBS.and(Filter::depth(3))),
            ("combine:combine:tree:1%2bblob:none+tree:2", Filter::BLOBS.and(Filter::depth(1))),
        ] {
            assert_eq!(parse(spec.into()).expect(spec), filter, "{spec}");
        }
    }

    #[test]
    fn other_filters_are_refused_in_git_s_words() {
        let many = format!("combine:{}", vec!["tree:1"; 100].join("+"));
        let deep = format!("{}tree:1", "combine:".repeat(50));
        for (spec, words) in [
            ("", "invalid filter-spec ''"),
            ("blob", "invalid filter-spec 'blob'"),
            ("blob:limit=", "invalid filter-spec"),
            ("blob:limit=-1", "invalid filter-spec"),
            ("blob:limit=+1", "invalid filter-spec"),
            ("blob:limit=1t", "invalid filter-spec"),
            ("blob:limit=k", "invalid filter-spec"),
            ("blob:limit=18446744073709551616", "invalid filter-spec"),
            ("blob:limit=18446744073709551615g", "invalid filter-spec"),
            ("tree:", "expected 'tree:<depth>'"),
            ("tree:-1", "expected 'tree:<depth>'"),
            ("tree:x", "expected 'tree:<depth>'"),
            ("tree:99999999999999999999", "expected 'tree:<depth>'"),
            ("object:type=thing", "'thing' for 'object:type=<type>' is not a valid object type"),
            ("object:type=", "is not a valid object type"),
            ("sparse:path=/etc/passwd", "sparse:path filters support has been dropped"),
            ("sparse:oid=main:x", "filter 'sparse:oid' not supported"),
            ("combine:", "expected something after combine:"),
            ("combine:blob:none+sparse:oid=x", "filter 'sparse:oid' not supported"),
            ("combine:tree:1+~x", "must escape char in sub-filter-spec: '~'"),
            ("combine:tree:1+a b", "must escape char in sub-filter-spec: ' '"),
            ("combine:%00", "invalid filter-spec"),
            (&many, "limit of 64 combined filters"),
            (&deep, "limit of 4 nested filters"),
        ] {
            let error = parse(spec.into()).expect_err(spec).to_string();
            assert!(error.contains(words), "{spec}: {error}");
        }
    }
}
