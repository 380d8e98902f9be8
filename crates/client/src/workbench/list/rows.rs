//! The table of runs, and the pages it comes in.

use azml_core::run::RunRecord;
use maud::{Markup, html};

use super::field::{Field, Has, Now};
use super::view::{MOST_ROWS, ROWS, View};
use super::{Found, shown};
use crate::ops::compare::MOST;
use crate::workbench::format;

pub(super) fn render(view: &View, found: &Found, now: &Now) -> Markup {
    let runs = &found.runs;
    let fields: Vec<Field> = found.columns.iter().map(|column| Field::parse(column)).collect();
    let numeric: Vec<bool> = fields.iter().map(|field| is_numeric(field, runs, now)).collect();
    html! {
        form method="get" action="/compare" {
            div.scroll tabindex="0" role="region" aria-label="Runs" {
                table.runs {
                    thead {
                        tr {
                            th.pick scope="col" { span.hide { "Compare" } }
                            (head(view, "number", "Run", true, false))
                            (head(view, "status", "Status", false, false))
                            @for (column, numeric) in found.columns.iter().zip(&numeric) {
                                (head(view, column, &format::short(&shown(column), 28), *numeric, *numeric))
                            }
                            (head(view, "script", "Script", false, false))
                            (head(view, "duration", "Duration", true, true))
                            (head(view, "started", "Started", true, true))
                        }
                    }
                    tbody data-rows {
                        @for run in runs { (row(run, &fields, &numeric, now)) }
                        @if runs.is_empty() {
                            tr { td.none colspan=(6 + fields.len()) { "No run is as the filter wants it." } }
                        }
                    }
                }
            }
            div.under {
                button { "Compare" }
                button formaction="/charts" { "Charts" }
                span.small { "Choose 2 to " (MOST) " runs to compare, or any for charts." }
                (pages(view, found.matches.places.len()))
            }
        }
    }
}

fn head(view: &View, by: &str, label: &str, descends_first: bool, is_number: bool) -> Markup {
    let sorted = view.sorted_by(by);
    let state = sorted.map(|descending| if descending { "descending" } else { "ascending" });
    html! {
        th scope="col" class=[is_number.then_some("n")] aria-sort=[state] {
            a href=(view.toggled(by, descends_first).path()) {
                (label)
                @if let Some(descending) = sorted { span.sorted aria-hidden="true" { (if descending { "▾" } else { "▴" }) } }
            }
        }
    }
}

fn row(run: &RunRecord, fields: &[Field], numeric: &[bool], now: &Now) -> Markup {
    let id = run.run_id.as_str();
    let command = format::command(run);
    html! {
        tr data-run=(id) {
            td.pick { input type="checkbox" name="run" value=(id) aria-label={ "Compare " (format::run_name(run)) }; }
            th scope="row" {
                a href=(format::run_path(run, "")) title=(format::line(id)) { (format::run_name(run).replace("Run ", "#")) }
                @if let Some(name) = &run.name { " " (format::short(name, 30)) }
            }
            td { (format::status(run.status)) }
            @for (field, numeric) in fields.iter().zip(numeric) {
                @let (text, is_known) = cell(field, run, now);
                td class=[class(*numeric, is_known)] { (text) }
            }
            td.cmd title=(format::short(&command, 300)) { (format::short(&command, 60)) }
            td.n { @if let Some(length) = format::run_time(run, now.time) { (format::duration(length)) } }
            td.n { (format::moment(run.start_time_utc.unwrap_or(run.created_utc), &now.zone)) }
        }
    }
}

fn class(numeric: bool, is_known: bool) -> Option<&'static str> {
    match (numeric, is_known) {
        (true, true) => Some("n"),
        (true, false) => Some("n off"),
        (false, true) => None,
        (false, false) => Some("off"),
    }
}

fn cell(field: &Field, run: &RunRecord, now: &Now) -> (String, bool) {
    match field.of(run, now) {
        Has::Nothing => ("–".to_owned(), false),
        Has::Number(number) => (format::number(number), true),
        Has::Text(text) => (format::short(&text, 40), true),
    }
}

/// Returns whether a column has numbers alone.
fn is_numeric(field: &Field, runs: &[RunRecord], now: &Now) -> bool {
    let mut known = runs.iter().map(|run| field.of(run, now)).filter(|has| *has != Has::Nothing).peekable();
    known.peek().is_some() && known.all(|has| matches!(has, Has::Number(_)))
}

fn pages(view: &View, runs: usize) -> Markup {
    let last = runs.div_ceil(view.rows).max(1);
    let first_row = (view.page - 1) * view.rows;
    let step = |page: usize, label: &str, rel: &str| html! { a.button href=(view.at_page(page).path()) rel=(rel) { (label) } };
    html! {
        @if runs > view.rows.min(ROWS) {
            nav.pages aria-label="Pages of the list" {
                @if view.page > 1 { (step(1, "Newest", "first")) (step(view.page - 1, "Previous", "prev")) }
                span { (format::grouped(first_row + 1)) "–" (format::grouped((first_row + view.rows).min(runs))) " of " (format::grouped(runs)) }
                @if view.page < last { (step(view.page + 1, "Next", "next")) (step(last, "Last", "last")) }
                @if view.rows < MOST_ROWS && runs > view.rows {
                    a.button href=(View { rows: MOST_ROWS, page: 1, ..view.clone() }.path()) { "Up to 1000 a page" }
                } @else if view.rows > ROWS {
                    a.button href=(View { rows: ROWS, page: 1, ..view.clone() }.path()) { (ROWS) " a page" }
                }
            }
        }
    }
}
