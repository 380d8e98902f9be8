//! Writing a store of files, as [`files`](super::files) reads it.
//!
//! The description of a run is written last: MLflow and azml take a folder without one for no run, so that an export that
//! was cut off is repeated.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use azml_core::dir::Dir;
use gix::bstr::{BStr, ByteSlice as _};
use percent_encoding::percent_encode;
use serde_json::Value;

use super::content::Content;
use super::files::{Files, META, TRASH};
use super::text::{self, python, quoted};
use super::{Error, Experiment, Head, Refused, Source as _};
use crate::limits::{MLFLOW_KEY, MLFLOW_UNWRITTEN};
use crate::mlflow::state::{Run, RunStatus};
use crate::mlflow::tracker::PLAIN;

/// The experiment that MLflow makes in every store.
const DEFAULT: &str = "Default";
const DEFAULT_ID: &str = "0";
/// Digits of an experiment's id, as MLflow has them.
const ID_DIGITS: usize = 18;

/// A store of files that is written.
#[derive(Debug)]
pub struct FileWriter {
    root: PathBuf,
    top: Dir,
    experiments: Vec<Experiment>,
    /// Milliseconds since 1970.
    now: i64,
}

impl FileWriter {
    /// Opens the store in a folder, or makes one in a folder that is new or empty.
    pub fn open(folder: &Path, now: i64) -> Result<Self, Error> {
        let inner = folder.join("mlruns");
        let root = if inner.is_dir() { inner } else { folder.to_owned() };
        let failed = |source| Error::Write { path: root.clone(), source };
        fs::create_dir_all(&root).map_err(failed)?;
        let root = root.canonicalize().map_err(failed)?;
        let failed = |source| Error::Write { path: root.clone(), source };
        let top = Dir::open(&root).map_err(failed)?;
        let is_empty = top.is_empty().map_err(failed)?;
        let mut writer = Self { root: root.clone(), top, experiments: Vec::new(), now };
        if is_empty {
            writer.make(TRASH)?;
            writer.make_experiment(DEFAULT, DEFAULT_ID, &BTreeMap::new())?;
        } else {
            writer.experiments = Files::open(&root)?.experiments(&mut Refused::default())?;
        }
        Ok(writer)
    }

    /// The runs that are there.
    pub fn heads(&self) -> Result<Vec<Head>, Error> {
        let (mut files, mut refused) = (Files::open(&self.root)?, Refused::default());
        let experiments = files.experiments(&mut refused)?;
        files.heads(&experiments, &|_| true, &mut refused)
    }

    fn failed(&self, path: &str) -> impl Fn(io::Error) -> Error + use<> {
        let path = self.root.join(path);
        move |source| Error::Write { path: path.clone(), source }
    }

    fn make(&self, path: &str) -> Result<(), Error> {
        let made = self.top.make_below(path.into()).map_err(io::Error::from);
        made.map(drop).map_err(self.failed(path))
    }

    fn write(&self, path: &str, content: &[u8]) -> Result<(), Error> {
        let write = || self.top.create_file_below(Path::new(path))?.write_all(content);
        write().map_err(self.failed(path))
    }

    /// The id of the experiment of this name, which is made if it is not there.
    pub fn experiment(&mut self, name: &str, tags: &BTreeMap<String, String>) -> Result<String, Error> {
        if let Some(known) = self.experiments.iter().find(|known| known.name == name && !known.is_deleted) {
            return Ok(known.id.clone());
        }
        let mut salt = 0;
        let id = loop {
            let id = experiment_id(name, salt);
            if self.experiments.iter().all(|known| known.id != id) {
                break id;
            }
            salt += 1;
        };
        self.make_experiment(name, &id, tags)?;
        Ok(id)
    }

    fn make_experiment(
        &mut self,
        name: &str,
        id: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), Error> {
        for (key, value) in tags {
            if is_name(key) {
                self.write(&format!("{id}/tags/{key}"), value.as_bytes())?;
            }
        }
        let meta = [
            ("artifact_location", self.uri(id).into()),
            ("creation_time", self.now.into()),
            ("experiment_id", id.into()),
            ("last_update_time", self.now.into()),
            ("lifecycle_stage", "active".into()),
            ("name", name.into()),
        ];
        self.write(&format!("{id}/{META}"), yaml(&meta).as_bytes())?;
        self.experiments.push(Experiment {
            id: id.to_owned(),
            name: name.to_owned(),
            ..Experiment::default()
        });
        Ok(())
    }

    fn uri(&self, path: &str) -> String {
        let root = percent_encode(self.root.as_os_str().as_bytes(), PLAIN);
        format!("file://{root}/{}", percent_encode(path.as_bytes(), PLAIN))
    }

