//! Shallow clones: where the client's history is going to end.

use std::io::Write;

use bstr::{BStr, BString, ByteSlice};
use gix::ObjectId;
use gix::objs::Kind;

use super::find_visible;
use super::request::{Deepen, INFINITE_DEPTH, Request};
use super::text::shorten;
use crate::context::Context;
use crate::pack::objects::peel;
use crate::pack::{Commits, IdSet};
use crate::pktline::Writer;
use crate::{Error, refs};

/// The change of the client's shallow boundary, and what that means for the pack.
#[derive(Debug, Default)]
pub(super) struct ShallowBoundary {
    /// Commits that become shallow.
    pub(super) shallow: Vec<ObjectId>,
    /// Commits that cease to be.
    pub(super) unshallow: Vec<ObjectId>,
    /// Commits whose parents aren't sent.
    pub(super) cut: IdSet,
    /// The parents of commits that cease to be shallow: wanted too.
    pub(super) further_wants: Vec<ObjectId>,
}

impl ShallowBoundary {
    /// Writes the lines that tell a client how its boundary changes.
    pub(super) fn write<W: Write>(&self, writer: &mut Writer<W>) -> Result<(), Error> {
        // As stock git sends them, without an end of line: libgit2 takes no other form.
        for id in &self.shallow {
            writer.data(format!("shallow {id}").as_bytes())?;
        }
        for id in &self.unshallow {
            writer.data(format!("unshallow {id}").as_bytes())?;
        }
        Ok(())
    }
}

/// Works out the boundary that `request` asks for. Without a depth it stays as the client says it is, except where
/// this repository itself ends; so it does with a relative depth if the client has no boundary.
pub(super) fn shallow_boundary(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    request: &Request,
) -> Result<ShallowBoundary, Error> {
    let mut wants = Vec::with_capacity(request.wants.len());
    let mut buffer = Vec::new();
    for want in &request.wants {
        if let Some((id, Kind::Commit)) = peel(commits.objects(), *want, &mut buffer, &mut |_| {})? {
            wants.push(id);
        }
    }
    let deepen = match &request.deepen {
        Some(Deepen::To(_)) if request.is_relative && request.shallow.is_empty() => &None,
        deepen => deepen,
    };
    let (inside, ends) = match deepen {
        None if commits.shallow().is_empty() => {
            return Ok(ShallowBoundary { cut: request.shallow.clone(), ..ShallowBoundary::default() });
        }
        None => by_depth(commits, &wants, INFINITE_DEPTH)?,
        Some(Deepen::To(INFINITE_DEPTH)) if commits.shallow().is_empty() => {
            (extensible(context, commits, request)?.into_iter().collect(), IdSet::default())
        }
        Some(Deepen::To(depth)) if request.is_relative => {
            let from = extensible(context, commits, request)?;
            let (mut inside, mut ends) = by_depth(commits, &from, depth.saturating_add(1))?;
            // One that is met again on a longer way, past a merge, keeps its parents.
            let held = up_to_boundary(commits, &wants, &request.shallow)?;
            inside.extend(ends.iter().copied().filter(|id| held.contains(id)));
            ends.retain(|id| !held.contains(id));
            (inside, ends)
        }
        Some(Deepen::To(depth)) => by_depth(commits, &wants, *depth)?,
        Some(Deepen::Since { time, not }) => by_time(context, commits, &wants, *time, not)?,
    };
    let mut result = ShallowBoundary::default();
    for id in &ends {
        if !request.shallow.contains(id) {
            result.shallow.push(*id);
        }
    }
    for id in &request.shallow {
        if inside.contains(id) && commits.objects().has(id) {
            result.unshallow.push(*id);
            result.further_wants.extend(commits.get(*id)?.parents.iter().copied());
        } else {
            result.cut.insert(*id);
        }
    }
    result.shallow.sort_unstable();
    result.unshallow.sort_unstable();
    result.cut.extend(ends);
    Ok(result)
}

/// The commits of the client's boundary from which more of history can be sent: the client may have them, and their
/// parents are here.
fn extensible(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    request: &Request,
) -> Result<Vec<ObjectId>, Error> {
    let boundary: Vec<ObjectId> = request.shallow.iter().copied().collect();
    let unseen: IdSet =
        refs::forbidden(&context.repo, context.policy, &boundary, &context.options.interrupt)?
            .into_iter()
            .collect();
    let mut found = Vec::with_capacity(boundary.len());
    for id in boundary {
        let objects = commits.objects();
        let is_commit =
            |id: &ObjectId| Ok::<_, Error>(matches!(objects.header(id)?, Some((Kind::Commit, _))));
        if unseen.contains(&id) || !is_commit(&id)? {
            continue;
        }
        if commits.get(id)?.parents.iter().all(|parent| objects.has(parent)) {
            found.push(id);
        }
    }
    Ok(found)
}

