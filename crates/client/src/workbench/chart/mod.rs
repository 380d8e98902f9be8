//! Charts: drawn by the server as SVG with axes, told in words to those who do not see them, and given as a table, too.
//!
//! No style is in the markup, for the pages' policy forbids it: the style sheet colours by class. Several curves differ by
//! dash and mark as well as by colour.

pub mod scale;
mod series;

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};

use self::scale::Scale;
pub use self::series::Series;
use super::format;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 38.0;
/// A table has no more rows.
const TABLE_ROWS: usize = 40;
/// So many looks there are for curves.
pub const LOOKS: usize = 5;

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    /// Its title.
    pub title: String,
    /// The label of its horizontal axis.
    pub x: String,
    /// The curves.
    pub series: Vec<Series>,
    /// True if each value is a dot of its own.
    pub dots: bool,
    /// True if the horizontal axis has whole numbers alone.
    pub whole_x: bool,
}

impl Chart {
    /// The figure. `id` tells it from the page's others.
    pub fn render(&self, id: &str, with_table: bool) -> Markup {
        let told: Vec<String> = self.series.iter().map(Series::told).collect();
        html! {
            figure.chart {
                figcaption {
                    (self.title)
                    output.readout hidden {}
                }
                @if self.series.len() > 1 {
                    ul.legend {
                        @for (at, series) in self.series.iter().enumerate() {
                            li {
                                svg.key.{ "c" (at % LOOKS) } viewBox="0 0 28 10" aria-hidden="true" {
                                    path d="M1 5H27" {} (PreEscaped(mark(at, 14.0, 5.0)))
                                }
                                (series.name)
                            }
                        }
                    }
                }
                (PreEscaped(self.svg(id, &told.join(" "))))
                @if with_table { details { summary { "Values" } (self.table()) } }
            }
        }
    }

    fn bounds(&self) -> (Scale, Scale) {
        let all = || self.series.iter().flat_map(|series| &series.points);
        let over = |pick: fn(&(f64, f64)) -> f64, count, whole| {
            let (low, high) =
                all().map(pick).fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
            if low > high {
                Scale::over(0.0, 1.0, count, whole)
            } else {
                Scale::over(low, high, count, whole)
            }
        };
        (over(|point| point.0, 6, self.whole_x), over(|point| point.1, 4, false))
    }

    fn svg(&self, id: &str, told: &str) -> String {
        let (x, y) = self.bounds();
        let across = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
        let down = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
        let mut out = String::new();
        let mut put = |text: std::fmt::Arguments<'_>| out.write_fmt(text).expect("a string takes all text");
        put(format_args!(
            "<svg class=plot viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=img aria-labelledby=\"{id}-t {id}-d\" \
             data-x=\"{} {} {LEFT} {}\" data-y=\"{} {} {} {TOP}\"><title id={id}-t>{}</title><desc id={id}-d>{}</desc>",
            x.from,
            x.to,
            WIDTH - RIGHT,
            y.from,
            y.to,
            HEIGHT - BOTTOM,
            escaped(&self.title),
            escaped(told),
        ));
        put(format_args!("<path class=grid d=\""));
        for tick in &y.ticks {
            put(format_args!("M{LEFT} {:.1}H{:.1}", down(*tick), WIDTH - RIGHT));
        }
        put(format_args!("\"/><path class=axis d=\"M{LEFT} {TOP}V{}H{}", HEIGHT - BOTTOM, WIDTH - RIGHT));
        for tick in &x.ticks {
            put(format_args!("M{:.1} {}v4", across(*tick), HEIGHT - BOTTOM));
        }
        put(format_args!("\"/><g class=ty>"));
        for tick in &y.ticks {
            put(format_args!("<text x={} y={:.1}>{}</text>", LEFT - 7.0, down(*tick) + 4.0, y.label(*tick)));
        }
        put(format_args!("</g><g class=tx>"));
        for tick in &x.ticks {
            put(format_args!(
                "<text x={:.1} y={}>{}</text>",
                across(*tick),
                HEIGHT - BOTTOM + 17.0,
                x.label(*tick)
            ));
        }
        put(format_args!(
            "<text class=name x={} y={}>{}</text></g>",
            f64::midpoint(LEFT, WIDTH - RIGHT),
            HEIGHT - 5.0,
            escaped(&self.x)
        ));
        for (at, series) in self.series.iter().enumerate() {
            let points = series.thinned();
            put(format_args!(
                "<g class=c{}><path class=line data-name=\"{}\" d=\"",
                at % LOOKS,
                escaped(&series.name)
            ));
            for (at, point) in points.iter().enumerate() {
                put(format_args!(
                    "{}{:.1} {:.1}",
                    if at == 0 { 'M' } else { 'L' },
                    across(point.0),
                    down(point.1)
                ));
            }
            put(format_args!("\"/>"));
            if self.dots || points.len() <= 30 {
                put(format_args!("<path class=dots d=\""));
                for point in &points {
                    put(format_args!("M{:.1} {:.1}h0", across(point.0), down(point.1)));
                }
                put(format_args!("\"/>"));
            }
            if self.series.len() > 1
                && let Some(last) = points.last()
            {
                put(format_args!("{}", mark(at, across(last.0), down(last.1))));
            }
            put(format_args!("</g>"));
        }
        put(format_args!("</svg>"));
        out
    }

