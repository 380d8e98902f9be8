//! One run: what it was, what it logged, what it said and left, and the way back to its code.

use azml_core::quote::quoted;
use azml_core::run::{Metric, RunRecord, Status};
use maud::{Markup, html};
use serde_json::Value;

use super::curves::{self, RunCurves};
use super::layout::{self, Page};
use super::list::filter::quote;
use super::list::view::View as ListView;
use super::page_context::PageContext;
use super::reply::Reply;
use super::request::{Request, encode};
use super::{code, elsewhere, fetching, format, log, outputs, plots};
use crate::env::host_name;
use crate::error::CommandError;
use crate::ops::compare::code::{Detail, changes};
use crate::ops::remote::Handle;
use crate::ops::{mlflow, runs, sweep};
use crate::run::keeping::{self, Where};
use crate::run::kept;
use crate::text::size;

/// The most files that are listed of those that a run wrote beside its outputs.
const KEPT_FILES: usize = 100;
/// So many charts are on one page.
const CHARTS: usize = 24;

/// The page.
pub fn page(context: &PageContext<'_>, request: &Request, id: &str) -> Result<Reply, CommandError> {
    elsewhere::look_beside(context)?;
    let record = context.run(id)?;
    let listed = context.listed()?;
    let (older, newer) = listed.around(&record);
    let title = format::run_name(&record);
    let here = format::run_path(&record, "");
    let body = html! {
        nav.crumbs aria-label="Where this is" {
            a href="/" { "Runs" } " / " (title)
            span.steps {
                @if let Some(older) = &older { a href=(format::run_path(older, "")) rel="prev" { "← " (format::run_name(older)) } }
                @if let Some(newer) = &newer { a href=(format::run_path(newer, "")) rel="next" { (format::run_name(newer)) " →" } }
            }
        }
        div.head {
            div {
                h1 { (title) @if let Some(name) = &record.name { " " (format::short(name, 60)) } }
                p.id { code { (format::line(record.run_id.as_str())) } " " button type="button" data-copy=(record.run_id.as_str()) hidden { "Copy" } }
            }
            (doings(context, &record, older.as_ref()))
        }
        @if let Some(text) = &record.description { p { (format::short(text, 2000)) } }
        div data-part="facts" { (facts(context, &record)) }
        div data-part="metrics" { (logged(context, &record, older.as_ref())?) }
        div data-part="parameters" {
            (texts("Parameters", "h-parameters", record.parameters.iter()))
            (texts("Tags", "h-tags", record.tags.iter().filter(|(name, _)| !name.starts_with("mlflow."))))
        }
        section aria-labelledby="h-log" { h2 #h-log { "Log" } (log::tail(context, &record)?) }
        section aria-labelledby="h-out" data-part="outputs" { h2 #h-out { "Outputs and logs" } (outputs::section(context, &record)?) }
        (kept_files(context, &record)?)
        section aria-labelledby="h-code" { h2 #h-code { "Code" } (code_section(context, &record, older.as_ref())?) }
        section aria-labelledby="h-all" { h2 #h-all { "Properties" } (properties(&record)) }
    };
    let page = Page { title: &title, live: !record.status.is_over(), here: &here };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

fn doings(context: &PageContext<'_>, record: &RunRecord, older: Option<&RunRecord>) -> Markup {
    let is_here = record.host.as_deref().is_none_or(|host| host == host_name());
    // What a run without its azml has left running can be ended, too.
    let may_cancel = if Handle::of(record).is_some() {
        !record.status.is_over()
    } else {
        is_here && (!record.status.is_over() || record.status == Status::NotResponding)
    };
    html! {
        div.doings {
            @if record.commit_id().is_some() {
                a.button.primary href=(format::run_path(record, "/restore")) { "Restore Project Snapshot" }
            }
            @if let Some(older) = &older {
                a.button href={ "/compare?run=" (encode(older.run_id.as_str())) "&run=" (encode(record.run_id.as_str())) } {
                    "Compare with " (format::run_name(older))
                }
            }
            @if sweep::Definition::is_in(record) {
                a.button href=(of_sweep(record, |filter| ListView { filter, ..ListView::default() }.path())) { "Its runs" }
                a.button href=(of_sweep(record, |filter| plots::View { filter, ..plots::View::default() }.path())) { "Charts" }
            }
            @if may_cancel {
                form method="post" action=(format::run_path(record, "/cancel")) data-part="cancel" {
                    (layout::hidden(context, &format::run_path(record, "")))
                    button { "Cancel run" }
                }
            }
        }
    }
}

/// The address of a page about the runs of a sweep.
fn of_sweep(record: &RunRecord, path: impl Fn(String) -> String) -> String {
    path(format!("parent={}", quote(record.run_id.as_str())))
}

fn facts(context: &PageContext<'_>, record: &RunRecord) -> Markup {
    let env = &context.ctx.env;
    let zone = env.zone();
    let exit = record.exit_code.filter(|code| *code != 0);
    html! {
        dl.facts {
            div { dt { "Status" } dd { (format::status(record.status)) @if let Some(code) = exit { " with exit code " (code) } } }
            div { dt { "Script" } dd { code { (format::short(&format::command(record), 400)) } } }
            div { dt { "Started" } dd { (format::moment(record.start_time_utc.unwrap_or(record.created_utc), &zone)) } }
            @if let Some(length) = format::run_time(record, env.now()) {
                div { dt { "Duration" } dd { (format::duration(length)) } }
            }
            div { dt { "By" } dd { (format::short(&record.user_id, 80)) @if let Some(host) = &record.host { " on " (format::short(host, 80)) } } }
            div { dt { "Target" } dd { (format::short(&record.target, 80)) } }
            (elsewhere::fact(record))
        }
    }
}

/// The script's metrics: single values, then curves.
fn logged(
    context: &PageContext<'_>,
    record: &RunRecord,
    older: Option<&RunRecord>,
) -> Result<Markup, CommandError> {
    let single: Vec<(&String, String)> =
        record.metrics.iter().filter_map(|(name, metric)| Some((name, format::cell(metric)?))).collect();
    let drawn = RunCurves::of(context, record)?;
    let curves = drawn.all();
    let others: Vec<(&String, &Metric)> = record
        .metrics
        .iter()
        .filter(|(name, metric)| format::cell(metric).is_none() && !curves.contains_key(name))
        .collect();
    Ok(html! {
        @if !single.is_empty() || !curves.is_empty() || !others.is_empty() {
            section aria-labelledby="h-metrics" {
                h2 #h-metrics { "Metrics" }
                @if !single.is_empty() {
                    dl.tiles {
                        @for (name, value) in &single {
                            div {
                                dt { (format::short(name, 60)) }
                                dd { (value) @if let (Some(change), Some(older)) = (change(record, older, name), older) { " " span.change { (change) " since " (format::run_name(older).replace("Run ", "#")) } } }
                            }
                        }
                    }
                }
                @if !curves.is_empty() {
                    div.charts {
                        @for (at, (name, curve)) in curves.iter().take(CHARTS).enumerate() {
                            (curves::chart(name, [(format::short(name, 60), *curve)]).render(&format!("curve-{at}"), true))
                        }
                    }
                }
                @for (name, metric) in &others {
                    details { summary { (format::short(name, 60)) } pre tabindex="0" { (code::text(&format!("{:#}", metric.to_value()))) } }
                }
            }
        }
    })
}

/// By how much a number is more than the run before had.
fn change(record: &RunRecord, older: Option<&RunRecord>, name: &str) -> Option<String> {
    let (now, before) = (record.metrics.get(name)?.as_f64()?, older?.metrics.get(name)?.as_f64()?);
    let change = now - before;
    (change != 0.0 && change.is_finite()).then(|| format::change(change, 3))
}

/// Names and texts of a run; nothing if there are none.
fn texts<'r>(title: &str, id: &str, pairs: impl Iterator<Item = (&'r String, &'r String)>) -> Markup {
    let pairs: Vec<_> = pairs.collect();
    html! {
        @if !pairs.is_empty() {
            section aria-labelledby=(id) {
                h2 id=(id) { (title) }
                dl.facts {
                    @for (name, text) in pairs { div { dt { (format::short(name, 60)) } dd { (format::short(text, 200)) } } }
                }
            }
        }
    }
}

fn code_section(
    context: &PageContext<'_>,
    record: &RunRecord,
    older: Option<&RunRecord>,
) -> Result<Markup, CommandError> {
    let Some(commit) = record.commit_id() else {
        let why = mlflow::why_no_snapshot(record);
        return Ok(html! { p.quiet { (why.as_deref().unwrap_or("The record names no snapshot")) "." } });
    };
    let tree = fetching::tree_of(context, record)?;
    let before = match older.filter(|older| older.commit_id().is_some()) {
        Some(older) => fetching::tree_of(context, older)?.map(|tree| (older, tree)),
        None => None,
    };
    Ok(html! {
        p {
            "Snapshot " code { (commit.to_hex_with_len(10)) } ": "
            a href=(format::run_path(record, "/files")) { "all files" }
            @if before.is_some() { ", " a href=(format::run_path(record, "/diff")) { "what changed, line by line" } }
            "."
        }
        @match (tree, before) {
            (None, _) => (fetching::fetch(context, record, &format::run_path(record, ""))),
            (Some(tree), Some((older, before))) => {
                p.quiet { "Since " (format::run_name(older)) ":" }
                @match changes(context.opened.history.git(), before.id, tree.id, Detail { hunks: false, ..Detail::ALL }, context.interrupt.flag())? {
                    Some(files) => (code::stat(&files)),
                    None => (code::too_much()),
                }
            }
            (Some(_), None) => {}
        }
    })
}

/// The files that the run wrote beside its outputs; nothing if there are none.
fn kept_files(context: &PageContext<'_>, record: &RunRecord) -> Result<Markup, CommandError> {
    if !record.extra.contains_key(kept::KEY) {
        return Ok(html! {});
    }
    let left = keeping::left_by(&context.ctx, &context.opened, record)?;
    let total = kept::Summary::of(&left.items);
    let command = format!("azml run files -r {} --apply", record.run_id);
    let until = left.until.map(|until| format::moment(until, &context.ctx.env.zone()));
    Ok(html! {
        section aria-labelledby="h-kept" {
            h2 #h-kept { "Other files it wrote" }
            @match &left.place {
                Where::Elsewhere(host) => { p.quiet { "They are on another computer, " (format::short(host, 80)) "." } }
                Where::Expired | Where::Nowhere => { p.quiet { "They are not kept any more." } }
                Where::Kept(_) | Where::RunFolder(_) => {
                    p { (format::count(total.count(), "file", "files")) ", " (size(total.bytes))
                        @if let Some(until) = until { ", kept until " (until) } ". To bring them into the project folder:" }
                    (layout::command(&command))
                    div.scroll tabindex="0" role="region" aria-label="Other files" {
                        table.files {
                            thead { tr { th scope="col" { "File" } th scope="col" { "What" } th.n scope="col" { "Size" } } }
                            tbody {
                                @for item in left.items.iter().take(KEPT_FILES) {
                                    tr {
                                        th scope="row" { code { (quoted(&item.path)) } }
                                        td { @if item.trouble.is_some() { "not kept" } @else { (item.kind.as_str()) } }
                                        td.n { @if item.place.is_some() { (size(item.size)) } }
                                    }
                                }
                            }
                        }
                    }
                    @if total.count() > KEPT_FILES { p.quiet { "Only the first " (KEPT_FILES) " are listed." } }
                }
            }
        }
    })
}

fn properties(record: &RunRecord) -> Markup {
    let mut bare = record.clone();
    bare.metrics.clear();
    bare.extra.shift_remove(kept::KEY);
    html! {
        details {
            summary { "Everything that is recorded" }
            div.scroll tabindex="0" role="region" aria-label="Properties" {
                table.props {
                    thead { tr { th scope="col" { "Property" } th scope="col" { "Value" } } }
                    tbody {
                        @for (name, value) in runs::fields(&bare).iter().filter(|(name, _)| *name != "properties") { (property(name, value)) }
                        @for (name, value) in &record.properties { (property(name, value)) }
                    }
                }
            }
        }
    }
}

fn property(name: &str, value: &Value) -> Markup {
    let text = format::value(value);
    html! { @if !text.is_empty() { tr { th scope="row" { (format::short(name, 80)) } td { (text) } } } }
}
