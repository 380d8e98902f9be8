//! The list of runs: its page.

pub mod field;
pub mod filter;
mod form;
mod holds;
mod rows;
#[cfg(test)]
mod tests;
pub mod view;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use azml_core::restore;
use azml_core::run::{Metric, Parts, RunRecord};
use jiff::Timestamp;
use maud::{Markup, html};

use self::field::{Field, Has, Now};
use self::filter::{Filter, FilterError};
use self::view::View;
use super::chart::{Chart, Series};
use super::elsewhere;
use super::format;
use super::layout::{self, Page};
use super::page_context::PageContext;
use super::plots;
use super::reply::Reply;
use super::request::Request;
use crate::error::CommandError;
use crate::ops::listed::Listed;

/// The most metrics, and the most parameters, that are columns by default.
const USUAL: usize = 5;
/// The newest runs whose metrics and parameters can be columns.
const LOOKED_THROUGH: usize = 1000;
/// The charts above the list show so many runs at most.
const CHARTED: usize = 200;
/// The most metrics that are charted.
const CHARTS: usize = 2;

/// The runs that a filter means.
pub struct Matches {
    /// The number of all runs.
    pub total: usize,
    /// The places of those that the filter means, in the order that is wanted.
    pub places: Vec<usize>,
    /// The number of these that go on.
    pub going_on: usize,
    /// The places of the newest of these.
    pub newest: Vec<usize>,
    /// The fault of the filter.
    pub error: Option<FilterError>,
}

/// The contents of the page.
pub struct Found {
    /// The runs that the filter means.
    pub matches: Matches,
    /// The number of the page, from 1.
    pub page: usize,
    /// The runs on the page.
    pub runs: Vec<RunRecord>,
    /// The newest runs that the filter means.
    pub newest: Vec<RunRecord>,
    /// The metrics of the newest runs, which can be columns: those that most runs have first.
    pub metrics: Vec<String>,
    /// The parameters of the newest runs, which can be columns, too.
    pub parameters: Vec<String>,
    /// The columns beside the usual ones, by the names of their fields.
    pub columns: Vec<String>,
}

/// Looks through all runs, and reads no more of each than the view looks at.
pub fn matches(listed: &Listed, view: &View, now: &Now) -> Matches {
    let (filter, error) = match Filter::parse(&view.filter) {
        Ok(filter) => (filter, None),
        Err(error) => (Filter::default(), Some(error)),
    };
    let sorts: Vec<(Field, bool)> =
        view.sort.iter().map(|sort| (Field::parse(&sort.by), sort.descending)).collect();
    let fields = filter.fields().chain(sorts.iter().map(|(field, _)| field));
    let names: Vec<&str> = fields.filter_map(Field::logged_name).collect();
    let (total, going_on) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut found = listed.select(Parts::Named(&names), |place, record| {
        if record.hidden {
            return None;
        }
        total.fetch_add(1, Ordering::Relaxed);
        if error.is_some() || !filter.holds(&record, now) {
            return None;
        }
        going_on.fetch_add(usize::from(!record.status.is_over()), Ordering::Relaxed);
        // What is looked up once is compared often.
        Some((place, sorts.iter().map(|(field, _)| field.of(&record, now)).collect::<Vec<Has>>()))
    });
    let newest = found.iter().take(LOOKED_THROUGH).map(|(place, _)| *place).collect();
    if !sorts.is_empty() {
        found.sort_by(|(_, one), (_, two)| {
            let orders = sorts.iter().zip(one.iter().zip(two));
            let orders = orders.map(|((_, descending), (one, two))| one.order(two, *descending));
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
    }
    let places = found.into_iter().map(|(place, _)| place).collect();
    Matches { total: total.into_inner(), places, going_on: going_on.into_inner(), newest, error }
}

/// Finds what the page shows.
pub fn find(listed: &Listed, view: &View, now: &Now) -> Found {
    let matches = matches(listed, view, now);
    let page = view.page.min(matches.places.len().div_ceil(view.rows).max(1));
    let rows: Vec<usize> =
        matches.places.iter().skip((page - 1) * view.rows).take(view.rows).copied().collect();
    let (runs, newest) = (listed.at(&rows), listed.at(&matches.newest));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let logged = newest.iter().flat_map(|record| &record.metrics);
    for (name, _) in logged.filter(|(_, metric)| is_cell(metric)) {
        *counts.entry(name).or_default() += 1;
    }
    let mut counted: Vec<(&str, usize)> = counts.into_iter().collect();
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let metrics: Vec<String> = counted.into_iter().map(|(name, _)| Field::metric(name).name()).collect();
    let (parameters, varying) = parameters(&newest);
    let columns = view.columns.clone().unwrap_or_else(|| {
        let mut usual: Vec<String> = metrics.iter().take(USUAL).cloned().collect();
        usual.sort();
        usual.extend(varying.into_iter().take(USUAL));
        usual
    });
    Found { matches, page, runs, newest, metrics, parameters, columns }
}

/// The parameters of some runs, and those of them in which two runs differ.
fn parameters(runs: &[RunRecord]) -> (Vec<String>, Vec<String>) {
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

/// The page.
pub fn page(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    elsewhere::look_beside(context)?;
    let mut view = View::of(&request.query);
    let now = Now { time: context.ctx.env.now(), zone: context.ctx.env.zone() };
    let found = find(&context.listed()?, &view, &now);
    view.page = found.page;
    let (total, going_on) = (found.matches.total, found.matches.going_on);
    let body = html! {
        h1.line { "Runs" @if total > 0 { " " span.count data-part="count" { (counted(&found.matches)) } } }
        @if total == 0 {
            (nothing_yet(context))
        } @else {
            (form::render(&view, &found))
            div data-part="charts" { (charts(&found, &now)) }
            p.small { a href=(plots::View { filter: view.filter.clone(), ..plots::View::default() }.path()) { "Parameters and metrics of these runs in charts" } " · " a href="/targets" { "Targets" } }
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

fn counted(found: &Matches) -> String {
    let count = found.places.len();
    if count == found.total {
        format::grouped(found.total)
    } else {
        format!("{} of {}", format::grouped(count), format::grouped(found.total))
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
fn charts(found: &Found, now: &Now) -> Markup {
    let newest: Vec<&RunRecord> = found.newest.iter().take(CHARTED).rev().collect();
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
