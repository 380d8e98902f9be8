//! The charts of many runs: parallel coordinates and a scatter chart over parameters and metrics.
//!
//! Drawn for the runs that the list's filter shows (a sweep's runs are `parent=ID`), or for runs that somebody has ticked.
//! All is in the address and in the markup: no script is needed. Lines and points lead to their runs, and a table has the
//! values for those who do not see the drawings.

mod axis;
mod colours;
mod columns;
mod form;
mod parallel;
mod scatter;
mod view;

use azml_core::run::RunRecord;
use maud::{Markup, html};

use self::axis::Scaling;
use self::colours::Colours;
use self::columns::{Column, Columns};
use self::view::NO_COLUMN;
pub use self::view::View;
use super::format;
use super::layout::{self, Page};
use super::list::field::{Has, Now};
use super::list::{self, view::View as ListView};
use super::page_context::PageContext;
use super::reply::Reply;
use super::request::Request;
use crate::error::CommandError;
use crate::limits::CHARTED_RUNS;

/// The label of the place of runs that have no value.
const NO_VALUE: &str = "none";

/// The runs that are drawn.
struct Data<'r> {
    runs: Vec<&'r RunRecord>,
    now: Now,
    scaling: Scaling,
    /// A run's name and the values that it is drawn by.
    titles: Vec<String>,
}

/// A column and its values, a value for each run.
struct Values {
    column: Column,
    values: Vec<Has>,
}

/// The columns that are drawn.
struct Chosen {
    axes: Vec<Column>,
    lines: Option<Column>,
    x: Column,
    y: Column,
    points: Option<Column>,
}

