//! The snapshots of a project: listed, and described.

use std::collections::HashMap;

use azml_core::checkout::difference;
use azml_core::checkout::listing::Entry;
use azml_core::id::RunId;
use azml_core::large::Tree;
use azml_core::revision;
use azml_core::run::{COMMIT_ID, Parts, RunRecord, RunStore};
use gix::ObjectId;
use gix::bstr::BString;

use super::named::Snapshot;
use crate::context::Opened;
use crate::error::CommandError;

/// The difference between a snapshot and the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    pub added: u64,
    pub modified: u64,
    pub removed: u64,
    /// Bytes of the files that were added or changed.
    pub bytes: u64,
}

/// A snapshot with all that is told of it in a list.
#[derive(Clone, Debug)]
pub struct Described {
    pub commit: ObjectId,
    pub tree: Tree,
    /// The one before it; `None` for the first.
    pub parent: Option<ObjectId>,
    pub time: gix::date::Time,
    pub author: String,
    /// The first line of its message.
    pub subject: String,
    /// The other lines, such as the user's HEAD when it was taken.
    pub body: String,
    /// The runs that ran from it, oldest first.
    pub runs: Vec<RunId>,
    pub tags: Vec<String>,
    /// `None` where the snapshot before it is not on this computer.
    pub changed: Option<Changed>,
}

/// The names that snapshots have: their runs and their tags.
struct Names {
    runs: HashMap<ObjectId, Vec<RunId>>,
    tags: HashMap<ObjectId, Vec<String>>,
}

impl Names {
    fn read(opened: &Opened) -> Result<Self, CommandError> {
        let mut names = Self { runs: HashMap::new(), tags: HashMap::new() };
        let named = |_, record: RunRecord| Some((record.commit_id()?, record.run_id));
        let runs = RunStore::new(&opened.history).list()?.select(Parts::Named(&[COMMIT_ID]), named);
        for (commit, run) in runs.into_iter().rev() {
            names.runs.entry(commit).or_default().push(run);
        }
        for (tag, commit) in revision::tags(&opened.history)? {
            names.tags.entry(commit).or_default().push(tag);
        }
        Ok(names)
    }
}

/// The newest snapshots that are here, newest first; those that only join two histories are left out.
pub fn list(opened: &Opened, last: Option<usize>) -> Result<Vec<Described>, CommandError> {
    let names = Names::read(opened)?;
    let all = revision::log(&opened.history)?.into_iter().filter(|commit| !commit.is_join());
    all.take(last.unwrap_or(usize::MAX)).map(|commit| describe_by(opened, commit.id, &names)).collect()
}

/// Describes one.
pub fn describe(opened: &Opened, snapshot: &Snapshot) -> Result<Described, CommandError> {
    describe_by(opened, snapshot.commit, &Names::read(opened)?)
}

fn describe_by(opened: &Opened, id: ObjectId, names: &Names) -> Result<Described, CommandError> {
    let git = opened.history.git();
    let failed = |error: gix::Error| CommandError::failed(error);
    let commit = git.find_commit(id).map_err(failed)?;
    let author = commit.author().map_err(CommandError::failed)?;
    let (name, time) = (author.name.to_string(), commit.time().map_err(failed)?);
    let message = commit.message_raw().map_err(CommandError::failed)?.to_string();
    let (subject, body) = message.split_once('\n').unwrap_or((&message, ""));
    let parent = commit.parent_ids().next().map(gix::Id::detach);
    let tree = Tree::of_commit(git, id).map_err(failed)?;
    let before = match parent {
        None => Some(git.empty_tree().id),
        Some(parent) if git.has_object(parent) => {
            Some(git.find_commit(parent).map_err(failed)?.tree_id().map_err(failed)?.detach())
        }
        Some(_) => None,
    };
    let changed = before.map(|before| changed(git, before, tree)).transpose()?;
    Ok(Described {
        commit: id,
        tree,
        parent,
        time,
        author: name,
        subject: subject.to_owned(),
        body: body.trim().to_owned(),
        runs: names.runs.get(&id).cloned().unwrap_or_default(),
        tags: names.tags.get(&id).cloned().unwrap_or_default(),
        changed,
    })
}

/// Counts what differs.
pub fn changed(git: &gix::Repository, from: ObjectId, to: Tree) -> Result<Changed, CommandError> {
    let mut found = Changed::default();
    let mut contents = Vec::new();
    difference::walk(git, from, to.id, &mut |difference| {
        let leaf =
            |side: Option<(gix::objs::tree::EntryMode, ObjectId)>| side.filter(|(mode, _)| !mode.is_tree());
        match (leaf(difference.was), leaf(difference.is)) {
            (None, Some(_)) => found.added += 1,
            (Some(_), None) => found.removed += 1,
            (Some(_), Some(_)) => found.modified += 1,
            (None, None) => {}
        }
        contents.extend(leaf(difference.is).filter(|(mode, _)| !mode.is_commit()));
        Ok(())
    })?;
    for (mode, id) in contents {
        found.bytes += Entry::of(git, to, mode.kind(), id)?.size(git)?;
    }
    Ok(found)
}

/// The paths of what differs between a snapshot and the one before it, each with a letter as in `git diff --name-status`.
pub fn changes(opened: &Opened, described: &Described) -> Result<Vec<(char, BString)>, CommandError> {
    let git = opened.history.git();
    let before = match described.parent {
        Some(parent) if !git.has_object(parent) => return Ok(Vec::new()),
        Some(parent) => git
            .find_commit(parent)
            .and_then(|commit| commit.tree_id())
            .map_err(CommandError::failed)?
            .detach(),
        None => git.empty_tree().id,
    };
    let mut found = Vec::new();
    difference::walk(git, before, described.tree.id, &mut |difference| {
        let is_file = |side: Option<(gix::objs::tree::EntryMode, ObjectId)>| {
            side.is_some_and(|(mode, _)| !mode.is_tree())
        };
        match (is_file(difference.was), is_file(difference.is)) {
            (false, true) => found.push(('A', difference.path)),
            (true, false) => found.push(('D', difference.path)),
            (true, true) => found.push(('M', difference.path)),
            (false, false) => {}
        }
        Ok(())
    })?;
    found.sort_by(|one, two| one.1.cmp(&two.1));
    Ok(found)
}
