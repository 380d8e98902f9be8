//! The file to which a running script logs: one JSON object `{"name": …, "value": …}` a line.
//!
//! Every line is appended by one write, so that processes of one run may log at the same time; a line cut off
//! by a kill is skipped. The last value of a name counts.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use azml_core::run::Metric;
use serde::Deserialize;
use serde_json::{Value, json};

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
}

/// Reads what was logged so far; nothing if there is no file.
pub fn read(path: &Path) -> io::Result<Logged> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Logged::default()),
        Err(error) => return Err(error),
    };
    let mut logged = Logged::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(Line { name, value }) = serde_json::from_slice(line) {
            logged.repeated |= logged.metrics.insert(name, Metric::from(value)).is_some();
        }
    }
    Ok(logged)
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
    }
}
