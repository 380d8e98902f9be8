//! Counts the objects that a receiver lacks.

use std::io;

use gix::ObjectId;
use gix::objs::Kind;

use super::commits::{Commits, Walk};
use super::objects::{IdSet, Objects, peel};
use super::trees::{Parent, Trees};
use super::{CommitInfo, Error, Filter};

/// With how many commits that the receiver has a new commit without known parents is compared.
const MAX_STAND_INS: usize = 8;

/// The options of the count.
#[derive(Debug, Clone, Default)]
pub struct CountOptions {
    /// Commits that the receiver has without having their parents.
    pub receiver_shallow: IdSet,
    /// Commits whose parents aren't to be sent: the new shallow boundary.
    pub boundary: IdSet,
    /// Annotated tags to send along when what they point to (second) is sent.
    pub include_tags: Vec<(ObjectId, ObjectId)>,
    /// The filter of objects to leave out.
    pub filter: Filter,
}

/// The result of the count.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// The objects to send, each once: commits, then tags, then trees and blobs.
    pub objects: Vec<ObjectId>,
    /// The number of commits among them.
    pub commits: usize,
    /// Objects that the receiver is known to have, near those it lacks: bases for a thin pack. Not complete.
    pub known: IdSet,
}

/// The objects wanted or had, by kind.
#[derive(Default)]
struct Tips {
    commits: Vec<ObjectId>,
    tags: Vec<ObjectId>,
    trees: Vec<ObjectId>,
    blobs: Vec<ObjectId>,
}

impl Tips {
    /// Sorts `ids` out, following tags. Absent ids are passed over if `may_be_absent`.
    fn of(objects: &dyn Objects, ids: &[ObjectId], may_be_absent: bool) -> Result<Self, Error> {
        let mut tips = Self::default();
        let mut buffer = Vec::new();
        for id in ids {
            match peel(objects, *id, &mut buffer, &mut |tag| tips.tags.push(tag))? {
                Some((id, Kind::Commit)) => tips.commits.push(id),
                Some((id, Kind::Tree)) => tips.trees.push(id),
                Some((id, Kind::Blob | Kind::Tag)) => tips.blobs.push(id),
                None if may_be_absent => {}
                None => return Err(Error::Missing(*id)),
            }
        }
        Ok(tips)
    }
}

/// Finds what a receiver needs that has everything reachable from `haves` and wants everything reachable from `wants`.
///
/// Commits are walked from wants to haves by generation or date, then each new commit's tree is compared with its
/// parents' trees, so that the cost is that of the difference. Without haves it's everything reachable, each object
/// looked at once. Ids among `haves` that aren't here are passed over; `progress` gets the number so far now and then.
///
/// Nothing that the receiver lacks is left out. What it has is found again, as by stock git, in these cases:
/// - What is copied or moved out of a folder that is the same in the commits compared, or comes back from an older commit:
///   equal folders are not looked into, as by `git pack-objects --sparse`, which is git's default.
/// - Behind a boundary or a shallow commit, where a commit's parents are neither had nor sent: it is compared with the
///   newest commits that the receiver has.
/// - Commits whose clocks went wrong, where no commit-graph tells their order.
///
/// # Errors
/// If an object is missing or damaged, or `progress` fails.
pub fn count(
    repo: &gix::Repository,
    wants: &[ObjectId],
    haves: &[ObjectId],
    options: &CountOptions,
    progress: &mut dyn FnMut(usize) -> io::Result<()>,
) -> Result<Counted, Error> {
    let mut repo = repo.clone();
    repo.objects.ignore_replacements = true;
    let mut commits = Commits::new(&repo, &repo.objects);
    count_with(&mut commits, wants, haves, options, progress)
}

