//! Finds the new tips that reach a missing object, where a push lacks objects: their refs are refused, and
//! no others.

use gix::objs::Kind;
use gix::{ObjectId, oid};

use crate::pack::objects::{IdMap, Objects};
use crate::pack::{self, IdSet, Link, links};
use crate::{Error, Interrupt};

/// Faults in what an object reaches; the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Complete,
    /// It lacks parents of the client's shallow boundary, and nothing else.
    Shallow,
    Incomplete,
}

/// Finds verdicts, looking at each object at most once, however many tips there are.
pub(super) struct Search<'a> {
    pub(super) objects: &'a dyn Objects,
    /// Objects that are looked into. What the others reach is there.
    pub(super) is_searched: &'a dyn Fn(&oid) -> bool,
    /// Objects that must not be pointed to: they are missing, or old and incomplete.
    pub(super) broken: &'a IdSet,
    /// The client's boundary.
    pub(super) shallow: &'a IdSet,
    /// That of the repository itself.
    pub(super) cut: &'a IdSet,
    pub(super) interrupt: &'a Interrupt,
    pub(super) found: IdMap<Verdict>,
}

/// An object that is being looked at.
struct Frame {
    id: ObjectId,
    /// Objects that it points to and that are still to be looked at.
    links: Vec<ObjectId>,
    verdict: Verdict,
}

impl Search<'_> {
    /// The verdict on a tip: depth first, without recursion, since histories are long.
    pub(super) fn verdict(&mut self, tip: ObjectId) -> Result<Verdict, Error> {
        if self.broken.contains(&tip) {
            return Ok(Verdict::Incomplete);
        }
        if !(self.is_searched)(&tip) {
            return Ok(Verdict::Complete);
        }
        if let Some(verdict) = self.found.get(&tip) {
            return Ok(*verdict);
        }
        let mut path = vec![self.enter(tip)?];
        loop {
            let Some(frame) = path.last_mut() else { return Ok(Verdict::Complete) };
            if let Some(next) = frame.links.pop() {
                match self.found.get(&next) {
                    Some(verdict) => frame.verdict = frame.verdict.max(*verdict),
                    None => path.push(self.enter(next)?),
                }
                continue;
            }
            let (id, verdict) = (frame.id, frame.verdict);
            self.found.insert(id, verdict);
            path.pop();
            match path.last_mut() {
                Some(above) => above.verdict = above.verdict.max(verdict),
                None => return Ok(verdict),
            }
        }
    }

    fn enter(&self, id: ObjectId) -> Result<Frame, Error> {
        if self.interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        let mut frame = Frame { id, links: Vec::new(), verdict: Verdict::Complete };
        let looked = links(self.objects, id, &mut |link| {
            let (to, kind) = match link {
                Link::To(to, kind) => (to, kind),
                Link::Parent(_) if self.cut.contains(&id) => return,
                Link::Parent(to) => (to, Kind::Commit),
                Link::GitModules(_) | Link::GitAttributes(_) => return,
            };
            if self.broken.contains(&to) {
                let is_boundary = matches!(link, Link::Parent(_)) && self.shallow.contains(&id);
                let verdict = if is_boundary { Verdict::Shallow } else { Verdict::Incomplete };
                frame.verdict = frame.verdict.max(verdict);
            } else if !(self.is_searched)(&to) {
            } else if kind != Kind::Blob {
                frame.links.push(to);
            } else if !self.objects.has(&to) {
                frame.verdict = Verdict::Incomplete;
            }
        });
        match looked {
            Ok(()) => {}
            Err(pack::Error::Missing(_) | pack::Error::Malformed { .. } | pack::Error::Fsck { .. }) => {
                frame.verdict = Verdict::Incomplete;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(frame)
    }
}
