//! Commits as walks see them: parents, tree and time, from the commit-graph where there is one.

use std::collections::BinaryHeap;
use std::rc::Rc;

use bstr::ByteSlice;
use gix::ObjectId;
use gix::objs::Kind;

use super::Error;
use super::objects::{IdMap, IdSet, Objects};
use crate::Interrupt;

/// The part of a commit that a walk needs.
#[derive(Debug, Clone)]
pub(crate) struct CommitInfo {
    /// The root tree.
    pub(crate) tree: ObjectId,
    /// The parents; none if the repository itself is shallow here.
    pub(crate) parents: Vec<ObjectId>,
    /// Seconds since the epoch, of the committer.
    pub(crate) time: i64,
    /// The generation number, [`UNKNOWN_GENERATION`] if the commit isn't in the commit-graph.
    pub(crate) generation: u32,
}

/// The generation of a commit that the commit-graph doesn't hold: it's newer than all that it does.
const UNKNOWN_GENERATION: u32 = u32::MAX;
/// The number of commits of the receiver that are looked at after the last that it lacks, in case clocks went wrong.
const SLOP: u32 = 8;

/// Reads commits, each once.
pub(crate) struct Commits<'a> {
    objects: &'a dyn Objects,
    graph: Option<gix::commitgraph::Graph>,
    shallow: IdSet,
    known: IdMap<Rc<CommitInfo>>,
    buffer: Vec<u8>,
    interrupt: Interrupt,
}

impl<'a> Commits<'a> {
    /// The commits of `objects`, with the commit-graph and the shallow boundary of `repo`.
    pub(crate) fn new(repo: &gix::Repository, objects: &'a dyn Objects) -> Self {
        // A commit-graph that can't be read is as good as none.
        let graph = repo.commit_graph_if_enabled().ok().flatten();
        let shallow = match repo.shallow_commits() {
            Ok(Some(commits)) => commits.iter().copied().collect(),
            _ => IdSet::default(),
        };
        let interrupt = Interrupt::default();
        Self { objects, graph, shallow, known: IdMap::default(), buffer: Vec::new(), interrupt }
    }

    /// The same, with an end: every walk of commits and trees fails when `interrupt` is set.
    pub(crate) fn until(self, interrupt: &Interrupt) -> Self {
        Self { interrupt: interrupt.clone(), ..self }
    }

    /// Returns the interrupt that ends the walks.
    pub(crate) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The same, each commit read as it is stored.
    pub(crate) fn without_graph(self) -> Self {
        Self { graph: None, ..self }
    }

    /// The commits of the repository whose parents it lacks.
    pub(crate) fn shallow(&self) -> &IdSet {
        &self.shallow
    }

