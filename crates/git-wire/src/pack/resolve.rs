//! Making the objects of a pack out of its deltas: bases first, each object once, on several threads.
//!
//! From each object that is stored whole, the deltas that stand on it are followed depth first. Of the deltas on one base,
//! the one that the most others stand on comes last, and the base goes before it is entered: of `n` objects, about log2(n)
//! bases are held at once, whatever the shape of the deltas. Deltas that name their base by id are found when an
//! object has that id, so that the order is less good for them; what doesn't fit into memory then waits in files.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use gix::ObjectId;
use gix::objs::Kind;
use gix_pack::data;
use gix_zlib::Decompress;

use super::check::Checker;
use super::delta::{self, Base as _};
use super::entries::{Entries, NONE};
use super::held::{Budget, Held, Holding};
use super::objects::IdMap;
use super::scan::finish;
use super::{Error, IngestOptions};
use crate::limits::{MAX_CHAIN, MAX_MADE_IN_MEMORY, MAX_STRUCTURED};

/// With fewer entries, a second thread isn't worth its start.
const WORTH_THREADS: usize = 2_000;
/// More threads than that are waiting for the memory most of the time.
const MAX_THREADS: usize = 8;
/// The number of trees of deltas that a thread takes at once.
const PORTION: usize = 32;
/// The bytes that are inflated and written at once.
const PIECE: usize = 1 << 16;

/// The resolved deltas of a pack.
pub(super) struct Resolved<'o> {
    /// The objects that the entries are.
    pub(super) found: Vec<(u32, ObjectId, Kind)>,
    /// Deltas to be stored as whole objects, because their chains are too long.
    pub(super) undeltified: Vec<Undeltified>,
    pub(super) checker: Checker<'o>,
}

/// An object that came as a delta and is stored without one: its deflated bytes, in a file.
pub(super) struct Undeltified {
    pub(super) at: u32,
    pub(super) size: u64,
    pub(super) file: std::sync::Arc<File>,
    pub(super) begin: u64,
    pub(super) end: u64,
}

/// State that all threads share.
pub(super) struct Resolver<'a, 'o> {
    pack: &'a data::File,
    entries: &'a Entries,
    options: &'o IngestOptions,
    /// A folder for files without names.
    folder: &'a Path,
    budget: Budget,
    /// The first delta on an entry, the next on the same base, and how many stand on it in all, itself included.
    first: Vec<u32>,
    next: Vec<u32>,
    weight: Vec<u32>,
    /// Deltas whose base has not been met yet, by its id.
    waiting: Mutex<IdMap<Vec<u32>>>,
    waiting_left: AtomicUsize,
    is_over: AtomicBool,
}

impl<'a, 'o> Resolver<'a, 'o> {
    pub(super) fn new(
        pack: &'a data::File,
        entries: &'a Entries,
        options: &'o IngestOptions,
        folder: &'a Path,
    ) -> Self {
        let mut first = vec![NONE; entries.all.len()];
        let mut next = vec![NONE; entries.all.len()];
        let mut weight = vec![1_u32; entries.all.len()];
        // Bases lie before their deltas.
        for (at, entry) in entries.all.iter().enumerate().rev() {
            if entry.base != NONE {
                let base = entry.base as usize;
                next[at] = std::mem::replace(&mut first[base], u32::try_from(at).unwrap_or(NONE));
                weight[base] = weight[base].saturating_add(weight[at]);
            }
        }
        let inflated: u64 = entries.all.iter().map(|entry| entry.size).sum();
        let budget = Budget::new(options.max_inflated_bytes.saturating_sub(inflated));
        Self {
            pack,
            entries,
            options,
            folder,
            budget,
            first,
            next,
            weight,
            waiting: Mutex::new(entries.waiting.clone()),
            waiting_left: AtomicUsize::new(entries.waiting.len()),
            is_over: AtomicBool::new(false),
        }
    }

