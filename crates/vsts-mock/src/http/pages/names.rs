//! Names of files and refs as text. They are bytes, and need not be UTF-8; where a part between two slashes is no plain
//! text, pages show it and addresses have it as `git ls-files` writes it: `"caf\351.txt"`.

use std::borrow::Cow;

use gix::bstr::{BStr, BString, ByteSlice as _, join};
use gix::quote::ansi_c;

/// The text of a path; each path has its own.
pub(super) fn text(path: &BStr) -> Cow<'_, str> {
    match path.to_str() {
        Ok(text) if text.split('/').all(is_plain) => Cow::Borrowed(text),
        _ => Cow::Owned(path.split_str("/").map(part).collect::<Vec<_>>().join("/")),
    }
}

/// The path that a text means.
pub(super) fn bytes(text: &str) -> BString {
    let parts = text.split('/').map(|part| match ansi_c::undo(part.into()) {
        Ok((name, consumed)) if consumed == part.len() => name.into_owned(),
        _ => part.into(),
    });
    join("/", parts.collect::<Vec<_>>()).into()
}

/// Returns whether a part is shown as it is: neither control characters nor marks that reorder text, nor what looks quoted.
fn is_plain(part: &str) -> bool {
    let is_disruptive =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !part.starts_with('"') && !part.contains(is_disruptive)
}

fn part(name: &[u8]) -> String {
    match name.to_str() {
        Ok(text) if is_plain(text) => text.to_owned(),
        _ => ansi_c::quote(name.as_bstr()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_a_text_that_means_it() {
        for (path, shown) in [
            (&b"src/a b.py"[..], "src/a b.py"),
            ("größe/测试".as_bytes(), "größe/测试"),
            (b"d\xe9p/caf\xe9.txt", r#""d\351p"/"caf\351.txt""#),
            (b"a/two\nlines", r#"a/"two\nlines""#),
            (b"\"a\"/b\\c", r#""\"a\""/b\c"#),
            ("x\u{202e}y".as_bytes(), r#""x\342\200\256y""#),
            (b"", ""),
        ] {
            assert_eq!(text(path.as_bstr()), shown);
            assert_eq!(bytes(shown), path);
        }
    }
}