    /// Writes a run of the experiment with this id; what the store can't hold is named.
    pub fn put(
        &mut self,
        experiment: &str,
        run: &Run,
        content: &Content,
        refused: &mut Refused,
    ) -> Result<(), Error> {
        let path = format!("{experiment}/{}", run.id);
        let failed = self.failed(&path);
        self.top.make_below(experiment.into()).map_err(|error| failed(error.into()))?;
        let folder = self.top.below(experiment.into()).map_err(&failed)?;
        folder.remove_all(BStr::new(run.id.as_bytes())).map_err(&failed)?;
        for part in ["metrics", "params", "tags", "artifacts"] {
            self.make(&format!("{path}/{part}"))?;
        }
        for (part, pairs) in [("params", &run.params), ("tags", &run.tags)] {
            let mut names = Names::default();
            for (key, value) in pairs {
                match names.take(key) {
                    Some(name) => self.write(&format!("{path}/{part}/{name}"), value.as_bytes())?,
                    None => refused
                        .push(&format!("{}: {part} `{key}` has a name that a store can't hold", run.id)),
                }
            }
        }
        self.points(&path, run, content, refused)?;
        for (name, opened) in content.artifacts() {
            let copy = || {
                let mut from = opened?;
                let mut to = self.top.create_file_below(&Path::new(&path).join("artifacts").join(name))?;
                io::copy(&mut from, &mut to)
            };
            copy().map_err(self.failed(&format!("{path}/artifacts/{}", name.display())))?;
        }
        for input in &run.inputs {
            self.input(experiment, run, input)?;
        }
        self.write(&format!("{path}/{META}"), self.describe(experiment, run).as_bytes())
    }

    fn describe(&self, experiment: &str, run: &Run) -> String {
        let status = match run.status {
            RunStatus::Running => 1,
            RunStatus::Scheduled => 2,
            RunStatus::Finished => 3,
            RunStatus::Failed => 4,
            RunStatus::Killed => 5,
        };
        yaml(&[
            ("artifact_uri", self.uri(&format!("{experiment}/{}/artifacts", run.id)).into()),
            ("end_time", run.end.map_or(Value::Null, Value::from)),
            ("entry_point_name", "".into()),
            ("experiment_id", experiment.into()),
            ("lifecycle_stage", if run.hidden { "deleted" } else { "active" }.into()),
            ("run_id", run.id.as_str().into()),
            ("run_name", run.shown_name().into()),
            ("run_uuid", run.id.as_str().into()),
            ("source_name", "".into()),
            ("source_type", 4.into()),
            ("source_version", "".into()),
            ("start_time", run.start.into()),
            ("status", status.into()),
            ("tags", Value::Array(Vec::new())),
            ("user_id", run.user.as_str().into()),
        ])
    }

    /// Writes the points of each metric into a file of its own.
    fn points(&self, path: &str, run: &Run, content: &Content, refused: &mut Refused) -> Result<(), Error> {
        let mut names = Names::default();
        // By the metric: its file, and what is still to be written.
        let mut metrics: BTreeMap<String, (Option<String>, String)> = BTreeMap::new();
        let mut bytes = 0;
        let mut take = |key: &str, point: crate::mlflow::state::Point| {
            let metric = match metrics.get_mut(key) {
                Some(metric) => metric,
                None => metrics.entry(key.to_owned()).or_insert_with(|| (names.take(key), String::new())),
            };
            if metric.0.is_some() {
                let before = metric.1.len();
                writeln!(metric.1, "{} {} {}", point.time, python(point.value), point.step)
                    .map_err(io::Error::other)?;
                bytes += metric.1.len() - before;
            }
            if bytes > MLFLOW_UNWRITTEN {
                bytes = 0;
                self.append(path, &mut metrics)?;
            }
            Ok(())
        };
        let failed = self.failed(&format!("{path}/metrics"));
        content.points(&mut take).map_err(&failed)?;
        self.append(path, &mut metrics).map_err(&failed)?;
        for (key, _) in metrics.iter().filter(|(_, (name, _))| name.is_none()) {
            refused.push(&format!("{}: metric `{key}` has a name that a store can't hold", run.id));
        }
        Ok(())
    }

    fn append(&self, path: &str, metrics: &mut BTreeMap<String, (Option<String>, String)>) -> io::Result<()> {
        for (name, lines) in metrics.values_mut() {
            let Some(name) = name.as_ref().filter(|_| !lines.is_empty()) else { continue };
            let file = format!("{path}/metrics/{name}");
            let (above, _) = azml_core::dir::split(file.as_bytes().as_bstr());
            self.top.make_below(above).map_err(io::Error::from)?;
            // The folder is azml's own, made a moment ago.
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(self.root.join(&file))?
                .write_all(lines.as_bytes())?;
            lines.clear();
        }
        Ok(())
    }

