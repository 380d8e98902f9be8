//! Comparing runs: their properties, their metrics and their code.

pub mod code;
pub mod patch;
pub mod records;
pub mod snapshots;
#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicBool;

use azml_core::id::RunId;
use azml_core::run::RunRecord;
use gix::ObjectId;

use self::code::{Code, Detail};
use super::fetch::fetch_snapshots;
use super::mlflow;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::limits::COMPARED_ENTRIES;

/// A reason why the code of runs can't be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A run has no snapshot.
    #[error("the record of run {run} names no snapshot")]
    NoSnapshot { run: RunId },
    /// More differs than is compared.
    #[error("more than {COMPARED_ENTRIES} files and folders differ")]
    TooMuch,
}

/// The most runs that are compared at once.
pub const MOST: usize = 5;

/// Compares the code of each run with the first one's; fetches the snapshots that are not here. Runs that come from MLflow have
/// none.
pub fn code_of(
    ctx: &Context,
    opened: &Opened,
    records: &[RunRecord],
    with_lines: bool,
    token: Option<&str>,
) -> Result<Vec<Code>, CommandError> {
    if let Some(why) = records.iter().find_map(mlflow::why_no_snapshot) {
        ctx.notices.warning(&why);
        return Ok(Vec::new());
    }
    let commits = records.iter().map(snapshot_of).collect::<Result<Vec<_>, _>>()?;
    fetch_snapshots(ctx, opened, &commits, token)?;
    let git = opened.history.git();
    let tree = |commit: ObjectId| {
        let tree = git.find_commit(commit).and_then(|commit| commit.tree_id());
        tree.map(gix::Id::detach).map_err(CommandError::failed)
    };
    let first = tree(commits[0])?;
    let mut codes = Vec::new();
    for (record, commit) in records.iter().zip(&commits).skip(1) {
        let never = AtomicBool::new(false);
        let detail = Detail { hunks: with_lines, ..Detail::ALL };
        let files = code::changes(git, first, tree(*commit)?, detail, &never)?.ok_or(Error::TooMuch)?;
        codes.push(Code {
            from: records[0].run_id.to_string(),
            to: record.run_id.to_string(),
            commits: (Some(commits[0]), Some(*commit)),
            files,
            with_lines,
        });
    }
    Ok(codes)
}

fn snapshot_of(record: &RunRecord) -> Result<ObjectId, Error> {
    record.commit_id().ok_or_else(|| Error::NoSnapshot { run: record.run_id.clone() })
}
