//! Everything that a run has logged so far, by the files in its folder.

use std::io;
use std::path::{Path, PathBuf};

use azml_core::run::RunRecord;

use super::secrets::Secrets;
use crate::{metrics, mlflow};

/// Metrics, parameters and tags, by whatever way they came.
#[derive(Clone, Debug, Default)]
pub struct Logged {
    pub own: metrics::Logged,
    /// The state of the tracking server.
    tracked: Option<mlflow::State>,
    live: PathBuf,
}

/// A run below the azml run.
#[derive(Clone, Debug)]
pub struct Child {
    pub record: RunRecord,
    /// The file of its metrics, if it says more than the record.
    pub points: Option<PathBuf>,
}

impl Logged {
    /// Reads what is in the folder of a run in progress.
    pub fn read(live: &Path) -> io::Result<Self> {
        let own = metrics::read(&live.join(metrics::FILE))?;
        Ok(Self { own, tracked: mlflow::read(live)?, live: live.to_owned() })
    }

    /// Gives the run's record what was logged.
    pub fn put_in(&self, record: &mut RunRecord) {
        self.own.put_in(record);
        if let Some(tracked) = &self.tracked {
            tracked.put_in(record);
        }
    }

    /// The runs below the one whose record is `main`.
    pub fn children(&self, main: &RunRecord, secrets: &Secrets) -> io::Result<Vec<Child>> {
        let Some(tracked) = &self.tracked else { return Ok(Vec::new()) };
        let child = |(id, mut record): (&str, RunRecord)| {
            let points = mlflow::points_below(&self.live, id);
            let logged = metrics::read(&points)?;
            logged.put_in(&mut record);
            secrets.mask_logged(&mut record);
            Ok(Child { record, points: logged.repeated.then_some(points) })
        };
        tracked.child_records(main).map(child).collect()
    }
}
