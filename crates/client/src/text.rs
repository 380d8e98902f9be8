//! Numbers and sizes as people read them, and text from elsewhere (branch names, server messages, metric names) made safe
//! for a terminal.

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
    let mut out = String::with_capacity(text.len());
    push_clean_line(&mut out, text);
    out
}

/// Appends the same to `out`.
pub fn push_clean_line(out: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        out.push_str(text);
    } else {
        out.push_str(&clean(text).replace('\n', "\\n").replace('\t', "\\t"));
    }
}

/// Clean text; a further line of it that looks like one of azml's own is indented.
pub fn guarded(text: &str) -> String {
    let mut out = String::new();
    for (at, line) in clean(text.trim_end()).split('\n').enumerate() {
        let is_like_ours = ["error:", "warning:", "hint:"].iter().any(|mark| line.starts_with(mark));
        out.push_str(if at > 0 { "\n" } else { "" });
        out.push_str(if at > 0 && is_like_ours { "  " } else { "" });
        out.push_str(line);
    }
    out
}

/// A word of a command line, quoted if it must be.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+./:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { shell_quoted(text) }
}

/// A word of a command line, always quoted.
pub fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
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

/// As [`clean`], but lets these escape sequences pass.
pub fn clean_except(text: &str, allowed: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(code) = allowed.iter().find(|code| rest.starts_with(**code)) {
            out.push_str(code);
            rest = &rest[code.len()..];
        } else {
            push(&mut out, c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

/// A size as people write it, in bytes: `50MB`, `1.5 GB`, `800000`.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" | "bytes" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "digits have no sign, and `as` saturates"
    )]
    Some((number * factor).round() as u64)
}

/// A change of a number: with its sign, to `digits` significant digits.
pub fn signed(change: f64, digits: usize) -> String {
    let sign = if change > 0.0 { "+" } else { "" };
    format!("{sign}{}", significant(change, digits))
}

/// A number as C's `%g` prints it with `digits` significant digits.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".to_owned() } else { value.to_string().to_lowercase() };
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("Rust's form has an exponent");
    let exponent: i32 = exponent.parse().expect("Rust's exponent is a number");
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let most = i32::try_from(digits).expect("a handful of digits");
    if exponent < -4 || exponent >= most {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
    let places = usize::try_from(most - 1 - exponent).expect("the exponent is below the digits");
    trim(&format!("{value:.places$}"))
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
        let own = "\u{1b}[0m";
        assert_eq!(clean_except(&format!("{own}a\u{1b}]0;t"), &[own]), format!("{own}a\\x1b]0;t"));
    }

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0 bytes"),
            (999, "999 bytes"),
            (1000, "1.0 KB"),
            (12_345, "12 KB"),
            (999_700, "1.0 MB"),
            (5_400_000_000, "5.4 GB"),
        ];
        for (bytes, expect) in cases {
            assert_eq!(size(bytes), expect);
        }
    }

    #[test]
    fn six_significant_digits() {
        let cases = [
            (0.679_245_283, "0.679245"),
            (1.0, "1"),
            (1234.5, "1234.5"),
            (1_234_567.0, "1.23457e+06"),
            (999_999.9, "1e+06"),
            (0.000_012_3, "1.23e-05"),
            (0.000_123, "0.000123"),
            (-2.5, "-2.5"),
            (0.0, "0"),
        ];
        for (value, expect) in cases {
            assert_eq!(significant(value, 6), expect);
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [
            ("0", Some(0)),
            ("800000", Some(800_000)),
            ("50MB", Some(50_000_000)),
            (" 1.5 gb ", Some(1_500_000_000)),
            ("2k", Some(2_000)),
            ("12 bytes", Some(12)),
        ];
        for (text, expect) in cases {
            assert_eq!(parse_size(text), expect, "{text}");
        }
        for text in ["", "MB", "-1", "1XB", "1.2.3", "many"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
