//! Several runs beside one another: what differs, their curves in one drawing, and their code.

use std::collections::{BTreeMap, BTreeSet};

use azml_core::run::RunRecord;
use maud::{Markup, html};
use serde_json::Value;

use super::chart::Chart;
use super::curves::{self, RunCurves};
use super::layout::{self, Page};
use super::page_context::PageContext;
use super::reply::Reply;
use super::request::{Request, encode};
use super::{code, fetching, format, plots};
use crate::error::CommandError;
use crate::ops::compare::MOST;
use crate::ops::compare::records::{self, Line};

/// So many drawings are on one page.
const CHARTS: usize = 12;
/// The beginning of the names of parameters among the properties.
const PARAMETERS: &str = "parameters.";

/// The page.
pub fn page(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    let ids: Vec<&str> = request.query.all("run").filter(|id| !id.is_empty()).collect();
    let mut runs: Vec<RunRecord> = Vec::new();
    for id in &ids {
        let record = context.run(id)?;
        if !runs.iter().any(|run| run.run_id == record.run_id) {
            runs.push(record);
        }
    }
    // From the oldest to the newest, however they were chosen: a difference is what came later.
    runs.sort_by_key(|run| run.created_utc);
    let too_many = runs.len() > MOST;
    runs.truncate(MOST);
    let all = request.query.has("all");
    let here = path(&runs, all);
    let body = html! {
        nav.crumbs aria-label="Where this is" { a href="/" { "Runs" } " / compare" }
        h1 { "Compare runs" }
        @if too_many { p.note { "At most " (MOST) " runs are compared: these are the first that were chosen." } }
        (chosen(&runs, all))
        @if runs.len() < 2 {
            p.note { "Choose two runs or more: tick them in the " a href="/" { "list of runs" } ", or add their numbers or ids here." }
        } @else {
            (tables(&runs, all))
            (curves(context, &runs)?)
            (snapshots(context, request, &runs, &here)?)
        }
    };
    let page = Page { title: "Compare runs", live: false, here: &here };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

fn path(runs: &[RunRecord], all: bool) -> String {
    let runs = runs.iter().map(|run| format!("run={}", encode(run.run_id.as_str())));
    let pairs: Vec<String> = runs.chain(all.then(|| "all=1".to_owned())).collect();
    format!("/compare?{}", pairs.join("&"))
}

/// The address of the charts of these runs.
fn charts(runs: &[RunRecord]) -> String {
    let runs = runs.iter().map(|run| run.run_id.to_string()).collect();
    plots::View { runs, ..plots::View::default() }.path()
}

/// The compared runs, and a form that changes them.
fn chosen(runs: &[RunRecord], all: bool) -> Markup {
    let without = |at: usize| {
        let mut rest = runs.to_vec();
        rest.remove(at);
        path(&rest, all)
    };
    html! {
        ul.chosen {
            @for (at, run) in runs.iter().enumerate() {
                li {
                    a href=(format::run_path(run, "")) { (format::run_name(run)) } " " (format::status(run.status))
                    a.button href=(without(at)) aria-label={ "Leave out " (format::run_name(run)) } { "×" }
                }
            }
        }
        div.bar {
            @if runs.len() < MOST {
                form method="get" action="/compare" {
                    @for run in runs { input type="hidden" name="run" value=(run.run_id.as_str()); }
                    @if all { input type="hidden" name="all" value="1"; }
                    label for="add" { "Run id" }
                    " " input #add name="run" required size="26" autocomplete="off";
                    " " button { "Add" }
                }
            }
            @if runs.len() > 1 {
                a.button href=(charts(runs)) { "Charts" }
                @if all { a.button href=(path(runs, false)) { "Show only what differs" } }
                @else { a.button href=(path(runs, true)) { "Show also what is the same" } }
            }
        }
    }
}

fn tables(runs: &[RunRecord], all: bool) -> Markup {
    let (metrics, properties) = (records::metrics(runs), records::properties(runs));
    let shown = |lines: Vec<Line>| -> Vec<Line> {
        lines.into_iter().filter(|line| all || (line.differs() && !line.is_identity)).collect()
    };
    let (mut metrics, properties) = (shown(metrics), shown(properties));
    let (parameters, properties): (Vec<Line>, Vec<Line>) =
        properties.into_iter().partition(|line| line.name.starts_with(PARAMETERS));
    // Lists are drawn.
    metrics.retain(|line| !line.values.iter().any(Value::is_array));
    html! {
        section aria-labelledby="h-metrics" {
            h2 #h-metrics { "Metrics" }
            @if metrics.is_empty() { p.quiet { "No metric differs." } } @else { (table("Metric", runs, &metrics, true)) }
        }
        @if !parameters.is_empty() {
            section aria-labelledby="h-parameters" {
                h2 #h-parameters { "Parameters" }
                (table("Parameter", runs, &parameters, false))
            }
        }
        section aria-labelledby="h-props" {
            h2 #h-props { "Properties" }
            @if properties.is_empty() { p.quiet { "No property differs." } } @else { (table("Property", runs, &properties, false)) }
        }
    }
}

fn table(what: &str, runs: &[RunRecord], lines: &[Line], numbers: bool) -> Markup {
    let difference = numbers && runs.len() == 2;
    html! {
        div.scroll tabindex="0" role="region" aria-label={ (what) " of the runs" } {
            table.compare {
                thead {
                    tr {
                        th scope="col" { (what) }
                        @for run in runs { th scope="col" class=[numbers.then_some("n")] { (format::run_name(run)) } }
                        @if difference { th.n scope="col" { "Difference" } }
                    }
                }
                tbody {
                    @for line in lines {
                        tr {
                            th scope="row" { (format::short(line.name.strip_prefix(PARAMETERS).unwrap_or(&line.name), 60)) }
                            @for value in &line.values {
                                td class=[(numbers && (value.is_number() || value.is_null())).then_some("n")] { (format::value(value)) }
                            }
                            @if difference {
                                td.n { @if let Some(change) = line.difference().filter(|change| *change != 0.0) { (format::change(change, 6)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Every curve that one of the runs has, those of all runs in one drawing.
fn curves(context: &PageContext<'_>, runs: &[RunRecord]) -> Result<Markup, CommandError> {
    let drawn: Vec<RunCurves> =
        runs.iter().map(|run| RunCurves::of(context, run)).collect::<Result<_, _>>()?;
    let all: Vec<_> = drawn.iter().map(RunCurves::all).collect();
    let names: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).copied().collect();
    let charts: Vec<Chart> = names
        .into_iter()
        .take(CHARTS)
        .map(|name| {
            let of_runs = runs.iter().zip(&all);
            curves::chart(
                name,
                of_runs.filter_map(|(run, curves)| Some((format::run_name(run), *curves.get(name)?))),
            )
        })
        .collect();
    Ok(html! {
        @if !charts.is_empty() {
            section aria-labelledby="h-curves" {
                h2 #h-curves { "Curves" }
                div.charts { @for (at, chart) in charts.iter().enumerate() { (chart.render(&format!("curve-{at}"), true)) } }
            }
        }
    })
}

/// The code of each run beside the first one's.
fn snapshots(
    context: &PageContext<'_>,
    request: &Request,
    runs: &[RunRecord],
    here: &str,
) -> Result<Markup, CommandError> {
    let mut trees = Vec::new();
    for run in runs {
        trees.push(match run.commit_id() {
            Some(_) => fetching::tree_of(context, run)?,
            None => None,
        });
    }
    let mut sections = Vec::new();
    for (run, tree) in runs.iter().zip(&trees).skip(1) {
        let inner = match (trees[0], tree) {
            (Some(first), Some(tree)) => code::differences(context, request, first.id, tree.id)?,
            (first, _) => {
                let absent = if first.is_none() { &runs[0] } else { run };
                if absent.commit_id().is_some() {
                    fetching::fetch(context, absent, here)
                } else {
                    html! { p.quiet { "The record of " (format::run_name(absent)) " names no snapshot." } }
                }
            }
        };
        sections.push((run, inner));
    }
    Ok(html! {
        section aria-labelledby="h-code" {
            h2 #h-code { "Code" }
            @for (run, inner) in &sections {
                h3 { "From " (format::run_name(&runs[0])) " to " (format::run_name(run)) }
                (inner)
            }
        }
    })
}
