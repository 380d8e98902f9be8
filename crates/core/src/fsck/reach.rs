//! Is everything here that the refs reach?

use std::collections::{BTreeMap, HashMap, HashSet};

use gix::{ObjectId, Repository, objs::TreeRefIter};

use super::{Outcome, Report};
use crate::{
    history::HistoryRepo,
    large::{self, Oid},
};

/// So many missing objects are named; the rest is counted.
const NAMED: usize = 5;

/// Walks from every ref of the project's, and names what is missing. Returns the large files that its snapshots need, each
/// with its size and a commit.
pub(super) fn check(history: &HistoryRepo, report: &mut Report) -> BTreeMap<Oid, (u64, String)> {
    let repo = history.git();
    let mut walk = Walk::of(repo);
    let boundary = repo.shallow_commits().ok().flatten();
    let shallow: HashSet<ObjectId> = boundary.iter().flat_map(|commits| commits.iter().copied()).collect();
    let branch = history.history_ref();
    for prefix in ["refs/heads/", "refs/azureml/"] {
        let Ok(list) = history.refs_below(prefix) else { continue };
        for (name, tip) in list {
            let counts = name == branch;
            walk.commits(tip, &shallow, counts, &name.as_bstr().to_string());
        }
    }
    report.snapshots = walk.snapshots;
    let mut missing: Vec<(ObjectId, String)> = std::mem::take(&mut walk.missing).into_iter().collect();
    missing.sort();
    for (id, needed_by) in missing.iter().take(NAMED) {
        report.add(
            format!("object {id}"),
            format!("missing, and needed by {needed_by}"),
            Outcome::Left("it may be at the remote, or in the project folder".to_owned()),
        );
    }
    if missing.len() > NAMED {
        report.add(
            format!("{} more objects", missing.len() - NAMED),
            "missing, too",
            Outcome::Left("they may be at the remote, or in the project folder".to_owned()),
        );
    }
    report.missing.extend(missing.into_iter().map(|(id, _)| id));
    report.missing.sort_unstable();
    report.missing.dedup();
    walk.large
}

/// The large files that the trees of these commits have; a commit that is not here has none.
pub(super) fn large_of(
    history: &HistoryRepo,
    commits: impl IntoIterator<Item = ObjectId>,
) -> BTreeMap<Oid, u64> {
    let mut walk = Walk::of(history.git());
    for id in commits {
        if let Ok(tree) = large::Tree::of_commit(walk.repo, id)
            && tree.has_large
        {
            walk.large(tree.id, "");
        }
    }
    walk.large.into_iter().map(|(oid, (size, _))| (oid, size)).collect()
}

struct Walk<'r> {
    repo: &'r Repository,
    seen: HashSet<ObjectId>,
    missing: HashMap<ObjectId, String>,
    snapshots: usize,
    large: BTreeMap<Oid, (u64, String)>,
    /// The objects that were looked through for large files: elsewhere the same pointers may be texts.
    with_large: HashSet<ObjectId>,
}

impl<'r> Walk<'r> {
    fn of(repo: &'r Repository) -> Self {
        Self {
            repo,
            seen: HashSet::new(),
            missing: HashMap::new(),
            snapshots: 0,
            large: BTreeMap::new(),
            with_large: HashSet::new(),
        }
    }

    fn commits(&mut self, tip: ObjectId, shallow: &HashSet<ObjectId>, counts: bool, name: &str) {
        let mut ahead = vec![(tip, name.to_owned())];
        while let Some((id, needed_by)) = ahead.pop() {
            if !self.seen.insert(id) {
                continue;
            }
            let Ok(object) = self.repo.find_object(id) else {
                self.missing.insert(id, needed_by);
                continue;
            };
            let Ok(commit) = object.try_into_commit() else { continue };
            let parents: Vec<ObjectId> = commit.parent_ids().map(gix::Id::detach).collect();
            self.snapshots += usize::from(counts && parents.len() < 2);
            let by = format!("commit {}", id.to_hex_with_len(10));
            if let Ok(tree) = commit.tree_id() {
                self.tree(tree.detach(), &by);
                if commit.message_raw().is_ok_and(|message| large::is_in_message(message)) {
                    self.large(tree.detach(), &by);
                }
            }
            if !shallow.contains(&id) {
                ahead.extend(parents.into_iter().map(|parent| (parent, by.clone())));
            }
        }
    }

    fn large(&mut self, root: ObjectId, needed_by: &str) {
        let mut ahead = vec![root];
        while let Some(id) = ahead.pop() {
            if !self.with_large.insert(id) {
                continue;
            }
            let is_tree =
                self.repo.find_header(id).is_ok_and(|header| header.kind() == gix::objs::Kind::Tree);
            if is_tree && let Ok(object) = self.repo.find_object(id) {
                let entries = TreeRefIter::from_bytes(&object.data, self.repo.object_hash()).flatten();
                let wanted = entries.filter(|entry| !entry.mode.is_commit() && !entry.mode.is_link());
                ahead.extend(wanted.map(|entry| entry.oid.to_owned()));
            } else if let Ok(Some(pointer)) = large::pointer(self.repo, id) {
                self.large.entry(pointer.oid).or_insert_with(|| (pointer.size, needed_by.to_owned()));
            }
        }
    }

    fn tree(&mut self, root: ObjectId, needed_by: &str) {
        let mut ahead = vec![root];
        while let Some(id) = ahead.pop() {
            if !self.seen.insert(id) {
                continue;
            }
            let Ok(object) = self.repo.find_object(id) else {
                // The empty tree is known without being stored.
                if id != ObjectId::empty_tree(self.repo.object_hash()) {
                    self.missing.insert(id, needed_by.to_owned());
                }
                continue;
            };
            if object.kind != gix::objs::Kind::Tree {
                continue;
            }
            for entry in TreeRefIter::from_bytes(&object.data, self.repo.object_hash()).flatten() {
                let child = entry.oid.to_owned();
                if entry.mode.is_tree() {
                    ahead.push(child);
                } else if !entry.mode.is_commit() && self.seen.insert(child) && !self.repo.has_object(child) {
                    self.missing.insert(child, needed_by.to_owned());
                }
            }
        }
    }
}