    /// Resolves all that stands on objects of the pack.
    pub(super) fn all(&self) -> Result<Resolved<'o>, Error> {
        let entries = &self.entries.all;
        let is_root = |at: &u32| {
            let entry = &entries[*at as usize];
            let is_checked = self.options.is_checked() && entry.kind.is_some_and(|kind| kind != Kind::Blob);
            !entry.is_delta
                && (is_checked || self.first[*at as usize] != NONE || self.is_waited_for(&entry.id))
        };
        let roots: Vec<u32> = (0..).take(entries.len()).filter(is_root).collect();
        let portions = AtomicUsize::new(0);
        let work = || {
            let mut worker = Worker::new(self);
            let done = loop {
                let portion = portions.fetch_add(1, Ordering::Relaxed) * PORTION;
                let Some(roots) = roots.get(portion..) else { break Ok(()) };
                let roots = roots.iter().take(PORTION);
                if let Err(error) = roots.copied().try_for_each(|root| worker.tree(root)) {
                    self.is_over.store(true, Ordering::Relaxed);
                    break Err(error);
                }
            };
            done.and_then(|()| worker.finish())
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        if threads == 1 || entries.len() < WORTH_THREADS {
            return work();
        }
        let results: Vec<Result<Resolved<'o>, Error>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().expect("resolving does not panic")).collect()
        });
        let mut all: Option<Resolved<'o>> = None;
        let mut stopped = None;
        for result in results {
            match (result, &mut all) {
                // Another thread knows why.
                (Err(error @ Error::Interrupted), _) => stopped = Some(error),
                (Err(error), _) => return Err(error),
                (Ok(more), Some(all)) => all.add(more)?,
                (Ok(more), None) => all = Some(more),
            }
        }
        match (stopped, all) {
            (None, Some(all)) => Ok(all),
            (stopped, _) => Err(stopped.unwrap_or(Error::Interrupted)),
        }
    }

    /// Resolves what stands on an object that is not in the pack.
    pub(super) fn outside(&self, id: ObjectId, kind: Kind, bytes: Vec<u8>) -> Result<Resolved<'o>, Error> {
        let mut worker = Worker::new(self);
        let held = Held::new(bytes, &self.budget, self.folder)?;
        worker.below(NONE, id, held, kind, 0)?;
        worker.finish()
    }

    /// The ids of bases that no object has had so far, with their deltas.
    pub(super) fn missing(&self) -> Vec<(ObjectId, u32)> {
        let waiting = self.lock();
        let mut missing: Vec<(ObjectId, u32)> =
            waiting.iter().filter_map(|(id, deltas)| Some((*id, *deltas.first()?))).collect();
        // In the pack's order, as Git.
        missing.sort_unstable_by_key(|(_, first)| *first);
        missing
    }

    pub(super) fn is_waited_for(&self, id: &ObjectId) -> bool {
        self.waiting_left.load(Ordering::Relaxed) > 0 && self.lock().contains_key(id)
    }

    fn take_waiting(&self, id: &ObjectId) -> Vec<u32> {
        if self.waiting_left.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let deltas = self.lock().remove(id);
        if deltas.is_some() {
            self.waiting_left.fetch_sub(1, Ordering::Relaxed);
        }
        deltas.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, IdMap<Vec<u32>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The deflated bytes of an entry.
    fn deflated(&self, at: u32) -> Result<&'a [u8], Error> {
        self.pack.entry_slice(self.entries.data(at)).ok_or_else(|| self.damaged(at))
    }

    fn damaged(&self, at: u32) -> Error {
        let offset = self.entries.all[at as usize].offset;
        Error::Invalid(format!("the delta at offset {offset} is damaged or has another base"))
    }

    fn disk(&self, source: io::Error) -> Error {
        Error::disk("write a file in", self.folder)(source)
    }

    fn check_interrupt(&self) -> Result<(), Error> {
        if self.options.interrupt.is_set() || self.is_over.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        Ok(())
    }
}

impl Resolved<'_> {
    pub(super) fn add(&mut self, more: Self) -> Result<(), Error> {
        let Self { found, undeltified, checker } = more;
        self.found.extend(found);
        self.undeltified.extend(undeltified);
        self.checker.add(checker)
    }
}

/// One thread's part.
struct Worker<'r, 'a, 'o> {
    shared: &'r Resolver<'a, 'o>,
    found: Vec<(u32, ObjectId, Kind)>,
    checker: Checker<'o>,
    inflate: Decompress,
    /// A delta that is applied, or a piece of an object.
    piece: Vec<u8>,
    undeltified: Vec<(u32, u64, u64, u64)>,
    undeltified_file: Option<BufWriter<File>>,
    undeltified_bytes: u64,
}

/// A base, and the deltas on it that are still to be resolved, the next one last.
struct Frame<'b> {
    base: Held<'b>,
    kind: Kind,
    depth: u32,
    deltas: Vec<u32>,
}

impl<'r, 'a, 'o> Worker<'r, 'a, 'o> {
    fn new(shared: &'r Resolver<'a, 'o>) -> Self {
        Self {
            shared,
            found: Vec::new(),
            checker: Checker::new(shared.options),
            inflate: Decompress::new(),
            piece: Vec::new(),
            undeltified: Vec::new(),
            undeltified_file: None,
            undeltified_bytes: 0,
        }
    }

