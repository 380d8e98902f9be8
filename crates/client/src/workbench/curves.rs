//! The curves of runs: those last shown stay in memory, and a file that has grown is read on from where it ended.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use azml_core::id::RunId;
use azml_core::run::{Metric, RunRecord};
use serde_json::Value;

use super::chart::{Chart, Series};
use super::page_context::PageContext;
use super::{format, log};
use crate::error::CommandError;
use crate::metrics::{self, Curves, Sketch};
use crate::ops::runs;

/// Runs whose curves stay in memory: a comparison shows so many.
const KEPT: usize = 16;

type Shared = Arc<Mutex<Arc<Curves>>>;

/// The curves of the runs that were shown last, the newest at the end.
#[derive(Debug, Default)]
pub struct KnownCurves(Mutex<Vec<(RunId, Shared)>>);

impl KnownCurves {
    /// Those of a run, whose file of metrics is `file`.
    fn read(&self, run: &RunId, file: File) -> io::Result<Arc<Curves>> {
        let shared = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let at = known.iter().position(|(other, _)| other == run);
            let entry = at.map_or_else(|| (run.clone(), Shared::default()), |at| known.remove(at));
            if known.len() >= KEPT {
                known.remove(0);
            }
            let shared = Arc::clone(&entry.1);
            known.push(entry);
            shared
        };
        let mut curves = shared.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut curves).read_on(file)?;
        Ok(Arc::clone(&curves))
    }
}

/// The curves of one run.
#[derive(Debug)]
pub struct RunCurves {
    /// Those that were logged as lists.
    lists: BTreeMap<String, Sketch>,
    /// Those that were logged value by value.
    logged: Arc<Curves>,
}

impl RunCurves {
    /// Lists of numbers that were logged, and numbers that were logged again and again.
    pub fn of(context: &PageContext<'_>, record: &RunRecord) -> Result<Self, CommandError> {
        let mut lists = BTreeMap::new();
        for (name, metric) in &record.metrics {
            if let Metric::List(values) = metric
                && values.len() > 1
                && values.iter().any(Value::is_number)
            {
                lists.insert(name.clone(), Sketch::of_list(values.iter().map(Value::as_f64)));
            }
        }
        let attachments = log::attachments(context, record);
        let failed = |error| CommandError::file("read", attachments.folder(), error);
        // Of a run that goes on here, or of one that logged a name more than once.
        let file = if record.status.is_over() {
            attachments.open(metrics::FILE.as_ref()).map_err(failed)?
        } else {
            let found = runs::unclosed(&context.ctx, &context.opened)?;
            let found = found.iter().find(|run| run.record.is_same_run(record));
            found.and_then(|run| azml_core::small_file::open(&run.metrics_file()).ok())
        };
        let known = &context.workbench.curves;
        let logged = file.map(|file| known.read(&record.run_id, file)).transpose().map_err(failed)?;
        Ok(Self { lists, logged: logged.unwrap_or_default() })
    }

    /// All of them, by name.
    pub fn all(&self) -> BTreeMap<&String, &Sketch> {
        self.logged.iter().chain(&self.lists).collect()
    }
}

/// One curve of some runs in one drawing: over the steps, if all of them have steps, else over the numbers of the values.
pub fn chart<'c>(name: &str, curves: impl IntoIterator<Item = (String, &'c Sketch)>) -> Chart {
    let curves: Vec<_> = curves.into_iter().collect();
    let by_step = curves.iter().all(|(_, curve)| curve.has_steps());
    let series = curves
        .into_iter()
        .map(|(name, curve)| Series { count: curve.numbers(), ..Series::new(name, curve.points(by_step)) });
    Chart {
        title: format::short(name, 60),
        x: if by_step { "Step" } else { "Value" }.to_owned(),
        series: series.collect(),
        dots: false,
        whole_x: true,
    }
}
