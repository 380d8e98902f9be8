//! The colours of runs by the value of one column. A colour is a class of the style sheet, for each theme has its own.

use maud::{Markup, PreEscaped, html};

use super::axis::{Axis, Scaling};
use crate::workbench::chart::{LOOKS, mark};
use crate::workbench::list::field::Has;

/// The steps between the colours of the lowest and the highest number.
const STEPS: usize = 7;

/// The colours of one column's values; of numbers a range, of texts one each.
#[derive(Clone, Debug)]
pub struct Colours(Option<Axis>);

impl Colours {
    /// The colours of these values; of all runs alike without a column.
    pub fn over(column: Option<(&str, &[Has])>, scaling: Scaling) -> Self {
        Self(column.map(|(label, values)| Axis::over(label, values, scaling, LOOKS)))
    }

    /// The class of a value's colour.
    pub fn class(&self, value: &Has) -> String {
        let Some(axis) = &self.0 else { return "c0".to_owned() };
        match (axis.place(value), axis.tick_of(value)) {
            (Some(_), Some(tick)) => format!("c{}", tick % LOOKS),
            (Some(place), None) => format!("k{}", step(place)),
            (None, _) => "novalue".to_owned(),
        }
    }

    /// The shape that stands for a value: texts have one each.
    pub fn mark(&self, value: &Has, x: f64, y: f64) -> PreEscaped<String> {
        PreEscaped(mark(self.0.as_ref().and_then(|axis| axis.tick_of(value)).unwrap_or_default(), x, y))
    }

    /// The legend; nothing if all are alike.
    pub fn legend(&self) -> Markup {
        let Some(axis) = &self.0 else { return html! {} };
        let key = |class: &str, shape: usize| {
            html! {
                svg.key.(class) viewBox="0 0 28 10" aria-hidden="true" { path d="M1 5H27" {} (PreEscaped(mark(shape, 14.0, 5.0))) }
            }
        };
        let ticks = axis.ticks();
        html! {
            ul.legend {
                li { strong { (axis.label) } }
                @if axis.is_numeric() {
                    @let (first, last) = (ticks.first(), ticks.last());
                    li {
                        @if let Some((_, label)) = first { (label) " " }
                        svg.range viewBox={ "0 0 " (STEPS * 16) " 10" } aria-hidden="true" {
                            @for step in 0..STEPS { path.{ "k" (step) } d={ "M" (step * 16) " 5h16" } {} }
                        }
                        @if let Some((_, label)) = last { " " (label) }
                    }
                } @else {
                    @for (at, (_, label)) in ticks.iter().enumerate() { li { (key(&format!("c{at}"), at)) (label) } }
                }
                @if axis.missing > 0 { li { (key("novalue", 0)) "no value" } }
            }
        }
    }
}

/// The step of the range that a position from 0 to 1 is in.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "from 0 to 6"
)]
fn step(place: f64) -> usize {
    ((place * STEPS as f64) as usize).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The relative luminance of `#rgb` or `#rrggbb`, as WCAG 2.2 defines it.
    fn luminance(colour: &str) -> f64 {
        let digits: String = match colour.len() {
            4 => colour[1..].chars().flat_map(|digit| [digit, digit]).collect(),
            _ => colour[1..].to_owned(),
        };
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    }

    #[test]
    fn every_colour_stands_out_from_the_page_in_both_themes_and_the_range_has_one_direction() {
        let style = include_str!("../style.css");
        let mut themes = style.split(":root {").skip(1);
        for theme in [themes.next().unwrap(), themes.next().unwrap()] {
            let colour = |name: &str| {
                let rest = theme.split_once(&format!("--{name}: ")).unwrap_or_else(|| panic!("no {name}")).1;
                luminance(rest.split(';').next().unwrap())
            };
            let sheet = colour("sheet");
            let contrast = |name: &str| {
                let (one, two) = (colour(name), sheet);
                (one.max(two) + 0.05) / (one.min(two) + 0.05)
            };
            let range: Vec<f64> = (0..STEPS).map(|step| contrast(&format!("k{step}"))).collect();
            assert!(range[0] >= 3.0 && range.is_sorted_by(|one, two| one < two), "{range:?}");
            for name in (0..LOOKS).map(|at| format!("c{at}")).chain(["soft".to_owned()]) {
                assert!(contrast(&name) >= 3.0, "{name}: {}", contrast(&name));
            }
        }
    }

    #[test]
    fn numbers_have_a_range_and_texts_one_colour_each() {
        let numbers = [Has::Number(0.0), Has::Number(1.0), Has::Nothing];
        let colours = Colours::over(Some(("auc", &numbers)), Scaling::Automatic);
        assert_eq!(numbers.each_ref().map(|value| colours.class(value)), ["k0", "k6", "novalue"]);
        assert!(colours.legend().into_string().contains("no value"));
        let texts = ["a", "b"].map(|text| Has::Text(text.to_owned()));
        let colours = Colours::over(Some(("kind", &texts)), Scaling::Automatic);
        assert_eq!(texts.each_ref().map(|value| colours.class(value)), ["c0", "c1"]);
        let colours = Colours::over(None, Scaling::Automatic);
        assert_eq!(
            (colours.class(&Has::Nothing), colours.legend().into_string()),
            ("c0".to_owned(), String::new())
        );
    }
}
