//! The list of runs: its page.

pub mod field;
pub mod filter;
mod form;
mod holds;
mod rows;
#[cfg(test)]
mod tests;
pub mod view;

use std::collections::{BTreeMap, HashMap};

use azml_core::restore;
use azml_core::run::{Metric, RunRecord};
use jiff::Timestamp;
use maud::{Markup, html};

use self::field::{Field, Has, Now};
use self::filter::{Filter, FilterError};
use self::view::View;
use super::chart::{Chart, Series};
use super::format;
use super::layout::{self, Page};
use super::page_context::PageContext;
use super::plots;
use super::reply::Reply;
use super::request::Request;
use crate::error::CommandError;

/// The most metrics, and the most parameters, that are columns by default.
const USUAL: usize = 5;
/// The newest runs whose parameters can be columns.
const LOOKED_THROUGH: usize = 1000;
/// The charts above the list show so many runs at most.
const CHARTED: usize = 200;
/// The most metrics that are charted.
const CHARTS: usize = 2;

/// The contents of the page.
pub struct Found<'a> {
    /// The number of all runs.
    pub total: usize,
    /// Those that the filter means, in the order that is wanted.
    pub runs: Vec<&'a RunRecord>,
    /// The metrics that can be columns, those that most runs have first.
    pub metrics: Vec<String>,
    /// The parameters of the newest runs, which can be columns, too.
    pub parameters: Vec<String>,
    /// The columns beside the usual ones, by the names of their fields.
    pub columns: Vec<String>,
    /// The fault of the filter.
    pub error: Option<FilterError>,
}

/// Looks through all runs.
pub fn find<'a>(all: impl Iterator<Item = &'a RunRecord>, view: &View, now: &Now) -> Found<'a> {
    let (filter, error) = match Filter::parse(&view.filter) {
        Ok(filter) => (filter, None),
        Err(error) => (Filter::default(), Some(error)),
    };
    let mut total = 0;
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut runs = Vec::new();
    for record in all {
        total += 1;
        if error.is_none() && filter.holds(record, now) {
            for (name, _) in record.metrics.iter().filter(|(_, metric)| is_cell(metric)) {
                *counts.entry(name).or_default() += 1;
            }
            runs.push(record);
        }
    }
    let mut counted: Vec<(usize, &str)> = counts.into_iter().map(|(name, count)| (count, name)).collect();
    counted.sort_by(|one, two| two.0.cmp(&one.0).then_with(|| one.1.cmp(two.1)));
    let metrics: Vec<String> = counted.into_iter().map(|(_, name)| Field::metric(name).name()).collect();
    let (parameters, varying) = parameters(&runs[..runs.len().min(LOOKED_THROUGH)]);
    let columns = view.columns.clone().unwrap_or_else(|| {
        let mut usual: Vec<String> = metrics.iter().take(USUAL).cloned().collect();
        usual.sort();
        usual.extend(varying.into_iter().take(USUAL));
        usual
    });
    sort(&mut runs, view, now);
    Found { total, runs, metrics, parameters, columns, error }
}

/// The parameters of some runs, and those of them in which two runs differ.
fn parameters(runs: &[&RunRecord]) -> (Vec<String>, Vec<String>) {
    let mut all: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for (name, text) in runs.iter().flat_map(|run| &run.parameters) {
        let known = all.entry(name).or_insert((text, false));
        known.1 |= known.0 != text;
    }
    let column = |name: &str| Field::Parameter(name.to_owned()).name();
    let varying = all.iter().filter(|(_, (_, varies))| *varies);
    (all.keys().map(|name| column(name)).collect(), varying.map(|(name, _)| column(name)).collect())
}

/// Returns whether a metric has a place in a cell.
pub fn is_cell(metric: &Metric) -> bool {
    match metric {
        Metric::Number(_) | Metric::Text(_) => true,
        Metric::List(_) => false,
        Metric::Other(value) => value.is_boolean(),
    }
}

fn sort(runs: &mut [&RunRecord], view: &View, now: &Now) {
    // What is looked up once is compared often.
    for sort in view.sort.iter().rev() {
        let field = Field::parse(&sort.by);
        let mut keyed: Vec<(Has, &RunRecord)> = runs.iter().map(|run| (field.of(run, now), *run)).collect();
        keyed.sort_by(|one, two| one.0.order(&two.0, sort.descending));
        for (slot, (_, run)) in runs.iter_mut().zip(keyed) {
            *slot = run;
        }
    }
}

