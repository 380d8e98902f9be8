//! The server's memory, threads and descriptors under load, and whether they are flat after the warm-up.

use std::time::Duration;

use crate::usage::Figures;

/// The share of a server's life that is warm-up: caches fill, the allocator and the thread pool find their size.
const WARM_UP: f64 = 0.4;
/// The factor by which the median of the end may exceed the median after the warm-up, beside the allowance.
const GROWTH: f64 = 1.15;

/// The figures of one server process at one moment of its life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    /// Time since the process began.
    pub(super) age: Duration,
    pub(super) figures: Figures,
}

/// One figure of a life: after the warm-up, at the end, and the most there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trend {
    pub(super) early: u64,
    pub(super) late: u64,
    pub(super) most: u64,
}

impl Trend {
    /// Compares the medians of the first and of the last third after the warm-up; `None` with too few samples to tell.
    pub(super) fn of(samples: &[Sample], figure: impl Fn(&Figures) -> u64) -> Option<Self> {
        let end = samples.last()?.age;
        let warm: Vec<u64> = samples
            .iter()
            .filter(|sample| sample.age >= end.mul_f64(WARM_UP))
            .map(|sample| figure(&sample.figures))
            .collect();
        let third = warm.len() / 3;
        if third < 3 {
            return None;
        }
        let most = samples.iter().map(|sample| figure(&sample.figures)).max()?;
        Some(Self { early: median(&warm[..third]), late: median(&warm[warm.len() - third..]), most })
    }

    /// True if the figure has not grown by more than the factor and `allowance`, in the figure's unit.
    #[expect(clippy::cast_precision_loss, reason = "a figure of a process is far below 2^52")]
    pub(super) fn is_flat(self, allowance: u64) -> bool {
        self.late as f64 <= self.early as f64 * GROWTH + allowance as f64
    }
}

fn median(values: &[u64]) -> u64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(memory: impl Fn(u64) -> u64) -> Option<Trend> {
        let samples: Vec<Sample> = (0..100)
            .map(|second| Sample {
                age: Duration::from_secs(second),
                figures: Figures { anonymous: memory(second), ..Figures::default() },
            })
            .collect();
        Trend::of(&samples, |figures| figures.anonymous)
    }

    #[test]
    fn growth_after_the_warm_up_is_seen_and_growth_within_it_is_not() {
        let warmed = trend(|second| 1_000 * second.min(30)).expect("enough samples");
        assert!(warmed.is_flat(0), "{warmed:?}");
        let leaking = trend(|second| 10_000 + 1_000 * second).expect("enough samples");
        assert!(!leaking.is_flat(0), "{leaking:?}");
        let spiky = trend(|second| if second == 99 { 1_000_000 } else { 1_000 }).expect("enough samples");
        assert!(spiky.is_flat(0) && spiky.most == 1_000_000, "{spiky:?}");
    }

    #[test]
    fn too_short_a_life_tells_nothing() {
        assert_eq!(Trend::of(&[], |figures| figures.threads), None);
    }
}
