//! The report at the end of a run.

use std::fmt::Write as _;
use std::path::Path;

use azml_core::quote::{quoted_path, unquoted_path};
use azml_core::run::{RunRecord, format};

use super::attachments::is_log;
use super::keeping;
use super::kept::Collected;
use super::killed;
use super::secrets::LeftOut;
use crate::context::Context;
use crate::text::size;

/// Writing into a string has no way to fail.
fn infallible(result: std::fmt::Result) {
    result.expect("a string takes all text");
}

/// The most left files that are named.
const NAMED: usize = 10;

/// The block at the end of a run.
pub fn details(ctx: &Context, record: &RunRecord, collected: &Collected, attachments: &Path) -> String {
    let mut text = format!(
        "\nExecution Details\n=================\nRunId: {}\nStatus: {}\n",
        record.run_id, record.status
    );
    if let Some(duration) = record.duration() {
        infallible(writeln!(text, "Duration: {}", format::duration(duration)));
    }
    if let Some(code) = record.exit_code.filter(|code| *code != 0) {
        infallible(writeln!(text, "Exit code: {code}"));
    }
    if let Some(killed) = killed::of_record(record) {
        infallible(writeln!(text, "Killed by: {killed}"));
    }
    if let Some(commit) = record.commit_id() {
        infallible(writeln!(text, "Snapshot: {commit}"));
    }
    for (name, metric) in &record.metrics {
        let value = metric.to_value();
        let display = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        infallible(writeln!(
            text,
            "{}: {}",
            crate::text::clean_line(name),
            crate::text::clean_line(&display)
        ));
    }
    let outputs: Vec<&str> =
        record.attachments.iter().map(String::as_str).filter(|path| !is_log(Path::new(path))).collect();
    if !outputs.is_empty() {
        infallible(writeln!(text, "Outputs: {}", some_of(&outputs)));
    }
    let large = record.large_attachments();
    if !large.is_empty() {
        let listed: Vec<String> = large
            .iter()
            .map(|(path, pointer)| format!("{} ({})", quoted_path(path), size(pointer.size)))
            .collect();
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        infallible(writeln!(text, "Large outputs, beside Git: {}", some_of(&listed)));
    }
    let secrets = LeftOut::of(record);
    let mut left = record.attachments_left();
    left.retain(|path| secrets.why_not_pushed(&unquoted_path(path)).is_none());
    if !left.is_empty() {
        infallible(writeln!(
            text,
            "Not pushed, over the limit; kept in {}: {}",
            quoted_path(attachments),
            some_of(&left)
        ));
    }
    for line in secrets.lines(attachments) {
        infallible(writeln!(text, "{line}"));
    }
    for link in collected.outside.iter().take(NAMED) {
        infallible(writeln!(text, "Not collected, a link out of the run's folder: {}", link.display()));
    }
    if collected.outside.len() > NAMED {
        infallible(writeln!(text, "Not collected: and {} more such links", collected.outside.len() - NAMED));
    }
    text.push_str(&keeping::report(ctx, record, collected));
    text
}

fn some_of(names: &[&str]) -> String {
    let display =
        names.iter().take(NAMED).map(|name| crate::text::clean_line(name)).collect::<Vec<_>>().join(", ");
    if names.len() > NAMED { format!("{display} and {} more", names.len() - NAMED) } else { display }
}