/// [`count()`] with commits that may have been read already.
pub(crate) fn count_with(
    commits: &mut Commits<'_>,
    wants: &[ObjectId],
    haves: &[ObjectId],
    options: &CountOptions,
    progress: &mut dyn FnMut(usize) -> io::Result<()>,
) -> Result<Counted, Error> {
    let objects = commits.objects();
    let wanted = Tips::of(objects, wants, false)?;
    let had = Tips::of(objects, haves, true)?;
    let walk =
        commits.missing(&wanted.commits, &had.commits, &options.receiver_shallow, &options.boundary)?;

    progress(walk.new.len()).map_err(Error::Send)?;
    let mut trees =
        Trees::new(objects, options.filter, walk.new.len(), progress, commits.interrupt().clone());
    let had_tags: IdSet = had.tags.iter().copied().collect();
    trees.known.extend(had.trees.iter().chain(&had.blobs).chain(&had_tags).copied());
    if options.filter.lets(Kind::Tree) || options.filter.lets(Kind::Blob) {
        add_trees(commits, &walk, &had.commits, &mut trees)?;
    }
    for tree in wanted.trees {
        trees.add_wanted_tree(tree)?;
    }
    for blob in wanted.blobs {
        trees.add_wanted(blob)?;
    }

    let Trees { out, sent, mut known, .. } = trees;
    // What a tag that is asked for points to is asked for, too.
    let explicit: IdSet = wants.iter().chain(&wanted.commits).chain(&wanted.tags).copied().collect();
    let is_let = |kind: Kind, id: &ObjectId| options.filter.lets(kind) || explicit.contains(id);
    let mut found: Vec<ObjectId> = Vec::with_capacity(walk.new.len() + out.len());
    found.extend(walk.new.iter().map(|(id, _)| *id).filter(|id| is_let(Kind::Commit, id)));
    let commit_count = found.len();
    let mut tags_sent = IdSet::default();
    for tag in &wanted.tags {
        if !had_tags.contains(tag) && is_let(Kind::Tag, tag) && tags_sent.insert(*tag) {
            found.push(*tag);
        }
    }
    let mut buffer = Vec::new();
    for (tag, target) in &options.include_tags {
        let is_sent = sent.contains(target) && !known.contains(target)
            || walk.new_ids.contains(target) && is_let(Kind::Commit, target);
        if is_sent && !had_tags.contains(tag) && !tags_sent.contains(tag) {
            peel(objects, *tag, &mut buffer, &mut |tag| {
                if tags_sent.insert(tag) {
                    found.push(tag);
                }
            })?;
        }
    }
    found.extend(out.into_iter().filter(|id| !known.contains(id) || explicit.contains(id)));
    known.extend(walk.had);
    Ok(Counted { objects: found, commits: commit_count, known })
}

/// Adds the trees and blobs of the new commits, by comparing each commit's tree with its parents' trees.
///
/// Parents come before children. When a tree is compared, all below its parents' trees is therefore at the receiver or
/// among what is sent, and so is all below a tree that was looked into before: a tree that returns (A, B, A) was
/// compared with the parents of the commit that brought it first.
fn add_trees(
    commits: &mut Commits<'_>,
    walk: &Walk,
    had_commits: &[ObjectId],
    trees: &mut Trees<'_>,
) -> Result<(), Error> {
    if walk.had.is_empty() {
        return walk.new.iter().try_for_each(|(_, commit)| trees.add_all(commit.tree));
    }
    let stand_ins = stand_ins(commits, had_commits)?;
    for CommitInfo { tree, parents, .. } in walk.parents_first() {
        let mut parent_trees = Vec::with_capacity(parents.len());
        for parent in parents {
            let had = walk.had.contains(parent);
            if had || walk.new_ids.contains(parent) {
                let tree = commits.get(*parent)?.tree;
                parent_trees.push(Parent { tree, had });
                if had {
                    trees.known.insert(tree);
                }
            }
        }
        trees.add_difference(*tree, if parent_trees.is_empty() { &stand_ins } else { &parent_trees })?;
    }
    Ok(())
}

/// The trees of the newest commits that the receiver says it has: what a commit is compared with whose parents it
/// neither has nor gets, as in a shallow fetch.
fn stand_ins(commits: &mut Commits<'_>, had: &[ObjectId]) -> Result<Vec<Parent>, Error> {
    let mut newest = Vec::with_capacity(had.len());
    for id in had {
        let info = commits.get(*id)?;
        newest.push((info.time, info.tree));
    }
    newest.sort_unstable_by(|a, b| b.cmp(a));
    newest.dedup_by_key(|(_, tree)| *tree);
    Ok(newest.into_iter().take(MAX_STAND_INS).map(|(_, tree)| Parent { tree, had: true }).collect())
}
