//! The points and the artifacts of a run that is put into a store.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use azml_core::dir::Dir;

use super::TakePoint;
use crate::limits::{METRIC_LINE, METRICS_FILE};
use crate::mlflow::points::Logged;
use crate::mlflow::state::Point;

/// A run's points and artifacts, which are in a folder.
#[derive(Debug, Default)]
pub struct Content {
    /// The folder; none if it is not here.
    pub folder: Option<PathBuf>,
    /// The file of points in it, if there is one.
    pub points: Option<PathBuf>,
    /// The values of the metrics that the file has no point of.
    pub values: Vec<(String, Point)>,
    /// The time of points that have none, in milliseconds since 1970.
    pub time: i64,
    /// The artifacts in the folder: the path among the run's artifacts, and the file.
    pub artifacts: Vec<(PathBuf, PathBuf)>,
    /// The folder of the run around this one, if it has files of this one.
    pub around: Option<PathBuf>,
    /// The artifacts in that.
    pub artifacts_around: Vec<(PathBuf, PathBuf)>,
}

impl Content {
    /// Every point. Points without a step are counted, metric by metric.
    pub fn points(&self, take: TakePoint<'_>) -> io::Result<()> {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        if let (Some(folder), Some(name)) = (&self.folder, &self.points) {
            let file = Dir::open(folder)?.open_file_below(name)?;
            let (mut reader, mut line) = (BufReader::new(file.take(METRICS_FILE)), Vec::new());
            loop {
                line.clear();
                if (&mut reader).take(METRIC_LINE).read_until(b'\n', &mut line)? == 0 {
                    break;
                }
                let Some(logged) = Logged::parse(&line) else { continue };
                let count = match counts.get_mut(&logged.name) {
                    Some(count) => count,
                    None => counts.entry(logged.name.clone()).or_default(),
                };
                for point in logged.points(count, self.time) {
                    take(&logged.name, point)?;
                }
            }
        }
        for (name, point) in &self.values {
            if !counts.contains_key(name) {
                take(name, *point)?;
            }
        }
        Ok(())
    }

    /// Opens the artifacts, one after another.
    pub fn artifacts(&self) -> impl Iterator<Item = (&Path, io::Result<File>)> {
        let of = |folder: &Option<PathBuf>, file: &Path| {
            let folder = folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
            Dir::open(folder)?.open_file_below(file)
        };
        let own = self.artifacts.iter().map(move |(path, file)| (path.as_path(), of(&self.folder, file)));
        let around =
            self.artifacts_around.iter().map(move |(path, file)| (path.as_path(), of(&self.around, file)));
        own.chain(around)
    }
}
