//! Whether all that new tips reach is there.
//!
//! What came in the pack has been checked up to where it points out of it. Beyond that begins what the repository had
//! already: complete if a ref reaches it, which is so in nearly every push; otherwise it may be the rest of something
//! that was never finished or has been swept away in part, and is walked. Trees that the pack points to are complete if
//! they are at the same place in a commit that the pack stands on, and are walked otherwise.

use std::collections::HashSet;

use gix::ObjectId;
use gix::refs::Target;

use super::commands::Request;
use crate::Error;
use crate::pack::objects::see_new_packs;
use crate::pack::{self, Border, Commits, CountOptions};
use crate::policy::RefUpdate;
use crate::serve::Context;

/// Git's words.
const INCOMPLETE: &str = "missing necessary objects";

/// Refuses updates to what isn't complete; `border` is what the pack points to and hasn't itself.
pub(super) fn refuse_incomplete(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    border: &Border,
    request: &mut Request,
    updates: &mut [Option<RefUpdate>],
) -> Result<(), Error> {
    let known: HashSet<ObjectId> = updates.iter().flatten().filter_map(|update| update.old).collect();
    // A pack that came after the repository was opened may hold what a ref is to point to.
    see_new_packs(&context.repo.objects);
    let is_old = |id: &ObjectId| context.repo.objects.exists_without_refresh(id);
    let tips = updates.iter().flatten().filter_map(|update| update.new);
    let mut suspects: HashSet<ObjectId> = border.commits.iter().copied().chain(tips.filter(is_old)).collect();
    suspects.retain(|id| !known.contains(id));
    let reached = clear(context, &mut suspects)?;
    let all: Vec<ObjectId> = suspects.iter().copied().collect();
    let mut sound: Vec<ObjectId> = known.iter().chain(&border.commits).copied().collect();
    if !all.is_empty() && !is_complete(commits, &all, &reached)? {
        // Which of them it is takes longer, and is rarely asked.
        let mut broken = HashSet::new();
        for id in border.commits.iter().filter(|id| suspects.contains(*id)) {
            if !is_complete(commits, &[*id], &reached)? {
                broken.insert(*id);
            }
        }
        refuse(request, updates, |new| {
            if suspects.contains(&new) {
                Ok(!is_complete(commits, &[new], &reached)?)
            } else {
                Ok(!broken.is_empty() && !known.contains(&new))
            }
        })?;
        sound.retain(|id| !broken.contains(id));
    }
    if border.has_trees {
        let tips: Vec<ObjectId> = updates.iter().flatten().filter_map(|update| update.new).collect();
        if !is_complete(commits, &tips, &sound)? {
            refuse(request, updates, |new| Ok(!is_complete(commits, &[new], &sound)?))?;
        }
    }
    Ok(())
}

/// Refuses the updates to what is broken.
fn refuse(
    request: &mut Request,
    updates: &mut [Option<RefUpdate>],
    mut is_broken: impl FnMut(ObjectId) -> Result<bool, Error>,
) -> Result<(), Error> {
    for (command, slot) in request.commands.iter_mut().zip(updates) {
        let Some(new) = slot.as_ref().and_then(|update| update.new) else { continue };
        if is_broken(new)? {
            command.refusal = Some(INCOMPLETE.to_owned());
            *slot = None;
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

/// Whether everything is there that `ids` reach and `reached` don't.
fn is_complete(commits: &mut Commits<'_>, ids: &[ObjectId], reached: &[ObjectId]) -> Result<bool, Error> {
    let objects = commits.objects();
    match pack::count_with(commits, ids, reached, &CountOptions::default(), &mut |_| Ok(())) {
        Ok(counted) => Ok(counted.objects.iter().all(|id| objects.has(id))),
        Err(pack::Error::Missing(_) | pack::Error::Malformed { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
