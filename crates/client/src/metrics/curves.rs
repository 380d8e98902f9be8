//! Curves of any length in so few points that they can be drawn, made while the file is read.
//!
//! The axis is cut into spans of one width; of each the first, the last, the smallest and the largest point stay, so that
//! nothing that stands out is lost. There are at most [`SPANS`] of them: when one more is needed, all become twice as wide.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use azml_core::run::Metric;
use serde::Deserialize;
use serde_json::Value;

use super::Kind;
use super::lines::{Found, Lines, Place};
use crate::limits::METRICS_CURVES;

/// Spans of a curve's axis: between half as many and so many are used of a long curve. It is about the width of a chart.
const SPANS: usize = 400;

/// A place on the axis, and a value.
type Point = (i64, f64);

/// The curves in a file, as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Curves {
    place: Place,
    by_name: BTreeMap<String, Sketch>,
}

/// A curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    /// Values, also those that are no number.
    count: u64,
    /// Values that are numbers.
    numbers: usize,
    /// By the number of the value, from 1.
    by_number: Spans,
    /// By the step that was logged with each, as long as each has one.
    by_step: Option<Spans>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Spans {
    /// The width is two to the power of this.
    power: u32,
    /// By their number.
    spans: BTreeMap<i64, Span>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Span {
    first: Point,
    low: Point,
    high: Point,
    last: Point,
}

impl Curves {
    /// Reads what has been appended since; all of it, if it is another file.
    pub fn read_on(&mut self, file: File) -> io::Result<()> {
        #[derive(Deserialize)]
        struct Logged<'l> {
            #[serde(default)]
            kind: Kind,
            #[serde(borrow)]
            name: Cow<'l, str>,
            value: Value,
            #[serde(default)]
            step: Option<i64>,
        }
        if !self.place.is_in(&file)? {
            *self = Self::default();
        }
        let mut lines = Lines::after(&self.place, file)?;
        while let Some((_, found)) = lines.next()? {
            // What is half written is read when it is whole.
            let Found::Whole(line) = found else { continue };
            let Ok(Logged { kind: Kind::Metric, name, value, step }) = serde_json::from_slice(line) else {
                continue;
            };
            let Some(value) = Metric::from(value).as_f64() else { continue };
            if let Some(sketch) = self.by_name.get_mut(&*name) {
                sketch.add(Some(value), step);
            } else if self.by_name.len() < METRICS_CURVES {
                let sketch = self.by_name.entry(name.into_owned()).or_default();
                sketch.add(Some(value), step);
            }
        }
        // Without a place, all is read again.
        self.place = lines.place()?.unwrap_or_default();
        Ok(())
    }

    /// Those of more than one value.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Sketch)> {
        self.by_name.iter().filter(|(_, sketch)| sketch.numbers > 1)
    }
}

impl Sketch {
    /// Of a list of values.
    pub fn of_list(values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut sketch = Self::default();
        values.into_iter().for_each(|value| sketch.add(value, None));
        sketch
    }

    /// Adds a value; what is no finite number only counts.
    pub fn add(&mut self, value: Option<f64>, step: Option<i64>) {
        if self.count == 0 {
            self.by_step = Some(Spans::default());
        }
        self.count += 1;
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        self.numbers += 1;
        self.by_number.add((i64::try_from(self.count).unwrap_or(i64::MAX), value));
        match (step, &mut self.by_step) {
            (Some(step), Some(by_step)) => by_step.add((step, value)),
            (None, by_step) => *by_step = None,
            (Some(_), None) => {}
        }
    }

    /// Values that are numbers.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// Returns whether its values have steps that tell them apart: MLflow gives those without a step the step 0.
    pub fn has_steps(&self) -> bool {
        self.by_step.as_ref().is_some_and(|steps| {
            let (first, last) = (steps.spans.values().next(), steps.spans.values().next_back());
            first.zip(last).is_some_and(|(first, last)| first.first.0 != last.last.0)
        })
    }

    /// Its points, sorted by their places: by the logged steps, or by the number of the value. A short curve has all of them.
    #[expect(clippy::cast_precision_loss, reason = "nobody logs 2^53 values")]
    pub fn points(&self, by_step: bool) -> Vec<(f64, f64)> {
        let spans = self.by_step.as_ref().filter(|_| by_step).unwrap_or(&self.by_number);
        let mut all: Vec<Point> = Vec::with_capacity(4 * spans.spans.len());
        for span in spans.spans.values() {
            let from = all.len();
            all.extend([span.first, span.low, span.high, span.last]);
            all[from..].sort_by_key(|point| point.0);
        }
        all.dedup();
        all.into_iter().map(|(place, value)| (place as f64, value)).collect()
    }
}

impl Spans {
    fn add(&mut self, point: Point) {
        let one = Span { first: point, low: point, high: point, last: point };
        put(&mut self.spans, point.0 >> self.power, one);
        while self.spans.len() > SPANS {
            self.power += 1;
            let narrow = std::mem::take(&mut self.spans);
            for (at, span) in narrow {
                put(&mut self.spans, at >> 1, span);
            }
        }
    }
}