    /// Writes a data set that a run reads.
    fn input(&self, experiment: &str, run: &Run, input: &Value) -> Result<(), Error> {
        let set = &input["dataset"];
        let text = |key: &str| set[key].as_str().unwrap_or_default();
        let hash = |text: String| experiment_hash(&text)[..32].to_owned();
        let id = hash(format!("{}\n{}", text("name"), text("digest")));
        let fields = ["digest", "name", "profile", "schema", "source", "source_type"];
        let fields = fields.map(|field| (field, set.get(field).cloned().unwrap_or(Value::Null)));
        self.write(&format!("{experiment}/datasets/{id}/{META}"), yaml(&fields).as_bytes())?;
        let mut meta = yaml(&[
            ("destination_id", id.as_str().into()),
            ("destination_type", "RUN".into()),
            ("source_id", id.as_str().into()),
            ("source_type", "DATASET".into()),
        ]);
        meta.push_str("tags:");
        let tags = input["tags"].as_array().into_iter().flatten();
        let tags: Vec<_> =
            tags.filter_map(|tag| Some((tag["key"].as_str()?, tag["value"].as_str()?))).collect();
        meta.push_str(if tags.is_empty() { " {}\n" } else { "\n" });
        for (key, value) in tags {
            writeln!(meta, "  {}: {}", quoted(key), quoted(value)).expect("a string takes all text");
        }
        let of_run = hash(format!("{id}\n{}", run.id));
        self.write(&format!("{experiment}/{}/inputs/{of_run}/{META}", run.id), meta.as_bytes())
    }
}

/// Returns whether MLflow takes a key.
pub fn is_name(key: &str) -> bool {
    text::is_name(key, MLFLOW_KEY)
}

/// The names of one kind of values in a run: no two are one file, or a file and a folder.
#[derive(Debug, Default)]
struct Names(std::collections::BTreeSet<String>);

impl Names {
    /// The name of the file for a key; none if there can be none.
    fn take(&mut self, key: &str) -> Option<String> {
        if !is_name(key) || self.0.contains(key) {
            return None;
        }
        let below = format!("{key}/");
        let is_folder = self.0.range(below.clone()..).next().is_some_and(|next| next.starts_with(&below));
        let is_below_file = key.match_indices('/').any(|(at, _)| self.0.contains(&key[..at]));
        if is_folder || is_below_file {
            return None;
        }
        self.0.insert(key.to_owned());
        Some(key.to_owned())
    }
}

fn experiment_hash(text: &str) -> String {
    gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, text.as_bytes())
        .expect("a text in memory has a SHA-1")
        .to_string()
}

/// An id that follows from the name, of digits alone.
fn experiment_id(name: &str, salt: u32) -> String {
    let hash = experiment_hash(&format!("{name}\n{salt}"));
    let number = u64::from_str_radix(&hash[..15], 16).unwrap_or_default();
    // 15 hex digits are 18 or 19 decimal ones.
    format!("{:018}", 100_000_000_000_000_000 + number % 800_000_000_000_000_000)[..ID_DIGITS].to_owned()
}

/// Fields, one a line; texts are quoted, so that no reader takes one for a date or a number.
fn yaml(fields: &[(&str, Value)]) -> String {
    let mut out = String::new();
    for (key, value) in fields {
        let value = match value {
            Value::String(text) => quoted(text),
            other => other.to_string(),
        };
        writeln!(out, "{key}: {value}").expect("a string takes all text");
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::files::parse_meta;
    use super::super::text::points;
    use super::*;
    use crate::limits::MLFLOW_POINT;

    #[test]
    fn numbers_are_written_as_python_prints_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e-5, "1e-05"),
            (1.5e300, "1.5e+300"),
            (1e22, "1e+22"),
            (-0.0, "-0.0"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(python(value), text);
        }
    }

    #[test]
    fn a_name_is_a_plain_path() {
        for (key, is) in [
            ("loss", true),
            ("val/acc", true),
            ("größe 1:2", true),
            ("", false),
            ("/etc", false),
            ("a//b", false),
            ("../x", false),
            ("a/..", false),
            ("a%", false),
            (&"x".repeat(251), false),
        ] {
            assert_eq!(is_name(key), is, "{key}");
        }
        let mut names = Names::default();
        let taken = ["a/b", "a", "c", "c/d", "c"].map(|key| names.take(key).is_some());
        assert_eq!(taken, [true, false, true, false, false]);
    }

    proptest! {
        #[test]
        fn a_quoted_text_reads_as_itself(text in "\\PC*|[\\x00-\\x{a0}\\x{2028}\\x{feff}\"\\\\]*|[0-9:-]*|yes|null") {
            let meta = parse_meta(&yaml(&[("name", text.clone().into())])).unwrap();
            prop_assert_eq!(meta["name"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn a_point_reads_as_it_was_written(value: f64, time: i64, step: i64) {
            let line = format!("{time} {} {step}\n", python(value));
            let mut read = Vec::new();
            let bad = points(line.as_bytes(), MLFLOW_POINT, &mut |row| { read.push(row); Ok(()) }).unwrap();
            prop_assert!(bad.is_none() && read.len() == 1);
            prop_assert_eq!((read[0].0, read[0].2), (time, step));
            prop_assert!(read[0].1.to_bits() == value.to_bits() || value.is_nan() && read[0].1.is_nan());
        }

        #[test]
        fn foreign_bytes_stop_nothing(bytes: Vec<u8>) {
            points(bytes.as_slice(), 16, &mut |_| Ok(())).unwrap();
            drop(parse_meta(&String::from_utf8_lossy(&bytes)));
        }
    }
}
