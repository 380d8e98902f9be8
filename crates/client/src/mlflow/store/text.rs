//! The texts in a store of files: points, numbers, quoted texts, names. This file stands by itself, for fuzzing.

use std::fmt::Write as _;
use std::io::{self, BufRead, Read as _};

/// A point as a line has it: time, value and step.
pub type Row = (i64, f64, i64);

/// Reads the points in a metric's file, whose lines have at most so many bytes: `time value step`, and maybe a data set; in old
/// stores `time value`. Gives the first line that is no point, and how many there are.
pub fn points(
    mut from: impl BufRead,
    most: u64,
    take: &mut dyn FnMut(Row) -> io::Result<()>,
) -> io::Result<Option<(u64, u64)>> {
    let (mut line, mut bad) = (Vec::new(), None);
    for number in 1.. {
        line.clear();
        if (&mut from).take(most).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let is_whole = line.ends_with(b"\n") || (line.len() as u64) < most;
        if !is_whole {
            from.skip_until(b'\n')?;
        }
        match point(line.trim_ascii()).filter(|_| is_whole) {
            Some(point) => take(point)?,
            None => bad = Some(bad.map_or((number, 1), |(first, count)| (first, count + 1))),
        }
    }
    Ok(bad)
}

fn point(line: &[u8]) -> Option<Row> {
    let mut fields = std::str::from_utf8(line).ok()?.split(' ');
    let (time, value) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let step = fields.next().map_or(Some(0), |step| step.parse().ok())?;
    Some((time, value, step))
}

/// A number as Python prints it, which MLflow writes.
pub fn python(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let text = format!("{value:?}");
    // Python has a sign in every exponent, and two digits at least.
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            let (sign, number) = exponent.strip_prefix('-').map_or(("+", exponent), |number| ("-", number));
            let digits = digits.strip_suffix(".0").unwrap_or(digits);
            format!("{digits}e{sign}{number:0>2}")
        }
    }
}

/// A text in double quotes, as YAML reads it.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        let code = u32::from(c);
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            _ if c.is_control() || matches!(code, 0x2028 | 0x2029 | 0xfeff | 0xfffe | 0xffff) => {
                write!(out, "\\u{code:04x}").expect("a string takes all text");
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Returns whether MLflow takes a key of at most so many bytes: letters, digits, `_ - . : /` and space, and a path that is plain.
pub fn is_name(key: &str, most: usize) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || "_-.:/ ".contains(c);
    !key.is_empty()
        && key.len() <= most
        && key.chars().all(is_plain)
        && key.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}
