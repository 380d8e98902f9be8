//! The scatter chart: a point for each run.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::axis::Axis;
use super::{Data, NO_VALUE, Values, value};
use crate::limits::CHARTED_TEXTS;
use crate::workbench::format;

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 84.0;
/// The horizontal place of runs without a value.
const MISSING_X: f64 = LEFT - 26.0;
/// The vertical place of runs without a value.
const MISSING_Y: f64 = HEIGHT - BOTTOM + 22.0;
/// The width of a letter, roughly.
const LETTER: usize = 7;

/// The drawing. Its points are coloured by `by`.
pub fn render(data: &Data<'_>, across: &Values, up: &Values, by: Option<&Values>) -> Markup {
    let axis = |of: &Values| Axis::over(&of.column.label, &of.values, data.scaling, CHARTED_TEXTS);
    let (x, y, colours) = (axis(across), axis(up), data.colours(by));
    let title = format!("{} by {}", y.label, x.label);
    html! {
        figure.chart {
            figcaption { (title) output.named {} }
            (colours.legend())
            div.wide tabindex="0" role="region" aria-label="Scatter chart" {
                svg.runplot role="group" aria-labelledby="scatter-t scatter-d" width=(WIDTH) height=(HEIGHT) viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
                    title #scatter-t { (title) " of " (format::count(data.runs.len(), "run", "runs")) }
                    desc #scatter-d { "Across: " (x.in_words()) ". Up: " (y.in_words()) ". The values are in the table below." }
                    (frame(&x, &y))
                    g aria-hidden="true" {
                        @for run in data.order(by) {
                            @let (at_x, at_y) = (place_x(x.place(&across.values[run])), place_y(y.place(&up.values[run])));
                            @let has = value(by, run);
                            (data.link(run, &colours.class(has), &html! { (colours.mark(has, at_x, at_y)) }))
                        }
                    }
                }
            }
        }
    }
}

fn place_x(place: Option<f64>) -> f64 {
    place.map_or(MISSING_X, |place| LEFT + place * (WIDTH - LEFT - RIGHT))
}

fn place_y(place: Option<f64>) -> f64 {
    place.map_or(MISSING_Y, |place| HEIGHT - BOTTOM - place * (HEIGHT - TOP - BOTTOM))
}

fn frame(x: &Axis, y: &Axis) -> Markup {
    let (ticks_x, ticks_y) = (x.ticks(), y.ticks());
    let mut grid = String::new();
    for (place, _) in &ticks_y {
        write!(grid, "M{LEFT} {:.1}H{}", place_y(Some(*place)), WIDTH - RIGHT)
            .expect("a string takes all text");
    }
    for (place, _) in &ticks_x {
        write!(grid, "M{:.1} {TOP}V{}", place_x(Some(*place)), HEIGHT - BOTTOM)
            .expect("a string takes all text");
    }
    let below = HEIGHT - BOTTOM + if y.missing > 0 { 42.0 } else { 20.0 };
    let aside = LEFT - if x.missing > 0 { 42.0 } else { 10.0 };
    // Labels of texts are cut so that two do not meet.
    let most = (800 / ticks_x.len().max(1) / LETTER).max(3);
    html! {
        path.grid d=(grid) {}
        path.axis d={ "M" (LEFT) " " (TOP) "V" (HEIGHT - BOTTOM) "H" (WIDTH - RIGHT) } {}
        g.ty {
            @for (place, label) in &ticks_y {
                text x=(aside) y=(format!("{:.1}", place_y(Some(*place)) + 4.0)) { (label) }
            }
            @if y.missing > 0 { text x=(aside) y=(MISSING_Y + 4.0) { (NO_VALUE) } }
        }
        g.tx {
            @for (place, label) in &ticks_x {
                text x=(format!("{:.1}", place_x(Some(*place)))) y=(below) { (format::short(label, most)) }
            }
            @if x.missing > 0 { text x=(MISSING_X) y=(below) { (NO_VALUE) } }
            text.name x=(f64::midpoint(LEFT, WIDTH - RIGHT)) y=(HEIGHT - 8.0) { (x.label) }
        }
    }
}
