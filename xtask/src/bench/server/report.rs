//! The table of measurements with the targets: what each side did, how many times better ours is, and whether that
//! is enough.

use std::fmt;
use std::time::Duration;

use super::http::Sample;

/// Something measured.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    Rate(Sample),
    Wall(Duration),
    Bytes(u64),
    /// Nobody to compare with.
    Nothing,
}

impl Value {
    /// How many times better this is than the other: more of what is good, less of what is not.
    #[expect(clippy::cast_precision_loss, reason = "no memory is that large")]
    fn times_better(self, other: Self) -> f64 {
        match (self, other) {
            (Self::Rate(ours), Self::Rate(theirs)) => ours.rate / theirs.rate.max(1e-9),
            (Self::Wall(ours), Self::Wall(theirs)) => theirs.as_secs_f64() / ours.as_secs_f64().max(1e-9),
            (Self::Bytes(ours), Self::Bytes(theirs)) => theirs as f64 / (ours as f64).max(1.0),
            _ => f64::NAN,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(sample) => write!(out, "{:.0}/s, p50 {}", sample.rate, shown(sample.p50)),
            Self::Wall(time) => out.write_str(&shown(*time)),
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

/// What is aimed at.
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
        let verdict = |is_met: bool| if is_met { "met" } else { "missed" };
        let (target, verdict) = match (self.goal, self.ours) {
            (Goal::Times(least), _) => (format!("{least} x"), verdict(times >= least)),
            (Goal::AtMost(most), _) => (format!("at most {most} x"), verdict(1.0 / times <= most)),
            (Goal::Bytes(most), Value::Bytes(bytes)) => {
                (format!("at most {} MB", most / 1_000_000), verdict(bytes <= most))
            }
            (Goal::Wall(most), Value::Wall(time)) => {
                (format!("at most {}", shown(most)), verdict(time <= most))
            }
            (Goal::Bytes(_) | Goal::Wall(_) | Goal::None, _) => (String::new(), ""),
        };
        let Self { work, ours, theirs, .. } = self;
        let times = if times.is_nan() { String::new() } else { format!("{times:.1}") };
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
}
