//! The file to which a running script logs: one JSON object `{"name": …, "value": …}` a line.
//!
//! A point of a curve may say its `step` and its `time` (milliseconds since 1970); `"kind": "parameter"` or `"tag"` makes
//! a line one of these. Every line is appended by one write, so that processes of one run may log at the same time; a line
//! cut off by a kill is skipped, any other that can't be recorded is named. The last value of a name counts: the one of
//! the highest step, where the script counts steps.

//!
//! A file that grows is read on from where the last reader stopped: [`read`] keeps a summary beside it, and [`Curves`] what is
//! drawn of it.

mod curves;
mod lines;
mod reader;
mod writer;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use azml_core::run::{Curve, Metric, RunRecord};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::curves::{Curves, Sketch};
pub use self::reader::read;
pub use self::writer::Writer;

/// The file's name in the folder of a run in progress.
pub const FILE: &str = "metrics.jsonl";

/// One line of the file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Line {
    #[serde(default, skip_serializing_if = "Kind::is_metric")]
    pub kind: Kind,
    pub name: String,
    pub value: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// In milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
}

/// The kind of a logged line.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    #[default]
    Metric,
    Parameter,
    Tag,
}

impl Kind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    fn is_metric(&self) -> bool {
        *self == Self::Metric
    }
}

impl Line {
    /// A value without a step.
    pub fn new(kind: Kind, name: &str, value: Value) -> Self {
        Self { kind, name: name.to_owned(), value, step: None, time: None }
    }

    /// Appends what it looks like in the file.
    pub fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("a line is JSON");
        out.push(b'\n');
    }
}

/// The values that were logged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logged {
    /// The last value of each name.
    pub metrics: BTreeMap<String, Metric>,
    /// More about those that were logged more than once.
    pub curves: BTreeMap<String, Curve>,
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
    /// True if some name was logged more than once, so that the file says more than [`Self::metrics`].
    pub repeated: bool,
    /// Whole lines that can't be recorded, each in words for the user.
    pub refused: Vec<String>,
}

impl Logged {
    /// Gives a record what was logged.
    pub fn put_in(&self, record: &mut RunRecord) {
        record.metrics.clone_from(&self.metrics);
        record.curves.clone_from(&self.curves);
        record.parameters.extend(self.parameters.clone());
        record.tags.extend(self.tags.clone());
    }
}

/// Appends one line.
pub fn append(path: &Path, line: &Line) -> io::Result<()> {
    let mut bytes = Vec::new();
    line.write(&mut bytes);
    // A FIFO that nobody reads is an error, and no wait for ever.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().create(true).append(true).custom_flags(flags).open(path)?.write_all(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::limits::{METRIC_LINE, METRICS_REFUSED};

    fn append(path: &Path, name: &str, value: &str) -> io::Result<()> {
        super::append(path, &Line::new(Kind::Metric, name, Metric::from_word(value).to_value()))
    }

    #[test]
    fn of_a_curve_the_highest_step_counts_and_kinds_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let lines = [
            r#"{"name": "loss", "value": 3, "step": 0, "time": 5}"#,
            r#"{"name": "loss", "value": 1, "step": 2, "time": 7}"#,
            r#"{"name": "loss", "value": 2, "step": 1, "time": 9}"#,
            r#"{"name": "loss", "value": 0.5, "step": 2, "time": 7}"#,
            r#"{"name": "loss", "value": "NaN", "step": 1, "time": 9}"#,
            r#"{"kind": "parameter", "name": "loss", "value": "mse"}"#,
            r#"{"kind": "parameter", "name": "depth", "value": 3}"#,
            r#"{"kind": "tag", "name": "loss", "value": "token=1"}"#,
            r#"{"kind": "odd", "name": "loss", "value": ""}"#,
        ];
        std::fs::write(&path, lines.join("\n") + "\n").unwrap();
        let logged = read(&path).unwrap();
        assert_eq!(logged.metrics["loss"].as_f64(), Some(1.0));
        assert_eq!(logged.curves["loss"], Curve { count: 5, min: Some(0.5), max: Some(3.0), step: Some(2) });
        assert_eq!((&*logged.parameters["loss"], &*logged.parameters["depth"]), ("mse", "3"));
        assert_eq!(logged.tags["loss"], "token=1");
        assert_eq!(logged.refused.len(), 1, "{:?}", logged.refused);
    }

    #[test]
    fn the_last_value_counts_and_torn_lines_are_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(read(&path).unwrap(), Logged::default());
        append(&path, "loss", "0.5").unwrap();
        append(&path, "name", "two\nlines").unwrap();
        assert!(!read(&path).unwrap().repeated);
        append(&path, "loss", "0.25").unwrap();
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
        append(&at("fifo"), "loss", "1").unwrap_err();

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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_summary_changes_nothing_of_what_is_read(
            chunks in prop::collection::vec(prop::collection::vec((0..8_u8, any::<i16>(), 0..40_i64), 0..40), 1..10),
            cut in 0..3_usize,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(FILE);
            let mut bytes = Vec::new();
            for chunk in chunks {
                for (kind, value, step) in chunk {
                    let mut line = Line::new(
                        [Kind::Metric, Kind::Parameter, Kind::Tag][usize::from(kind % 4 % 3)],
                        &format!("name {}", kind % 3),
                        json!(value),
                    );
                    (line.step, line.time) = ((kind < 4).then_some(step), (kind < 2).then_some(step % 5));
                    match kind {
                        7 => bytes.extend_from_slice(b"no metric\n"),
                        _ => line.write(&mut bytes),
                    }
                }
                bytes.truncate(bytes.len() - cut.min(bytes.len()));
                std::fs::write(&path, &bytes).unwrap();
                let with = reader::read_keeping(&path, 100).unwrap();
                let other = dir.path().join("other.jsonl");
                std::fs::write(&other, &bytes).unwrap();
                prop_assert_eq!(with, reader::read_keeping(&other, u64::MAX / 2).unwrap());
            }
        }
    }

    #[test]
    fn a_summary_that_is_of_no_use_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let summary = dir.path().join("metrics.jsonl.summary");
        let text = |value: i32| format!("{{\"name\": \"loss\", \"value\": {value}}}\n").repeat(100);
        std::fs::write(&path, text(1)).unwrap();
        let read = || reader::read_keeping(&path, 100).unwrap();
        assert_eq!(read().curves["loss"].count, 100);
        let kept = std::fs::read(&summary).unwrap();
        assert_eq!(read().curves["loss"].count, 100);
        // Another content of the same length, a shorter one, and one that somebody made up.
        for other in [text(2), "{\"name\": \"loss\", \"value\": 3}\n".to_owned()] {
            std::fs::write(&path, &other).unwrap();
            std::fs::write(&summary, &kept).unwrap();
            assert_ne!(read().metrics["loss"].as_f64(), Some(1.0));
        }
        std::fs::write(&path, text(1)).unwrap();
        for odd in [&b""[..], b"{}", b"[1]", &kept[..kept.len() / 2], &b"[".repeat(100_000)] {
            std::fs::write(&summary, odd).unwrap();
            assert_eq!(read().curves["loss"].count, 100);
        }
    }
}