/// The page.
pub fn page(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    let view = View::of(&request.query);
    let now = Now { time: context.ctx.env.now(), zone: context.ctx.env.zone() };
    let filter = ListView { filter: view.filter.clone(), columns: Some(Vec::new()), ..ListView::default() };
    let (records, total, error) = if view.runs.is_empty() {
        let listed = context.listed()?;
        let found = list::matches(&listed, &filter, &now);
        let drawn = &found.places[..found.places.len().min(CHARTED_RUNS)];
        (listed.at(drawn), found.places.len(), found.error)
    } else {
        let named = view.runs.iter().map(|id| context.run(id)).collect::<Result<Vec<_>, _>>()?;
        let total = named.len();
        (named, total, None)
    };
    let runs: Vec<&RunRecord> = records.iter().take(CHARTED_RUNS).collect();
    let is_live = runs.iter().any(|run| !run.status.is_over());
    let columns = Columns::of(&runs, &now);
    let chosen = Chosen::of(&view, &columns);
    let body = html! {
        nav.crumbs aria-label="Where this is" { a href="/" { "Runs" } " / charts" }
        h1.line { "Charts" " " span.count data-part="count" { (format::count(total, "run", "runs")) } }
        @if view.runs.is_empty() {
            p.small { a href=(filter.path()) { "The list of these runs" } }
        } @else {
            p.small { "Drawn for the runs that were chosen. " a href=(View { runs: Vec::new(), ..view.clone() }.path()) { "Draw all runs" } }
        }
        (form::render(&view, &columns, &chosen, error.as_ref()))
        div data-part="charts" { (charts(runs, now, view.scaling, &chosen, total)) }
    };
    let page = Page { title: "Charts", live: is_live, here: &view.path() };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

impl Chosen {
    fn of(view: &View, columns: &Columns) -> Self {
        let (x, y, points) = columns.usual_scatter();
        let axes = view.columns.as_ref().map(|names| names.iter().map(|name| columns.named(name)).collect());
        let named = |name: &Option<String>| name.as_ref().map(|name| columns.named(name));
        let coloured = |name: &Option<String>, usual: Option<Column>| match name.as_deref() {
            Some(NO_COLUMN) => None,
            _ => named(name).or(usual),
        };
        Self {
            axes: axes.unwrap_or_else(|| columns.usual()),
            lines: coloured(&view.lines, columns.metric.clone()),
            x: named(&view.x).unwrap_or(x),
            y: named(&view.y).unwrap_or(y),
            points: coloured(&view.points, points),
        }
    }

    /// All of them, each once.
    fn all(&self) -> Vec<&Column> {
        let mut all: Vec<&Column> = Vec::new();
        let others = [self.lines.as_ref(), Some(&self.x), Some(&self.y), self.points.as_ref()];
        for column in self.axes.iter().chain(others.into_iter().flatten()) {
            if !all.contains(&column) {
                all.push(column);
            }
        }
        all
    }
}

fn charts(runs: Vec<&RunRecord>, now: Now, scaling: Scaling, chosen: &Chosen, total: usize) -> Markup {
    let limited = (total > runs.len()).then_some(runs.len());
    let (mut data, left_out) = Data::of(runs, now, scaling, &chosen.all());
    let values =
        |column: &Column| Values { column: column.clone(), values: column.values(&data.runs, &data.now) };
    let table: Vec<Values> = chosen.all().into_iter().map(values).collect();
    let axes: Vec<Values> = chosen.axes.iter().map(values).collect();
    let lines = chosen.lines.as_ref().map(values);
    let (x, y, points) = (values(&chosen.x), values(&chosen.y), chosen.points.as_ref().map(values));
    data.titles = (0..data.runs.len()).map(|run| title(data.runs[run], &table, run)).collect();
    html! {
        @if let Some(drawn) = limited {
            p.note { "Only the first " (format::grouped(drawn)) " of " (format::grouped(total)) " runs are drawn, the newest. A filter chooses others." }
        }
        @if left_out > 0 { p.quiet { (format::count(left_out, "run has", "runs have")) " none of these values and no place here." } }
        @if data.runs.is_empty() {
            p.quiet { "There is nothing to draw." }
        } @else {
            @if axes.is_empty() { p.quiet { "No axes are chosen for parallel coordinates." } }
            @else { (parallel::render(&data, &axes, lines.as_ref())) }
            (scatter::render(&data, &x, &y, points.as_ref()))
            details { summary { "Values" } (values_table(&data, &table)) }
        }
    }
}

/// A run's value of the column that colours it; nothing without a column.
fn value(by: Option<&Values>, run: usize) -> &Has {
    by.map_or(&Has::Nothing, |by| &by.values[run])
}

impl<'r> Data<'r> {
    /// The runs that have a value of some column, and the number of those that have none.
    fn of(mut runs: Vec<&'r RunRecord>, now: Now, scaling: Scaling, columns: &[&Column]) -> (Self, usize) {
        // Every run has a number and the like; they do not count unless nothing else is drawn.
        let is_own = |column: &&&Column| column.name.contains('.');
        let own: Vec<Vec<Has>> =
            columns.iter().filter(is_own).map(|column| column.values(&runs, &now)).collect();
        let count = runs.len();
        let mut at = 0;
        runs.retain(|_| {
            at += 1;
            own.is_empty() || own.iter().any(|values| values[at - 1] != Has::Nothing)
        });
        let left_out = count - runs.len();
        (Self { runs, now, scaling, titles: Vec::new() }, left_out)
    }

    fn colours(&self, by: Option<&Values>) -> Colours {
        Colours::over(by.map(|by| (by.column.label.as_str(), by.values.as_slice())), self.scaling)
    }

    /// The runs in the order in which they are drawn: the largest values of the colour's column last, on top of others.
    fn order(&self, by: Option<&Values>) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.runs.len()).rev().collect();
        if let Some(by) = by {
            order.sort_by(|one, two| by.values[*two].order(&by.values[*one], true));
        }
        order
    }

    /// A link to a run, around what is drawn for it. It takes no place in the order of tabs, for the table has the same link.
    fn link(&self, run: usize, class: &str, drawn: &Markup) -> Markup {
        html! {
            a.(class) href=(format::run_path(self.runs[run], "")) tabindex="-1" {
                title { (self.titles[run]) }
                (drawn)
            }
        }
    }
}

fn title(run: &RunRecord, columns: &[Values], at: usize) -> String {
    let name = run.name.as_ref().map(|name| format!(" {}", format::short(name, 40))).unwrap_or_default();
    let values: Vec<String> = columns
        .iter()
        .filter(|column| column.values[at] != Has::Nothing)
        .map(|column| format!("{} {}", column.column.label, shown(&column.values[at])))
        .collect();
    format!("{}{name}: {}", format::run_name(run), values.join(", "))
}

fn shown(value: &Has) -> String {
    match value {
        Has::Nothing => "–".to_owned(),
        Has::Number(number) => format::number(*number),
        Has::Text(text) => format::short(text, 40),
    }
}

fn values_table(data: &Data<'_>, columns: &[Values]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Values of the runs" {
            table.values.charted {
                thead { tr {
                    th scope="col" { "Run" }
                    @for column in columns { th.n scope="col" { (column.column.label) } }
                } }
                tbody {
                    @for (at, run) in data.runs.iter().enumerate() {
                        tr {
                            th scope="row" { a href=(format::run_path(run, "")) { (format::run_name(run)) } }
                            @for column in columns { td.n { (shown(&column.values[at])) } }
                        }
                    }
                }
            }
        }
    }
}
