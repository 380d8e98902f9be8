//! A slow, obvious model of what a receiver of a part of a history needs.

use std::collections::{BTreeSet, HashSet};

use gix::ObjectId;
use gix::objs::Kind;
use gix::objs::tree::EntryKind;

use super::histories::{History, Pick, Query};

/// The objects that a receiver should get.
pub(super) struct Expected {
    /// The objects it lacks.
    pub(super) must: BTreeSet<ObjectId>,
    /// And what it may get: what is not at the same path in one of a new commit's parents.
    pub(super) may: BTreeSet<ObjectId>,
    /// The objects it has.
    pub(super) had: HashSet<ObjectId>,
    /// The commits that what it wants reaches.
    pub(super) reached: HashSet<ObjectId>,
}

impl History {
    /// The commits that `from` reach without going beyond those in `ends`.
    fn reach(&self, from: impl IntoIterator<Item = ObjectId>, ends: &HashSet<ObjectId>) -> HashSet<ObjectId> {
        let mut found = HashSet::new();
        let mut pending: Vec<ObjectId> = from.into_iter().filter(|id| self.places.contains_key(id)).collect();
        while let Some(id) = pending.pop() {
            if found.insert(id) && !ends.contains(&id) {
                let made = &self.commits[self.places[&id]];
                pending.extend(made.parents.iter().map(|parent| self.commits[*parent].id));
            }
        }
        found
    }

    /// Calls `visit` with the path, the kind and the depth of all that is at or below `id`, submodules apart.
    fn walk(&self, id: ObjectId, path: &str, depth: u64, visit: &mut dyn FnMut(&str, ObjectId, Kind, u64)) {
        let Some(entries) = self.trees.get(&id) else {
            visit(path, id, Kind::Blob, depth);
            return;
        };
        visit(path, id, Kind::Tree, depth);
        for (name, kind, id) in entries {
            if *kind != EntryKind::Commit {
                self.walk(*id, &format!("{path}/{name}"), depth + 1, visit);
            }
        }
    }

    fn objects_below(&self, id: ObjectId, into: &mut HashSet<ObjectId>) {
        self.walk(id, "", 0, &mut |_, id, _, _| {
            into.insert(id);
        });
    }

    /// Returns the objects due for this query; `commits_sent` are commits that were found new.
    pub(super) fn expected(&self, query: &Query, commits_sent: &HashSet<ObjectId>) -> Expected {
        let none = HashSet::new();
        let (mut wanted_tags, mut had_tags) = (HashSet::new(), HashSet::new());
        let split = |picks: &[Pick], tags: &mut HashSet<ObjectId>| -> Vec<ObjectId> {
            let mut on_tag = |tag| {
                tags.insert(tag);
            };
            self.ids(picks).into_iter().map(|id| self.peel(id, &mut on_tag)).collect()
        };
        let (wants, haves) = (split(&query.wants, &mut wanted_tags), split(&query.haves, &mut had_tags));
        let boundary = self.commits(&query.boundary);

        let had_commits = self.reach(haves.iter().copied(), &self.commits(&query.receiver_shallow));
        let mut had: HashSet<ObjectId> = had_commits.union(&had_tags).copied().collect();
        for commit in &had_commits {
            self.objects_below(self.commits[self.places[commit]].tree, &mut had);
        }
        for other in haves.iter().filter(|id| !self.places.contains_key(*id)) {
            self.objects_below(*other, &mut had);
        }

        let filter = query.filter;
        let lets = |kind, id: &ObjectId, depth| {
            filter.lets(kind, self.sizes.get(id).copied().unwrap_or_default(), depth)
        };
        let ends: HashSet<ObjectId> = boundary.union(&had_commits).copied().collect();
        let new: HashSet<ObjectId> =
            self.reach(wants.iter().copied(), &ends).difference(&had_commits).copied().collect();
        // Beyond a shallow commit of the receiver: that it has that commit may be found out later.
        let beyond = self.reach(wants.iter().copied(), &boundary);
        let perhaps_new: HashSet<ObjectId> =
            beyond.difference(&had_commits).chain(commits_sent).copied().collect();
        let reached = self.reach(wants.iter().copied(), &none);

        let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
        for commit in &new {
            if lets(Kind::Commit, commit, 0) || wants.contains(commit) {
                must.insert(*commit);
            }
            self.walk(self.commits[self.places[commit]].tree, "", 0, &mut |_, id, kind, depth| {
                if !had.contains(&id) && lets(kind, &id, depth) {
                    must.insert(id);
                }
            });
        }
        for commit in &perhaps_new {
            let made = &self.commits[self.places[commit]];
            may.insert(*commit);
            let mut at_parents: HashSet<(String, ObjectId)> = HashSet::new();
            // Where a clock went wrong, nobody may have found out that the receiver has what is beyond a boundary.
            let is_unknown = self.is_skewed && boundary.contains(commit);
            for parent in made.parents.iter().filter(|_| !is_unknown).map(|at| &self.commits[*at]) {
                if had_commits.contains(&parent.id) || perhaps_new.contains(&parent.id) {
                    self.walk(parent.tree, "", 0, &mut |path, id, _, _| {
                        at_parents.insert((path.to_owned(), id));
                    });
                }
            }
            self.walk(made.tree, "", 0, &mut |path, id, kind, depth| {
                if lets(kind, &id, depth) && !at_parents.contains(&(path.to_owned(), id)) {
                    may.insert(id);
                }
            });
        }
        for id in wants.iter().filter(|id| !self.places.contains_key(*id)) {
            may.insert(*id);
            if !had.contains(id) {
                must.insert(*id);
            }
            for (name, kind, below) in self.trees.get(id).into_iter().flatten() {
                if *kind == EntryKind::Commit {
                    continue;
                }
                // Depth begins anew below what is asked for by name.
                self.walk(*below, name, 0, &mut |_, id, kind, depth| {
                    if lets(kind, &id, depth) {
                        may.insert(id);
                        if !had.contains(&id) {
                            must.insert(id);
                        }
                    }
                });
            }
        }
        may.extend(&wanted_tags);
        must.extend(wanted_tags.iter().filter(|tag| !had_tags.contains(*tag)));
        if query.include_tags {
            for (tag, _) in &self.tags {
                let mut chain = Vec::new();
                let target = self.peel(*tag, &mut |tag| chain.push(tag));
                may.extend(chain.iter().copied().filter(|_| may.contains(&target)).collect::<Vec<_>>());
                let is_due = must.contains(&target) && !had_tags.contains(tag);
                must.extend(chain.into_iter().filter(|tag| is_due && !had_tags.contains(tag)));
            }
        }
        may.extend(&must);
        Expected { must, may, had, reached }
    }
}