fn put(spans: &mut BTreeMap<i64, Span>, at: i64, next: Span) {
    let and = |span: &mut Span| {
        if next.first.0 < span.first.0 {
            span.first = next.first;
        }
        if next.low.1 < span.low.1 {
            span.low = next.low;
        }
        if next.high.1 > span.high.1 {
            span.high = next.high;
        }
        if next.last.0 >= span.last.0 {
            span.last = next.last;
        }
    };
    spans.entry(at).and_modify(and).or_insert(next);
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    fn sketch(points: &[(i64, f64)]) -> Sketch {
        let mut sketch = Sketch::default();
        for (step, value) in points {
            sketch.add(Some(*value), Some(*step));
        }
        sketch
    }

    #[test]
    fn a_million_points_stay_few_and_keep_what_stands_out() {
        let mut points: Vec<(i64, f64)> =
            (0..1_000_000).map(|n: i32| (10 * i64::from(n), f64::from(n % 7))).collect();
        (points[543_210].1, points[77].1) = (1000.0, -1000.0);
        let sketch = sketch(&points);
        assert!(sketch.has_steps());
        for by_step in [true, false] {
            let drawn = sketch.points(by_step);
            assert!(drawn.len() > SPANS && drawn.len() <= 4 * SPANS, "{}", drawn.len());
            let width = if by_step { 10.0 } else { 1.0 };
            let at = |index: f64| if by_step { width * index } else { index + 1.0 };
            for point in
                [(at(543_210.0), 1000.0), (at(77.0), -1000.0), (at(999_999.0), f64::from(999_999 % 7))]
            {
                assert!(drawn.contains(&point), "{point:?}");
            }
        }
    }

    #[test]
    fn steps_are_the_axis_where_they_tell_values_apart() {
        assert!(sketch(&[(5, 1.0), (1, 2.0)]).has_steps());
        assert_eq!(sketch(&[(5, 1.0), (1, 2.0)]).points(true), [(1.0, 2.0), (5.0, 1.0)]);
        let same = sketch(&[(0, 1.0), (0, 2.0)]);
        assert!(!same.has_steps());
        assert_eq!(same.points(false), [(1.0, 1.0), (2.0, 2.0)]);
        let mut some = sketch(&[(5, 1.0)]);
        some.add(Some(f64::NAN), Some(6));
        some.add(Some(3.0), None);
        some.add(Some(4.0), Some(9));
        assert!(!some.has_steps() && some.numbers() == 3);
        assert_eq!(some.points(true), [(1.0, 1.0), (3.0, 3.0), (4.0, 4.0)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_sketch_is_part_of_the_curve(
            points in prop::collection::vec((any::<i64>(), -1e9..1e9_f64), 1..1500), few in any::<bool>()
        ) {
            let points = if few { &points[..points.len().min(SPANS)] } else { &points[..] };
            let drawn = sketch(points).points(true);
            prop_assert!(drawn.len() <= 4 * SPANS && drawn.is_sorted_by(|one, two| one.0 <= two.0));
            #[expect(clippy::cast_precision_loss, reason = "as it is drawn")]
            let all: Vec<(f64, f64)> = points.iter().map(|(step, value)| (*step as f64, *value)).collect();
            for point in &drawn {
                prop_assert!(all.contains(point));
            }
            let by_value = |one: &&(f64, f64), two: &&(f64, f64)| one.1.total_cmp(&two.1);
            for wanted in [all.iter().min_by(by_value), all.iter().max_by(by_value)] {
                prop_assert!(drawn.iter().any(|point| point.1.total_cmp(&wanted.unwrap().1).is_eq()));
            }
            if few {
                prop_assert_eq!(drawn.len(), all.len());
            }
        }

        #[test]
        fn a_file_that_grows_is_read_on(parts in prop::collection::vec((0..3_u8, 0..60_usize), 1..12)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("metrics.jsonl");
            let (mut curves, mut text) = (Curves::default(), String::new());
            for (kind, count) in parts {
                match kind {
                    // Another file takes its place.
                    0 if count % 7 == 0 => text.clear(),
                    // The last line is cut off.
                    1 => text.truncate(text.len() - count.min(text.len())),
                    _ => {}
                }
                for number in 0..count {
                    let step = text.len();
                    writeln!(text, r#"{{"name": "m{}", "value": {number}, "step": {step}}}"#, number % 3).unwrap();
                }
                text.truncate(text.len() - usize::from(kind).min(text.len()));
                std::fs::write(&path, &text).unwrap();
                curves.read_on(File::open(&path).unwrap()).unwrap();
                let mut anew = Curves::default();
                anew.read_on(File::open(&path).unwrap()).unwrap();
                prop_assert_eq!(&curves.by_name, &anew.by_name);
            }
        }
    }
}
