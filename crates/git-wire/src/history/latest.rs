//! The last change of each entry of a folder, in one walk: what `git log -1 -- ENTRY` says of each.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use bstr::{BStr, BString, ByteSlice as _};
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use gix::objs::{Kind, TreeRefIter};

use super::commits::Commits;
use super::paths::{PathQuery, folder_of};
use super::{Error, History};
use crate::pack::objects::Objects as _;

/// With so many entries left, their filters are asked one by one before a folder is read.
const FEW: usize = 32;

/// An entry whose last change is looked for.
struct Wanted {
    path: PathQuery,
    /// The entry at the tip, and in every commit to which it is followed.
    is: (EntryKind, ObjectId),
}

/// All entries that are looked for; those that the tip lacks are `None`.
struct Entries<'n> {
    folder: Option<&'n PathQuery>,
    wanted: Vec<Option<Wanted>>,
    by_name: HashMap<&'n BStr, usize>,
}

impl History<'_> {
    /// Calls `found` with the place in `names` of each entry of a folder and the commit that changed it last, from `tip` back,
    /// the newest change first. `folder` is `None` for the root. What `tip` lacks is passed over.
    ///
    /// # Errors
    /// If the walk was ended; what was found before has been told.
    pub fn latest_changes(
        &mut self,
        tip: ObjectId,
        folder: Option<&PathQuery>,
        names: &[BString],
        mut found: impl FnMut(usize, ObjectId),
    ) -> Result<(), Error> {
        let commits = &mut self.commits;
        let tip = commits.place(tip);
        let mut wanted: Vec<Option<Wanted>> = names.iter().map(|_| None).collect();
        let by_name: HashMap<&BStr, usize> = names.iter().map(|name| name.as_bstr()).zip(0..).collect();
        each_entry(commits, tip, folder, |name, is| {
            if let Some(number) = by_name.get(name)
                && let Some(path) = PathQuery::below(folder, name)
            {
                wanted[*number] = Some(Wanted { path, is });
            }
        })?;
        let entries = Entries { folder, wanted, by_name };
        let all: Vec<usize> = (0..names.len()).filter(|number| entries.wanted[*number].is_some()).collect();
        // Entries by the commit to which they were followed: each waits at one.
        let mut waiting: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut queue = BinaryHeap::new();
        let mut queued = 0_u32;
        if !all.is_empty() {
            queue.push((commits.time(tip)?, Reverse(queued), tip));
            waiting.insert(tip, all);
        }
        let mut parents = Vec::new();
        while let Some((_, _, place)) = queue.pop() {
            commits.step()?;
            let Some(mut rest) = waiting.remove(&place) else { continue };
            commits.parents(place, &mut parents)?;
            for (number, parent) in parents.iter().copied().enumerate() {
                let same = entries.unchanged(commits, &mut rest, place, parent, number == 0)?;
                if !same.is_empty() {
                    let at_parent = waiting.entry(parent).or_default();
                    if at_parent.is_empty() {
                        queued += 1;
                        queue.push((commits.time(parent)?, Reverse(queued), parent));
                    }
                    at_parent.extend(same);
                }
                if rest.is_empty() {
                    break;
                }
            }
            rest.sort_unstable();
            for number in rest {
                found(number, commits.id(place));
            }
        }
        Ok(())
    }
}

impl Entries<'_> {
    /// Takes those entries out of `rest` that are the same in a parent.
    fn unchanged(
        &self,
        commits: &mut Commits<'_>,
        rest: &mut Vec<usize>,
        place: u32,
        parent: u32,
        is_first_parent: bool,
    ) -> Result<Vec<usize>, Error> {
        let mut same = Vec::new();
        if is_first_parent && let Some(graph) = commits.in_graph(place) {
            if self.folder.is_some_and(|folder| !folder.may_change(graph, place)) {
                return Ok(std::mem::take(rest));
            }
            if rest.len() <= FEW {
                rest.retain(|number| {
                    let wanted = self.wanted[*number].as_ref();
                    let may_change = wanted.is_some_and(|wanted| wanted.path.may_change(graph, place));
                    if !may_change {
                        same.push(*number);
                    }
                    may_change
                });
                if rest.is_empty() {
                    return Ok(same);
                }
            }
        }
        let mut is_there = vec![false; self.wanted.len()];
        each_entry(commits, parent, self.folder, |name, is| {
            if let Some(number) = self.by_name.get(name)
                && self.wanted[*number].as_ref().is_some_and(|wanted| wanted.is == is)
            {
                is_there[*number] = true;
            }
        })?;
        rest.retain(|number| {
            if is_there[*number] {
                same.push(*number);
            }
            !is_there[*number]
        });
        Ok(same)
    }
}

/// Calls `visit` for each entry of a folder in a commit, if there is such a folder.
fn each_entry(
    commits: &mut Commits<'_>,
    place: u32,
    folder: Option<&PathQuery>,
    mut visit: impl FnMut(&BStr, (EntryKind, ObjectId)),
) -> Result<(), Error> {
    let root = commits.tree(place)?;
    let tree = match folder {
        Some(folder) => folder.find(commits, root)?.and_then(folder_of),
        None => Some(root),
    };
    let Some(tree) = tree else { return Ok(()) };
    let mut buffer = std::mem::take(&mut commits.tree_buffer);
    commits.repo.objects.expect(&tree, Kind::Tree, &mut buffer)?;
    for entry in TreeRefIter::from_bytes(&buffer, tree.kind()) {
        let entry = entry.map_err(|_| crate::pack::Error::Malformed { id: tree, expected: "tree" })?;
        visit(entry.filename, (entry.mode.kind(), entry.oid.to_owned()));
    }
    commits.tree_buffer = buffer;
    Ok(())
}
