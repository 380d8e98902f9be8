//! Fetching by versions 0 and 1: wants, then rounds of haves, then `done` and the pack.
//!
//! On a stream the server remembers the rounds; over HTTP each request says the wants and the
//! common commits again. Rounds need `multi_ack_detailed`; without it one round offers what fits.

use std::collections::HashSet;
use std::io::{self, Read};

use gix::ObjectId;

use super::request::{Ask, Round, Rounds, refusal};
use super::{Boundary, Fetched, receive};
use crate::client::connection::lines;
use crate::client::negotiate::Negotiator;
use crate::client::refs::excerpt;
use crate::client::{AGENT, Connection, Error, Progress};
use crate::limits::MAX_ANSWER_BYTES;
use crate::pktline::{Line, Reader, Writer};

/// Commits offered to a server that can't negotiate.
const ONLY_ROUND: usize = 1024;

pub(super) fn fetch(
    connection: &mut dyn Connection,
    repository: &gix::Repository,
    ask: &Ask<'_>,
    negotiator: &mut Negotiator<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched, Error> {
    let is_stateless = connection.is_stateless();
    let has_side_band = ask.capabilities.contains("side-band-64k") || ask.capabilities.contains("side-band");
    let negotiates = ask.capabilities.contains("multi_ack_detailed");
    let mut rounds = Rounds::new(negotiator);
    let mut is_first = true;
    let mut is_ready = false;
    let mut boundary = Boundary::default();
    loop {
        let mut round = if is_ready { Round { offers: Vec::new(), is_last: true } } else { rounds.next()? };
        while !negotiates && !round.is_last {
            let more = rounds.next()?;
            round.offers.extend(more.offers);
            round.is_last = more.is_last || round.offers.len() >= ONLY_ROUND;
        }
        let common = if is_stateless { rounds.common.as_slice() } else { &[] };
        let request = write(ask, common, &round, is_first || is_stateless)
            .map_err(|source| Error::read("the request for a pack", source))?;
        let answer = connection.exchange(&mut request.as_slice())?;
        let mut answer = lines(is_stateless, answer, MAX_ANSWER_BYTES);
        if ask.request.depth.is_some() && (is_first || is_stateless) {
            boundary = read_boundary(&mut answer)?;
        }
        is_first = false;
        let (pack_follows, ready) = read_acknowledgments(&mut answer, &mut rounds, round.is_last)?;
        if pack_follows {
            return receive(repository, ask, answer, has_side_band, boundary, progress);
        }
        is_ready |= ready;
    }
}

/// Checks the request against the server's capabilities and advertised refs, without asking.
pub(super) fn check(ask: &Ask<'_>, advertised: &HashSet<ObjectId>) -> Result<(), Error> {
    if ask.request.filter.is_some() && !ask.capabilities.contains("filter") {
        return Err(Error::Unsupported { capability: "filter" });
    }
    if (ask.request.depth.is_some() || !ask.boundary.is_empty()) && !ask.capabilities.contains("shallow") {
        return Err(Error::Unsupported { capability: "shallow" });
    }
    let gives_any = ["allow-tip-sha1-in-want", "allow-reachable-sha1-in-want"]
        .iter()
        .any(|capability| ask.capabilities.contains(capability));
    match ask.request.wants.iter().find(|id| !gives_any && !advertised.contains(*id)) {
        Some(id) => Err(Error::NotOurRef { id: *id }),
        None => Ok(()),
    }
}

fn write(ask: &Ask<'_>, common: &[ObjectId], round: &Round, with_wants: bool) -> io::Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new());
    if with_wants {
        let mut words = String::new();
        let band = if ask.capabilities.contains("side-band-64k") { "side-band-64k" } else { "side-band" };
        for capability in ["multi_ack_detailed", "thin-pack", "ofs-delta", "shallow", band] {
            if ask.capabilities.contains(capability) {
                words.push(' ');
                words.push_str(capability);
            }
        }
        if ask.request.filter.is_some() {
            words.push_str(" filter");
        }
        if ask.capabilities.contains("agent") {
            words.push_str(" agent=");
            words.push_str(AGENT);
        }
        for id in &ask.request.wants {
            out.text(format!("want {id}{words}"))?;
            words.clear();
        }
        ask.write_depth(&mut out)?;
        if let Some(filter) = &ask.request.filter {
            out.text(format!("filter {filter}"))?;
        }
        out.flush_line()?;
    }
    for id in common.iter().chain(&round.offers) {
        out.text(format!("have {id}"))?;
    }
    if round.is_last {
        out.text("done")?;
    } else {
        out.flush_line()?;
    }
    Ok(out.into_inner())
}

fn read_boundary(answer: &mut Reader<Box<dyn Read + '_>>) -> Result<Boundary, Error> {
    let mut boundary = Boundary::default();
    loop {
        let line = answer.expect_line().map_err(|source| Error::read("the shallow boundary", source))?;
        let Some(line) = line.text() else { return Ok(boundary) };
        if let Some(message) = line.strip_prefix(b"ERR ") {
            return Err(refusal(message));
        }
        boundary.add(line)?;
    }
}

/// Reads to the end of a round: whether the pack follows, and whether the server is ready to send it.
fn read_acknowledgments(
    answer: &mut Reader<Box<dyn Read + '_>>,
    rounds: &mut Rounds<'_, '_>,
    is_last: bool,
) -> Result<(bool, bool), Error> {
    let mut is_ready = false;
    loop {
        let line = match answer.expect_line() {
            Ok(Line::Data(line)) => line.strip_suffix(b"\n").unwrap_or(line),
            Ok(other) => return Err(Error::Protocol(format!("{other:?} stands among acknowledgments"))),
            Err(source) => return Err(Error::read("what the server has", source)),
        };
        if line == b"NAK" {
            return Ok((is_last, is_ready));
        }
        if let Some(message) = line.strip_prefix(b"ERR ") {
            return Err(refusal(message));
        }
        let Some(words) = line.strip_prefix(b"ACK ") else {
            return Err(Error::Protocol(format!("`{}` is no acknowledgment", excerpt(line))));
        };
        let (id, status) = match words.iter().position(|byte| *byte == b' ') {
            Some(space) => (&words[..space], &words[space + 1..]),
            None => (words, &b""[..]),
        };
        let id =
            ObjectId::from_hex(id).map_err(|_| Error::Protocol(format!("`{}` is no id", excerpt(id))))?;
        rounds.acknowledge(id);
        match status {
            // The last one, in front of the pack; before `done` it is that of a round without details.
            b"" if is_last => return Ok((true, true)),
            b"ready" => is_ready = true,
            _ => {}
        }
    }
}
