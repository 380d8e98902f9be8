//! Checks that all that new tips reach is there.
//!
//! The objects of the pack have been checked up to where they point out of it. Beyond that begins what the
//! repository had already: complete if a ref reaches it, which is so in nearly every push; otherwise it may be the
//! rest of something that was never finished or has been swept away in part, and is walked. Trees that the pack
//! points to are complete if they are at the same place in a commit that the pack stands on, else walked.

use std::collections::HashSet;

use gix::refs::Target;
use gix::{ObjectId, oid};

use super::broken::{Search, Verdict};
use super::commands::Request;
use crate::context::Context;
use crate::pack::objects::IdMap;
use crate::pack::{self, Commits, CountOptions, IdSet, Opened, Quarantine};
use crate::{Error, RefRefusal};

/// Refuses updates to what isn't complete, each by itself.
pub(super) fn refuse_incomplete(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    quarantine: &Quarantine,
    received: &Opened<'_>,
    request: &mut Request,
) -> Result<(), Error> {
    let known: HashSet<ObjectId> = request.accepted().filter_map(|command| command.old).collect();
    let tips = request.accepted().filter_map(|command| command.new);
    let boundary = quarantine.boundary();
    let mut broken: IdSet = quarantine.missing().iter().map(|missing| missing.to).collect();
    let is_old = |id: &ObjectId| !known.contains(id) && !broken.contains(id) && !received.is_received(id);
    let mut suspects: HashSet<ObjectId> =
        boundary.commits.iter().copied().chain(tips).filter(is_old).collect();
    let reached = clear(context, &mut suspects)?;
    let all: Vec<ObjectId> = suspects.iter().copied().collect();
    let interrupt = &context.options.interrupt;
    let (nothing, objects) = (IdSet::default(), commits.objects());
    let cut = &commits.shallow().clone();
    if !all.is_empty() && !is_complete(commits, &all, &reached)? {
        // Which of them it is takes longer, and is rarely asked.
        let complete: IdSet = reached.iter().copied().filter(|id| objects.has(id)).collect();
        let is_searched = |id: &oid| !complete.contains(id);
        let found = IdMap::default();
        let (broken_so_far, shallow) = (&nothing, &nothing);
        let mut search = Search {
            objects,
            is_searched: &is_searched,
            broken: broken_so_far,
            shallow,
            cut,
            interrupt,
            found,
        };
        for id in all {
            if search.verdict(id)? != Verdict::Complete {
                broken.insert(id);
            }
        }
    }
    if !broken.is_empty() {
        let is_searched = |id: &oid| received.is_received(id);
        let (found, shallow) = (IdMap::default(), &request.shallow);
        let mut search =
            Search { objects, is_searched: &is_searched, broken: &broken, shallow, cut, interrupt, found };
        for command in &mut request.commands {
            let Some(new) = command.new.filter(|_| command.refusal.is_none()) else { continue };
            command.refusal = match search.verdict(new)? {
                Verdict::Complete => continue,
                Verdict::Shallow => Some(RefRefusal::Shallow),
                Verdict::Incomplete => Some(RefRefusal::MissingObjects),
            };
        }
    }
    if boundary.has_trees {
        let sound = known.iter().chain(&boundary.commits).copied().filter(|id| !broken.contains(id));
        let sound: Vec<ObjectId> = sound.collect();
        let tips: Vec<ObjectId> = request.accepted().filter_map(|command| command.new).collect();
        if !is_complete(commits, &tips, &sound)? {
            let complete: IdSet = sound.into_iter().filter(|id| objects.has(id)).collect();
            let is_searched = |id: &oid| !complete.contains(id);
            let (found, shallow) = (IdMap::default(), &nothing);
            let mut search = Search {
                objects,
                is_searched: &is_searched,
                broken: &nothing,
                shallow,
                cut,
                interrupt,
                found,
            };
            for command in &mut request.commands {
                let Some(new) = command.new.filter(|_| command.refusal.is_none()) else { continue };
                if search.verdict(new)? != Verdict::Complete {
                    command.refusal = Some(RefRefusal::MissingObjects);
                }
            }
        }
    }
    Ok(())
}

/// Takes what refs point to, hidden ones included, out of `suspects`, and stops when nothing is left of them; what the
/// refs point to that were looked at.
fn clear(context: &Context<'_>, suspects: &mut HashSet<ObjectId>) -> Result<Vec<ObjectId>, Error> {
    let mut reached = Vec::new();
    if suspects.is_empty() {
        return Ok(reached);
    }
    let platform = context.repo.refs.iter().map_err(Error::Refs)?;
    let all = platform.all().map_err(|error| Error::Refs(gix::Error::from_error(error)))?;
    for reference in all.filter_map(Result::ok) {
        let Target::Object(id) = reference.target else { continue };
        reached.push(id);
        if suspects.remove(&id) && suspects.is_empty() {
            break;
        }
    }
    Ok(reached)
}

/// Returns whether everything is there that `ids` reach and `reached` don't.
fn is_complete(commits: &mut Commits<'_>, ids: &[ObjectId], reached: &[ObjectId]) -> Result<bool, Error> {
    let objects = commits.objects();
    match pack::count_with(commits, ids, reached, &CountOptions::default(), &mut |_| Ok(())) {
        Ok(counted) => Ok(counted.objects.iter().all(|id| objects.has(id))),
        Err(pack::Error::Missing(_) | pack::Error::Malformed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
