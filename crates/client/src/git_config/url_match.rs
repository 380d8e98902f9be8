//! Matches sections `<section>.<url>` with a URL, by the rules of Git's `urlmatch.c`.
//!
//! A pattern fits when scheme, host and port are the same (a label `*` of the pattern's host stands for any one label),
//! its path is a prefix that ends at a slash, and its user name, if it has one, is the same. See `http.<url>.*` in
//! git-config(1).

use std::ops::Range;

/// Characters that are always percent-encoded, beside control characters and bytes outside ASCII.
const UNSAFE: &[u8] = b" <>\"%{}|\\^`";
/// Characters that stay percent-encoded where they were written so.
const RESERVED: &[u8] = b":/?#[]@!$&'()*+,;=";

/// A URL in the form in which Git compares URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalUrl {
    text: Vec<u8>,
    scheme: Range<usize>,
    user: Option<Range<usize>>,
    host: Range<usize>,
    port: Range<usize>,
    path: usize,
}

/// The score of a pattern; more is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    host: usize,
    path: usize,
    user: bool,
}

impl NormalUrl {
    /// Normalises a URL; `None` for what Git takes for none.
    pub fn parse(url: &[u8]) -> Option<Self> {
        Self::read(url, false)
    }

    /// Normalises a pattern, whose host may have labels `*`.
    pub(super) fn pattern(url: &[u8]) -> Option<Self> {
        Self::read(url, true)
    }

    fn read(url: &[u8], is_pattern: bool) -> Option<Self> {
        let scheme_len = url
            .iter()
            .position(|byte| !byte.is_ascii_alphanumeric() && !b"+.-".contains(byte))
            .filter(|len| *len > 0 && url[0].is_ascii_alphabetic())?;
        let mut rest = url[scheme_len..].strip_prefix(b"://")?;
        let mut text = url[..scheme_len].to_ascii_lowercase();
        let is_file = text == b"file";
        let (is_http, is_https) = (text == b"http", text == b"https");
        text.extend_from_slice(b"://");

        let mut authority_len = end_of(rest, b"/?#");
        let mut user = None;
        if let Some(at) = rest.iter().position(|byte| *byte == b'@').filter(|at| *at < authority_len) {
            let start = text.len();
            add_escaped(&mut text, &rest[..at])?;
            let name_len = end_of(&text[start..], b":");
            user = Some(start..start + name_len);
            text.push(b'@');
            rest = &rest[at + 1..];
            authority_len -= at + 1;
        }
        let (authority, after) = rest.split_at(authority_len);
        let has_host = authority.first().is_some_and(|first| *first != b':');
        if !has_host && !is_file {
            return None;
        }
        let colon = authority.iter().rposition(|byte| matches!(byte, b':' | b']'));
        let (host, port) = match colon.filter(|at| authority[*at] == b':') {
            Some(at) => (&authority[..at], &authority[at + 1..]),
            None => (authority, &authority[..0]),
        };
        if !has_host && !port.is_empty() {
            return None;
        }
        let is_host = |byte: &u8| {
            byte.is_ascii_alphanumeric() || b".-_[:]".contains(byte) || is_pattern && *byte == b'*'
        };
        if !host.iter().all(is_host) {
            return None;
        }
        let host_start = text.len();
        text.extend(host.iter().map(u8::to_ascii_lowercase));
        let host = host_start..text.len();
        let default: &[u8] = if is_http { b"80" } else { b"443" };
        let mut port_range = text.len()..text.len();
        let port = explicit_port(port, if is_http || is_https { default } else { b"" })?;
        if !port.is_empty() {
            text.push(b':');
            port_range = text.len()..text.len() + port.len();
            text.extend_from_slice(port);
        }
        let path = text.len();
        let rest = add_path(&mut text, after)?;
        add_escaped(&mut text, rest)?;
        Some(Self { text, scheme: 0..scheme_len, user, host, port: port_range, path })
    }

    fn part(&self, range: &Range<usize>) -> &[u8] {
        &self.text[range.clone()]
    }

    /// Returns the score of `pattern` for this URL, if it fits.
    pub(super) fn fit(&self, pattern: &Self) -> Option<Fit> {
        if self.part(&self.scheme) != pattern.part(&pattern.scheme)
            || self.part(&self.port) != pattern.part(&pattern.port)
            || !host_fits(pattern.part(&pattern.host), self.part(&self.host))
        {
            return None;
        }
        if let Some(wanted) = &pattern.user
            && self.user.as_ref().is_none_or(|user| self.part(user) != pattern.part(wanted))
        {
            return None;
        }
        let path = path_fit(&pattern.text[pattern.path..], &self.text[self.path..])?;
        Some(Fit { host: pattern.host.len(), path, user: pattern.user.is_some() })
    }
}

