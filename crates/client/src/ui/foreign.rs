//! Text from elsewhere (branch names, server messages, metric names) made safe for a terminal.

use azml_core::quote::is_disruptive;

/// Replaces control characters, except line feed and tab, by their visible escapes.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push(&mut out, c);
    }
    out
}

/// As [`clean`], in one line: line feeds and tabs are shown as escapes, too.
pub fn clean_line(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    clean(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// A word of a command line, quoted if it must be.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn push(out: &mut String, c: char) {
    use std::fmt::Write as _;
    match c {
        '\n' | '\t' => out.push(c),
        c if c.is_control() => write!(out, "\\x{:02x}", u32::from(c)).expect("a string takes all text"),
        c if is_disruptive(c) => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("a string takes all text"),
        c => out.push(c),
    }
}

/// As [`clean`], but lets pass the colours that azml's own formats have put in.
pub(super) fn clean_except_colors(text: &str, colors: bool) -> String {
    if !colors {
        return clean(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(code) = super::format::COLORS.iter().find(|code| rest.starts_with(**code)) {
            out.push_str(code);
            rest = &rest[code.len()..];
        } else {
            push(&mut out, c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_become_visible() {
        assert_eq!(clean("a\u{1b}[2Jb\r\u{9b}31m\n\tc"), "a\\x1b[2Jb\\x0d\\x9b31m\n\tc");
        assert_eq!(clean("x\u{202e}y"), "x\\u{202e}y");
        assert_eq!(clean("Größe 测试"), "Größe 测试");
    }

    #[test]
    fn own_colours_pass() {
        let own = super::super::format::COLORS[0];
        assert_eq!(clean_except_colors(&format!("{own}a\u{1b}]0;t"), true), format!("{own}a\\x1b]0;t"));
    }
}
