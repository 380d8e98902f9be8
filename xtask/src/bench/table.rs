//! A Markdown table of measurements: ours, theirs, and how many times faster ours is.

use std::fmt;
use std::time::Duration;

/// Rows as they were measured; `Display` prints the whole table.
pub(crate) struct Table {
    title: String,
    ours: &'static str,
    theirs: &'static str,
    rows: Vec<(String, Duration, Duration)>,
}

impl Table {
    pub(crate) fn new(title: String, ours: &'static str, theirs: &'static str) -> Self {
        Self { title, ours, theirs, rows: Vec::new() }
    }

    /// Adds a row and tells the terminal, since the whole takes minutes.
    pub(crate) fn push(&mut self, work: impl Into<String>, (ours, theirs): (Duration, Duration)) {
        let work = work.into();
        eprintln!("{work}: {} against {}", shown(ours), shown(theirs));
        self.rows.push((work, ours, theirs));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\n{}\n", self.title)?;
        writeln!(out, "| work | {} | {} | times faster |", self.ours, self.theirs)?;
        writeln!(out, "| --- | ---: | ---: | ---: |")?;
        for (work, ours, theirs) in &self.rows {
            let ratio = theirs.as_secs_f64() / ours.as_secs_f64().max(1e-9);
            writeln!(out, "| {work} | {} | {} | {ratio:.1} |", shown(*ours), shown(*theirs))?;
        }
        Ok(())
    }
}

fn shown(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1000.0;
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Table;

    #[test]
    fn the_ratio_says_how_many_times_faster() {
        let mut table = Table::new("Snapshots".to_owned(), "azml", "git");
        table.push("unchanged", (Duration::from_millis(5), Duration::from_millis(20)));
        assert!(table.to_string().ends_with("| unchanged | 5.0 ms | 20 ms | 4.0 |\n"));
    }
}
