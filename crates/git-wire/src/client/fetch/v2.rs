//! Fetching by version 2: every round says everything again, and every answer is made of sections.

use std::io;

use gix::ObjectId;

use super::request::{Ask, Round, Rounds, refusal};
use super::{Boundary, Fetched, receive};
use crate::client::connection::lines;
use crate::client::negotiate::Negotiator;
use crate::client::refs::excerpt;
use crate::client::{Connection, Error, Progress, write_command_capabilities};
use crate::limits::MAX_ANSWER_BYTES;
use crate::pktline::{Line, Writer};

pub(super) fn fetch(
    connection: &mut dyn Connection,
    repository: &gix::Repository,
    ask: &Ask<'_>,
    negotiator: &mut Negotiator<'_>,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Fetched, Error> {
    if ask.request.filter.is_some() && !ask.capabilities.has_feature("fetch", "filter") {
        return Err(Error::Unsupported { capability: "filter" });
    }
    if ask.request.depth.is_some() && !ask.capabilities.has_feature("fetch", "shallow") {
        return Err(Error::Unsupported { capability: "shallow" });
    }
    let is_stateless = connection.is_stateless();
    let mut rounds = Rounds::new(negotiator);
    loop {
        let round = rounds.next()?;
        let request = write(ask, &rounds.common, &round)
            .map_err(|source| Error::read("the request for a pack", source))?;
        let answer = connection.exchange(&mut request.as_slice())?;
        let mut answer = lines(is_stateless, answer, MAX_ANSWER_BYTES);
        let failed = |source| Error::read("the answer to a fetch", source);
        let mut boundary = Boundary::default();
        loop {
            let section = match answer.expect_line().map_err(failed)? {
                Line::Data(line) => line.strip_suffix(b"\n").unwrap_or(line).to_vec(),
                // The end of an answer without a pack: the next round.
                Line::Flush | Line::ResponseEnd if !round.is_last => break,
                other => return Err(Error::Protocol(format!("{other:?} stands in the place of a section"))),
            };
            if section == b"packfile" {
                return receive(repository, ask, answer, true, boundary, progress);
            }
            if let Some(message) = section.strip_prefix(b"ERR ") {
                return Err(refusal(message));
            }
            let ends_answer = loop {
                match answer.expect_line().map_err(failed)? {
                    Line::Data(line) => {
                        let line = line.strip_suffix(b"\n").unwrap_or(line);
                        match section.as_slice() {
                            b"acknowledgments" => {
                                if let Some(id) = line.strip_prefix(b"ACK ") {
                                    rounds.acknowledge(parse_id(id)?);
                                }
                            }
                            b"shallow-info" => boundary.add(line)?,
                            // Sections that were not asked for mean nothing here.
                            _ => {}
                        }
                    }
                    Line::Delimiter => break false,
                    Line::Flush | Line::ResponseEnd => break true,
                }
            };
            if ends_answer {
                if round.is_last {
                    return Err(Error::Protocol("it ended its answer without a pack".to_owned()));
                }
                break;
            }
        }
    }
}

fn parse_id(hex: &[u8]) -> Result<ObjectId, Error> {
    ObjectId::from_hex(hex).map_err(|_| Error::Protocol(format!("`{}` is no id", excerpt(hex))))
}

fn write(ask: &Ask<'_>, common: &[ObjectId], round: &Round) -> io::Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new());
    out.text("command=fetch")?;
    write_command_capabilities(&mut out, ask.capabilities)?;
    out.delimiter()?;
    out.text("thin-pack")?;
    out.text("ofs-delta")?;
    ask.write_depth(&mut out)?;
    if let Some(filter) = &ask.request.filter {
        out.text(format!("filter {filter}"))?;
    }
    for id in &ask.request.wants {
        out.text(format!("want {id}"))?;
    }
    for id in common.iter().chain(&round.offers) {
        out.text(format!("have {id}"))?;
    }
    if round.is_last {
        out.text("done")?;
    }
    out.flush_line()?;
    Ok(out.into_inner())
}
