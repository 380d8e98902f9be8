//! The records of one millisecond, and the law by which two states of them become one.
//!
//! A tree's entries under the ids of one millisecond are read as a set: for each run, known by the id that it was
//! submitted as and by its origin, the newest record; for each id, the bytes that can't be read. Each entry has an
//! order of its own, so that the union of two sets, with the larger of two entries about one thing, does not depend
//! on who merges with whom first. Which id each entry has in a tree follows from the whole set alone
//! ([`Group::layout`]), and reading that tree gives the same set again, but for damaged bytes whose id a record has.
//!
//! A record of a newer version is kept byte for byte. It is known by what this version can make out of it; if that is
//! not enough, it keeps the id where it was found.

use std::collections::BTreeMap;

use gix::{ObjectId, Repository};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    error::Error,
    joined::joined,
    origin::{Origin, SUBMITTED_AS},
    record::{COMMIT_ID, RecordError, RunRecord},
    stored::read_stored,
};
use crate::id::RunId;

/// One run: the id that it was submitted as, and its origin.
type Run = (RunId, Origin);

/// A record that this version reads.
#[derive(Clone, Debug)]
struct Known {
    record: RunRecord,
    /// The id and the blob by which a tree has it already.
    kept: Option<(RunId, ObjectId)>,
}

/// A record of a newer version: the higher version goes first, then the larger id of the object.
type Newer = (u64, ObjectId);

/// The records of one millisecond.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    known: BTreeMap<Run, Known>,
    /// Of a run with a record of a newer version: that goes before every other record of it.
    newer: BTreeMap<Run, Newer>,
    /// The records that this computer has put beside a record of a newer version, which it can't continue.
    beside: BTreeMap<Run, Known>,
    /// Records of a newer version of which this one can't make out the run.
    obscure: BTreeMap<RunId, Newer>,
    /// Records under an id that is neither the one that they were submitted as nor follows from it.
    stray: BTreeMap<RunId, Known>,
    /// Bytes that are no record; they give way to everything else.
    damaged: BTreeMap<RunId, ObjectId>,
}

/// The content of a group under one id.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A record.
    Record(Box<RunRecord>),
    /// An object that is there already.
    Blob(ObjectId),
}

impl Group {
    /// Reads the group of a tree from its ids and objects.
    pub(super) fn read(repo: &Repository, slots: Vec<(RunId, ObjectId)>) -> Result<Self, Error> {
        let mut group = Self::default();
        for (id, blob) in slots {
            let Ok(stored) = read_stored(repo, blob)? else {
                group.damaged.insert(id, blob);
                continue;
            };
            match RunRecord::of_run(&id, &stored) {
                Ok(record) => {
                    let run = (record.submitted_as(), record.origin());
                    let known = Known { kept: Some((id.clone(), blob)), record };
                    if id == run.0 || id == moved_id(&run) {
                        larger_known(&mut group.known, run, known);
                    } else if id == beside_id(&run) {
                        larger_known(&mut group.beside, run, known);
                    } else {
                        group.stray.insert(id, known);
                    }
                }
                Err(RecordError::Newer { version }) => match run_of_newer(&stored) {
                    Some(run) if id == run.0 || id == moved_id(&run) => {
                        group.newer.insert(run, (version, blob));
                    }
                    _ => {
                        group.obscure.insert(id, (version, blob));
                    }
                },
                Err(_) => {
                    group.damaged.insert(id, blob);
                }
            }
        }
        Ok(group)
    }

    /// Takes in another state of the same millisecond.
    pub(super) fn join(&mut self, other: Self) {
        for (run, known) in other.known {
            larger_known(&mut self.known, run, known);
        }
        for (run, known) in other.beside {
            larger_known(&mut self.beside, run, known);
        }
        for (id, mut known) in other.stray {
            if let Some(ours) = self.stray.remove(&id) {
                known = ours.joined(known, &id);
            }
            self.stray.insert(id, known);
        }
        larger(&mut self.newer, other.newer);
        larger(&mut self.obscure, other.obscure);
        larger(&mut self.damaged, other.damaged);
    }

    /// Puts a record in the place of the one of its run, also of one that knows more; one of a newer version stays, and the record
    /// is kept beside it. What somebody has edited meanwhile stays.
    pub(super) fn replace(&mut self, mut record: RunRecord) -> RunId {
        let run = (record.submitted_as(), record.origin());
        if let Some(kept) = self.known.get(&run).filter(|kept| kept.record.edited_utc.is_some()) {
            record.take_edits(&kept.record);
        }
        let known = Known { record, kept: None };
        let id = self.id_with(&run);
        if self.newer.contains_key(&run) || self.obscure.contains_key(&id) {
            let id = beside_id(&run);
            self.beside.insert(run, known);
            return id;
        }
        self.known.insert(run, known);
        id
    }

