//! The form above the list: filter and columns.

use maud::{Markup, html};

use super::view::{ROWS, View};
use super::{Found, shown};
use crate::workbench::format;

/// The most metrics, and the most parameters, that the form offers as columns. The address can name others.
const OFFERED: usize = 40;
/// Fields beside metrics and parameters that can be columns.
const MORE: [(&str, &str); 4] =
    [("user", "User"), ("host", "Computer"), ("target", "Target"), ("exit", "Exit code")];

pub(super) fn render(view: &View, found: &Found) -> Markup {
    let is_chosen = |name: &str| found.columns.iter().any(|column| column == name);
    let offered = || found.metrics.iter().take(OFFERED).chain(found.parameters.iter().take(OFFERED));
    let unlisted = found
        .columns
        .iter()
        .filter(|column| !offered().any(|offered| offered == *column))
        .filter(|column| !MORE.iter().any(|(name, _)| name == column));
    let tick = |name: &str, label: &str| {
        html! {
            label { input type="checkbox" name="col" value=(name) checked[is_chosen(name)]; " " (label) }
        }
    };
    html! {
        form.filter method="get" action="/" role="search" {
            label.hide for="q" { "Filter" }
            input #q type="search" name="q" value=(view.filter) autocomplete="off" spellcheck="false" autocapitalize="off"
                placeholder="Filter, for example: status=Failed script~train auc>0.9"
                aria-describedby=[found.matches.error.as_ref().map(|_| "q-error")] aria-invalid=[found.matches.error.as_ref().map(|_| "true")];
            button { "Filter" }
            @if !view.filter.is_empty() { a.button href=(View { filter: String::new(), page: 1, ..view.clone() }.path()) { "Clear" } }
            @for sort in &view.sort { input type="hidden" name="sort" value=(sort); }
            @if view.rows != ROWS { input type="hidden" name="rows" value=(view.rows); }
            details.menu name="menu" {
                summary { "Columns" }
                fieldset data-submit="columns" {
                    legend.hide { "Columns" }
                    input type="hidden" name="cols" value="" disabled[view.columns.is_none()] data-chosen;
                    @for name in offered().chain(unlisted) { (tick(name, &format::short(&shown(name), 40))) }
                    @for (name, label) in MORE { (tick(name, label)) }
                    noscript {
                        button name="cols" value="" { "Show these" }
                    }
                    @if view.columns.is_some() {
                        a href=(View { columns: None, ..view.clone() }.path()) { "The usual ones" }
                    }
                }
            }
            details.menu name="menu" {
                summary { "Syntax" }
                div { (syntax()) }
            }
            @if let Some(error) = &found.matches.error {
                p #q-error.error { "This is no filter: " (error) "." }
            }
        }
    }
}

fn syntax() -> Markup {
    let example = |text: &str, about: &str| html! { dt { code { (text) } } dd { (about) } };
    html! {
        dl.syntax {
            (example("train", "somewhere in the id, script, arguments or status"))
            (example("status=Failed,Canceled", "one of them; != is the opposite"))
            (example("script~train", "contains; !~ is the opposite"))
            (example("auc>0.9 lr<=0.1", "a metric, parameter, property or tag; also <, >="))
            (example("\"Regularization Rate\"<0.1", "quotes where there are spaces"))
            (example("duration>5m age<2d", "90s, 5m, 2h, 3d"))
            (example("started>=2017-09-08", "a date, or a date and a time"))
            (example("-user=alice", "a minus turns it round"))
        }
        p.small {
            "Fields: run, number, status, script, arguments, target, user, host, exit, parent, duration, started, age; else a \
             metric, a parameter, a property or a tag. parameters.NAME is certainly a parameter, and so are metrics.NAME, \
             properties.NAME and tags.NAME. All terms have to hold; letters’ case does not count."
        }
    }
}