/// Returns the number of bytes before the first of `stops`.
fn end_of(text: &[u8], stops: &[u8]) -> usize {
    text.iter().position(|byte| stops.contains(byte)).unwrap_or(text.len())
}

/// The port's digits, empty for the scheme's own port; `None` for what is no port.
fn explicit_port<'a>(port: &'a [u8], default: &[u8]) -> Option<&'a [u8]> {
    let zeros = port.iter().take_while(|byte| **byte == b'0').count();
    let digits = if zeros == port.len() { &port[zeros.saturating_sub(1)..] } else { &port[zeros..] };
    if digits == default {
        return Some(&[]);
    }
    let number: Option<u16> = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    let is_port = digits.is_empty() || digits[0].is_ascii_digit() && number.is_some_and(|number| number > 0);
    is_port.then_some(digits)
}

/// Adds a path with its `.` and `..` resolved, and returns what follows it: query and fragment.
fn add_path<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> Option<&'a [u8]> {
    let start = out.len();
    out.push(b'/');
    let mut rest = text.strip_prefix(b"/").unwrap_or(text);
    loop {
        let (segment, after) = rest.split_at(end_of(rest, b"/?#"));
        let at = out.len();
        add_escaped(out, segment)?;
        let mut has_slash = false;
        match &out[at..] {
            b"." if at == start + 1 => {
                out.truncate(at);
                has_slash = true;
            }
            b"." => out.truncate(at - 1),
            b".." => {
                // The slash in front of it, and the segment before that slash.
                if at == start + 1 {
                    return None;
                }
                let before = out[..at - 1].iter().rposition(|byte| *byte == b'/')?;
                has_slash = before == start;
                out.truncate(if has_slash { before + 1 } else { before });
            }
            _ => {}
        }
        let Some(next) = after.strip_prefix(b"/") else { return Some(after) };
        rest = next;
        if !has_slash {
            out.push(b'/');
        }
    }
}

/// Adds `text` with its percent-escapes in Git's one spelling; `None` for an escape that is none.
fn add_escaped(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let (byte, was_escaped) = if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            rest = &rest[2..];
            (u8::from_str_radix(digits, 16).ok()?, true)
        } else {
            (*first, false)
        };
        let is_kept = (0x20..0x7f).contains(&byte) && !UNSAFE.contains(&byte);
        if is_kept && !(was_escaped && RESERVED.contains(&byte)) {
            out.push(byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    Some(())
}

/// A label `*` of the pattern stands for any one label.
fn host_fits(pattern: &[u8], host: &[u8]) -> bool {
    let labels = |text: &[u8]| {
        let text = text.strip_suffix(b".").unwrap_or(text);
        text.split(|byte| *byte == b'.').map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (pattern, host) = (labels(pattern), labels(host));
    let is_empty = |labels: &[Vec<u8>]| labels.iter().all(Vec::is_empty);
    pattern.len() == host.len()
        && is_empty(&pattern) == is_empty(&host)
        && pattern.iter().zip(&host).all(|(wanted, found)| wanted == b"*" || wanted == found)
}

/// Returns the length of the prefix of the path that the pattern is, its slash included; `None` if it is none.
fn path_fit(pattern: &[u8], path: &[u8]) -> Option<usize> {
    if pattern == b"/" {
        return Some(1);
    }
    let pattern = pattern.strip_suffix(b"/").unwrap_or(pattern);
    let rest = path.strip_prefix(pattern)?;
    (rest.is_empty() || rest[0] == b'/').then_some(pattern.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_one_spelling() {
        for (given, expected) in [
            ("HTTP://Git.Example.COM:80/a/./b/../c", Some("http://git.example.com/a/c")),
            ("https://h:0443", Some("https://h/")),
            ("https://h:00080/%7eme/%2f", Some("https://h:80/~me/%2F")),
            ("https://al%69ce:pw@h/", Some("https://alice:pw@h/")),
            ("http://h/..", None),
            ("http://h:0/", None),
            ("http://h:99999/", None),
            ("http://h/%zz", None),
            ("http:///x", None),
            ("corp:acme", None),
            ("file:///srv/x?y", Some("file:///srv/x?y")),
        ] {
            let found = NormalUrl::parse(given.as_bytes()).map(|url| String::from_utf8(url.text).unwrap());
            assert_eq!(found.as_deref(), expected, "{given}");
        }
    }
}
