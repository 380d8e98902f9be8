//! The table of measurements with the targets: what each side did, how many times better ours is, and whether that
//! is enough.

use std::fmt;
use std::time::Duration;

use super::http::Sample;
use crate::usage::TICK;

/// Something measured.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Rate(Sample),
    Wall(Duration),
    /// Processor time, which the kernel counts in ticks: what is shorter than one may come out as nothing.
    Cpu(Duration),
    Bytes(u64),
    /// Nobody to compare with.
    Nothing,
}

/// The ratio by which one value is better than another.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ratio {
    Exactly(f64),
    /// Ours is below the resolution of its clock.
    MoreThan(f64),
    /// Theirs is.
    LessThan(f64),
    /// Both are, or one of them is nothing.
    Unknown,
}

impl Ratio {
    fn of(numerator: f64, denominator: f64) -> Self {
        if numerator > 0.0 && denominator > 0.0 {
            Self::Exactly(numerator / denominator)
        } else {
            Self::Unknown
        }
    }

    /// Returns whether it is `least` or more, if that can be told.
    fn reaches(self, least: f64) -> Option<bool> {
        match self {
            Self::Exactly(ratio) => Some(ratio >= least),
            Self::MoreThan(ratio) => (ratio >= least).then_some(true),
            Self::LessThan(ratio) => (ratio <= least).then_some(false),
            Self::Unknown => None,
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(ratio) => write!(out, "{ratio:.1}"),
            Self::MoreThan(ratio) => write!(out, "> {ratio:.1}"),
            Self::LessThan(ratio) => write!(out, "< {ratio:.1}"),
            Self::Unknown => Ok(()),
        }
    }
}

impl Value {
    /// Returns how many times better this is than the other: more of what is good, less of what is not.
    #[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
    fn times_better(self, other: Self) -> Ratio {
        match (self, other) {
            (Self::Rate(ours), Self::Rate(theirs)) => Ratio::of(ours.rate, theirs.rate),
            (Self::Wall(ours), Self::Wall(theirs)) => Ratio::of(theirs.as_secs_f64(), ours.as_secs_f64()),
            (Self::Cpu(ours), Self::Cpu(theirs)) => {
                let ratio = theirs.max(TICK).as_secs_f64() / ours.max(TICK).as_secs_f64();
                match (ours < TICK, theirs < TICK) {
                    (false, false) => Ratio::Exactly(ratio),
                    (true, false) => Ratio::MoreThan(ratio),
                    (false, true) => Ratio::LessThan(ratio),
                    (true, true) => Ratio::Unknown,
                }
            }
            (Self::Bytes(ours), Self::Bytes(theirs)) => Ratio::of(theirs as f64, ours as f64),
            _ => Ratio::Unknown,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(sample) => write!(out, "{:.0}/s, p50 {}", sample.rate, shown(sample.p50)),
            Self::Cpu(time) if *time < TICK => write!(out, "below {}", shown(TICK)),
            Self::Wall(time) | Self::Cpu(time) => out.write_str(&shown(*time)),
            Self::Bytes(bytes) => write!(out, "{} MB", bytes / 1_000_000),
            Self::Nothing => Ok(()),
        }
    }
}

