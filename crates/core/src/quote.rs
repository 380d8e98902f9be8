//! Names as text. File names and ref names are bytes, and need not be UTF-8; where text is needed (JSON, a terminal, a
//! page), a name that is no plain text is written as `git ls-files` writes it: in double quotes, with the escapes of C and
//! every other byte in octal, as `"caf\351.txt"`.
//!
//! Each name has one such text, and each text means one name.

use std::{
    borrow::Cow,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use gix::{
    bstr::{BStr, ByteSlice as _},
    quote::ansi_c,
};

/// Returns whether a character changes how the text around it is shown: control characters, marks that reorder text, and
/// separators of lines.
pub fn is_disruptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text of a name: itself if it is text without disruptive characters, else in double quotes.
pub fn quoted(name: &[u8]) -> Cow<'_, str> {
    match name.to_str() {
        Ok(text) if !text.starts_with('"') && !text.contains(is_disruptive) => Cow::Borrowed(text),
        _ => {
            let mut quoted = ansi_c::quote(name.as_bstr()).into_owned();
            if !quoted.starts_with(b"\"") {
                quoted = format!("\"{quoted}\"").into();
            }
            Cow::Owned(quoted.to_string())
        }
    }
}

/// The name that a text means: what [`quoted`] made of it, or the text itself.
pub fn unquoted(text: &[u8]) -> Cow<'_, BStr> {
    match ansi_c::undo(text.as_bstr()) {
        Ok((name, consumed)) if consumed == text.len() => name,
        _ => Cow::Borrowed(text.as_bstr()),
    }
}

/// The text of a path.
pub fn quoted_path(path: &Path) -> Cow<'_, str> {
    quoted(path.as_os_str().as_bytes())
}

/// The path that a text means.
pub fn unquoted_path(text: &str) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&unquoted(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_text_is_itself_and_other_names_are_as_git_writes_them() {
        for (name, text) in [
            (&b"outputs/a b.txt"[..], "outputs/a b.txt"),
            ("größe/测试.txt".as_bytes(), "größe/测试.txt"),
            (b"a\\b", "a\\b"),
            (b"say \"hi\"", "say \"hi\""),
            (b"caf\xe9.txt", r#""caf\351.txt""#),
            (b"two\nlines\tand\x1b[2J\x7f", r#""two\nlines\tand\033[2J\177""#),
            ("a\u{202e}b".as_bytes(), r#""a\342\200\256b""#),
            ("c1 \u{9b}31m".as_bytes(), r#""c1 \302\23331m""#),
            (b"\"", r#""\"""#),
            (b"", ""),
        ] {
            assert_eq!(quoted(name), text);
            assert_eq!(unquoted(text.as_bytes()).as_bytes(), name);
        }
    }

    #[test]
    fn text_that_is_not_quoted_well_means_itself() {
        for text in ["\"", "\"a", "\"a\"b", "\"\\x\"", "\"\\9\"", "\"\\1\""] {
            assert_eq!(unquoted(text.as_bytes()).as_bytes(), text.as_bytes());
        }
    }

    #[test]
    fn git_reads_and_writes_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&OsStr]| {
            let mut git = std::process::Command::new("git");
            let output = git.arg("-C").arg(folder.path()).args(args).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            output.stdout
        };
        git(&["init".as_ref(), "-q".as_ref()]);
        let name = b"caf\xe9\n\"\\.txt";
        std::fs::write(folder.path().join(OsStr::from_bytes(name)), "").unwrap();
        git(&["add".as_ref(), ".".as_ref()]);
        let listed = git(&["ls-files".as_ref()]);
        assert_eq!(listed.to_str().unwrap().trim_end(), quoted(name));
    }

    proptest! {
        #[test]
        fn every_name_comes_back(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let text = quoted(&name);
            prop_assert!(!text.contains(is_disruptive));
            prop_assert!(unquoted(text.as_bytes()).as_bytes() == name.as_slice(), "{}", text);
        }

        #[test]
        fn two_names_have_two_texts(one in "[\"\\\\a\\n]{0,6}", two in "[\"\\\\a\\n]{0,6}") {
            prop_assert_eq!(quoted(one.as_bytes()) == quoted(two.as_bytes()), one == two);
        }
    }
}
