//! The form above the charts: which runs, axes, colours and scales.

use maud::{Markup, html};

use super::Chosen;
use super::axis::Scaling;
use super::columns::{Column, Columns};
use super::view::{NO_COLUMN, View};
use crate::limits::CHARTED_COLUMNS;
use crate::workbench::list::filter::FilterError;

pub(super) fn render(view: &View, columns: &Columns, chosen: &Chosen, error: Option<&FilterError>) -> Markup {
    let usual = View { filter: view.filter.clone(), runs: view.runs.clone(), ..View::default() };
    let is_axis = |column: &Column| chosen.axes.contains(column);
    html! {
        form.filter method="get" action="/charts" {
            @if view.runs.is_empty() {
                label.hide for="q" { "Filter" }
                input #q type="search" name="q" value=(view.filter) autocomplete="off" spellcheck="false" autocapitalize="off"
                    placeholder="Filter, for example: status=Completed lr<=0.1"
                    aria-describedby=[error.map(|_| "q-error")] aria-invalid=[error.map(|_| "true")];
            } @else {
                @for run in &view.runs { input type="hidden" name="run" value=(run); }
            }
            (select("lines", "Lines coloured by", columns, chosen.lines.as_ref(), true))
            (select("x", "Across", columns, Some(&chosen.x), false))
            (select("y", "Up", columns, Some(&chosen.y), false))
            (select("points", "Points coloured by", columns, chosen.points.as_ref(), true))
            span.field {
                label for="scale" { "Scales" } " "
                select #scale name="scale" {
                    @for (value, label, scaling) in SCALES {
                        option value=(value) selected[view.scaling == scaling] { (label) }
                    }
                }
            }
            details.menu name="menu" {
                summary { "Axes" }
                fieldset {
                    legend.hide { "Axes of the parallel coordinates" }
                    @for column in &columns.offered {
                        label { input type="checkbox" name="col" value=(column.name) checked[is_axis(column)]; " " (column.label) }
                    }
                    p.small { "At most " (CHARTED_COLUMNS) " are drawn." }
                    // Without it the usual axes would be drawn where none is ticked.
                    input type="hidden" name="cols" value="";
                }
            }
            button { "Draw" }
            @if *view != usual { a.button href=(usual.path()) { "The usual charts" } }
            @if let Some(error) = error { p #q-error.error { "This is no filter: " (error) "." } }
        }
    }
}

const SCALES: [(&str, &str, Scaling); 3] = [
    ("", "Logarithmic over decades", Scaling::Automatic),
    ("linear", "Linear", Scaling::Linear),
    ("log", "Logarithmic", Scaling::Logarithmic),
];

fn select(name: &str, label: &str, columns: &Columns, chosen: Option<&Column>, may_be_none: bool) -> Markup {
    let other = chosen.filter(|chosen| !columns.offered.contains(chosen));
    html! {
        span.field {
            label for=(name) { (label) } " "
            select id=(name) name=(name) {
                @if may_be_none { option value=(NO_COLUMN) selected[chosen.is_none()] { "nothing" } }
                @for column in columns.offered.iter().chain(other) {
                    option value=(column.name) selected[chosen == Some(column)] { (column.label) }
                }
            }
        }
    }
}
