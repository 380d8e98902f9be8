//! The request to the server in every round, in both versions of the protocol.

use std::io;

use gix::ObjectId;

use super::FetchRequest;
use crate::capability::Capabilities;
use crate::client::negotiate::Negotiator;
use crate::client::{Error, ServerText};
use crate::pack::IdSet;
use crate::pktline::Writer;

/// Commits offered in the first round.
const FIRST_ROUND: usize = 16;
/// Commits offered in one round, at most.
const LARGEST_ROUND: usize = 4096;
/// After so many offers that the server did not know, once it knew one, nothing is to be gained by more.
const MAX_IN_VAIN: usize = 256;
/// Offers in all, at most: histories that share nothing need not be compared to their ends.
const MAX_OFFERS: usize = 32 * 1024;

/// A request, and what it stands on.
pub(super) struct Ask<'a> {
    pub(super) capabilities: &'a Capabilities,
    pub(super) request: &'a FetchRequest,
    pub(super) boundary: &'a [ObjectId],
}

impl Ask<'_> {
    /// The lines that say from which boundary to which depth.
    pub(super) fn write_depth(&self, out: &mut Writer<Vec<u8>>) -> io::Result<()> {
        for id in self.boundary {
            out.text(format!("shallow {id}"))?;
        }
        if let Some(depth) = self.request.depth {
            out.text(format!("deepen {depth}"))?;
        }
        Ok(())
    }
}

/// The course of a negotiation.
pub(super) struct Rounds<'n, 'r> {
    negotiator: &'n mut Negotiator<'r>,
    /// Commits that the server has as well, in the order in which it said so.
    pub(super) common: Vec<ObjectId>,
    acknowledged: IdSet,
    size: usize,
    offers: usize,
    in_vain: usize,
}

/// The commits to offer in a round.
pub(super) struct Round {
    pub(super) offers: Vec<ObjectId>,
    /// There is nothing more to offer: the server shall send the pack.
    pub(super) is_last: bool,
}

impl<'n, 'r> Rounds<'n, 'r> {
    pub(super) fn new(negotiator: &'n mut Negotiator<'r>) -> Self {
        Self {
            negotiator,
            common: Vec::new(),
            acknowledged: IdSet::default(),
            size: FIRST_ROUND,
            offers: 0,
            in_vain: 0,
        }
    }

    pub(super) fn next(&mut self) -> Result<Round, Error> {
        let mut offers = Vec::new();
        let gives_up = self.offers >= MAX_OFFERS || (!self.common.is_empty() && self.in_vain >= MAX_IN_VAIN);
        let mut is_last = gives_up;
        while !is_last && offers.len() < self.size {
            match self.negotiator.next()? {
                Some(id) => offers.push(id),
                None => is_last = true,
            }
        }
        self.size = (self.size * 2).min(LARGEST_ROUND);
        self.offers += offers.len();
        self.in_vain += offers.len();
        Ok(Round { offers, is_last })
    }

    pub(super) fn acknowledge(&mut self, id: ObjectId) {
        // What was not offered can't be common, so that there are no more than offers.
        if self.common.len() < MAX_OFFERS + LARGEST_ROUND && self.acknowledged.insert(id) {
            self.common.push(id);
            self.negotiator.is_common(id);
            self.in_vain = 0;
        }
    }
}

/// Returns the error for what a server says instead of an answer; a refusal to send an object by its id has its own.
pub(super) fn refusal(message: &[u8]) -> Error {
    let text = ServerText::of_error(message.trim_ascii_end());
    match text.refused_object() {
        Some(id) => Error::NotOurRef { id },
        None => Error::Remote(text),
    }
}