fn shown(time: Duration) -> String {
    match time.as_secs_f64() * 1000.0 {
        ms if ms < 1.0 => format!("{ms:.2} ms"),
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

/// A goal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// So many times better than the peer.
    Times(f64),
    /// At most so many times what the peer uses.
    AtMost(f64),
    /// At most so many bytes, whatever the peer.
    Bytes(u64),
    /// At most so long, whatever the peer.
    Wall(Duration),
    None,
}

struct Row {
    work: String,
    ours: Value,
    theirs: Value,
    goal: Goal,
}

/// The rows measured; `Display` prints the whole table.
pub(super) struct Report {
    title: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    pub(super) fn new(title: String) -> Self {
        Self { title, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row and tells the terminal, since the whole takes minutes.
    pub(super) fn push(&mut self, work: impl Into<String>, ours: Value, theirs: Value, goal: Goal) {
        let row = Row { work: work.into(), ours, theirs, goal };
        eprintln!("{row}");
        self.rows.push(row);
    }

    /// Adds a line below the table.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = self.ours.times_better(self.theirs);
        let verdict = |is_met: Option<bool>| match is_met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "cannot be told",
        };
        let (target, verdict) = match (self.goal, self.ours) {
            (Goal::Times(least), _) => (format!("{least} x"), verdict(times.reaches(least))),
            (Goal::AtMost(most), _) => (format!("at most {most} x"), verdict(times.reaches(1.0 / most))),
            (Goal::Bytes(most), Value::Bytes(bytes)) => {
                (format!("at most {} MB", most / 1_000_000), verdict(Some(bytes <= most)))
            }
            (Goal::Wall(most), Value::Wall(time)) => {
                (format!("at most {}", shown(most)), verdict(Some(time <= most)))
            }
            (Goal::Bytes(_) | Goal::Wall(_) | Goal::None, _) => (String::new(), ""),
        };
        let Self { work, ours, theirs, .. } = self;
        write!(out, "| {work} | {ours} | {theirs} | {times} | {target} | {verdict} |")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n{}\n", self.title)?;
        writeln!(out, "| work | vsts-mock | stock git | times better | target | |")?;
        writeln!(out, "| --- | ---: | ---: | ---: | ---: | --- |")?;
        self.rows.iter().try_for_each(|row| writeln!(out, "{row}"))?;
        if !self.notes.is_empty() {
            writeln!(out)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "- {note}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Goal, Report, Value};

    #[test]
    fn rows_say_whether_the_target_is_met() {
        let wall = |ms| Value::Wall(Duration::from_millis(ms));
        let mut report = Report::new("T".to_owned());
        report.push("a", wall(100), wall(550), Goal::Times(5.0));
        report.push("b", wall(140), wall(100), Goal::AtMost(1.3));
        report.push("c", Value::Bytes(149_000_000), Value::Bytes(1_000_000), Goal::Bytes(150_000_000));
        let shown = report.to_string();
        let rows: Vec<&str> = shown.lines().skip(5).collect();
        assert_eq!(
            rows,
            [
                "| a | 100 ms | 550 ms | 5.5 | 5 x | met |",
                "| b | 140 ms | 100 ms | 0.7 | at most 1.3 x | missed |",
                "| c | 149 MB | 1 MB | 0.0 | at most 150 MB | met |",
            ]
        );
    }

    /// The rows of a table of CPU times in milliseconds, ours and theirs.
    fn cpu_rows(times: &[(u64, u64)], goal: Goal) -> Vec<String> {
        let cpu = |ms| Value::Cpu(Duration::from_millis(ms));
        let mut report = Report::new("T".to_owned());
        for (ours, theirs) in times {
            report.push("a", cpu(*ours), cpu(*theirs), goal);
        }
        report.to_string().lines().skip(5).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_shorter_than_a_tick_is_no_divisor() {
        assert_eq!(
            cpu_rows(&[(20, 240), (0, 240), (0, 30), (40, 0), (0, 0)], Goal::Times(5.0)),
            [
                "| a | 20 ms | 240 ms | 12.0 | 5 x | met |",
                "| a | below 10 ms | 240 ms | > 24.0 | 5 x | met |",
                "| a | below 10 ms | 30 ms | > 3.0 | 5 x | cannot be told |",
                "| a | 40 ms | below 10 ms | < 0.2 | 5 x | missed |",
                "| a | below 10 ms | below 10 ms |  | 5 x | cannot be told |",
            ]
        );
        assert_eq!(
            cpu_rows(&[(0, 30), (40, 0)], Goal::AtMost(1.3)),
            [
                "| a | below 10 ms | 30 ms | > 3.0 | at most 1.3 x | met |",
                "| a | 40 ms | below 10 ms | < 0.2 | at most 1.3 x | missed |",
            ]
        );
    }

    #[test]
    fn nothing_is_compared_with_nothing() {
        let rate = |rate| Value::Rate(super::Sample { rate, p50: Duration::ZERO });
        let mut report = Report::new("T".to_owned());
        report.push("a", rate(7.0), rate(0.0), Goal::Times(5.0));
        report.push("b", Value::Wall(Duration::ZERO), Value::Wall(Duration::ZERO), Goal::Times(5.0));
        report.push("c", Value::Bytes(0), Value::Bytes(0), Goal::None);
        report.push("d", Value::Bytes(0), Value::Nothing, Goal::None);
        let table = report.to_string();
        assert!(!table.contains("NaN") && !table.contains("inf"), "{table}");
        assert_eq!(table.matches("| cannot be told |").count(), 2, "{table}");
    }
}
