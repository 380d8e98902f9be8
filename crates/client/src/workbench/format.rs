//! Numbers, times and foreign text as pages show them.

use azml_core::run::{Metric, RunRecord, Status};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde_json::Value;

use super::request::encode;
pub use crate::text::{clean_line as line, shell_word as word};
use crate::text::{signed, significant};

/// The same, cut to `most` characters.
pub fn short(text: &str, most: usize) -> String {
    let text = line(text);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A number with six significant digits.
pub fn number(value: f64) -> String {
    significant(value, 6)
}

/// By how much a number has changed.
pub fn change(by: f64, digits: usize) -> String {
    signed(by, digits).replace('-', "\u{2212}")
}

/// A metric in a cell; `None` for lists and tables, which have no place in one.
pub fn cell(metric: &Metric) -> Option<String> {
    match metric {
        Metric::Number(value) => Some(value.as_f64().map_or_else(|| value.to_string(), number)),
        Metric::Text(text) => Some(short(text, 40)),
        Metric::Other(Value::Bool(value)) => Some(if *value { "True" } else { "False" }.to_owned()),
        Metric::List(_) | Metric::Other(_) => None,
    }
}

/// Any value in one line.
pub fn value(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => short(text, 300),
        Value::Number(value) => value.as_f64().map_or_else(|| value.to_string(), number),
        Value::Array(words) if words.iter().all(Value::is_string) => {
            short(&words.iter().filter_map(Value::as_str).map(word).collect::<Vec<_>>().join(" "), 300)
        }
        other => short(&other.to_string(), 300),
    }
}

/// The command as it was executed, or else the script and its arguments.
pub fn command(record: &RunRecord) -> String {
    let join =
        |words: &mut dyn Iterator<Item = &String>| words.map(|text| word(text)).collect::<Vec<_>>().join(" ");
    match &record.command {
        Some(words) => join(&mut words.iter()),
        None => join(&mut std::iter::once(&record.script_name).chain(&record.arguments)),
    }
}

/// A duration as people read it.
pub fn duration(length: SignedDuration) -> String {
    let seconds = length.as_secs_f64();
    if seconds < 0.9995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = length.as_secs() + i64::from(length.subsec_millis() >= 500);
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, minutes) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes) => format!("{hours} h {minutes:02} min"),
    }
}

/// The duration of a run, or of a run in progress so far.
pub fn run_time(record: &RunRecord, now: Timestamp) -> Option<SignedDuration> {
    record.duration().or_else(|| {
        let start = record.start_time_utc.filter(|_| !record.status.is_over())?;
        Some(now.duration_since(start))
    })
}

/// A moment, by this computer's clock on the wall.
pub fn moment(at: Timestamp, zone: &TimeZone) -> Markup {
    let local = zone.to_datetime(at);
    html! {
        time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) title=(local.strftime("%Y-%m-%d %H:%M:%S")) {
            (local.strftime("%-d %b %Y %H:%M"))
        }
    }
}

/// The status of a run: a word, and a shape beside it.
pub fn status(status: Status) -> Markup {
    let (shape, word) = match status {
        Status::Submitting => ("wait", "Submitting"),
        Status::Queued => ("wait", "Queued"),
        Status::Running => ("run", "Running"),
        Status::Completed => ("ok", "Completed"),
        Status::Failed => ("bad", "Failed"),
        Status::Canceled => ("stop", "Canceled"),
        Status::NotResponding => ("lost", "Not responding"),
        Status::Newer => ("lost", "Newer version"),
        Status::Unreadable => ("lost", "Unreadable"),
    };
    html! { span.status.(shape) { svg.i aria-hidden="true" { use href={ "#" (shape) } {} } (word) } }
}

/// The address of a run's page, or of one below it.
pub fn run_path(record: &RunRecord, below: &str) -> String {
    format!("/runs/{}{below}", encode(record.run_id.as_str()))
}

/// The short name of a run.
pub fn run_name(record: &RunRecord) -> String {
    match record.run_number {
        0 => line(record.run_id.as_str()),
        number => format!("Run {number}"),
    }
}

/// A count of things.
pub fn count(many: usize, one: &str, more: &str) -> String {
    match many {
        1 => format!("1 {one}"),
        many => format!("{} {more}", grouped(many)),
    }
}

/// A number with its thousands apart.
pub fn grouped(many: usize) -> String {
    let digits = many.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short() {
        for (millis, expect) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (4_892, "4.9 s"),
            (59_940, "59.9 s"),
            (59_960, "1 min 00 s"),
            (125_400, "2 min 05 s"),
            (3_725_000, "1 h 02 min"),
            (360_000_000, "100 h 00 min"),
        ] {
            assert_eq!(duration(SignedDuration::from_millis(millis)), expect);
        }
    }

    #[test]
    fn words_are_quoted_as_a_shell_wants_them() {
        for (text, expect) in
            [("0.1", "0.1"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("--x=ü", "--x=ü")]
        {
            assert_eq!(word(text), expect);
        }
        assert_eq!(line("a\u{202e}b\u{1b}[31m\n"), "a\\u{202e}b\\x1b[31m\\n");
        assert_eq!(short("abcdef", 3), "abc…");
        assert_eq!((grouped(999), grouped(10_000)), ("999".to_owned(), "10\u{202f}000".to_owned()));
    }

    #[test]
    fn moments_have_both_forms() {
        let at: Timestamp = "2017-09-08T00:58:03Z".parse().unwrap();
        let text = moment(at, &TimeZone::UTC).into_string();
        assert_eq!(
            text,
            "<time datetime=\"2017-09-08T00:58:03Z\" title=\"2017-09-08 00:58:03\">8 Sep 2017 00:58</time>"
        );
    }
}
