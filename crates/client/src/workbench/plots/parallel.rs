//! Parallel coordinates: an axis for each column, and a line for each run.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::axis::Axis;
use super::{Data, NO_VALUE, Values, value};
use crate::limits::CHARTED_TEXTS;
use crate::workbench::format;

const HEIGHT: f64 = 360.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 50.0;
/// The vertical place of runs without a value.
const MISSING: f64 = HEIGHT - 18.0;
/// The width of a drawing with a few axes.
const WIDTH: f64 = 1000.0;
/// The least distance of two axes.
const NEAREST: f64 = 110.0;
/// The longest label of an axis, in characters.
const LABEL: usize = 17;

/// The drawing. Its lines are coloured by `by`.
pub fn render(data: &Data<'_>, columns: &[Values], by: Option<&Values>) -> Markup {
    let axes: Vec<Axis> = columns
        .iter()
        .map(|column| Axis::over(&column.column.label, &column.values, data.scaling, CHARTED_TEXTS))
        .collect();
    let colours = data.colours(by);
    let step = distance(axes.len());
    let places: Vec<f64> = std::iter::successors(Some(LEFT), |x| Some(x + step)).take(axes.len()).collect();
    let width = (places.last().copied().unwrap_or(LEFT) + RIGHT).max(WIDTH);
    let in_words: Vec<String> = axes.iter().map(Axis::in_words).collect();
    html! {
        figure.chart {
            figcaption { "Parallel coordinates" output.named {} }
            (colours.legend())
            div.wide tabindex="0" role="region" aria-label="Parallel coordinates" {
                svg.runplot role="group" aria-labelledby="parallel-t parallel-d" width=(width) height=(HEIGHT) viewBox={ "0 0 " (width) " " (HEIGHT) } {
                    title #parallel-t { "Parallel coordinates of " (format::count(data.runs.len(), "run", "runs")) }
                    desc #parallel-d { (in_words.join("; ")) ". The values are in the table below." }
                    @for (axis, x) in axes.iter().zip(&places) { (frame(axis, *x)) }
                    g aria-hidden="true" {
                        @for run in data.order(by) {
                            (data.link(run, &colours.class(value(by, run)), &html! {
                                path.line d=(line(columns, &axes, &places, run)) {}
                            }))
                        }
                    }
                    @for (axis, x) in axes.iter().zip(&places) { (labels(axis, *x)) }
                }
            }
        }
    }
}

/// The distance of two of so many axes.
fn distance(axes: usize) -> f64 {
    let gaps = u32::try_from(axes.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
    ((WIDTH - LEFT - RIGHT) / f64::from(gaps)).max(NEAREST)
}

fn down(place: Option<f64>) -> f64 {
    place.map_or(MISSING, |place| HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM))
}

/// The line of a run; of one axis, a dot.
fn line(columns: &[Values], axes: &[Axis], places: &[f64], run: usize) -> String {
    let mut path = String::new();
    for (at, ((column, axis), x)) in columns.iter().zip(axes).zip(places).enumerate() {
        let y = down(axis.place(&column.values[run]));
        let to = if at == 0 { 'M' } else { 'L' };
        write!(path, "{to}{x:.1} {y:.1}").expect("a string takes all text");
    }
    if axes.len() == 1 {
        path.push_str("h0");
    }
    path
}

fn frame(axis: &Axis, x: f64) -> Markup {
    let mut path = format!("M{x:.1} {TOP}V{}", HEIGHT - BOTTOM);
    for (place, _) in axis.ticks() {
        write!(path, "M{:.1} {:.1}h8", x - 4.0, down(Some(place))).expect("a string takes all text");
    }
    if axis.missing > 0 {
        write!(path, "M{:.1} {MISSING}h12", x - 6.0).expect("a string takes all text");
    }
    html! { path.axis d=(path) {} }
}

/// The labels of an axis, above the lines.
fn labels(axis: &Axis, x: f64) -> Markup {
    html! {
        g.tx { text.name x=(format!("{x:.1}")) y=(TOP - 18.0) { (format::short(&axis.label, LABEL)) } }
        g.ty {
            @for (place, label) in axis.ticks() {
                text x=(format!("{:.1}", x - 8.0)) y=(format!("{:.1}", down(Some(place)) + 4.0)) { (label) }
            }
            @if axis.missing > 0 { text x=(format!("{:.1}", x - 9.0)) y=(MISSING + 4.0) { (NO_VALUE) } }
        }
    }
}
