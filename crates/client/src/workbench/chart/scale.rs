//! From values to places on an axis, and the round numbers along it.

use crate::text::significant;

/// An axis: which values it spans, and its round numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    /// The value at its beginning.
    pub(super) from: f64,
    /// The value at its end; always more.
    pub(super) to: f64,
    /// Round numbers on it.
    pub(super) ticks: Vec<f64>,
    step: f64,
}

impl Scale {
    /// An axis for values between these two, with about `count` round numbers; only whole ones if `whole`.
    pub(super) fn over(low: f64, high: f64, count: u32, whole: bool) -> Self {
        let (mut low, mut high) = if low <= high { (low, high) } else { (high, low) };
        // So that no sum overflows.
        (low, high) = (low.clamp(-1e300, 1e300), high.clamp(-1e300, 1e300));
        let fine = low.abs().max(high.abs()).max(1e-290) * 1e-9;
        let least = if whole { fine.max(1.0) } else { fine };
        if high - low < least {
            let room = if whole { least } else { (low.abs() * 0.1).max(least) };
            (low, high) = (low - room, high + room);
        }
        let mut step = round_step((high - low) / f64::from(count.max(1)));
        if whole {
            step = step.max(1.0);
        }
        let first = (low / step).floor();
        let last = (high / step).ceil();
        let (from, to) = if whole { (low, high) } else { (first * step, last * step) };
        let mut ticks = Vec::new();
        let mut at = first;
        while at <= last && ticks.len() < 20 {
            let value = at * step;
            if value >= from - step * 1e-6 && value <= to + step * 1e-6 {
                ticks.push(value);
            }
            at += 1.0;
        }
        Self { from, to, ticks, step }
    }

    /// The position of a value between the axis's ends: 0 at `from`, 1 at `to`.
    pub(super) fn place(&self, value: f64) -> f64 {
        (value - self.from) / (self.to - self.from)
    }

    /// A round number as it is written on the axis.
    pub(super) fn label(&self, tick: f64) -> String {
        let largest = self.from.abs().max(self.to.abs());
        if tick.abs() < self.step * 1e-6 {
            return "0".to_owned();
        }
        if largest >= 1e6 || self.step < 1e-4 {
            return significant(tick, 4);
        }
        // As many decimals as tell the steps apart.
        let decimals = (0..6).find(|places| {
            let scaled = self.step * 10_f64.powi(*places);
            (scaled - scaled.round()).abs() < 1e-6 * scaled
        });
        format!("{tick:.*}", usize::try_from(decimals.unwrap_or(6)).unwrap_or(6))
    }
}

/// 1, 2 or 5 times a power of ten, the nearest to `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let times = rough / power;
    let nearest = [(1.5, 1.0), (3.2, 2.0), (7.1, 5.0)].into_iter().find(|(limit, _)| times <= *limit);
    nearest.map_or(10.0, |(_, round)| round) * power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        scale.ticks.iter().map(|tick| scale.label(*tick)).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Scale::over(0.12, 0.93, 4, false)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Scale::over(0.91, 0.93, 4, false)), ["0.910", "0.915", "0.920", "0.925", "0.930"]);
        assert_eq!(
            labels(&Scale::over(-30.0, 90.0, 4, false)),
            ["-40", "-20", "0", "20", "40", "60", "80", "100"]
        );
        assert_eq!(labels(&Scale::over(1.0, 7.0, 6, true)), ["1", "2", "3", "4", "5", "6", "7"]);
        assert_eq!(labels(&Scale::over(0.0, 1_200_000.0, 3, false)), ["0", "5e+05", "1e+06", "1.5e+06"]);
        assert_eq!(labels(&Scale::over(5.0, 5.0, 4, true)), ["4", "5", "6"]);
        assert!(Scale::over(0.5, 0.5, 4, false).ticks.len() >= 2);
    }

    proptest! {
        #[test]
        fn every_value_has_its_place_between_the_ends(
            low in -1e305_f64..1e305, high in -1e305_f64..1e305, tiny in -1e-300_f64..1e-300, whole in any::<bool>()
        ) {
            for (low, high) in [(low, high), (tiny, tiny), (low, low), (tiny, high)] {
                let scale = Scale::over(low, high, 5, whole);
                prop_assert!(scale.to > scale.from && scale.from.is_finite() && scale.to.is_finite());
                prop_assert!(scale.ticks.len() <= 20);
                for value in [low, high] {
                    let place = scale.place(value.clamp(-1e300, 1e300));
                    prop_assert!((-0.001..=1.001).contains(&place), "{} {:?}", place, scale);
                }
            }
        }
    }
}
