//! The file to which a running script logs: one JSON object `{"name": …, "value": …}` a line.
//!
//! Every line is appended by one write, so that processes of one run may log at the same time; a line cut off
//! by a kill is skipped, any other that can't be recorded is named. The last value of a name counts.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use azml_core::run::Metric;
use azml_core::small_file::{self, NotSmall};
use rustix::fs::OFlags;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::limits::{METRIC_LINE, METRICS, METRICS_FILE, METRICS_REFUSED};
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

/// Reads what was logged so far; nothing if there is no file. What is no file, or is too long, is refused and stops nothing.
pub fn read(path: &Path) -> io::Result<Logged> {
    let file = match small_file::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Logged::default()),
        Err(error) => match NotSmall::of(&error) {
            Some(why) => {
                let refused = vec![format!("no metric is recorded: {FILE} can't be read, {why}")];
                return Ok(Logged { refused, ..Logged::default() });
            }
            None => return Err(error),
        },
    };
    let length = file.metadata()?.len();
    let mut logged = Reader::default();
    logged.lines(&mut BufReader::new(file.take(METRICS_FILE)))?;
    if length > METRICS_FILE {
        logged.refuse(format!(
            "what is logged beyond the first {METRICS_FILE} bytes of {FILE} is not recorded"
        ));
    }
    Ok(logged.end())
}

/// The lines that were read so far.
#[derive(Default)]
struct Reader {
    /// Each metric with the bytes that it takes.
    metrics: BTreeMap<String, (Metric, usize)>,
    /// The sum of these.
    bytes: usize,
    repeated: bool,
    refused: Vec<String>,
    not_named: usize,
}

impl Reader {
    fn lines(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let length = from.take(METRIC_LINE).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            if length as u64 == METRIC_LINE && !line.ends_with(b"\n") {
                from.skip_until(b'\n')?;
                self.refuse(format!(
                    "line {number} of {FILE} has more than {METRIC_LINE} bytes, and is not recorded"
                ));
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(Line { name, value }) => self.take(name, value, length, number),
                // A line without its end was cut off by a kill.
                Err(_) if !line.ends_with(b"\n") || line.trim_ascii().is_empty() => {}
                Err(error) => self.refuse(refusal(&line, number, &error)),
            }
        }
        Ok(())
    }

    fn take(&mut self, name: String, value: Value, length: usize, number: usize) {
        let before = self.metrics.get(&name).map(|(_, length)| *length);
        let bytes = self.bytes - before.unwrap_or(0) + length;
        if bytes > METRICS {
            self.refuse(format!(
                "the metric `{}` in line {number} of {FILE} is not recorded: all metrics of a run have at most {METRICS} bytes",
                clean_line(&name)
            ));
            return;
        }
        self.bytes = bytes;
        self.repeated |= before.is_some();
        self.metrics.insert(name, (Metric::from(value), length));
    }

    fn refuse(&mut self, what: String) {
        if self.refused.len() < METRICS_REFUSED {
            self.refused.push(what);
        } else {
            self.not_named += 1;
        }
    }

    fn end(mut self) -> Logged {
        if self.not_named > 0 {
            self.refused.push(format!("{} further lines of {FILE} are not recorded", self.not_named));
        }
        Logged {
            metrics: self.metrics.into_iter().map(|(name, (metric, _))| (name, metric)).collect(),
            repeated: self.repeated,
            refused: self.refused,
        }
    }
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
    // A FIFO that nobody reads is an error, and no wait for ever.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().create(true).append(true).custom_flags(flags).open(path)?.write_all(line.as_bytes())
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

    #[test]
    fn what_is_no_file_or_too_long_is_named_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        let fifo = read(&at("fifo")).unwrap();
        assert_eq!(
            fifo.refused,
            ["no metric is recorded: metrics.jsonl can't be read, it is a FIFO, not a file"]
        );
        append(&at("fifo"), "loss", &Metric::from_word("1")).unwrap_err();

        let long = usize::try_from(METRIC_LINE).unwrap();
        let line = |name: &str, length: usize| {
            format!("{{\"name\": \"{name}\", \"value\": \"{}\"}}\n", "x".repeat(length))
        };
        let mut text = line("first", 10) + &line("too long", long) + &line("second", 10);
        for number in 0..8 {
            text += &line(&format!("large {number}"), long - 34);
        }
        // A name that is logged again takes the place of what it had.
        text += &line("second", 20);
        text += &"[1]\n".repeat(2 * METRICS_REFUSED);
        std::fs::write(at("long"), &text).unwrap();
        let logged = read(&at("long")).unwrap();
        let names: Vec<&str> = logged.metrics.keys().map(String::as_str).collect();
        assert_eq!(names, ["first", "large 0", "large 1", "large 2", "second"]);
        assert_eq!(logged.refused.len(), METRICS_REFUSED + 1);
        assert!(
            logged.refused[0].starts_with("line 2 of metrics.jsonl has more than"),
            "{:?}",
            logged.refused
        );
        assert!(logged.refused[1].starts_with("the metric `large 3` in line 7"), "{:?}", logged.refused);
        assert!(logged.refused[METRICS_REFUSED].ends_with("further lines of metrics.jsonl are not recorded"));

        // Two lines and then nothing without end.
        let mut huge = std::fs::File::create(at("huge")).unwrap();
        huge.write_all((line("first", 1) + &line("second", 1)).as_bytes()).unwrap();
        huge.set_len(1 << 40).unwrap();
        let logged = read(&at("huge")).unwrap();
        assert_eq!(logged.metrics.len(), 2);
        assert!(logged.refused.last().unwrap().starts_with("what is logged beyond"), "{:?}", logged.refused);
    }
}