    /// The objects that commits are read from.
    pub(crate) fn objects(&self) -> &'a dyn Objects {
        self.objects
    }

    /// The commit `id`.
    pub(crate) fn get(&mut self, id: ObjectId) -> Result<Rc<CommitInfo>, Error> {
        if self.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        if let Some(info) = self.known.get(&id) {
            return Ok(Rc::clone(info));
        }
        let mut info = if let Some(info) = self.find_in_graph(&id) {
            info
        } else {
            self.objects.expect(&id, Kind::Commit, &mut self.buffer)?;
            parse(&self.buffer).ok_or(Error::Malformed { id, expected: "commit" })?
        };
        if self.shallow.contains(&id) {
            info.parents.clear();
        }
        let info = Rc::new(info);
        self.known.insert(id, Rc::clone(&info));
        Ok(info)
    }

    fn find_in_graph(&self, id: &ObjectId) -> Option<CommitInfo> {
        let graph = self.graph.as_ref()?;
        let commit = graph.commit_by_id(id)?;
        let mut parents = Vec::with_capacity(1);
        for parent in commit.iter_parents() {
            // A damaged graph names parents that it lacks.
            let parent = parent.ok().filter(|parent| parent.0 < graph.num_commits())?;
            parents.push(graph.id_at(parent).to_owned());
        }
        Some(CommitInfo {
            tree: commit.root_tree_id().to_owned(),
            parents,
            time: i64::try_from(commit.committer_timestamp()).unwrap_or(i64::MAX),
            // Zero: written by a Git that didn't know generations.
            generation: match commit.generation() {
                0 => UNKNOWN_GENERATION,
                generation => generation,
            },
        })
    }

    /// Returns whether `ancestor` is reachable from `descendant`, whatever the clocks said.
    pub(crate) fn is_ancestor(&mut self, ancestor: ObjectId, descendant: ObjectId) -> Result<bool, Error> {
        if ancestor == descendant {
            return Ok(true);
        }
        // Nothing between the two is reachable from the ancestor, so all of it is found, with a child of the ancestor.
        let walk = self.missing(&[descendant], &[ancestor], &IdSet::default(), &IdSet::default())?;
        Ok(walk.new.iter().any(|(_, commit)| commit.parents.contains(&ancestor)))
    }

    /// The commits reachable from `wants` and not from `haves`, newest first.
    ///
    /// The receiver has no parents of commits in `receiver_shallow`; those of commits in `boundary` aren't wanted.
    pub(crate) fn missing(
        &mut self,
        wants: &[ObjectId],
        haves: &[ObjectId],
        receiver_shallow: &IdSet,
        boundary: &IdSet,
    ) -> Result<Walk, Error> {
        let mut marks: IdMap<u8> = IdMap::default();
        let mut queue = BinaryHeap::new();
        let mut wanted_in_queue = 0_usize;
        for (ids, mark) in [(haves, HAVE), (wants, WANT)] {
            for id in ids {
                let marks = marks.entry(*id).or_default();
                if *marks & mark == 0 {
                    let info = self.get(*id)?;
                    wanted_in_queue += usize::from(*marks | mark == WANT);
                    *marks |= mark;
                    queue.push(Queued::new(*id, &info));
                }
            }
        }
        let mut found: Vec<(ObjectId, Rc<CommitInfo>)> = Vec::new();
        let mut oldest = (UNKNOWN_GENERATION, i64::MAX);
        let mut slop = SLOP;
        while let Some(Queued { generation, time, id, .. }) = queue.pop() {
            let own = marks[&id];
            let is_wanted = own & HAVE == 0;
            let info = self.get(id)?;
            if is_wanted {
                wanted_in_queue -= 1;
                marks.insert(id, own | FOUND);
                oldest = oldest.min((info.generation, info.time));
                found.push((id, Rc::clone(&info)));
            } else if wanted_in_queue == 0 {
                // Only what the receiver has is left. It matters if it reaches something found: older than that it
                // can't, unless clocks went wrong.
                let exact = generation != UNKNOWN_GENERATION && oldest.0 != UNKNOWN_GENERATION;
                if found.is_empty() || exact && generation <= oldest.0 {
                    break;
                }
                if !exact && time < oldest.1 {
                    if slop == 0 {
                        break;
                    }
                    slop -= 1;
                }
            }
            let stops = if is_wanted { boundary.contains(&id) } else { receiver_shallow.contains(&id) };
            if stops {
                continue;
            }
            for parent in &info.parents {
                let parent_marks = marks.entry(*parent).or_default();
                let before = *parent_marks;
                let after = before | if is_wanted { WANT } else { HAVE };
                if before == after {
                    continue;
                }
                *parent_marks = after;
                let waits_as_wanted = before & WANT != 0 && before & (HAVE | FOUND) == 0;
                match (is_wanted, before & HAVE != 0) {
                    // The receiver has it, which says all there is to say.
                    (true, true) => continue,
                    (true, false) => wanted_in_queue += 1,
                    (false, _) if waits_as_wanted => wanted_in_queue -= 1,
                    (false, _) => {}
                }
                let parent_info = self.get(*parent)?;
                queue.push(Queued::new(*parent, &parent_info));
            }
        }
        found.retain(|(id, _)| marks[id] & HAVE == 0);
        let had = marks.iter().filter(|(_, marks)| **marks & HAVE != 0).map(|(id, _)| *id).collect();
        let new_ids = found.iter().map(|(id, _)| *id).collect();
        Ok(Walk { new: found, new_ids, had })
    }
}

const WANT: u8 = 1;
const HAVE: u8 = 2;
const FOUND: u8 = 4;

/// The result of [`Commits::missing()`].
pub(crate) struct Walk {
    /// The commits that the receiver lacks, newest first.
    pub(crate) new: Vec<(ObjectId, Rc<CommitInfo>)>,
    /// Their ids.
    pub(crate) new_ids: IdSet,
    /// Commits that the receiver has, as far as the walk met them.
    pub(crate) had: IdSet,
}

impl Walk {
    /// The new commits, each after those of its parents that are new as well.
    ///
    /// Neither dates nor the order of the walk can say as much: clocks go wrong.
    pub(crate) fn parents_first(&self) -> Vec<&CommitInfo> {
        let at: IdMap<usize> = self.new.iter().map(|(id, _)| *id).zip(0..).collect();
        let mut is_seen = vec![false; self.new.len()];
        let mut ordered = Vec::with_capacity(self.new.len());
        // Commits under way, and how many of their parents have been looked at.
        let mut pending: Vec<(usize, usize)> = Vec::new();
        for start in (0..self.new.len()).rev() {
            if !std::mem::replace(&mut is_seen[start], true) {
                pending.push((start, 0));
            }
            while let Some((commit, looked_at)) = pending.last_mut() {
                let info = self.new[*commit].1.as_ref();
                let Some(parent) = info.parents.get(*looked_at) else {
                    ordered.push(info);
                    pending.pop();
                    continue;
                };
                *looked_at += 1;
                if let Some(parent) = at.get(parent).copied()
                    && !std::mem::replace(&mut is_seen[parent], true)
                {
                    pending.push((parent, 0));
                }
            }
        }
        ordered
    }
}

