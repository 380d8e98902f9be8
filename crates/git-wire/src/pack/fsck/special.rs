//! The files that Git itself reads out of a repository: by what names some file system finds them, and what mustn't
//! stand in them.

use bstr::{BStr, ByteSlice};

use super::rule;

/// The most bytes of a `.gitattributes` file, and of one line of it.
const MAX_GITATTRIBUTES: usize = 100 << 20;
const MAX_GITATTRIBUTES_LINE: usize = 2_048;

/// A file that Git reads, and the beginning of its fall-back 8.3 name on NTFS.
pub(super) struct Special {
    name: &'static str,
    short: &'static str,
}

pub(super) const GITMODULES: Special = Special { name: "gitmodules", short: "gi7eba" };
pub(super) const GITATTRIBUTES: Special = Special { name: "gitattributes", short: "gi7d29" };

impl Special {
    /// Returns whether some file system takes `name` for this file.
    pub(super) fn is(&self, name: &BStr) -> bool {
        self.is_on_ntfs(name) || self.is_on_hfs(name)
    }

    fn is_on_ntfs(&self, name: &[u8]) -> bool {
        let starts = |prefix: &str| {
            let (start, rest) = name.split_at_checked(prefix.len())?;
            start.eq_ignore_ascii_case(prefix.as_bytes()).then_some(rest)
        };
        if let Some(rest) = name.strip_prefix(b".").and_then(|name| {
            let (start, rest) = name.split_at_checked(self.name.len())?;
            start.eq_ignore_ascii_case(self.name.as_bytes()).then_some(rest)
        }) {
            return is_ignored_on_ntfs(rest);
        }
        if let Some([b'~', b'1'..=b'4', rest @ ..]) = starts(&self.name[..6])
            && is_ignored_on_ntfs(rest)
        {
            return true;
        }
        // `gi7eba~1`, `gi7e~123`: so many letters of the short name as leave room for the number.
        let Some(tilde) = name.iter().take(7).position(|byte| *byte == b'~') else { return false };
        let Some((short, rest)) = name.split_at_checked(8) else { return false };
        let (letters, number) = (&short[..tilde], &short[tilde + 1..]);
        letters.eq_ignore_ascii_case(&self.short.as_bytes()[..tilde])
            && number.iter().all(u8::is_ascii_digit)
            && number.first().is_some_and(|digit| *digit != b'0')
            && is_ignored_on_ntfs(rest)
    }

    fn is_on_hfs(&self, name: &BStr) -> bool {
        let Ok(name) = name.to_str() else { return false };
        let mut seen = name.chars().filter(|char| !is_ignored_on_hfs(*char));
        seen.next() == Some('.') && seen.by_ref().map(|char| char.to_ascii_lowercase()).eq(self.name.chars())
    }
}

fn is_ignored_on_ntfs(rest: &[u8]) -> bool {
    let end = rest.find_byte(b':').unwrap_or(rest.len());
    rest[..end].iter().all(|byte| matches!(byte, b' ' | b'.'))
}

fn is_ignored_on_hfs(char: char) -> bool {
    matches!(char, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// A `.gitmodules` file mustn't name commands, nor paths and addresses that leave the repository or look like options.
pub(in crate::pack) fn gitmodules(bytes: &[u8]) -> Result<(), String> {
    // What can't be parsed does no harm, as in Git.
    let Ok(file) = gix::config::File::try_from(bytes.to_str_lossy().as_ref()) else { return Ok(()) };
    let Some(sections) = file.sections_by_name("submodule") else { return Ok(()) };
    for section in sections {
        let Some(name) = section.header().subsection_name() else { continue };
        if name.is_empty() || name.split(|byte| matches!(byte, b'/' | b'\\')).any(|part| part == b"..") {
            return rule("gitmodulesName", format!("disallowed submodule name: {name}"));
        }
        for url in section.values("url") {
            if is_bad_url(&url) {
                return rule("gitmodulesUrl", format!("disallowed submodule url: {url}"));
            }
        }
        for path in section.values("path") {
            if path.starts_with(b"-") {
                return rule("gitmodulesPath", format!("disallowed submodule path: {path}"));
            }
            if path.ends_with(b"\r") {
                return rule("gitmodulesPath", "disallowed submodule path: it ends in a carriage return");
            }
        }
        if section.values("update").iter().any(|value| value.starts_with(b"!")) {
            return rule("gitmodulesUpdate", format!("disallowed submodule update setting of {name}"));
        }
    }
    Ok(())
}

/// Returns whether a URL looks like an option, gives a line feed to a credential helper, or lacks its own host.
fn is_bad_url(url: &[u8]) -> bool {
    if url.starts_with(b"-") || url.contains(&b'\n') || url.ends_with(b"\r") {
        return true;
    }
    if url.starts_with(b"./") || url.starts_with(b"../") || url.starts_with(b"git://") {
        let (mut rest, mut ups) = (url, 0);
        loop {
            rest = match rest {
                [b'.', b'.', b'/' | b'\\', rest @ ..] => {
                    ups += 1;
                    rest
                }
                [b'.', b'/' | b'\\', rest @ ..] => rest,
                _ => break,
            };
        }
        return has_encoded_line_feed(url) || ups > 0 && matches!(rest.first(), Some(b':' | b'/'));
    }
    let web = [&b"http"[..], b"https", b"ftp", b"ftps"].iter().find_map(|scheme| {
        let rest = url.strip_prefix(*scheme)?;
        // `http::address` gives the address to the helper as it is.
        rest.strip_prefix(b"::").or_else(|| rest.starts_with(b"://").then_some(url))
    });
    web.is_some_and(|web| !has_host(web) || has_encoded_line_feed(web) || has_bad_escape(web))
}

fn has_host(url: &[u8]) -> bool {
    let after = url.find(b"://").map(|at| &url[at + 3..]).unwrap_or_default();
    let authority = &after[..after.find_byteset(b"/?#").unwrap_or(after.len())];
    let host = authority.rfind_byte(b'@').map_or(authority, |at| &authority[at + 1..]);
    !host.is_empty() && !host.starts_with(b":")
}

fn has_encoded_line_feed(url: &[u8]) -> bool {
    url.to_ascii_lowercase().contains_str("%0a")
}

fn has_bad_escape(url: &[u8]) -> bool {
    url.find_iter(b"%")
        .any(|at| !url[at + 1..].get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)))
}

/// A `.gitattributes` file mustn't be of a size that overflows old clients.
pub(in crate::pack) fn gitattributes(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > MAX_GITATTRIBUTES {
        return rule("gitattributesLarge", ".gitattributes too large to parse");
    }
    if bytes.split(|byte| *byte == b'\n').any(|line| line.len() >= MAX_GITATTRIBUTES_LINE) {
        return rule("gitattributesLineLength", ".gitattributes has too long lines to parse");
    }
    Ok(())
}
