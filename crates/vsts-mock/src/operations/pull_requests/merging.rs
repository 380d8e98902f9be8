//! Merges: three-way merges of commits, and commits that are replayed on others. New objects stay in memory until they
//! are pushed as one pack.

use std::collections::{HashMap, HashSet};

use git_wire::history::LogOptions;
use gix::ObjectId;
use gix::merge::blob::builtin_driver::text::Labels;
use gix::objs::{Kind, TreeRefIter, Write as _};

use super::super::context::RepoContext;
use super::super::new_objects::NewObjects;
use super::super::refused::Refused;
use super::super::tree_walk;
use super::super::versions::parents;
use crate::limits::{MERGE_CONFLICTS, MERGE_TEXT_BYTES, REBASE_COMMITS};

/// The outcome of a merge.
#[derive(Debug)]
pub(super) enum Merged {
    /// The tree that both sides make, or the commit that they are replayed to.
    Clean(ObjectId),
    /// The files in which both sides are at odds.
    Conflicts(Vec<String>),
    /// The two have no commit in common.
    Unrelated,
}

/// Merges in one repository.
pub(super) struct Merger<'r> {
    ctx: &'r RepoContext,
    stored: &'r gix::Repository,
    /// The same, with the new objects in memory.
    scratch: gix::Repository,
}

impl<'r> Merger<'r> {
    pub(super) fn new(ctx: &'r RepoContext, stored: &'r gix::Repository) -> Result<Self, Refused> {
        let mut scratch = stored.clone().with_object_memory();
        let mut config = scratch.config_snapshot_mut();
        let key = &gix::config::tree::Core::BIG_FILE_THRESHOLD;
        config.set_value(key, MERGE_TEXT_BYTES.to_string().as_str()).map_err(Refused::internal)?;
        config.commit().map_err(Refused::internal)?;
        Ok(Self { ctx, stored, scratch })
    }

    /// Merges one commit into another.
    pub(super) fn merge(&self, ours: ObjectId, theirs: ObjectId) -> Result<Merged, Refused> {
        let bases = self.ctx.merge_bases(self.stored, ours, theirs)?;
        if bases.is_empty() {
            return Ok(Merged::Unrelated);
        }
        let options = self.scratch.tree_merge_options()?;
        let base = self.scratch.virtual_merge_base(bases, options)?.tree_id.detach();
        self.merge_trees(base, self.tree(ours)?, self.tree(theirs)?)
    }

    fn merge_trees(&self, base: ObjectId, ours: ObjectId, theirs: ObjectId) -> Result<Merged, Refused> {
        // The merge itself can't be ended: it begins if neither side changed more than a request may look at.
        for side in [ours, theirs] {
            tree_walk::differing(&self.scratch, &self.ctx.work, Some(base), Some(side), |_, _, _| Ok(()))?;
        }
        let options = self.scratch.tree_merge_options()?;
        let mut outcome = self.scratch.merge_trees(base, ours, theirs, Labels::default(), options)?;
        let how = gix::merge::tree::TreatAsUnresolved::git();
        let unresolved = outcome.conflicts.iter().filter(|conflict| conflict.is_unresolved(how));
        let mut files: Vec<String> = unresolved
            .map(|conflict| String::from_utf8_lossy(conflict.ours.location()).into_owned())
            .collect();
        if files.is_empty() {
            return Ok(Merged::Clean(outcome.tree.write()?.detach()));
        }
        files.sort();
        files.dedup();
        files.truncate(MERGE_CONFLICTS);
        Ok(Merged::Conflicts(files))
    }

