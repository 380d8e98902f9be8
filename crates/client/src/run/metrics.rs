//! The file to which a running script logs: one JSON object `{"name": …, "value": …}` a line.
//!
//! Every line is appended by one write, so that processes of one run may log at the same time; a line cut off
//! by a kill is skipped, any other that can't be recorded is named. The last value of a name counts.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use azml_core::run::Metric;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::text::clean_line;

/// The file's name in the folder of a run in progress.
pub const FILE: &str = "metrics.jsonl";

#[derive(Deserialize)]
struct Line {
    name: String,
    value: Value,
}

/// What was logged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logged {
    /// The last value of each name.
    pub metrics: BTreeMap<String, Metric>,
    /// Whether some name was logged more than once, so that the file says more than [`Self::metrics`].
    pub repeated: bool,
    /// Whole lines that can't be recorded, each in words for the user.
    pub refused: Vec<String>,
}

/// Reads what was logged so far; nothing if there is no file.
pub fn read(path: &Path) -> io::Result<Logged> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Logged::default()),
        Err(error) => return Err(error),
    };
    let mut logged = Logged::default();
    let mut number = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        number += 1;
        match serde_json::from_slice(line) {
            Ok(Line { name, value }) => {
                logged.repeated |= logged.metrics.insert(name, Metric::from(value)).is_some();
            }
            // A line without its end was cut off by a kill.
            Err(_) if !line.ends_with(b"\n") || line.trim_ascii().is_empty() => {}
            Err(error) => logged.refused.push(refusal(line, number, &error)),
        }
    }
    Ok(logged)
}

/// Why a line is not recorded, with the metric's name where it can be made out.
fn refusal(line: &[u8], number: usize, error: &serde_json::Error) -> String {
    let repaired = without_lone_surrogates(&String::from_utf8_lossy(line));
    match serde_json::from_str(&repaired) {
        Ok(Line { name, .. }) => format!(
            "the metric `{}` is not recorded: its name or value holds bytes that are no text (a lone surrogate), in line \
             {number} of {FILE}",
            clean_line(&name)
        ),
        Err(_) => format!("line {number} of {FILE} is no metric, and is not recorded: {error}"),
    }
}

/// JSON whose escapes of surrogates without their other half are U+FFFD.
fn without_lone_surrogates(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let unit = |text: &str| {
            let digits = text.strip_prefix("\\u")?.get(..4)?;
            u16::from_str_radix(digits, 16).ok()
        };
        // An escape is six bytes, a pair of surrogates two escapes.
        let (kept, length) = match unit(rest) {
            Some(0xd800..=0xdbff) if matches!(rest.get(6..).and_then(unit), Some(0xdc00..=0xdfff)) => {
                (true, 12)
            }
            Some(0xd800..=0xdfff) => (false, 6),
            Some(_) => (true, 6),
            // `\"` and the like: the next character is no beginning of an escape.
            None => (true, 1 + rest[1..].chars().next().map_or(0, char::len_utf8)),
        };
        out.push_str(if kept { &rest[..length] } else { "\\ufffd" });
        rest = &rest[length..];
    }
    out + rest
}

/// Every number that was logged, name by name in the order of logging: what makes a curve.
pub fn series(bytes: &[u8]) -> BTreeMap<String, Vec<f64>> {
    let mut series: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(Line { name, value }) = serde_json::from_slice(line)
            && let Some(number) = value.as_f64()
        {
            series.entry(name).or_default().push(number);
        }
    }
    series
}

/// Appends one value.
pub fn append(path: &Path, name: &str, metric: &Metric) -> io::Result<()> {
    let mut line = json!({"name": name, "value": metric.to_value()}).to_string();
    line.push('\n');
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts_and_torn_lines_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(read(&path).unwrap(), Logged::default());
        append(&path, "loss", &Metric::from_word("0.5")).unwrap();
        append(&path, "name", &Metric::from_word("two\nlines")).unwrap();
        assert!(!read(&path).unwrap().repeated);
        append(&path, "loss", &Metric::from_word("0.25")).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"name\": \"cut").unwrap();
        let logged = read(&path).unwrap();
        assert!(logged.repeated);
        assert_eq!(logged.metrics["loss"].as_f64(), Some(0.25));
        assert_eq!(logged.metrics["name"].to_value(), json!("two\nlines"));
        assert_eq!(logged.metrics.len(), 2);
        assert_eq!(logged.refused, Vec::<String>::new());
    }

    #[test]
    fn what_json_can_not_say_is_named_and_the_rest_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let lines = [
            r#"{"name": "file \udcff", "value": 1}"#,
            r#"{"name": "ok", "value": "\\ud800 and \ud83d\ude00"}"#,
            r#"{"name": "list", "value": ["\ud800\u0041"]}"#,
            r#"["no metric"]"#,
            "",
            r#"{"name": "last", "value": 2}"#,
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let logged = read(&path).unwrap();
        assert_eq!(logged.metrics.keys().collect::<Vec<_>>(), ["last", "ok"]);
        assert_eq!(logged.metrics["ok"].to_value(), json!("\\ud800 and \u{1f600}"));
        let [file, list, other] = logged.refused.as_slice() else { panic!("{:?}", logged.refused) };
        assert!(
            file.contains("`file \u{fffd}`") && file.contains("surrogate") && file.contains("line 1 "),
            "{file}"
        );
        assert!(list.contains("`list`") && list.contains("line 3 "), "{list}");
        assert!(other.starts_with("line 4 of metrics.jsonl is no metric"), "{other}");
    }
}
