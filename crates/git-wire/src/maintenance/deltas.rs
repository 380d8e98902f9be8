//! Finding deltas as Git's pack-objects does: each object is compared with others of its kind that have about the same name
//! and are a little larger.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::io::Write;

use bstr::BStr;
use gix::ObjectId;
use gix::objs::{Kind, TreeRefIter};

use crate::limits::{DELTA_CACHE_BYTES, DELTA_OBJECT_BYTES, DELTA_WINDOW_BYTES};
use crate::pack::objects::{IdMap, IdSet, Objects};
use crate::pack::{self, DeltaIndex};
use crate::{Interrupt, Repository};

/// Objects that one object is compared with.
const WINDOW: usize = 10;
/// Deltas that stand on one another.
const MAX_DEPTH: u32 = 50;
/// Bytes of an object from which on a delta pays.
const SMALLEST: u64 = 50;

/// An object to store, and how.
struct Entry {
    id: ObjectId,
    kind: Kind,
    size: u64,
    /// The hash of its name.
    name: u32,
    delta: Option<Delta>,
}

struct Delta {
    /// The position of the base, which is smaller than that of the object.
    base: usize,
    /// The number of deltas from the object to one that is stored whole.
    depth: u32,
    size: usize,
    /// The delta itself, unless it is to be made again.
    bytes: Option<Vec<u8>>,
}

/// Streams a pack of `ids`, which are in the repository, with deltas among them.
pub(super) fn write(
    repository: &Repository,
    ids: &[ObjectId],
    threads: u32,
    interrupt: &Interrupt,
    out: &mut dyn Write,
) -> Result<(), pack::Error> {
    let repo = repository.to_gix();
    let mut entries = entries(&repo.objects, ids, interrupt)?;
    find(repository, &mut entries, threads, interrupt)?;
    let ids: Vec<ObjectId> = entries.iter().map(|entry| entry.id).collect();
    let (mut base_bytes, mut bytes) = (Vec::new(), Vec::new());
    let mut delta_of = |at: usize| {
        check(interrupt)?;
        let Entry { kind, delta, .. } = &mut entries[at];
        let Some(Delta { base, size, bytes: cached, .. }) = delta else { return Ok(None) };
        if let Some(delta) = cached.take() {
            return Ok(Some((*base, delta)));
        }
        repo.objects.expect(&ids[*base], *kind, &mut base_bytes)?;
        repo.objects.expect(&ids[at], *kind, &mut bytes)?;
        let delta = DeltaIndex::new(&base_bytes).delta(&base_bytes, &bytes, *size, interrupt);
        Ok(delta.map(|delta| (*base, delta)))
    };
    pack::write_deltas(&repo.objects, repository.packs(), &ids, &mut delta_of, out)
}

/// Returns the entries in the order in which they are compared and written: a base is in front of its deltas.
fn entries(
    objects: &dyn Objects,
    ids: &[ObjectId],
    interrupt: &Interrupt,
) -> Result<Vec<Entry>, pack::Error> {
    let all: IdSet = ids.iter().copied().collect();
    let mut names: IdMap<Name> = IdMap::default();
    let mut entries = Vec::with_capacity(ids.len());
    let mut buffer = Vec::new();
    for id in ids {
        check(interrupt)?;
        let (kind, size) = objects.header(id)?.ok_or(pack::Error::Missing(*id))?;
        entries.push(Entry { id: *id, kind, size, name: 0, delta: None });
        if kind != Kind::Tree {
            continue;
        }
        objects.expect(id, Kind::Tree, &mut buffer)?;
        for entry in TreeRefIter::from_bytes(&buffer, id.kind()) {
            let entry = entry.map_err(|_| pack::Error::Malformed { id: *id, expected: "tree" })?;
            if all.contains(entry.oid) {
                names.entry(entry.oid.to_owned()).or_insert_with(|| Name::new(entry.filename, *id));
            }
        }
    }
    for entry in &mut entries {
        entry.name = hash_of_path(&names, entry.id);
    }
    let rank = |kind| match kind {
        Kind::Commit => 0,
        Kind::Tag => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
    };
    entries.sort_by_key(|entry| (rank(entry.kind), entry.name, Reverse(entry.size)));
    Ok(entries)
}

/// The name of an object in the first tree that was found to have it.
struct Name {
    hash: u32,
    /// Bits by which the hashes of folders are shifted in front of it.
    shift: u32,
    folder: ObjectId,
}

impl Name {
    fn new(name: &BStr, folder: ObjectId) -> Self {
        let (mut hash, mut shift) = (0_u32, 2);
        for byte in name.iter().filter(|byte| !byte.is_ascii_whitespace()) {
            hash = (hash >> 2).wrapping_add(u32::from(*byte) << 24);
            shift += 2;
        }
        Self { hash, shift, folder }
    }
}

