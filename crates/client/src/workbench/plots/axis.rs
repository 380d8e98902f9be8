//! An axis of many runs: numbers along a scale, texts as ordered ticks, and runs without a value beside both.

use std::collections::HashMap;

use crate::workbench::chart::scale::Scale;
use crate::workbench::format;
use crate::workbench::list::field::Has;

/// An axis is logarithmic by itself if its largest value is at least so many times its smallest: two powers of ten, less
/// what is lost by writing 0.001 as a binary number.
const DECADES: f64 = 99.9;
/// The longest text of a tick, in characters.
const TICK: usize = 18;

/// The kind of scale that numbers get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scaling {
    /// Logarithmic if all values are positive and span decades.
    #[default]
    Automatic,
    /// Linear.
    Linear,
    /// Logarithmic if all values are positive.
    Logarithmic,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Its label.
    pub label: String,
    kind: Kind,
    /// The number of runs without a place on it.
    pub missing: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    Numbers {
        scale: Scale,
        /// The lowest and the highest.
        ends: (f64, f64),
    },
    Texts {
        /// The texts that have a tick each, in order.
        known: Vec<String>,
        /// True if the last tick is for all other texts.
        has_others: bool,
    },
}

impl Axis {
    /// The axis of these values, with ticks for at most `most` different texts.
    pub fn over(label: &str, values: &[Has], scaling: Scaling, most: usize) -> Self {
        let numbers: Vec<f64> = values.iter().filter_map(number).collect();
        let is_numeric = !numbers.is_empty() && values.iter().all(|value| text(value).is_none());
        let kind = if is_numeric { numeric(&numbers, scaling) } else { textual(values, most) };
        let mut axis = Self { label: label.to_owned(), kind, missing: 0 };
        axis.missing = values.iter().filter(|value| axis.place(value).is_none()).count();
        axis
    }

    /// The position of a value between the axis's ends, from 0 to 1; `None` if the run has no value, or one that is not a
    /// finite number among numbers.
    pub fn place(&self, value: &Has) -> Option<f64> {
        match &self.kind {
            Kind::Numbers { scale, .. } => number(value).map(|number| scale.place(number).clamp(0.0, 1.0)),
            Kind::Texts { .. } => self.tick_of(value).map(|at| self.place_of(at)),
        }
    }

    /// The index of the tick that a text has; `None` on an axis of numbers.
    pub fn tick_of(&self, value: &Has) -> Option<usize> {
        let Kind::Texts { known, has_others } = &self.kind else { return None };
        let text = any_text(value)?;
        let found = known.iter().position(|known| *known == text);
        found.or_else(|| has_others.then_some(known.len()))
    }

    /// Returns whether it is an axis of numbers.
    pub fn is_numeric(&self) -> bool {
        matches!(self.kind, Kind::Numbers { .. })
    }

    #[expect(clippy::cast_precision_loss, reason = "there are a few ticks")]
    fn place_of(&self, tick: usize) -> f64 {
        match self.count().saturating_sub(1) {
            0 => 0.5,
            last => tick as f64 / last as f64,
        }
    }

    fn count(&self) -> usize {
        match &self.kind {
            Kind::Numbers { scale, .. } => scale.ticks.len(),
            Kind::Texts { known, has_others } => known.len() + usize::from(*has_others),
        }
    }

    /// The ticks: positions from 0 to 1, and labels.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        match &self.kind {
            Kind::Numbers { scale, .. } => {
                scale.ticks.iter().map(|tick| (scale.place(*tick), scale.label(*tick))).collect()
            }
            Kind::Texts { known, has_others } => {
                let others = has_others.then(|| "other texts".to_owned());
                let labels = known.iter().map(|text| format::short(text, TICK)).chain(others);
                labels.enumerate().map(|(at, label)| (self.place_of(at), label)).collect()
            }
        }
    }

    /// The axis in words.
    pub fn in_words(&self) -> String {
        let missing = match self.missing {
            0 => String::new(),
            missing => format!(", {} without", format::count(missing, "run", "runs")),
        };
        match &self.kind {
            Kind::Numbers { scale, ends: (low, high) } => {
                let kind = if scale.is_logarithmic() { ", logarithmic" } else { "" };
                format!(
                    "{}: {} to {}{kind}{missing}",
                    self.label,
                    format::number(*low),
                    format::number(*high)
                )
            }
            Kind::Texts { .. } => {
                let ticks: Vec<String> = self.ticks().into_iter().map(|(_, label)| label).collect();
                format!("{}: {}{missing}", self.label, ticks.join(", "))
            }
        }
    }
}