/// A commit in the queue: newest generation first, then newest time.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Queued {
    generation: u32,
    time: i64,
    id: ObjectId,
}

impl Queued {
    fn new(id: ObjectId, info: &CommitInfo) -> Self {
        Self { generation: info.generation, time: info.time, id }
    }
}

/// Takes a commit apart as far as walks need it; lenient about everything else.
pub(crate) fn parse(commit: &[u8]) -> Option<CommitInfo> {
    let mut rest = commit;
    let mut line = || {
        let end = rest.find_byte(b'\n')?;
        let line = &rest[..end];
        rest = &rest[end + 1..];
        Some(line)
    };
    let tree = ObjectId::from_hex(line()?.strip_prefix(b"tree ")?).ok()?;
    let mut parents = Vec::with_capacity(1);
    let author = loop {
        let line = line()?;
        match line.strip_prefix(b"parent ") {
            Some(id) => parents.push(ObjectId::from_hex(id).ok()?),
            None => break line,
        }
    };
    author.strip_prefix(b"author ")?;
    // Old importers put further lines between the two; the time is then 0, as for any that can't be read.
    let time = line().and_then(|line| line.strip_prefix(b"committer ")).and_then(time_of).unwrap_or_default();
    Some(CommitInfo { tree, parents, time, generation: UNKNOWN_GENERATION })
}

fn time_of(signature: &[u8]) -> Option<i64> {
    let after_mail = &signature[signature.rfind_byte(b'>')? + 1..];
    after_mail.split(|byte| *byte == b' ').find(|word| !word.is_empty())?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine without a clock of its own begins in 1970.
    #[test]
    fn an_ancestor_is_one_whatever_the_clocks_said() {
        let folder = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(folder.path()).unwrap().with_object_memory();
        let commit = |parent: Option<ObjectId>, seconds: i64| {
            let who = gix::actor::Signature {
                name: "a".into(),
                email: "a@example.com".into(),
                time: gix::date::Time { seconds, offset: 0 },
            };
            let commit = gix::objs::Commit {
                tree: ObjectId::empty_tree(gix::hash::Kind::Sha1),
                parents: parent.into_iter().collect(),
                author: who.clone(),
                committer: who,
                encoding: None,
                message: "c\n".into(),
                extra_headers: Vec::new(),
            };
            repo.write_object(&commit).unwrap().detach()
        };
        let chain = |from: Option<ObjectId>, start: i64| {
            (0..30).fold(from, |parent, at| Some(commit(parent, start + at * 60))).unwrap()
        };
        let old = chain(None, 1_500_000_000);
        let (new, other) = (chain(Some(old), 60), chain(Some(old), 1_600_000_000));
        let mut commits = Commits::new(&repo, &repo.objects);
        assert!(commits.is_ancestor(old, new).unwrap() && commits.is_ancestor(old, other).unwrap());
        assert!(commits.is_ancestor(old, old).unwrap());
        for (ancestor, descendant) in [(new, old), (other, old), (new, other), (other, new)] {
            assert!(!commits.is_ancestor(ancestor, descendant).unwrap());
        }
    }

    #[test]
    fn commits_are_taken_apart_leniently_and_never_panic() {
        let id = "1234567890123456789012345678901234567890";
        let text = format!(
            "tree {id}\nparent {id}\nparent {id}\nauthor A <a@b> 1 +0000\ncommitter C <c> 77 +0100\n\nhi"
        );
        let info = parse(text.as_bytes()).expect("well-formed");
        assert_eq!((info.parents.len(), info.time, info.generation), (2, 77, UNKNOWN_GENERATION));
        for cut in 0..text.len() {
            assert!(parse(&text.as_bytes()[..cut]).is_none_or(|info| info.parents.len() == 2));
        }
        for (committer, time) in
            [("committer C <c>", 0), ("committer C <c> x", 0), ("other", 0), ("committer > 5", 5)]
        {
            let text = format!("tree {id}\nauthor A <a@b> 1 +0000\n{committer}\n\n");
            assert_eq!(parse(text.as_bytes()).map(|info| info.time), Some(time), "{committer}");
        }
    }
}