    fn finish(mut self) -> Result<Resolved<'o>, Error> {
        let mut undeltified = Vec::new();
        if let Some(file) = self.undeltified_file.take() {
            let file = file.into_inner().map_err(|error| self.shared.disk(error.into_error()))?;
            let file = std::sync::Arc::new(file);
            undeltified.extend(self.undeltified.iter().map(|(at, size, begin, end)| Undeltified {
                at: *at,
                size: *size,
                file: std::sync::Arc::clone(&file),
                begin: *begin,
                end: *end,
            }));
        }
        Ok(Resolved { found: self.found, undeltified, checker: self.checker })
    }

    /// Resolves all that stands on the entry `root`, which is no delta.
    fn tree(&mut self, root: u32) -> Result<(), Error> {
        let entry = &self.shared.entries.all[root as usize];
        let kind = entry.kind.ok_or_else(|| self.shared.damaged(root))?;
        let mut held = Holding::new(entry.size, &self.shared.budget, self.shared.folder)?;
        self.shared.check_interrupt()?;
        let mut stream = Inflated { deflated: self.shared.deflated(root)?, inflate: &mut self.inflate };
        stream.inflate.reset();
        self.piece.resize(PIECE, 0);
        loop {
            let count =
                io::Read::read(&mut stream, &mut self.piece).map_err(|_| self.shared.damaged(root))?;
            if count == 0 {
                break;
            }
            held.push(&self.piece[..count]).map_err(|error| self.shared.disk(error))?;
        }
        let held = held.finish().map_err(|error| self.shared.disk(error))?;
        self.check(entry.id, kind, &held)?;
        self.below(root, entry.id, held, kind, 0)
    }

    fn check(&mut self, id: ObjectId, kind: Kind, held: &Held<'_>) -> Result<(), Error> {
        if kind == Kind::Blob || !self.shared.options.is_checked() {
            return Ok(());
        }
        if let Some(bytes) = held.in_memory() {
            return self.checker.object(id, kind, bytes);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(held.length()).unwrap_or(0));
        held.copy(0, held.length(), &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })
        .map_err(|error| self.shared.disk(error))?;
        self.checker.object(id, kind, &bytes)
    }

    /// Resolves all that stands on an object.
    fn below(&mut self, at: u32, id: ObjectId, base: Held<'r>, kind: Kind, depth: u32) -> Result<(), Error> {
        let mut path = Vec::new();
        self.enter(at, id, Frame { base, kind, depth, deltas: Vec::new() }, &mut path);
        while let Some(frame) = path.last_mut() {
            let Some(at) = frame.deltas.pop() else {
                path.pop();
                continue;
            };
            self.shared.check_interrupt()?;
            let kind = frame.kind;
            let mut depth = frame.depth + 1;
            let is_deep = depth > MAX_CHAIN;
            let is_base = self.shared.first[at as usize] != NONE;
            let (id, mut made) = self.make(at, &frame.base, kind, is_base || is_deep)?;
            if made.is_none() && self.shared.is_waited_for(&id) {
                made = self.make(at, &frame.base, kind, true)?.1;
            }
            if frame.deltas.is_empty() {
                // Nothing else stands on the base: it needn't wait for what stands on this delta.
                path.pop();
            }
            self.found.push((at, id, kind));
            if let Some(made) = made {
                self.check(id, kind, &made)?;
                if is_deep {
                    self.store_undeltified(at, &made)?;
                    depth = 0;
                }
                self.enter(at, id, Frame { base: made, kind, depth, deltas: Vec::new() }, &mut path);
            }
        }
        Ok(())
    }

    /// Puts a base on the path if deltas stand on it.
    fn enter(&self, at: u32, id: ObjectId, mut frame: Frame<'r>, path: &mut Vec<Frame<'r>>) {
        frame.deltas = self.shared.take_waiting(&id);
        if at != NONE {
            let mut delta = self.shared.first[at as usize];
            while delta != NONE {
                frame.deltas.push(delta);
                delta = self.shared.next[delta as usize];
            }
        }
        let weight = |delta: &u32| self.shared.weight[*delta as usize];
        let heaviest = (0..frame.deltas.len()).max_by_key(|place| weight(&frame.deltas[*place]));
        if let Some(heaviest) = heaviest {
            frame.deltas.swap(0, heaviest);
            path.push(frame);
        }
    }

    /// Makes the object that the delta `at` makes of `base`. Its bytes are given back if it is small, is to be checked, or
    /// `is_kept`.
    fn make(
        &mut self,
        at: u32,
        base: &Held<'r>,
        kind: Kind,
        is_kept: bool,
    ) -> Result<(ObjectId, Option<Held<'r>>), Error> {
        let shared = self.shared;
        let entry = &shared.entries.all[at as usize];
        let stream = Inflated { deflated: shared.deflated(at)?, inflate: &mut self.inflate };
        stream.inflate.reset();
        let size = usize::try_from(entry.size).map_err(|_| shared.damaged(at))?;
        if size > PIECE {
            return make(shared, at, &mut BufReader::with_capacity(PIECE, stream), base, kind, is_kept);
        }
        self.piece.resize(size, 0);
        let mut stream = stream;
        io::Read::read_exact(&mut stream, &mut self.piece).map_err(|_| shared.damaged(at))?;
        make(shared, at, &mut self.piece.as_slice(), base, kind, is_kept)
    }

    /// Deflates an object into a file, to be stored without a delta.
    fn store_undeltified(&mut self, at: u32, held: &Held<'_>) -> Result<(), Error> {
        let failed = |error| self.shared.disk(error);
        if self.undeltified_file.is_none() {
            let file = tempfile::tempfile_in(self.shared.folder).map_err(failed)?;
            self.undeltified_file = Some(BufWriter::with_capacity(PIECE, file));
        }
        let Some(file) = &mut self.undeltified_file else { return Ok(()) };
        let begin = self.undeltified_bytes;
        let mut counting = Counting { out: file, count: begin };
        let mut deflate =
            gix_zlib::stream::deflate::Write::new(&mut counting, gix_zlib::Compression::BEST_SPEED);
        held.copy(0, held.length(), &mut |piece| deflate.write_all(piece))
            .and_then(|()| deflate.flush())
            .map_err(failed)?;
        drop(deflate);
        self.undeltified_bytes = counting.count;
        if self.undeltified_bytes > self.shared.options.max_bytes {
            return Err(Error::Limit { what: "bytes in a pack", limit: self.shared.options.max_bytes });
        }
        self.undeltified.push((at, held.length(), begin, self.undeltified_bytes));
        Ok(())
    }
}