fn numeric(numbers: &[f64], scaling: Scaling) -> Kind {
    let low = numbers.iter().copied().fold(f64::MAX, f64::min);
    let high = numbers.iter().copied().fold(f64::MIN, f64::max);
    let is_logarithmic = match scaling {
        Scaling::Automatic => low > 0.0 && high / low >= DECADES,
        Scaling::Linear => false,
        Scaling::Logarithmic => low > 0.0,
    };
    let is_whole = numbers.iter().all(|number| number.fract().abs() < f64::EPSILON);
    let scale =
        if is_logarithmic { Scale::logarithmic(low, high) } else { Scale::over(low, high, 5, is_whole) };
    Kind::Numbers { scale, ends: (low, high) }
}

fn textual(values: &[Has], most: usize) -> Kind {
    let mut counts: HashMap<String, (usize, &Has)> = HashMap::new();
    for value in values {
        if let Some(text) = any_text(value) {
            counts.entry(text).or_insert((0, value)).0 += 1;
        }
    }
    let mut counted: Vec<(String, usize, &Has)> =
        counts.into_iter().map(|(text, (count, value))| (text, count, value)).collect();
    let has_others = counted.len() > most;
    if has_others {
        counted.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
        counted.truncate(most.saturating_sub(1));
    }
    counted.sort_by(|one, two| one.2.order(two.2, false));
    Kind::Texts { known: counted.into_iter().map(|(text, ..)| text).collect(), has_others }
}

/// A finite number.
fn number(value: &Has) -> Option<f64> {
    match value {
        Has::Number(number) => Some(*number).filter(|number| number.is_finite()),
        Has::Text(_) | Has::Nothing => None,
    }
}

/// A text that is no number, such as NaN, either.
fn text(value: &Has) -> Option<&str> {
    match value {
        Has::Text(text) => Some(text.as_str()).filter(|text| text.parse::<f64>().is_err()),
        Has::Number(_) | Has::Nothing => None,
    }
}

/// Any value as a text.
fn any_text(value: &Has) -> Option<String> {
    match value {
        Has::Nothing => None,
        Has::Number(number) => Some(format::number(*number)),
        Has::Text(text) => Some(text.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Vec<Has> {
        let value = |word: &&str| match word.parse::<f64>().ok().filter(|number| number.is_finite()) {
            Some(number) => Has::Number(number),
            None if word.is_empty() => Has::Nothing,
            None => Has::Text((*word).to_owned()),
        };
        words.iter().map(value).collect()
    }

    fn axis(words: &[&str], scaling: Scaling) -> Axis {
        Axis::over("lr", &texts(words), scaling, 4)
    }

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn values_that_span_decades_are_logarithmic_unless_somebody_wants_otherwise() {
        let decades = ["0.001", "0.1", "", "nan"];
        assert_eq!(
            axis(&decades, Scaling::Automatic).in_words(),
            "lr: 0.001 to 0.1, logarithmic, 2 runs without"
        );
        assert!(axis(&decades, Scaling::Linear).in_words().starts_with("lr: 0.001 to 0.1, 2 runs"));
        assert_eq!(axis(&["2", "5"], Scaling::Automatic).in_words(), "lr: 2 to 5");
        assert!(axis(&["2", "5"], Scaling::Logarithmic).in_words().contains("logarithmic"));
        assert!(!axis(&["0", "500"], Scaling::Logarithmic).in_words().contains("logarithmic"));
    }

    #[test]
    fn texts_are_ordered_ticks_and_the_rarest_of_many_share_one() {
        let few = axis(&["sgd", "adam", "", "sgd"], Scaling::Automatic);
        assert_eq!(labels(&few), ["adam", "sgd"]);
        assert_eq!(few.missing, 1);
        let mixed = axis(&["none", "10", "9"], Scaling::Automatic);
        assert_eq!(labels(&mixed), ["9", "10", "none"], "numbers are ordered as numbers, before texts");
        let many = ["a", "a", "b", "b", "c", "c", "d", "e"];
        let axis = axis(&many, Scaling::Automatic);
        assert_eq!(labels(&axis), ["a", "b", "c", "other texts"]);
        assert_eq!(axis.place(&Has::Text("e".to_owned())), Some(1.0));
        assert_eq!(axis.missing, 0);
    }

    #[test]
    fn what_is_no_number_has_no_place_among_numbers_and_one_among_texts() {
        let numbers = axis(&["1", "2", "inf"], Scaling::Automatic);
        assert_eq!((numbers.place(&Has::Text("inf".to_owned())), numbers.missing), (None, 1));
        assert_eq!(labels(&axis(&["nan"], Scaling::Automatic)), ["nan"]);
        let none = axis(&["", ""], Scaling::Automatic);
        assert_eq!((labels(&none), none.missing), (Vec::new(), 2));
    }
}
