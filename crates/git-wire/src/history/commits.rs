//! Commits as the walks of this module number them: those of the commit-graph by their places in it, others behind them
//! in the order in which they are met.

use std::collections::HashMap;
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::Kind;

use super::{Error, Graph};
use crate::pack::objects::Objects as _;
use crate::pack::{IdSet, parse_commit};

/// The number of steps after which a walk asks again whether it may go on.
const ASK_EVERY: u32 = 64;

/// The commits of a repository.
pub(super) struct Commits<'r> {
    pub(super) repo: &'r gix::Repository,
    pub(super) graph: Option<Arc<Graph>>,
    /// The number of commits in the graph.
    base: u32,
    others: Vec<Other>,
    places: HashMap<ObjectId, u32>,
    shallow: IdSet,
    may_go_on: &'r dyn Fn() -> bool,
    steps: u32,
    buffer: Vec<u8>,
    /// For trees that are read one after the other.
    pub(super) tree_buffer: Vec<u8>,
}

/// A commit that is not in the graph.
struct Other {
    id: ObjectId,
    /// Read when it is asked for.
    read: Option<Read>,
    /// As [`Graph::rank`]; 0 until it is known.
    rank: u64,
}

struct Read {
    tree: ObjectId,
    parents: Vec<u32>,
    time: i64,
}

impl<'r> Commits<'r> {
    pub(super) fn new(
        repo: &'r gix::Repository,
        graph: Option<Arc<Graph>>,
        may_go_on: &'r dyn Fn() -> bool,
    ) -> Self {
        let shallow: IdSet = match repo.shallow_commits() {
            Ok(Some(commits)) => commits.iter().copied().collect(),
            _ => IdSet::default(),
        };
        // Where history is cut, a graph may know more than there is, as in Git.
        let graph = graph.filter(|_| shallow.is_empty());
        let base = graph.as_ref().map_or(0, |graph| graph.len());
        let (others, places, buffer, tree_buffer) = Default::default();
        Self { repo, graph, base, others, places, shallow, may_go_on, steps: 0, buffer, tree_buffer }
    }

    /// Counts a step of a walk. Fails if nobody waits for its end any more.
    pub(super) fn step(&mut self) -> Result<(), Error> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(ASK_EVERY) && !(self.may_go_on)() { Err(Error::Ended) } else { Ok(()) }
    }

    /// Returns the number of commits that have a place so far.
    pub(super) fn len(&self) -> usize {
        self.base as usize + self.others.len()
    }

    /// Returns the number of commits that had to be read because the graph lacks them.
    pub(super) fn outside_graph(&self) -> usize {
        self.others.len()
    }

    /// The place of a commit.
    pub(super) fn place(&mut self, id: ObjectId) -> u32 {
        if let Some(place) = self.graph.as_ref().and_then(|graph| graph.find(&id)) {
            return place;
        }
        let next =
            self.base + u32::try_from(self.others.len()).expect("memory does not hold so many commits");
        *self.places.entry(id).or_insert_with(|| {
            self.others.push(Other { id, read: None, rank: 0 });
            next
        })
    }

    pub(super) fn id(&self, place: u32) -> ObjectId {
        match self.in_graph(place) {
            Some(graph) => graph.id(place),
            None => self.others[(place - self.base) as usize].id,
        }
    }

    pub(super) fn tree(&mut self, place: u32) -> Result<ObjectId, Error> {
        if let Some(graph) = self.in_graph(place) {
            return Ok(graph.tree(place));
        }
        Ok(self.read(place)?.tree)
    }

    pub(super) fn time(&mut self, place: u32) -> Result<i64, Error> {
        if let Some(graph) = self.in_graph(place) {
            return Ok(graph.time(place));
        }
        Ok(self.read(place)?.time)
    }

    /// The places of a commit's parents, put into `parents` in place of what is there.
    pub(super) fn parents(&mut self, place: u32, parents: &mut Vec<u32>) -> Result<(), Error> {
        parents.clear();
        if let Some(graph) = self.in_graph(place) {
            graph.parents(place, parents);
        } else {
            parents.extend_from_slice(&self.read(place)?.parents);
        }
        Ok(())
    }

    /// A number that is higher than those of all ancestors: most often the time, which keeps walks by it short.
    pub(super) fn rank(&mut self, place: u32) -> Result<u64, Error> {
        if let Some(graph) = self.in_graph(place) {
            return Ok(graph.rank(place));
        }
        let mut pending = vec![place];
        while let Some(next) = pending.last().copied() {
            if self.known_rank(next) != 0 {
                pending.pop();
                continue;
            }
            self.step()?;
            let parents = std::mem::take(&mut self.read(next)?.parents);
            let mut highest = 0;
            let before = pending.len();
            for parent in &parents {
                match self.known_rank(*parent) {
                    0 => pending.push(*parent),
                    rank => highest = highest.max(rank),
                }
            }
            let has_dates = self.graph.as_ref().is_none_or(|graph| graph.has_dates());
            let read = self.read(next)?;
            read.parents = parents;
            let time = if has_dates { u64::try_from(read.time).unwrap_or_default() } else { 0 };
            if pending.len() == before {
                self.others[(next - self.base) as usize].rank = time.max(highest.saturating_add(1));
                pending.pop();
            }
        }
        Ok(self.known_rank(place))
    }

    fn known_rank(&self, place: u32) -> u64 {
        match self.in_graph(place) {
            Some(graph) => graph.rank(place).max(1),
            None => self.others[(place - self.base) as usize].rank,
        }
    }

    pub(super) fn in_graph(&self, place: u32) -> Option<&Graph> {
        self.graph.as_deref().filter(|_| place < self.base)
    }

    fn read(&mut self, place: u32) -> Result<&mut Read, Error> {
        let at = (place - self.base) as usize;
        if self.others[at].read.is_none() {
            let id = self.others[at].id;
            self.repo.objects.expect(&id, Kind::Commit, &mut self.buffer)?;
            let malformed = crate::pack::Error::Malformed { id, expected: "commit" };
            let mut info = parse_commit(&self.buffer).ok_or(malformed)?;
            if self.shallow.contains(&id) {
                info.parents.clear();
            }
            let parents = info.parents.iter().map(|parent| self.place(*parent)).collect();
            self.others[at].read = Some(Read { tree: info.tree, parents, time: info.time });
        }
        Ok(self.others[at].read.as_mut().expect("it was read just now"))
    }
}