/// Makes an object of a delta that is read from `delta`.
fn make<'r>(
    shared: &'r Resolver<'_, '_>,
    at: u32,
    delta: &mut impl BufRead,
    base: &Held<'_>,
    kind: Kind,
    is_kept: bool,
) -> Result<(ObjectId, Option<Held<'r>>), Error> {
    let damaged = |_| shared.damaged(at);
    let (of_base, length) = delta::lengths(delta).map_err(damaged)?;
    if of_base != base.length() {
        return Err(shared.damaged(at));
    }
    let limit = shared.options.max_object_bytes as u64;
    if length > limit {
        return Err(Error::Limit { what: "bytes in an object", limit });
    }
    let is_checked = kind != Kind::Blob && shared.options.is_checked();
    if is_checked && length > MAX_STRUCTURED {
        return Err(Error::Limit { what: "bytes in a commit, tree or tag", limit: MAX_STRUCTURED });
    }
    shared.budget.make(length)?;
    let may_be_base = length <= MAX_MADE_IN_MEMORY && shared.waiting_left.load(Ordering::Relaxed) > 0;
    let mut held = if is_kept || is_checked || may_be_base {
        Some(Holding::new(length, &shared.budget, shared.folder)?)
    } else {
        None
    };
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&gix::objs::encode::loose_header(kind, length));
    let mut failure = None;
    let applied = delta::apply(delta, base, length, &mut |piece| {
        if shared.options.interrupt.is_set() {
            failure = Some(Error::Interrupted);
            return Err(io::ErrorKind::Other.into());
        }
        hasher.update(piece);
        held.as_mut().map_or(Ok(()), |held| held.push(piece)).inspect_err(|error| {
            failure = Some(shared.disk(io::Error::from(error.kind())));
        })
    });
    if let Err(error) = applied {
        return Err(failure.unwrap_or_else(|| damaged(error)));
    }
    let held = held.map(Holding::finish).transpose().map_err(|error| shared.disk(error))?;
    Ok((finish(hasher)?, held))
}

/// A reader that inflates deflated bytes.
struct Inflated<'s> {
    deflated: &'s [u8],
    inflate: &'s mut Decompress,
}

impl io::Read for Inflated<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        gix_zlib::stream::inflate::read(&mut self.deflated, self.inflate, out)
    }
}

/// Counts what is written.
struct Counting<'w> {
    out: &'w mut BufWriter<File>,
    count: u64,
}

impl Write for Counting<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.count += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