/// The page.
pub fn page(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    let mut view = View::of(&request.query);
    let now = Now { time: context.ctx.env.now(), zone: context.ctx.env.zone() };
    let listed = context.workbench.records.now(context)?;
    let found = find(listed.iter(), &view, &now);
    view.page = view.page.min(found.runs.len().div_ceil(view.rows).max(1));
    let going_on = found.runs.iter().filter(|run| !run.status.is_over()).count();
    let body = html! {
        h1.line { "Runs" @if found.total > 0 { " " span.count data-part="count" { (counted(&found)) } } }
        @if found.total == 0 {
            (nothing_yet(context))
        } @else {
            (form::render(&view, &found))
            div data-part="charts" { (charts(&found, &now)) }
            p.small { a href=(plots::View { filter: view.filter.clone(), ..plots::View::default() }.path()) { "Parameters and metrics of these runs in charts" } }
            (rows::render(&view, &found, &now))
            @if let Some(backup) = restore::newest_backup(&context.opened.history)? {
                p.small data-part="undo" {
                    "The last restore, " (format::moment(Timestamp::from_second(backup.seconds).unwrap_or_default(), &now.zone)) ", can be undone: "
                    a href="/undo" { "show what that would change" } "."
                }
            }
            p.live data-part="live" role="status" {
                @if going_on > 0 { (format::count(going_on, "run goes on", "runs go on")) ". " }
                noscript { a href=(view.path()) { "Reload" } " to see what is new." }
            }
        }
    };
    let title = if view.filter.is_empty() {
        "Runs".to_owned()
    } else {
        format!("Runs: {}", format::short(&view.filter, 100))
    };
    let page = Page { title: &title, live: true, here: "/" };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

fn counted(found: &Found<'_>) -> String {
    if found.runs.len() == found.total {
        format::grouped(found.total)
    } else {
        format!("{} of {}", format::grouped(found.runs.len()), format::grouped(found.total))
    }
}

fn nothing_yet(context: &PageContext<'_>) -> Markup {
    let azml = context.workbench.invoked.prefix();
    html! {
        section.empty {
            p { "This project has no runs yet. In the project's folder:" }
            (layout::command(&format!("{azml} experiment submit -c local SCRIPT")))
            p { "Before the script starts, the whole folder is kept as a snapshot; this page shows the run as it goes." }
        }
    }
}

/// The first metrics over the newest runs that the filter means, oldest first.
fn charts(found: &Found<'_>, now: &Now) -> Markup {
    let mut newest: Vec<&RunRecord> = found.runs.clone();
    newest.sort_by_key(|run| std::cmp::Reverse(run.created_utc));
    newest.truncate(CHARTED);
    newest.reverse();
    let charts: Vec<Chart> = found
        .columns
        .iter()
        .filter_map(|column| {
            let field = Field::parse(column);
            let points: Vec<(f64, f64)> = newest
                .iter()
                .filter_map(|run| match (Field::Number.of(run, now), field.of(run, now)) {
                    (Has::Number(x), Has::Number(y)) if y.is_finite() => Some((x, y)),
                    _ => None,
                })
                .collect();
            let is_one_value = points.iter().all(|point| point.1.total_cmp(&points[0].1).is_eq());
            (points.len() > 2 && !is_one_value).then(|| Chart {
                title: format!("{} by run", format::short(&shown(column), 40)),
                x: "Run".to_owned(),
                series: vec![Series::new(shown(column), points)],
                dots: true,
                whole_x: true,
            })
        })
        .take(CHARTS)
        .collect();
    html! {
        @if !charts.is_empty() {
            div.charts { @for (at, chart) in charts.iter().enumerate() { (chart.render(&format!("over-{at}"), false)) } }
        }
    }
}

/// A column's name as people read it.
fn shown(column: &str) -> String {
    let name = column.strip_prefix("metrics.").or_else(|| column.strip_prefix("parameters."));
    format::line(name.unwrap_or(column))
}
