//! `cargo xtask bench client`: azml's snapshots, restores, lists and runs beside its peers' and beside what the machine
//! can do at all. Every side does the same to the same files, in turns; medians are told, with the targets.

mod dvc;
mod engines;
mod floor;
mod folder;
mod git;
mod jj;
mod large;
mod many;
mod memory;
mod ours;
pub(super) mod peer;
mod report;
mod rows;
mod side;
mod tracking;

use std::path::Path;

use crate::Outcome;
pub(super) use memory::write_large;
use report::Report;
use side::Testbed;

/// The names of the rows.
const ROWS: &[&str] = &[
    "first",
    "unchanged",
    "one",
    "percent",
    "restore",
    "empty",
    "list",
    "scale",
    "submit",
    "many",
    "memory",
    "large",
    "mlflow",
    "sweep",
    "engines",
    "array",
];

/// The amount of work that is measured.
#[derive(Debug, Clone, Copy)]
struct Effort {
    /// Folders' sizes in files.
    sizes: &'static [usize],
    /// Repetitions of quick work.
    many: usize,
    /// Repetitions of work that takes seconds.
    few: usize,
    /// Runs in the long history.
    runs: usize,
    /// True if jj and DVC are installed and measured too.
    peers: bool,
    /// Bytes of the large file whose snapshot's memory is measured.
    large: u64,
    /// Bytes of the large file whose snapshot's time is measured; ten files have as many together.
    very_large: u64,
}

const QUICK: Effort = Effort {
    sizes: &[200, 2_000],
    many: 5,
    few: 1,
    runs: 1_000,
    peers: false,
    large: 200 << 20,
    very_large: 200_000_000,
};
const USUAL: Effort = Effort {
    sizes: &[200, 10_000],
    many: 15,
    few: 3,
    runs: 10_000,
    peers: true,
    large: 2 << 30,
    very_large: 2_000_000_000,
};
const FULL: Effort = Effort { sizes: &[200, 10_000, 100_000], very_large: 5_000_000_000, ..USUAL };

/// Measures the rows that `args` names, or all.
pub(super) fn run(azml: &Path, args: &[String]) -> Outcome<String> {
    let mut effort = USUAL;
    let mut rows = Vec::new();
    let mut asked = args.iter();
    while let Some(arg) = asked.next() {
        match arg.as_str() {
            "--quick" => effort = QUICK,
            "--full" => effort = FULL,
            "--only-git" => effort.peers = false,
            "--megabytes" => {
                let count: u64 =
                    asked.next().and_then(|text| text.parse().ok()).ok_or("--megabytes takes a number")?;
                effort.very_large = count * 1_000_000;
            }
            "--files" => {
                let count =
                    asked.next().and_then(|text| text.parse().ok()).ok_or("--files takes a number")?;
                effort.sizes = Box::leak(Box::new([count]));
            }
            row if ROWS.contains(&row) => rows.push(row),
            other => {
                return Err(format!("no row is called `{other}`; there are {}", ROWS.join(", ")).into());
            }
        }
    }
    if rows.is_empty() {
        rows = ROWS.to_vec();
    }
    let wants = |row: &str| rows.contains(&row);
    let mut report = Report::default();
    if ["first", "unchanged", "one", "percent", "restore", "empty", "submit"].into_iter().any(wants) {
        for files in effort.sizes {
            let testbed = Testbed::new(azml, *files)?;
            rows::measure(&testbed, &wants, effort, &mut report)?;
        }
    }
    if wants("mlflow") || wants("sweep") {
        tracking::measure(azml, &wants, effort, &mut report)?;
    }
    if wants("scale") {
        many::scale(azml, effort, &mut report)?;
    }
    if wants("list") || wants("many") {
        many::measure(azml, &wants, effort, &mut report)?;
    }
    if wants("large") {
        large::measure(azml, effort, &mut report)?;
    }
    if wants("engines") || wants("array") {
        engines::measure(azml, &wants, effort, &mut report)?;
    }
    if wants("memory") {
        memory::measure(azml, effort, &mut report)?;
    }
    Ok(report.to_string())
}
