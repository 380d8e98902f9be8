//! The file to which a running script logs: one JSON object `{"name": …, "value": …}` a line.
//!
//! A point of a curve may say its `step` and its `time` (milliseconds since 1970); `"kind": "parameter"` or `"tag"` makes
//! a line one of these. Every line is appended by one write, so that processes of one run may log at the same time; a line
//! cut off by a kill is skipped, any other that can't be recorded is named. The last value of a name counts: the one of
//! the highest step, where the script counts steps.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use azml_core::run::{Curve, Metric, RunRecord};
use azml_core::small_file::{self, NotSmall};
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{METRIC_LINE, METRICS, METRICS_FILE, METRICS_REFUSED};
use crate::text::clean_line;

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

/// The last value of a metric so far.
struct Newest {
    value: Metric,
    /// Bytes of its line.
    bytes: usize,
    /// Its position among the values of its name.
    place: (Option<i64>, Option<i64>),
    curve: Curve,
}

impl Newest {
    fn then(&mut self, next: Self) {
        let number = |one: Option<f64>, two: Option<f64>, pick: fn(f64, f64) -> f64| match (one, two) {
            (Some(one), Some(two)) => Some(pick(one, two)),
            (one, two) => one.or(two),
        };
        let curve = Curve {
            count: self.curve.count + next.curve.count,
            min: number(self.curve.min, next.curve.min, f64::min),
            max: number(self.curve.max, next.curve.max, f64::max),
            step: self.curve.step.max(next.curve.step),
        };
        // As MLflow has it: of one step and time the larger number.
        let is_later = match (next.place.cmp(&self.place), next.place.0) {
            (std::cmp::Ordering::Equal, Some(_)) => next.value.as_f64() >= self.value.as_f64(),
            (order, _) => order.is_ge(),
        };
        if is_later {
            *self = next;
        }
        self.curve = curve;
    }
}

/// The lines that were read so far.
#[derive(Default)]
struct Reader {
    /// The metrics that were logged, by name.
    metrics: BTreeMap<String, Newest>,
    parameters: BTreeMap<String, (String, usize)>,
    tags: BTreeMap<String, (String, usize)>,
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
                Ok(line) => self.take(line, length, number),
                // A line without its end was cut off by a kill.
                Err(_) if !line.ends_with(b"\n") || line.trim_ascii().is_empty() => {}
                Err(error) => self.refuse(refusal(&line, number, &error)),
            }
        }
        Ok(())
    }

    fn take(&mut self, line: Line, length: usize, number: usize) {
        let Line { kind, name, value, step, time } = line;
        let before = match kind {
            Kind::Metric => self.metrics.get(&name).map(|newest| newest.bytes),
            Kind::Parameter => self.parameters.get(&name).map(|(_, length)| *length),
            Kind::Tag => self.tags.get(&name).map(|(_, length)| *length),
        };
        let bytes = self.bytes - before.unwrap_or(0) + length;
        if bytes > METRICS {
            self.refuse(format!(
                "the metric `{}` in line {number} of {FILE} is not recorded: all metrics of a run have at most {METRICS} bytes",
                clean_line(&name)
            ));
            return;
        }
        self.bytes = bytes;
        let list = match kind {
            Kind::Metric => {
                self.repeated |= before.is_some();
                let value = Metric::from(value);
                let number = value.as_f64();
                let curve = Curve { count: 1, min: number, max: number, step };
                let next = Newest { value, bytes: length, place: (step, time), curve };
                match self.metrics.get_mut(&name) {
                    Some(newest) => newest.then(next),
                    None => drop(self.metrics.insert(name, next)),
                }
                return;
            }
            Kind::Parameter => &mut self.parameters,
            Kind::Tag => &mut self.tags,
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        list.insert(name, (text, length));
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
        let texts = |list: BTreeMap<String, (String, usize)>| {
            list.into_iter().map(|(name, (text, _))| (name, text)).collect()
        };
        let curves = self.metrics.iter().filter(|(_, newest)| newest.curve.count > 1);
        Logged {
            curves: curves.map(|(name, newest)| (name.clone(), newest.curve)).collect(),
            metrics: self.metrics.into_iter().map(|(name, newest)| (name, newest.value)).collect(),
            parameters: texts(self.parameters),
            tags: texts(self.tags),
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
        if let Ok(Line { name, value, kind: Kind::Metric, .. }) = serde_json::from_slice(line)
            && let Some(number) = value.as_f64()
        {
            series.entry(name).or_default().push(number);
        }
    }
    series
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
    use serde_json::json;

    use super::*;

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
}
