//! The files that a run wrote beside its outputs: selecting, copying, bringing them back and removing them.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use azml_core::id::RunId;
use azml_core::quote::{quoted, unquoted};
use azml_core::run::RunRecord;
use gix::bstr::ByteSlice as _;

use super::faults::Faults;
use super::{fetch, restore};
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::keeping::{self, Left, Where};
use crate::run::kept::{self, Applied, Item};
use crate::run::outputs::{BadEntry, PathPattern};

/// A refusal about the files of a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They are on another computer.
    #[error("what run {run} wrote is on another computer, {host}")]
    Elsewhere { run: RunId, host: String },
    /// They have been removed.
    #[error("what run {run} wrote is not kept any more")]
    Expired { run: RunId },
    /// The run has not ended.
    #[error("run {run} still uses its files")]
    InUse { run: RunId },
    /// A pattern is malformed.
    #[error("{source}")]
    Pattern { pattern: String, source: BadEntry },
    /// No file matches a pattern.
    #[error("no file of the run is `{pattern}`")]
    NoMatch { pattern: String },
}

/// The files that a run wrote; an error if they can't be changed as the caller wants.
pub fn find(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    wanted: Wanted,
) -> Result<Left, CommandError> {
    let left = keeping::left_by(ctx, opened, record)?;
    let run = record.run_id.clone();
    match &left.place {
        Where::Elsewhere(host) => Err(Error::Elsewhere { run, host: host.clone() }.into()),
        Where::Expired if wanted != Wanted::List => Err(Error::Expired { run }.into()),
        Where::RunFolder(_) if wanted == Wanted::Remove => Err(Error::InUse { run }.into()),
        _ => Ok(left),
    }
}

/// The use that the caller has for the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Listing them.
    List,
    /// Copying them, or bringing them back.
    Copy,
    /// Removing them.
    Remove,
}

/// The files that match a pattern; all if there is none. A pattern without a match is an error.
pub fn select(items: &[Item], patterns: &[OsString]) -> Result<Vec<Item>, Error> {
    if patterns.is_empty() {
        return Ok(items.to_vec());
    }
    let mut chosen = vec![false; items.len()];
    for given in patterns {
        let name = unquoted(given.as_bytes());
        let text = || quoted(&name).into_owned();
        let pattern =
            PathPattern::parse(&name).map_err(|source| Error::Pattern { pattern: text(), source })?;
        let literal = name.trim_end_with(|c| c == '/');
        let is_literal = |path: &[u8]| {
            path.strip_prefix(literal).is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
        };
        let mut any = false;
        for (item, chosen) in items.iter().zip(&mut chosen) {
            // Also by its name as it is, which a pattern's characters may stand in.
            let path = item.path.as_bstr();
            if pattern.has(path) || is_literal(path) {
                (*chosen, any) = (true, true);
            }
        }
        if !any {
            return Err(Error::NoMatch { pattern: text() });
        }
    }
    Ok(items.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(item, _)| item.clone()).collect())
}

/// Brings files into the project folder; an undo takes them back.
pub fn apply(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    items: &[Item],
    force: bool,
) -> Result<Applied, CommandError> {
    let tree = record
        .commit_id()
        .map(|commit| fetch::tree_here(opened, commit))
        .transpose()?
        .flatten()
        .map(|tree| tree.id);
    let context = restore::context(ctx, opened, force);
    Ok(kept::apply(&opened.history, tree, items, &context, &Faults::of(&ctx.env))?)
}

/// Removes files for good.
pub fn remove(left: Left, items: &[Item]) -> Result<(), CommandError> {
    let Where::Kept(kept) = left.place else { return Ok(()) };
    let folder = kept.folder().to_owned();
    let removed = if items.len() == left.items.len() { kept.remove() } else { kept.remove_items(items) };
    removed.map_err(|error| CommandError::file("remove what is in", &folder, error))
}
