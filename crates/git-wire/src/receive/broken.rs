//! Finds the new tips that reach a missing object, where a push lacks objects: their refs are refused, and
//! no others.

use gix::ObjectId;
use gix::hashtable::HashMap;
use gix::objs::Kind;

use crate::Error;
use crate::pack::{IdSet, Link, Opened, links};

/// Faults in what an object reaches; the greater one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Complete,
    /// It lacks parents of the client's shallow boundary, and nothing else.
    Shallow,
    Incomplete,
}

/// Finds verdicts, looking at each received object at most once.
pub(super) struct Search<'a> {
    received: &'a Opened<'a>,
    /// Objects that received ones must not point to: they are missing, or old and incomplete.
    broken: &'a IdSet,
    /// The client's boundary.
    shallow: &'a IdSet,
    found: HashMap<ObjectId, Verdict>,
}

/// An object that is being looked at.
struct Frame {
    id: ObjectId,
    /// Received objects that it points to and that are still to be looked at.
    links: Vec<ObjectId>,
    verdict: Verdict,
}

impl<'a> Search<'a> {
    pub(super) fn new(received: &'a Opened<'a>, broken: &'a IdSet, shallow: &'a IdSet) -> Self {
        Self { received, broken, shallow, found: HashMap::default() }
    }

    /// The verdict on a tip: depth first, without recursion, since histories are long.
    pub(super) fn verdict(&mut self, tip: ObjectId) -> Result<Verdict, Error> {
        if self.broken.contains(&tip) {
            return Ok(Verdict::Incomplete);
        }
        if !self.received.is_received(&tip) {
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
        let mut frame = Frame { id, links: Vec::new(), verdict: Verdict::Complete };
        links(self.received.objects(), id, &mut |link| {
            let (to, kind) = match link {
                Link::To(to, kind) => (to, kind),
                Link::Parent(to) => (to, Kind::Commit),
                Link::GitModules(_) | Link::GitAttributes(_) => return,
            };
            if self.broken.contains(&to) {
                let is_boundary = matches!(link, Link::Parent(_)) && self.shallow.contains(&id);
                let verdict = if is_boundary { Verdict::Shallow } else { Verdict::Incomplete };
                frame.verdict = frame.verdict.max(verdict);
            } else if kind != Kind::Blob && self.received.is_received(&to) {
                frame.links.push(to);
            }
        })?;
        Ok(frame)
    }
}
