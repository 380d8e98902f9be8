//! From what people type to a commit.

use std::collections::HashMap;

use gix::{ObjectId, objs::Kind};

use super::{Clock, Error, Logged, log};
use crate::{
    history::HistoryRepo,
    id::RunId,
    limits::ID_DIGITS,
    refs,
    run::{COMMIT_ID, Parts, RunRecord, RunStore},
};

/// The snapshot that a name means. It need not be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its commit.
    pub commit: ObjectId,
    /// The run that was named.
    pub run: Option<RunId>,
}

/// One of the snapshots that a name could mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its commit.
    pub commit: ObjectId,
    /// A run that it was taken for.
    pub run: Option<RunId>,
    /// When it was made, in seconds since 1970, if it is here.
    pub seconds: Option<i64>,
}

/// Finds the snapshot that `text` means.
///
/// A whole name goes before the beginning of one: a full commit id, a run's id, a tag. The beginning of a
/// commit id, of a run's id or of its number has to be unique among all of these; only what is none of them is read as a time,
/// which means the newest snapshot that is as old.
pub fn resolve(history: &HistoryRepo, text: &str, clock: &Clock) -> Result<Named, Error> {
    let text = text.trim();
    let (base, back) = split_ancestry(text);
    let named = of_base(history, base, clock)?;
    if back == 0 {
        return Ok(named);
    }
    let all: HashMap<ObjectId, Logged> =
        log(history)?.into_iter().map(|commit| (commit.id, commit)).collect();
    let mut commit = named.commit;
    for ancestors in 0..back {
        commit = match all.get(&commit).and_then(|commit| commit.parents.first()) {
            // Beyond the boundary of a shallow history there is an id, and nothing that is known of it.
            Some(parent) if all.contains_key(parent) => *parent,
            _ => {
                let (given, base) = (text.to_owned(), base.to_owned());
                return Err(Error::BeforeFirst { given, base, ancestors, first: commit });
            }
        };
    }
    Ok(Named { commit, run: None })
}

/// Takes `~2`, `~` and `^` from the end; gives the rest, and how many snapshots before it is meant.
fn split_ancestry(text: &str) -> (&str, usize) {
    let (mut base, mut back) = (text, 0usize);
    loop {
        if let Some(rest) = base.strip_suffix('^') {
            (base, back) = (rest, back.saturating_add(1));
            continue;
        }
        let rest = base.trim_end_matches(|c: char| c.is_ascii_digit());
        let Some(before) = rest.strip_suffix('~') else { return (base, back) };
        let count = match &base[rest.len()..] {
            "" => 1,
            digits => digits.parse().unwrap_or(usize::MAX),
        };
        (base, back) = (before, back.saturating_add(count));
    }
}

fn of_base(history: &HistoryRepo, base: &str, clock: &Clock) -> Result<Named, Error> {
    let unknown = || Error::Unknown { given: base.to_owned() };
    if base == "HEAD" || base == "@" {
        let commit = history.tip()?.ok_or(Error::Empty)?;
        return Ok(Named { commit, run: None });
    }
    if base.is_empty() {
        return Err(unknown());
    }
    if let Ok(id) = ObjectId::from_hex(base.as_bytes()) {
        return of_id(history, id);
    }
    let runs = RunStore::new(history);
    let found = runs.find(base)?;
    if let [run] = found.as_slice()
        && run.as_str() == base
    {
        return of_run(history, run);
    }
    if let Some(commit) = of_tag(history, base)? {
        return Ok(Named { commit, run: None });
    }
    let is_hex = base.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut candidates: Vec<Candidate> = Vec::new();
    if is_hex && base.len() >= ID_DIGITS {
        candidates = beginning_with(history, &base.to_ascii_lowercase())?;
    }
    for run in found {
        let Ok(Named { commit, .. }) = of_run(history, &run) else { continue };
        match candidates.iter_mut().find(|candidate| candidate.commit == commit) {
            Some(known) => known.run = Some(run),
            None => candidates.push(Candidate { commit, run: Some(run), seconds: None }),
        }
    }
    match candidates.as_slice() {
        [] if is_hex && base.len() < ID_DIGITS => Err(Error::TooShort { given: base.to_owned() }),
        [] => at_time(history, base, clock),
        [one] => Ok(Named { commit: one.commit, run: one.run.clone() }),
        _ => Err(Error::Ambiguous { given: base.to_owned(), candidates }),
    }
}

