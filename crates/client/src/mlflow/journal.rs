//! The files in which everything that was answered is kept: written before the answer, so that it survives azml.
//!
//! `mlflow/journal.jsonl` in the folder of a run in progress has one [`Event`] a line, the first being the azml run;
//! `mlflow/<run>.jsonl` has the points of a nested run, in the form of [`crate::metrics`]. The points of the azml run go to its
//! own file, with what it logs otherwise.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::state::{Event, Point, State};
use crate::limits::{METRICS_FILE, MLFLOW_BODY, MLFLOW_JOURNAL, MLFLOW_OPEN_FILES};
use crate::metrics::{Kind, Line};

/// The folder in that of a run in progress.
const FOLDER: &str = "mlflow";
const JOURNAL: &str = "journal.jsonl";
/// The version of the journal.
const VERSION: u64 = 1;

/// The first line.
#[derive(Deserialize, Serialize)]
struct Head {
    version: u64,
    run: String,
    user: String,
    start: i64,
}

/// The journal of a run in progress, as the server writes it.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    /// The file of the azml run's points.
    points: PathBuf,
    state: State,
    /// Made with the first event.
    file: Option<File>,
    bytes: u64,
    /// Files of points that are open: run, file, bytes.
    open: Vec<(String, File, u64)>,
}

impl Journal {
    /// For a run whose folder is `live`; nothing is written yet.
    pub fn new(live: &Path, points: PathBuf, state: State) -> Self {
        Self { folder: live.join(FOLDER), points, state, file: None, bytes: 0, open: Vec::new() }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Writes events, all or none, and takes them in.
    pub fn commit(&mut self, events: Vec<Event>) -> Result<(), Refusal> {
        if events.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for event in &events {
            serde_json::to_writer(&mut lines, event).expect("an event is JSON");
            lines.push(b'\n');
        }
        if self.bytes + lines.len() as u64 > MLFLOW_JOURNAL {
            return Err(Refusal::invalid(format!(
                "a run tells its tracking server at most {MLFLOW_JOURNAL} bytes beside its metrics; begin another run with: azml experiment submit"
            )));
        }
        self.append(&lines).map_err(|error| Refusal::not_written(&error))?;
        for event in events {
            self.state.apply(event);
        }
        Ok(())
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut file = if let Some(file) = self.file.take() { file } else { self.begin()? };
        let written = file.write_all(lines);
        if written.is_ok() {
            self.bytes += lines.len() as u64;
        } else {
            // A part of a line is no line.
            file.set_len(self.bytes)?;
            file.seek(io::SeekFrom::Start(self.bytes))?;
        }
        self.file = Some(file);
        written
    }

    /// Makes the file, with its first line.
    fn begin(&mut self) -> io::Result<File> {
        std::fs::create_dir_all(&self.folder)?;
        let mut file = File::create_new(self.folder.join(JOURNAL))?;
        let main = &self.state.runs[&self.state.main];
        let head =
            Head { version: VERSION, run: main.id.clone(), user: main.user.clone(), start: main.start };
        let mut line = serde_json::to_vec(&head)?;
        line.push(b'\n');
        file.write_all(&line)?;
        self.bytes = line.len() as u64;
        Ok(file)
    }

    /// Writes points of a run, all or none, and takes them in.
    pub fn points(&mut self, run: &str, points: &[(String, Point)]) -> Result<(), Refusal> {
        let mut lines = Vec::with_capacity(80 * points.len());
        for (key, point) in points {
            let value = number(point.value);
            Line {
                kind: Kind::Metric,
                name: key.clone(),
                value,
                step: Some(point.step),
                time: Some(point.time),
            }
            .write(&mut lines);
        }
        let at = self.open_points(run).map_err(|error| Refusal::not_written(&error))?;
        let (_, file, bytes) = &mut self.open[at];
        if *bytes + lines.len() as u64 > METRICS_FILE {
            return Err(Refusal::invalid(format!(
                "a run logs at most {METRICS_FILE} bytes of metrics; log fewer steps, or begin another run"
            )));
        }
        if let Err(error) = file.write_all(&lines) {
            // Others append here, too: what was begun becomes a line that is no metric.
            drop(file.write_all(b"\n"));
            return Err(Refusal::not_written(&error));
        }
        *bytes += lines.len() as u64;
        let Some(run) = self.state.runs.get_mut(run) else { return Ok(()) };
        for (key, point) in points {
            match run.metrics.get_mut(key) {
                Some(newest) if point.is_after(newest) => *newest = *point,
                Some(_) => {}
                None => {
                    run.bytes += key.len();
                    run.metrics.insert(key.clone(), *point);
                }
            }
        }
        Ok(())
    }

    /// The place in `open` of a run's file of points.
    fn open_points(&mut self, run: &str) -> io::Result<usize> {
        if let Some(at) = self.open.iter().position(|(open, _, _)| open == run) {
            return Ok(at);
        }
        if self.open.len() >= MLFLOW_OPEN_FILES {
            self.open.remove(0);
        }
        let path = self.points_of(run);
        if run != self.state.main {
            std::fs::create_dir_all(&self.folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = file.metadata()?.len();
        self.open.push((run.to_owned(), file, bytes));
        Ok(self.open.len() - 1)
    }

    /// The file of a run's points.
    pub fn points_of(&self, run: &str) -> PathBuf {
        if run == self.state.main { self.points.clone() } else { points_of(&self.folder, run) }
    }
}

fn points_of(folder: &Path, run: &str) -> PathBuf {
    folder.join(format!("{run}.jsonl"))
}

/// A number as JSON, or the text that MLflow has for one that JSON lacks.
pub fn number(value: f64) -> serde_json::Value {
    azml_core::run::Metric::from_f64(value).to_value()
}

/// Reads the state of a run's server from its files; nothing if no script spoke to it. A last line that was cut off was never
/// answered.
pub fn read(live: &Path) -> io::Result<Option<State>> {
    let path = live.join(FOLDER).join(JOURNAL);
    let file = match azml_core::small_file::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::new(file.take(MLFLOW_JOURNAL));
    let (mut state, mut line) = (None, Vec::new());
    loop {
        line.clear();
        let most = (8 * MLFLOW_BODY) as u64;
        if (&mut reader).take(most).read_until(b'\n', &mut line)? == 0 || !line.ends_with(b"\n") {
            return Ok(state);
        }
        match &mut state {
            None => match serde_json::from_slice::<Head>(&line) {
                Ok(head) if head.version == VERSION => {
                    state = Some(State::new(&head.run, &head.user, head.start));
                }
                Ok(head) => {
                    let what =
                        format!("{} has version {}: a newer azml wrote it", path.display(), head.version);
                    return Err(io::Error::other(what));
                }
                Err(error) => return Err(error.into()),
            },
            Some(state) => match serde_json::from_slice(&line) {
                Ok(event) => state.apply(event),
                Err(error) => tracing::warn!(%error, "a line of the tracking journal is skipped"),
            },
        }
    }
}

/// The file of a nested run's points, below the folder of a run in progress.
pub fn points_below(live: &Path, run: &str) -> PathBuf {
    points_of(&live.join(FOLDER), run)
}