    /// Replays the commits that `source` has and `onto` lacks, without the merges among them. If `source` stands on `onto`,
    /// its own commits are the result.
    pub(super) fn replay(
        &self,
        source: ObjectId,
        onto: ObjectId,
        committer: &str,
    ) -> Result<Merged, Refused> {
        let commits = self.commits_between(source, onto)?;
        let is_line = commits.iter().all(|(_, parents)| parents.len() == 1);
        if is_line && commits.first().is_none_or(|(_, parents)| parents[0] == onto) {
            return Ok(Merged::Clean(commits.last().map_or(onto, |(id, _)| *id)));
        }
        let mut tip = onto;
        for (id, parents) in commits.iter().filter(|(_, parents)| parents.len() < 2) {
            let base = match parents.first() {
                Some(parent) => self.tree(*parent)?,
                None => ObjectId::empty_tree(gix::hash::Kind::Sha1),
            };
            let before = self.tree(tip)?;
            let tree = match self.merge_trees(base, before, self.tree(*id)?)? {
                Merged::Clean(tree) => tree,
                other => return Ok(other),
            };
            // The target has it already.
            if tree == before {
                continue;
            }
            let commit = self.scratch.find_commit(*id)?;
            let author = commit.author()?;
            let author = format!("{} <{}> {}", author.name, author.email, author.time);
            tip = self.write(tree, &[tip], &author, committer, commit.message_raw()?)?;
        }
        Ok(Merged::Clean(tip))
    }

    /// The commits that `source` has and `onto` lacks, with their parents; parents come before children.
    fn commits_between(
        &self,
        source: ObjectId,
        onto: ObjectId,
    ) -> Result<Vec<(ObjectId, Vec<ObjectId>)>, Refused> {
        let options = LogOptions { tips: vec![source], hidden: vec![onto], ..LogOptions::default() };
        let found = self.ctx.log(self.stored, options, 0, REBASE_COMMITS + 1, |_| Ok(true))?;
        if found.len() > REBASE_COMMITS {
            return Err(Refused::Invalid(format!(
                "The source branch has more than {REBASE_COMMITS} commits, the most that are replayed."
            )));
        }
        let mut left: HashMap<ObjectId, Vec<ObjectId>> = HashMap::with_capacity(found.len());
        for id in found {
            left.insert(id, parents(self.stored, id)?);
        }
        let (mut ordered, mut stack) = (Vec::with_capacity(left.len()), vec![source]);
        let mut begun: HashSet<ObjectId> = HashSet::new();
        while let Some(id) = stack.last().copied() {
            let Some(own) = left.get(&id).filter(|_| begun.insert(id)) else {
                stack.pop();
                if let Some(own) = left.remove(&id) {
                    ordered.push((id, own));
                }
                continue;
            };
            stack.extend(
                own.iter().rev().filter(|parent| left.contains_key(*parent) && !begun.contains(*parent)),
            );
        }
        Ok(ordered)
    }

    /// The tree of a commit.
    pub(super) fn tree(&self, commit: ObjectId) -> Result<ObjectId, Refused> {
        Ok(self.scratch.find_commit(commit)?.tree_id()?.detach())
    }

    /// Makes a commit.
    pub(super) fn write(
        &self,
        tree: ObjectId,
        parents: &[ObjectId],
        author: &str,
        committer: &str,
        message: impl AsRef<[u8]>,
    ) -> Result<ObjectId, Refused> {
        let mut data = format!("tree {tree}\n").into_bytes();
        for parent in parents {
            data.extend_from_slice(format!("parent {parent}\n").as_bytes());
        }
        data.extend_from_slice(format!("author {author}\ncommitter {committer}\n\n").as_bytes());
        data.extend(message.as_ref().iter().copied().filter(|byte| *byte != 0));
        Ok(self.scratch.objects.write_buf(Kind::Commit, &data)?)
    }

    /// The pack of what a commit reaches and the repository lacks.
    pub(super) fn pack(mut self, tip: ObjectId) -> Result<Vec<u8>, Refused> {
        let made = self.scratch.objects.take_object_memory().unwrap_or_default();
        let mut objects = NewObjects::new(self.stored);
        let mut left = vec![tip];
        let mut seen = HashSet::new();
        while let Some(id) = left.pop() {
            let Some((kind, data)) = made.get(&id).filter(|_| seen.insert(id)) else { continue };
            match kind {
                Kind::Commit => {
                    let commit = gix::objs::CommitRef::from_bytes(data, gix::hash::Kind::Sha1);
                    let commit = commit.map_err(Refused::internal)?;
                    left.push(commit.tree());
                    left.extend(commit.parents());
                }
                Kind::Tree => {
                    for entry in TreeRefIter::from_bytes(data, gix::hash::Kind::Sha1) {
                        left.push(entry.map_err(Refused::internal)?.oid.to_owned());
                    }
                }
                Kind::Blob | Kind::Tag => {}
            }
            objects.add(*kind, data)?;
        }
        objects.finish()
    }
}
