//! Reads the newest value of each name, and of a long file only what has come since it was read last.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use azml_core::run::{Curve, Metric};
use azml_core::small_file::{self, NotSmall};
use serde::{Deserialize, Serialize};

use super::lines::{Found, Lines, Place};
use super::{FILE, Kind, Line, Logged};
use crate::limits::{
    METRIC_LINE, METRICS, METRICS_FILE, METRICS_REFUSED, METRICS_SUMMARY, METRICS_SUMMARY_AFTER,
};
use crate::text::clean_line;

/// The version of the summary that is kept.
const VERSION: u64 = 1;

/// Reads what was logged so far; nothing if there is no file. What is no file, or is too long, is refused and stops nothing.
pub fn read(path: &Path) -> io::Result<Logged> {
    read_keeping(path, METRICS_SUMMARY_AFTER)
}

/// Reads it, and keeps a summary after so many bytes.
pub(super) fn read_keeping(path: &Path, after: u64) -> io::Result<Logged> {
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
    let mut summary = Summary::kept(path, &file).unwrap_or_default();
    summary.read_on(path, file, after)?;
    let mut logged = summary.reader;
    if length > METRICS_FILE {
        logged.refuse(format!(
            "what is logged beyond the first {METRICS_FILE} bytes of {FILE} is not recorded"
        ));
    }
    Ok(logged.end())
}

/// The values up to a place in the file. The summary is kept beside a long file, so that nobody reads the beginning again; one that is
/// missing, damaged or of another file costs one reading of all.
#[derive(Default, Deserialize, Serialize)]
struct Summary {
    version: u64,
    place: Place,
    reader: Reader,
}

impl Summary {
    fn path(of: &Path) -> PathBuf {
        let mut name = of.as_os_str().to_owned();
        name.push(".summary");
        name.into()
    }

    fn kept(path: &Path, file: &File) -> Option<Self> {
        let kept = small_file::read_at_most(&Self::path(path), METRICS_SUMMARY).ok()?;
        let kept: Self = serde_json::from_slice(&kept).ok()?;
        (kept.version == VERSION && kept.place.is_in(file).ok()?).then_some(kept)
    }

    /// Reads what has come since, and keeps the summary if that was much.
    fn read_on(&mut self, path: &Path, file: File, after: u64) -> io::Result<()> {
        let mut lines = Lines::after(&self.place, file)?;
        let mut rest = None;
        while let Some((number, found)) = lines.next()? {
            match found {
                Found::Whole(line) => self.reader.line(line, number),
                Found::TooLong => self.reader.refuse(format!(
                    "line {number} of {FILE} has more than {METRIC_LINE} bytes, and is not recorded"
                )),
                Found::Rest(line) => rest = Some((line.to_vec(), number)),
            }
        }
        if let Some(place) = lines.place()?
            && place.bytes() - self.place.bytes() > after + 4 * self.reader.bytes as u64
        {
            (self.version, self.place) = (VERSION, place);
            let summary = serde_json::to_vec(self)?;
            if let Err(error) = small_file::replace(&Self::path(path), &summary, false) {
                tracing::debug!(%error, "the summary of metrics is not kept");
            }
        }
        // A line that was cut off by a kill or is half written is none; one that only lacks its end is.
        if let Some((line, number)) = rest
            && serde_json::from_slice::<Line>(&line).is_ok()
        {
            self.reader.line(&line, number);
        }
        Ok(())
    }
}

/// The last value of a metric so far.
#[derive(Deserialize, Serialize)]
struct Newest {
    value: Metric,
    /// Bytes of its line.
    bytes: usize,
    /// Its position among the values of its name.
    place: (Option<i64>, Option<i64>),
    curve: Curve,
}

impl Newest {
    /// Counts the next value of the metric. Returns whether it is the newest one now.
    fn then(&mut self, next: Self) -> bool {
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
        is_later
    }
}

/// The lines that were read so far.
#[derive(Default, Deserialize, Serialize)]
pub(super) struct Reader {
    /// The metrics that were logged, by name.
    metrics: BTreeMap<String, Newest>,
    parameters: BTreeMap<String, (String, usize)>,
    tags: BTreeMap<String, (String, usize)>,
    /// The sum of these.
    bytes: usize,
    repeated: bool,
    refused: Vec<String>,
    pub(super) not_named: usize,
}

impl Reader {
    fn line(&mut self, line: &[u8], number: usize) {
        match serde_json::from_slice(line) {
            Ok(read) => self.take(read, line.len(), number),
            Err(_) if line.trim_ascii().is_empty() => {}
            Err(error) => self.refuse(refusal(line, number, &error)),
        }
    }

    pub(super) fn take(&mut self, line: Line, length: usize, number: usize) {
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
        let list = match kind {
            Kind::Metric => {
                self.repeated |= before.is_some();
                let value = Metric::from(value);
                let number = value.as_f64();
                let curve = Curve { count: 1, min: number, max: number, step };
                let next = Newest { value, bytes: length, place: (step, time), curve };
                let is_kept = match self.metrics.get_mut(&name) {
                    Some(newest) => newest.then(next),
                    None => self.metrics.insert(name, next).is_none(),
                };
                // What is counted is the line that is kept.
                if is_kept {
                    self.bytes = bytes;
                }
                return;
            }
            Kind::Parameter => &mut self.parameters,
            Kind::Tag => &mut self.tags,
        };
        self.bytes = bytes;
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

    pub(super) fn end(mut self) -> Logged {
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
