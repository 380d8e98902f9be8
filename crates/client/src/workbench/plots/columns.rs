//! The columns of many runs: which can be drawn, which are drawn unless somebody chooses, and their values.

use std::collections::{BTreeMap, BTreeSet};

use azml_core::run::RunRecord;

use crate::limits::{CHART_COLUMNS, CHARTED_COLUMNS};
use crate::workbench::format;
use crate::workbench::list::field::{Field, Has, Now};
use crate::workbench::list::is_cell;

/// Metrics that are drawn where no parameter varies.
const METRICS: usize = 6;
/// The fields beside parameters and metrics that can be drawn.
const MORE: [(&str, &str); 8] = [
    ("number", "run number"),
    ("duration", "duration in seconds"),
    ("status", "status"),
    ("exit", "exit code"),
    ("script", "script"),
    ("target", "target"),
    ("user", "user"),
    ("host", "computer"),
];

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name of its field.
    pub name: String,
    /// Its label.
    pub label: String,
}

/// The columns of some runs.
#[derive(Debug)]
pub struct Columns {
    /// All that can be chosen: parameters, metrics, then what every run has.
    pub offered: Vec<Column>,
    /// The parameters in which the runs differ.
    pub varying: Vec<Column>,
    /// The metric that most runs have and in which they differ.
    pub metric: Option<Column>,
    more_metrics: Vec<Column>,
    /// The varying parameters, those with the most values first.
    by_values: Vec<Column>,
}

impl Columns {
    /// The columns of these runs.
    pub fn of(runs: &[&RunRecord], now: &Now) -> Self {
        let mut parameters: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut metrics: BTreeMap<&str, usize> = BTreeMap::new();
        for run in runs {
            for (name, text) in &run.parameters {
                parameters.entry(name).or_default().insert(text);
            }
            for (name, _) in run.metrics.iter().filter(|(_, metric)| is_cell(metric)) {
                *metrics.entry(name).or_default() += 1;
            }
        }
        let parameter = |name: &str| {
            let label = format::short(name, 40);
            let is_metric = metrics.contains_key(name);
            let label = if is_metric { format!("{label} (parameter)") } else { label };
            Column { name: Field::Parameter(name.to_owned()).name(), label }
        };
        let metric = |name: &str| Column {
            name: Field::Metric(name.to_owned()).name(),
            label: format::short(name, 40),
        };
        let mut by_count: Vec<(&str, usize)> = metrics.iter().map(|(name, count)| (*name, *count)).collect();
        by_count.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let is_drawn = |column: &Column| is_varying_number(&column.values(runs, now));
        let mut drawn = by_count.iter().map(|(name, _)| metric(name)).filter(is_drawn);
        let (first, more_metrics) = (drawn.next(), drawn.take(METRICS - 1).collect());
        let varies = |name: &&str| parameters[name].len() > 1;
        let varying: Vec<&str> = parameters.keys().copied().filter(varies).collect();
        let mut by_values = varying.clone();
        by_values.sort_by_key(|name| std::cmp::Reverse(parameters[name].len()));
        let columns = |names: Vec<&str>| names.into_iter().map(parameter).collect();
        let more = MORE.map(|(name, label)| Column { name: name.to_owned(), label: label.to_owned() });
        Self {
            varying: columns(varying),
            by_values: columns(by_values),
            metric: first,
            more_metrics,
            offered: parameters
                .keys()
                .map(|name| parameter(name))
                .chain(by_count.iter().map(|(name, _)| metric(name)))
                .take(CHART_COLUMNS)
                .chain(more)
                .collect(),
        }
    }

    /// The column that an address names.
    pub fn named(&self, name: &str) -> Column {
        let known = self.offered.iter().find(|column| column.name == name);
        known.cloned().unwrap_or_else(|| Column { name: name.to_owned(), label: format::short(name, 40) })
    }

    /// The columns that are drawn unless somebody chooses: the parameters that vary and the first metric.
    pub fn usual(&self) -> Vec<Column> {
        let mut usual: Vec<Column> = self.varying.iter().take(CHARTED_COLUMNS - 1).cloned().collect();
        if usual.is_empty() {
            usual.clone_from(&self.more_metrics);
        }
        usual.extend(self.metric.clone());
        usual
    }

    /// The columns along which the runs are scattered and coloured unless somebody chooses.
    pub fn usual_scatter(&self) -> (Column, Column, Option<Column>) {
        let x = self.by_values.first().or(self.more_metrics.first());
        let x = x.cloned().unwrap_or_else(|| self.named("number"));
        let y = self.metric.clone().unwrap_or_else(|| self.named("duration"));
        (x, y, self.by_values.get(1).cloned())
    }
}

impl Column {
    /// Its values, a value for each run.
    pub fn values(&self, runs: &[&RunRecord], now: &Now) -> Vec<Has> {
        let field = Field::parse(&self.name);
        runs.iter().map(|run| field.of(run, now)).collect()
    }
}

/// Returns whether two of the values are different numbers.
fn is_varying_number(values: &[Has]) -> bool {
    let mut numbers = values.iter().filter(|value| matches!(value, Has::Number(_)));
    numbers.next().is_some_and(|first| numbers.any(|other| other != first))
}