/// The commits that `tips` reach before the client's boundary.
fn up_to_boundary(commits: &mut Commits<'_>, tips: &[ObjectId], boundary: &IdSet) -> Result<IdSet, Error> {
    let mut seen = IdSet::default();
    let mut left = tips.to_vec();
    while let Some(id) = left.pop() {
        if !boundary.contains(&id) && seen.insert(id) {
            left.extend(commits.get(id)?.parents.iter().copied());
        }
    }
    Ok(seen)
}

/// Commits nearer than `depth` to one of `tips`, and those at that depth or where the repository itself ends.
fn by_depth(commits: &mut Commits<'_>, tips: &[ObjectId], depth: u32) -> Result<(IdSet, IdSet), Error> {
    let (mut inside, mut ends) = (IdSet::default(), IdSet::default());
    let mut seen: IdSet = tips.iter().copied().collect();
    let mut level: Vec<ObjectId> = seen.iter().copied().collect();
    let mut at = 0;
    // Breadth first, so that each commit is met at its least depth.
    while !level.is_empty() {
        at += 1;
        let mut next = Vec::new();
        for id in level {
            if at >= depth || commits.shallow().contains(&id) {
                ends.insert(id);
                continue;
            }
            inside.insert(id);
            for parent in &commits.get(id)?.parents {
                if seen.insert(*parent) {
                    next.push(*parent);
                }
            }
        }
        level = next;
    }
    Ok((inside, ends))
}

/// Finds the object that the ref called `name` points to; the name may leave out `refs/`, `refs/tags/`,
/// `refs/heads/` or `refs/remotes/`, since people write it.
fn find_ref(context: &Context<'_>, name: &BStr) -> Result<ObjectId, Error> {
    let mut found = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"].iter().filter_map(|folder| {
        find_visible(context, BString::from([folder.as_bytes(), name].concat()).as_bstr())
    });
    let shown = shorten(name);
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Error::protocol(format!("git upload-pack: deepen-not is not a ref: {shown}"))),
        (Some(_), Some(_)) => Err(Error::protocol(format!("git upload-pack: ambiguous deepen-not: {shown}"))),
    }
}

/// Commits since `time` that aren't reachable from the refs `not`, and those of them with a parent that isn't one.
fn by_time(
    context: &Context<'_>,
    commits: &mut Commits<'_>,
    wants: &[ObjectId],
    time: Option<i64>,
    not: &[BString],
) -> Result<(IdSet, IdSet), Error> {
    let mut excluded = Vec::with_capacity(not.len());
    let mut buffer = Vec::new();
    for name in not {
        let full = find_ref(context, name.as_bstr())?;
        if let Some((id, Kind::Commit)) = peel(commits.objects(), full, &mut buffer, &mut |_| {})? {
            excluded.push(id);
        }
    }
    let none = IdSet::default();
    let walk = commits.missing(wants, &excluded, &none, &none)?;
    let chosen: IdSet = walk
        .new
        .iter()
        .filter(|(_, info)| time.is_none_or(|time| info.time >= time))
        .map(|(id, _)| *id)
        .collect();
    if chosen.is_empty() {
        return Err(Error::protocol("no commits selected for shallow requests"));
    }
    let (mut inside, mut ends) = (IdSet::default(), IdSet::default());
    // Behind a merge that ends the history there may be chosen commits that are not sent: the client is not told of them.
    let mut seen = IdSet::default();
    let mut left = wants.to_vec();
    while let Some(id) = left.pop() {
        if !seen.insert(id) {
            continue;
        }
        let parents = &commits.get(id)?.parents;
        let is_chosen = chosen.contains(&id);
        let ends_here = is_chosen && parents.iter().any(|parent| !chosen.contains(parent));
        if ends_here || commits.shallow().contains(&id) {
            ends.insert(id);
            continue;
        }
        if is_chosen {
            inside.insert(id);
        }
        left.extend(parents);
    }
    Ok((inside, ends))
}
