//! From values to places on an axis, and the round numbers along it.

use crate::text::significant;

/// An axis: which values it spans, and its round numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// The value at its beginning.
    pub from: f64,
    /// The value at its end; always more.
    pub to: f64,
    /// Round numbers on it.
    pub ticks: Vec<f64>,
    /// The distance of its ticks; `None` if it is logarithmic.
    step: Option<f64>,
}

impl Scale {
    /// An axis for values between these two, with about `count` round numbers; only whole ones if `whole`.
    pub fn over(low: f64, high: f64, count: u32, whole: bool) -> Self {
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
        Self { from, to, ticks, step: Some(step) }
    }

    /// A logarithmic axis for values between these two, which are more than 0.
    pub fn logarithmic(low: f64, high: f64) -> Self {
        let (low, high) = (low.clamp(1e-300, 1e300), high.clamp(1e-300, 1e300));
        let (from, to) = if high > low * 1.001 { (low, high) } else { (low / 2.0, high * 2.0) };
        let is_within = |tick: &f64| *tick >= from * (1.0 - 1e-9) && *tick <= to * (1.0 + 1e-9);
        let powers = || (-300..=300).map(|power| 10_f64.powi(power));
        let mut ticks: Vec<f64> = powers().filter(is_within).collect();
        if ticks.len() < 3 {
            ticks = powers().flat_map(|power| [power, power * 2.0, power * 5.0]).filter(is_within).collect();
        }
        if ticks.len() < 2 {
            ticks = vec![from, to];
        }
        let every = ticks.len().div_ceil(8);
        Self { from, to, ticks: ticks.into_iter().step_by(every).collect(), step: None }
    }

    /// Returns whether it is logarithmic.
    pub fn is_logarithmic(&self) -> bool {
        self.step.is_none()
    }

    /// The position of a value between the axis's ends: 0 at `from`, 1 at `to`.
    pub fn place(&self, value: f64) -> f64 {
        match self.step {
            Some(_) => (value - self.from) / (self.to - self.from),
            None => (value.log10() - self.from.log10()) / (self.to.log10() - self.from.log10()),
        }
    }

    /// A round number as it is written on the axis.
    pub fn label(&self, tick: f64) -> String {
        let largest = self.from.abs().max(self.to.abs());
        let Some(step) = self.step else { return significant(tick, 3) };
        if tick.abs() < step * 1e-6 {
            return "0".to_owned();
        }
        if largest >= 1e6 || step < 1e-4 {
            return significant(tick, 4);
        }
        // As many decimals as tell the steps apart.
        let decimals = (0..6).find(|places| {
            let scaled = step * 10_f64.powi(*places);
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

    #[test]
    fn logarithmic_ticks_are_powers_of_ten_or_round_numbers_between() {
        assert_eq!(labels(&Scale::logarithmic(0.001, 0.1)), ["0.001", "0.01", "0.1"]);
        assert_eq!(labels(&Scale::logarithmic(3.0, 70.0)), ["5", "10", "20", "50"]);
        assert_eq!(labels(&Scale::logarithmic(6.0, 7.0)), ["6", "7"]);
        assert!((Scale::logarithmic(0.01, 1.0).place(0.1) - 0.5).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn every_positive_value_has_its_place_on_a_logarithmic_axis(
            low in -308_i32..308, high in -308_i32..308, times in 1_f64..9.9
        ) {
            let ends = [10_f64.powi(low.min(high)) * times, 10_f64.powi(low.max(high)) * times];
            let scale = Scale::logarithmic(ends[0], ends[1]);
            prop_assert!(scale.to > scale.from && (2..=20).contains(&scale.ticks.len()), "{:?}", scale);
            for value in ends.map(|value| value.clamp(1e-300, 1e300)).iter().chain(&scale.ticks) {
                prop_assert!((-0.001..=1.001).contains(&scale.place(*value)), "{} {:?}", value, scale);
            }
        }

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
