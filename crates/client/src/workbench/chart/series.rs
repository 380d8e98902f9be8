//! One curve of a chart: its points, what is said of them, and no more of them than can be seen.

use crate::workbench::format;

/// A curve has no more points: there are no more places for them.
pub(super) const POINTS: usize = 400;

/// A curve.
#[derive(Clone, Debug)]
pub struct Series {
    /// Its name.
    pub name: String,
    /// The number of its values, of which the points are those that can be told apart.
    pub count: usize,
    /// Places and values, by place.
    pub points: Vec<(f64, f64)>,
}

impl Series {
    /// A curve of which all points are there.
    pub fn new(name: String, points: Vec<(f64, f64)>) -> Self {
        Self { name, count: points.len(), points }
    }

    /// In words.
    pub(super) fn told(&self) -> String {
        let by_value = |one: &&(f64, f64), two: &&(f64, f64)| one.1.total_cmp(&two.1);
        let (Some(low), Some(high), Some(last)) =
            (self.points.iter().min_by(by_value), self.points.iter().max_by(by_value), self.points.last())
        else {
            return format!("{}: no values.", self.name);
        };
        format!(
            "{}: {}, lowest {} at {}, highest {} at {}, last {}.",
            self.name,
            format::count(self.count, "value", "values"),
            format::number(low.1),
            format::number(low.0),
            format::number(high.1),
            format::number(high.0),
            format::number(last.1),
        )
    }

    /// No more points than there are places, keeping what stands out.
    pub(super) fn thinned(&self) -> Vec<(f64, f64)> {
        if self.points.len() <= POINTS {
            return self.points.clone();
        }
        let share = self.points.len().div_ceil(POINTS / 2);
        let mut kept = Vec::with_capacity(POINTS);
        for part in self.points.chunks(share) {
            let low = part.iter().min_by(|one, two| one.1.total_cmp(&two.1));
            let high = part.iter().max_by(|one, two| one.1.total_cmp(&two.1));
            let (Some(low), Some(high)) = (low, high) else { continue };
            let pair = if low.0 <= high.0 { [low, high] } else { [high, low] };
            kept.extend(pair.into_iter().copied());
        }
        kept.dedup();
        kept
    }
}
