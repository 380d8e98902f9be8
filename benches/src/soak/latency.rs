//! The durations and failures of each kind of work, and their table.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The number of failures that are kept in words.
const SHOWN: usize = 20;

/// One kind of work.
#[derive(Debug, Default)]
struct Row {
    took: Vec<Duration>,
    failed: u64,
    interrupted: u64,
}

/// The work of all clients.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    rows: Mutex<BTreeMap<&'static str, Row>>,
    failures: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Latencies {
    /// Counts work that ended well.
    pub(super) fn done(&self, work: &'static str, took: Duration) {
        lock(&self.rows).entry(work).or_default().took.push(took);
    }

    /// Counts work that a stop of the server cut off.
    pub(super) fn interrupted(&self, work: &'static str) {
        lock(&self.rows).entry(work).or_default().interrupted += 1;
    }

    /// Counts work that failed though the server was up.
    pub(super) fn failed(&self, work: &'static str, reason: &str) {
        lock(&self.rows).entry(work).or_default().failed += 1;
        let mut failures = lock(&self.failures);
        if failures.len() < SHOWN {
            failures.push(format!("{work}: {reason}"));
        }
    }

    /// The first failures, in words.
    pub(super) fn failures(&self) -> Vec<String> {
        lock(&self.failures).clone()
    }

    /// The longest that any work took.
    pub(super) fn longest(&self) -> Duration {
        lock(&self.rows).values().flat_map(|row| row.took.iter().copied()).max().unwrap_or_default()
    }

    /// The kinds of work that never ended well.
    pub(super) fn never_done(&self) -> Vec<&'static str> {
        lock(&self.rows).iter().filter(|(_, row)| row.took.is_empty()).map(|(work, _)| *work).collect()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| work | done | median | 95 % | longest | cut off by a stop | failed |")?;
        writeln!(f, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for (work, row) in lock(&self.rows).iter() {
            let mut took = row.took.clone();
            took.sort_unstable();
            let at =
                |share: usize| match took.get((took.len() * share / 100).min(took.len().saturating_sub(1))) {
                    Some(took) => format!("{:.0} ms", took.as_secs_f64() * 1_000.0),
                    None => "-".to_owned(),
                };
            let (middle, most, longest) = (at(50), at(95), at(100));
            let Row { failed, interrupted, .. } = row;
            writeln!(
                f,
                "| {work} | {} | {middle} | {most} | {longest} | {interrupted} | {failed} |",
                took.len()
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_kind_of_work() {
        let latencies = Latencies::default();
        for number in 1..=100 {
            latencies.done("clone", Duration::from_millis(number));
        }
        latencies.interrupted("clone");
        latencies.failed("push", "no answer");
        let table = latencies.to_string();
        assert!(table.contains("| clone | 100 | 51 ms | 96 ms | 100 ms | 1 | 0 |"), "{table}");
        assert!(table.contains("| push | 0 | - | - | - | 0 | 1 |"), "{table}");
        assert_eq!(latencies.failures(), ["push: no answer"]);
        assert_eq!(latencies.longest(), Duration::from_millis(100));
        assert_eq!(latencies.never_done(), ["push"]);
    }
}