/// Returns about Git's hash of the path of an object: paths that end alike are near each other.
fn hash_of_path(names: &IdMap<Name>, mut id: ObjectId) -> u32 {
    let (mut hash, mut shift) = (0_u32, 0);
    while shift < u32::BITS
        && let Some(name) = names.get(&id)
    {
        hash = hash.wrapping_add(name.hash >> shift);
        shift += name.shift;
        id = name.folder;
    }
    hash
}

fn check(interrupt: &Interrupt) -> Result<(), pack::Error> {
    if interrupt.is_set() { Err(pack::Error::Interrupted) } else { Ok(()) }
}

/// Looks for deltas on several threads, one share of the entries on each.
fn find(
    repository: &Repository,
    entries: &mut [Entry],
    threads: u32,
    interrupt: &Interrupt,
) -> Result<(), pack::Error> {
    let share = entries.len().div_ceil(threads.max(1) as usize).max(2 * WINDOW);
    std::thread::scope(|scope| {
        let search = |(number, entries): (usize, _)| {
            let repo = repository.to_gix();
            Search {
                objects: &repo.objects,
                interrupt,
                first: number * share,
                window: VecDeque::new(),
                window_bytes: 0,
                cached: 0,
            }
            .run(entries)
        };
        let threads: Vec<_> =
            entries.chunks_mut(share).enumerate().map(|share| scope.spawn(move || search(share))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no search panics"))
    })
}

/// The search of one thread.
struct Search<'a> {
    objects: &'a dyn Objects,
    interrupt: &'a Interrupt,
    /// The position of its first entry.
    first: usize,
    /// The objects that the next one is compared with, the best one last.
    window: VecDeque<Candidate>,
    window_bytes: usize,
    /// Bytes of deltas that are kept.
    cached: usize,
}

struct Candidate {
    at: usize,
    kind: Kind,
    depth: u32,
    bytes: Vec<u8>,
    /// Made when an object is first compared with it.
    index: Option<DeltaIndex>,
}

impl Candidate {
    fn memory(&self) -> usize {
        self.bytes.len() + self.index.as_ref().map_or(0, DeltaIndex::memory)
    }
}

impl Search<'_> {
    fn run(mut self, entries: &mut [Entry]) -> Result<(), pack::Error> {
        for (at, entry) in entries.iter_mut().enumerate() {
            check(self.interrupt)?;
            if !(SMALLEST..=DELTA_OBJECT_BYTES).contains(&entry.size) {
                continue;
            }
            let mut bytes = Vec::new();
            self.objects.expect(&entry.id, entry.kind, &mut bytes)?;
            let mut best: Option<(usize, Delta)> = None;
            for number in (0..self.window.len()).rev() {
                if let Some(delta) =
                    self.compare(number, entry.kind, &bytes, best.as_ref().map(|(_, delta)| delta))
                {
                    best = Some((number, delta));
                }
            }
            check(self.interrupt)?;
            let mut depth = 0;
            if let Some((number, mut delta)) = best {
                depth = delta.depth;
                // The next objects are likely to be like it, too.
                let base = self.window.remove(number);
                self.window.extend(base);
                if self.cached.saturating_add(delta.size) > DELTA_CACHE_BYTES {
                    delta.bytes = None;
                } else {
                    self.cached += delta.size;
                }
                entry.delta = Some(delta);
            }
            let new = Candidate { at: self.first + at, kind: entry.kind, depth, bytes, index: None };
            self.window_bytes += new.memory();
            self.window.push_back(new);
            while self.window.len() > WINDOW
                || (self.window_bytes > DELTA_WINDOW_BYTES && self.window.len() > 1)
            {
                let oldest = self.window.pop_front();
                self.window_bytes -= oldest.map_or(0, |oldest| oldest.memory());
            }
        }
        Ok(())
    }

    /// Returns the delta of an object on one candidate, if it is better than `best`.
    fn compare(&mut self, number: usize, kind: Kind, bytes: &[u8], best: Option<&Delta>) -> Option<Delta> {
        let candidate = self.window.get_mut(number)?;
        if candidate.kind != kind || candidate.depth >= MAX_DEPTH {
            return None;
        }
        let depth = candidate.depth + 1;
        let (most, best_depth) = match best {
            Some(best) => (best.size, best.depth),
            None => ((bytes.len() / 2).saturating_sub(20), 1),
        };
        // As in Git: the deeper a chain is already, the more a delta on it has to save.
        let limit = most * (MAX_DEPTH - candidate.depth) as usize / (MAX_DEPTH - best_depth + 1) as usize;
        let base_length = candidate.bytes.len();
        if limit == 0 || bytes.len().saturating_sub(base_length) >= limit || bytes.len() < base_length / 32 {
            return None;
        }
        let index = match &mut candidate.index {
            Some(index) => index,
            none => {
                let index = none.insert(DeltaIndex::new(&candidate.bytes));
                self.window_bytes += index.memory();
                index
            }
        };
        let delta = index.delta(&candidate.bytes, bytes, limit, self.interrupt)?;
        if best.is_some_and(|best| delta.len() == best.size && depth >= best.depth) {
            return None;
        }
        Some(Delta { base: candidate.at, depth, size: delta.len(), bytes: Some(delta) })
    }
}