/// A full id. One that is not here may be at the remote.
fn of_id(history: &HistoryRepo, id: ObjectId) -> Result<Named, Error> {
    let refused = || Error::NotASnapshot { id };
    if let Some(header) = history.git().try_find_header(id).map_err(Error::Walk)? {
        if header.kind() != Kind::Commit {
            return Err(refused());
        }
        if !log(history)?.iter().any(|commit| commit.id == id) && is_record(history, id)? {
            return Err(refused());
        }
    }
    Ok(Named { commit: id, run: None })
}

/// Returns whether a commit is one of run records or attachments, which hold no folder.
fn is_record(history: &HistoryRepo, id: ObjectId) -> Result<bool, Error> {
    let mut tips = Vec::new();
    for name in [history.runs_ref(), history.attachments_ref()] {
        tips.extend(history.ref_tip(name.as_ref())?);
    }
    let mut walk = history.git().rev_walk(tips).all().map_err(Error::Walk)?;
    Ok(walk.any(|commit| commit.is_ok_and(|commit| commit.id == id)))
}

fn of_run(history: &HistoryRepo, run: &RunId) -> Result<Named, Error> {
    let record = RunStore::new(history).get(run)?;
    let commit = record.and_then(|record| record.commit_id());
    let commit = commit.ok_or_else(|| Error::RunWithout { run: run.clone() })?;
    Ok(Named { commit, run: Some(run.clone()) })
}

/// A tag of azml's, else one of stock Git's.
fn of_tag(history: &HistoryRepo, name: &str) -> Result<Option<ObjectId>, Error> {
    for full in [refs::tag(history.id(), name), refs::git_tag(name)].into_iter().flatten() {
        if let Some(id) = history.ref_tip(full.as_ref())? {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The snapshots whose ids begin so: those that are here, and those that runs name.
fn beginning_with(history: &HistoryRepo, digits: &str) -> Result<Vec<Candidate>, Error> {
    let begins = |id: &ObjectId| id.to_string().starts_with(digits);
    let here = log(history)?.into_iter().filter(|commit| begins(&commit.id));
    let mut found: Vec<Candidate> = here
        .map(|commit| Candidate { commit: commit.id, run: None, seconds: Some(commit.seconds) })
        .collect();
    let named = |_, record: RunRecord| Some((record.commit_id().filter(begins)?, record.run_id));
    for (commit, run) in RunStore::new(history).list()?.select(Parts::Named(&[COMMIT_ID]), named) {
        match found.iter_mut().find(|candidate| candidate.commit == commit) {
            Some(known) => known.run = Some(run),
            None => found.push(Candidate { commit, run: Some(run), seconds: None }),
        }
    }
    Ok(found)
}

/// The newest snapshot that is as old as the time that a text means.
fn at_time(history: &HistoryRepo, text: &str, clock: &Clock) -> Result<Named, Error> {
    let given = || text.to_owned();
    let Some(time) = clock.parse(text) else { return Err(Error::Unknown { given: given() }) };
    let all = log(history)?;
    let snapshots = || all.iter().filter(|commit| !commit.is_join());
    let newest = snapshots().filter(|commit| commit.seconds <= time).max_by_key(|commit| commit.seconds);
    match (newest, snapshots().next_back()) {
        (Some(found), _) => Ok(Named { commit: found.id, run: None }),
        (None, Some(first)) => Err(Error::TooOld { given: given(), first: first.id }),
        (None, None) => Err(Error::Empty),
    }
}