    fn table(&self) -> Markup {
        let mut places: Vec<f64> =
            self.series.iter().flat_map(|s| s.points.iter().map(|point| point.0)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let every = places.len().div_ceil(TABLE_ROWS).max(1);
        let last = places.len().saturating_sub(1);
        let rows: Vec<f64> = places
            .iter()
            .enumerate()
            .filter(|(at, _)| at % every == 0 || *at == last)
            .map(|(_, x)| *x)
            .collect();
        let shown = rows.len();
        html! {
            div.scroll tabindex="0" role="region" aria-label={ "Values of " (self.title) } {
                table.values {
                    thead { tr {
                        th.n scope="col" { (self.x) }
                        @for series in &self.series { th.n scope="col" { (series.name) } }
                    } }
                    tbody {
                        @for place in &rows {
                            tr {
                                th.n scope="row" { (format::number(*place)) }
                                @for series in &self.series { td.n { (at(series, *place)) } }
                            }
                        }
                    }
                }
            }
            @if every > 1 {
                @let values = self.series.iter().map(|series| series.count).max().unwrap_or_default();
                p.small { (format::grouped(shown)) " of " (format::grouped(values.max(places.len()))) " places." }
            }
        }
    }
}

fn at(series: &Series, place: f64) -> String {
    let found = series.points.binary_search_by(|point| point.0.total_cmp(&place));
    found.map_or_else(|_| String::new(), |at| format::number(series.points[at].1))
}

/// A mark of a shape of its own for each curve.
pub fn mark(which: usize, x: f64, y: f64) -> String {
    match which % LOOKS {
        0 => format!("<circle class=mark cx={x:.1} cy={y:.1} r=4 />"),
        1 => format!("<path class=mark d=\"M{x:.1} {:.1}l4.5 8h-9z\"/>", y - 5.0),
        2 => format!("<path class=mark d=\"M{:.1} {:.1}h7v7h-7z\"/>", x - 3.5, y - 3.5),
        3 => format!("<path class=mark d=\"M{x:.1} {:.1}l5 5l-5 5l-5-5z\"/>", y - 5.0),
        _ => format!("<path class=mark d=\"M{x:.1} {:.1}l-4.5-8h9z\"/>", y + 5.0),
    }
}

fn escaped(text: &str) -> String {
    html! { (text) }.into_string()
}

#[cfg(test)]
mod tests {
    use super::series::POINTS;
    use super::*;
    use crate::metrics::Sketch;

    fn chart(values: &[f64]) -> Chart {
        let curve = Sketch::of_list(values.iter().copied().map(Some));
        let series = Series {
            count: curve.numbers(),
            ..Series::new("<b>\"loss\"".to_owned(), curve.points(curve.has_steps()))
        };
        Chart {
            title: "<script>".to_owned(),
            x: "Step".to_owned(),
            series: vec![series],
            dots: false,
            whole_x: true,
        }
    }

    #[test]
    fn a_chart_tells_what_it_shows_and_escapes_names() {
        let text = chart(&[3.0, 1.0, 2.0]).render("a", true).into_string();
        assert!(text.contains("3 values, lowest 1 at 2, highest 3 at 1, last 2."), "{text}");
        assert!(!text.contains("<script>") && !text.contains("<b>") && !text.contains("style="), "{text}");
        assert_eq!(text.matches("<tr>").count(), 4, "{text}");
    }

    #[test]
    fn long_curves_keep_what_stands_out_and_stay_small() {
        let mut values: Vec<f64> = (0..100_000).map(|n| f64::from(n % 7)).collect();
        values[54_321] = 1000.0;
        values[77] = f64::NAN;
        let chart = chart(&values);
        let thinned = chart.series[0].thinned();
        assert!(thinned.len() <= POINTS && thinned.iter().any(|point| point.1.total_cmp(&1000.0).is_eq()));
        let text = chart.render("a", true).into_string();
        assert!(text.len() < 15_000, "{}", text.len());
        assert!(!text.contains("NaN"));
    }

    #[test]
    fn nothing_and_one_value_are_drawn_too() {
        for values in [&[][..], &[1e308], &[0.0, 0.0], &[-1e308, 1e308]] {
            let text = chart(values).render("a", false).into_string();
            assert!(
                text.contains("</svg>") && !text.contains("NaN") && !text.contains("inf\""),
                "{values:?}: {text}"
            );
        }
    }
}
