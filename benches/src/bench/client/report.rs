//! The table: what each side took, the target, and whether it is met.

use std::fmt;
use std::time::Duration;

/// The columns, in order; the first is ours. A table has those that were measured.
pub(super) const SIDES: [&str; 13] = [
    "azml",
    "plain git",
    "tuned git",
    "git-lfs",
    "jj",
    "DVC",
    "MLflow",
    "Guild",
    "rsync",
    "submitit",
    "podman run",
    "ray job",
    "floor",
];

/// The goal for a time of ours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// At most so many times what that side takes.
    Times(f64, &'static str),
    /// At most so many times what that side takes, and so much on top.
    Plus(f64, &'static str, Duration),
    /// At most this long.
    AtMost(Duration),
}

#[derive(Debug)]
enum Row {
    Times { work: String, times: Vec<(&'static str, Duration)>, goals: Vec<Goal> },
    Bytes { work: String, bytes: u64, most: u64 },
}

/// The rows measured so far; `Display` prints the whole table.
#[derive(Debug, Default)]
pub(super) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// Adds what the sides took, and tells the terminal, since the whole takes minutes.
    pub(super) fn times(
        &mut self,
        work: impl Into<String>,
        times: Vec<(&'static str, Duration)>,
        goals: &[Goal],
    ) {
        self.push(Row::Times { work: work.into(), times, goals: goals.to_vec() });
    }

    /// Adds what azml's memory came to.
    pub(super) fn bytes(&mut self, work: impl Into<String>, bytes: u64, most: u64) {
        self.push(Row::Bytes { work: work.into(), bytes, most });
    }

    fn push(&mut self, row: Row) {
        eprintln!("{}", row.line(&SIDES));
        self.rows.push(row);
    }

    /// Adds a line below the table, once.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            eprintln!("{text}");
            self.notes.push(text);
        }
    }
}

fn took(times: &[(&'static str, Duration)], side: &str) -> Option<Duration> {
    times.iter().find(|(name, _)| *name == side).map(|(_, time)| *time)
}

impl Goal {
    /// The target in words, what ours is of it, and whether that is enough; nothing when the peer is not here or
    /// took no time that the clock shows.
    fn judge(self, times: &[(&'static str, Duration)]) -> Option<(String, bool)> {
        let ours = took(times, SIDES[0])?;
        Some(match self {
            Self::Times(most, side) => {
                let theirs = took(times, side).filter(|time| !time.is_zero())?;
                let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
                let most_in_words = format!("{most:.3}");
                let most_in_words = most_in_words.trim_end_matches('0').trim_end_matches('.');
                (format!("{ratio:.2} of {side} (at most {most_in_words})"), ratio <= most)
            }
            Self::Plus(most, side, extra) => {
                let limit = took(times, side)?.mul_f64(most) + extra;
                (format!("at most {most} x {side} + {} = {}", shown(extra), shown(limit)), ours <= limit)
            }
            Self::AtMost(limit) => (format!("at most {}", shown(limit)), ours <= limit),
        })
    }
}

impl Row {
    fn has(&self, side: &str) -> bool {
        matches!(self, Self::Times { times, .. } if took(times, side).is_some())
    }

    /// The row of a table with these columns.
    fn line(&self, sides: &[&str]) -> String {
        let verdict = |met: bool| if met { "met" } else { "missed" };
        match self {
            Self::Times { work, times, goals } => {
                let cells = sides.iter().map(|side| took(times, side).map_or_else(|| "–".to_owned(), shown));
                let cells: Vec<String> = cells.collect();
                let judged: Vec<String> = goals
                    .iter()
                    .filter_map(|goal| goal.judge(times))
                    .map(|(text, met)| format!("{text}: {}", verdict(met)))
                    .collect();
                format!("| {work} | {} | {} |", cells.join(" | "), judged.join("; "))
            }
            Self::Bytes { work, bytes, most } => {
                let met = verdict(bytes <= most);
                let blank = " – |".repeat(sides.len() - 1);
                let (bytes, most) = (bytes / 1_000_000, most / 1_000_000);
                format!("| {work} | {bytes} MB |{blank} at most {most} MB: {met} |")
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_there = |side: &&str| *side == SIDES[0] || self.rows.iter().any(|row| row.has(side));
        let sides: Vec<&str> = SIDES.into_iter().filter(is_there).collect();
        writeln!(out, "\n| work | {} | target |", sides.join(" | "))?;
        writeln!(out, "| --- |{} --- |", " ---: |".repeat(sides.len()))?;
        self.rows.iter().try_for_each(|row| writeln!(out, "{}", row.line(&sides)))?;
        if !self.notes.is_empty() {
            writeln!(out)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(out, "- {note}"))
    }
}

pub(super) fn shown(time: Duration) -> String {
    match time.as_secs_f64() * 1000.0 {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Goal, Report};

    #[test]
    fn rows_say_whether_the_target_is_met() {
        let ms = Duration::from_millis;
        let mut report = Report::default();
        let times = vec![("azml", ms(20)), ("plain git", ms(50)), ("floor", ms(10))];
        let goals = [Goal::Times(0.5, "plain git"), Goal::Plus(1.3, "floor", ms(5)), Goal::Times(1.0, "jj")];
        report.times("one file", times, &goals);
        report.bytes("memory", 149_000_000, 150_000_000);
        let shown = report.to_string();
        let rows: Vec<&str> = shown.lines().skip(3).collect();
        assert_eq!(
            rows,
            [
                "| one file | 20 ms | 50 ms | 10 ms | 0.40 of plain git (at most 0.5): met; \
                 at most 1.3 x floor + 5.0 ms = 18 ms: missed |",
                "| memory | 149 MB | – | – | at most 150 MB: met |",
            ]
        );
    }
}
