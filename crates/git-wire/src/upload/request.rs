//! A client's fetch request, in the words that all versions of the protocol share.

use bstr::{BStr, BString, ByteSlice};
use gix::ObjectId;

use super::filter;
use crate::pack::{Filter, IdSet};
use crate::{Error, Limits};

/// A fetch.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) wants: Vec<ObjectId>,
    pub(super) want_refs: Vec<BString>,
    pub(super) haves: Vec<ObjectId>,
    /// Commits whose parents the client lacks.
    pub(super) shallow: IdSet,
    pub(super) deepen: Option<Deepen>,
    /// The depth counts from the client's boundary.
    pub(super) is_relative: bool,
    pub(super) filter: Option<Filter>,
    pub(super) thin: bool,
    pub(super) ofs_delta: bool,
    pub(super) no_progress: bool,
    pub(super) include_tag: bool,
    pub(super) done: bool,
    pub(super) wait_for_done: bool,
    pub(super) band: SideBand,
}

/// The side-band that carries the pack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum SideBand {
    /// Bare.
    #[default]
    None,
    Small,
    Large,
}

/// The part of history that the client wants to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deepen {
    /// So many commits from each tip.
    To(u32),
    /// Commits since a time, and not those reachable from some refs; either may be missing.
    Since { time: Option<i64>, not: Vec<BString> },
}

/// The depth that stands for all of history.
pub(super) const INFINITE_DEPTH: u32 = 0x7fff_ffff;

impl Request {
    /// Takes one line, if it's one that all versions know; `false` if not.
    pub(super) fn take(&mut self, line: &[u8], limits: &Limits) -> Result<bool, Error> {
        let (word, argument) = match line.find_byte(b' ') {
            Some(at) => (&line[..at], line[at + 1..].as_bstr()),
            None => (line, BStr::new("")),
        };
        match word {
            b"want" => push(&mut self.wants, parse_id(argument)?, "wanted objects", limits)?,
            b"have" => push(&mut self.haves, parse_id(argument)?, "objects the client has", limits)?,
            b"shallow" => {
                if self.shallow.len() >= limits.max_ids {
                    return Err(too_many("shallow commits", limits));
                }
                self.shallow.insert(parse_id(argument)?);
            }
            b"deepen" => {
                let depth =
                    argument.to_str().ok().and_then(|number| number.parse().ok()).filter(|depth| *depth > 0);
                let Some(depth) = depth else {
                    return Err(Error::protocol(format!("invalid deepen: {argument}")));
                };
                if self.deepen.replace(Deepen::To(depth)).is_some() {
                    return Err(deepen_twice());
                }
            }
            b"deepen-since" => {
                let since =
                    argument.to_str().ok().and_then(|number| number.parse().ok()).filter(|time| *time >= 0);
                let Some(since) = since else {
                    return Err(Error::protocol(format!("invalid deepen-since: {argument}")));
                };
                match self.deepen.get_or_insert(Deepen::Since { time: None, not: Vec::new() }) {
                    Deepen::Since { time, .. } => *time = Some(since),
                    Deepen::To(_) => return Err(deepen_twice()),
                }
            }
            b"deepen-not" => match self.deepen.get_or_insert(Deepen::Since { time: None, not: Vec::new() }) {
                Deepen::Since { not, .. } if not.len() < limits.max_lines => not.push(argument.to_owned()),
                Deepen::Since { .. } => return Err(too_many("refs to exclude", limits)),
                Deepen::To(_) => return Err(deepen_twice()),
            },
            b"filter" if self.filter.is_some() => {
                return Err(Error::protocol("multiple filter-specs cannot be combined"));
            }
            b"filter" => self.filter = Some(filter::parse(argument)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn push(ids: &mut Vec<ObjectId>, id: ObjectId, what: &'static str, limits: &Limits) -> Result<(), Error> {
    if ids.len() >= limits.max_ids {
        return Err(too_many(what, limits));
    }
    ids.push(id);
    Ok(())
}

fn too_many(what: &'static str, limits: &Limits) -> Error {
    Error::Limit { what, limit: limits.max_ids as u64 }
}

fn deepen_twice() -> Error {
    Error::protocol("deepen and deepen-since (or deepen-not) cannot be used together")
}

pub(super) fn parse_id(hex: &BStr) -> Result<ObjectId, Error> {
    if hex.len() != gix::hash::Kind::Sha1.len_in_hex() {
        return Err(Error::protocol(format!("protocol error, expected to get an object id, not '{hex}'")));
    }
    ObjectId::from_hex(hex)
        .map_err(|_| Error::protocol(format!("protocol error, expected to get an object id, not '{hex}'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_lines_are_refused() {
        let id = "1234567890123456789012345678901234567890";
        for line in [
            "want",
            "want ",
            "want 1234",
            "have xyz",
            "deepen 0",
            "deepen -1",
            "deepen 4294967296",
            "deepen x",
            "deepen-since -5",
            "deepen-since x",
            "filter",
            &format!("want {id}{id}"),
            &format!("shallow {id} x"),
        ] {
            assert!(Request::default().take(line.as_bytes(), &Limits::default()).is_err(), "{line}");
        }
    }

    #[test]
    fn the_number_of_ids_is_limited() {
        let limits = Limits { max_ids: 1, ..Limits::default() };
        for word in ["want", "have", "shallow"] {
            let mut request = Request::default();
            let line = |digit: char| format!("{word} {}", digit.to_string().repeat(40));
            assert!(request.take(line('1').as_bytes(), &limits).expect("one is fine"));
            assert!(
                matches!(request.take(line('2').as_bytes(), &limits), Err(Error::Limit { limit: 1, .. })),
                "{word}"
            );
        }
    }

    #[test]
    fn depth_and_time_exclude_one_another() {
        let mut request = Request::default();
        request.take(b"deepen 3", &Limits::default()).expect("valid");
        assert!(request.take(b"deepen-since 5", &Limits::default()).is_err());
        assert!(request.take(b"deepen-not refs/heads/a", &Limits::default()).is_err());
        let mut request = Request::default();
        request.take(b"deepen-not a", &Limits::default()).expect("valid");
        request.take(b"deepen-since 5", &Limits::default()).expect("valid");
        assert_eq!(request.deepen, Some(Deepen::Since { time: Some(5), not: vec!["a".into()] }));
        assert!(request.take(b"deepen 1", &Limits::default()).is_err());
    }
}