    /// The id of a run that the group has, or is to have.
    fn id_with(&self, run: &Run) -> RunId {
        let is_first = self.holder(&run.0).is_none_or(|holder| run.1 <= *holder);
        if is_first && !self.obscure.contains_key(&run.0) { run.0.clone() } else { moved_id(run) }
    }

    /// The smallest origin of the runs that were submitted as `home`.
    fn holder(&self, home: &RunId) -> Option<&Origin> {
        // Sorted by the id and then by the origin.
        let first = (home.clone(), Origin::smallest());
        let known = self.known.range(&first..).next().map(|(run, _)| run);
        let newer = self.newer.range(&first..).next().map(|(run, _)| run);
        let of_home = known.into_iter().chain(newer).filter(|run| run.0 == *home);
        of_home.map(|(_, origin)| origin).min()
    }

    /// The content of the tree by id.
    pub(super) fn layout(&self) -> BTreeMap<RunId, Content> {
        let blobs = |list: &BTreeMap<RunId, ObjectId>| {
            list.iter().map(|(id, blob)| (id.clone(), Content::Blob(*blob))).collect::<BTreeMap<_, _>>()
        };
        // The later goes before the earlier.
        let mut all = blobs(&self.damaged);
        for (id, known) in &self.stray {
            all.insert(id.clone(), known.under(id));
        }
        for (run, known) in &self.known {
            if !self.newer.contains_key(run) {
                let id = self.id_with(run);
                all.insert(id.clone(), known.under(&id));
            }
        }
        all.extend(self.newer.iter().map(|(run, (_, blob))| (self.id_with(run), Content::Blob(*blob))));
        all.extend(self.obscure.iter().map(|(id, (_, blob))| (id.clone(), Content::Blob(*blob))));
        for (run, known) in &self.beside {
            let id = beside_id(run);
            all.insert(id.clone(), known.under(&id));
        }
        all
    }
}

impl Known {
    /// Two records of one run, in the form that both have under one id.
    fn joined(self, other: Self, id: &RunId) -> Self {
        let [ours, theirs] = [&self, &other].map(|known| known.record.clone().under(id));
        let record = joined(&ours, &theirs);
        if record == ours {
            self
        } else if record == theirs {
            other
        } else {
            Self { record, kept: None }
        }
    }

    /// The record as it is kept under an id.
    fn under(&self, id: &RunId) -> Content {
        match &self.kept {
            Some((kept, blob)) if kept == id => Content::Blob(*blob),
            _ => Content::Record(Box::new(self.record.clone().under(id))),
        }
    }
}

fn larger_known(list: &mut BTreeMap<Run, Known>, run: Run, mut known: Known) {
    if let Some(ours) = list.remove(&run) {
        known = ours.joined(known, &run.0);
    }
    list.insert(run, known);
}

fn larger<K: Ord, V: Ord>(ours: &mut BTreeMap<K, V>, theirs: BTreeMap<K, V>) {
    for (key, value) in theirs {
        match ours.get(&key) {
            Some(our) if *our >= value => {}
            _ => drop(ours.insert(key, value)),
        }
    }
}

/// The id of a run that had to give its own to another one.
fn moved_id((home, origin): &Run) -> RunId {
    origin.moved_id(home)
}

/// The id of the record that is put beside one of a newer version.
fn beside_id((home, origin): &Run) -> RunId {
    origin.moved_id(&origin.moved_id(home))
}

/// The run that a record of a newer version is about, if it says so as this version does.
fn run_of_newer(stored: &[u8]) -> Option<Run> {
    let object: Map<String, Value> = serde_json::from_slice(stored).ok()?;
    let text = |value: Option<&Value>| Some(value?.as_str()?.to_owned());
    let property = |key: &str| text(object.get("properties").and_then(|properties| properties.get(key)));
    let id = property(SUBMITTED_AS).or_else(|| text(object.get("run_id")))?;
    let origin = Origin {
        created: text(object.get("created_utc"))?.parse::<Timestamp>().ok()?,
        host: text(object.get("host")),
        user: text(object.get("user_id"))?,
        commit: property(COMMIT_ID).and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok()),
    };
    Some((RunId::parse(&id).ok()?, origin))
}
