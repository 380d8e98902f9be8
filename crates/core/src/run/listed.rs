//! All records of a large history at once, from one file beside the objects.
//!
//! `azml/run-list` has every record as a [row](super::row), and the tree that they are of. Another tree is compared with that
//! one, folder by folder, and what differs is appended. A file that is missing, damaged or of another version is made anew, and
//! so is one of which much is out of date. It is a copy: nothing is lost with it, and a history that can't be written to goes
//! without.
//!
//! After [`MAGIC`] come segments: the length and the checksum of the rest, 4 bytes each; the trees before and after, of which
//! the first segment has none before; words that were added; rows, the newest run first, each with its run's id. An empty row
//! says that the record is no more. A segment that does not follow from the one before, or is not whole, ends the file.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    ops::Range,
    path::PathBuf,
};

use gix::{ObjectId, Repository};

use super::{
    error::Error,
    record::RunRecord,
    row::{self, Parts, Reader, Wanted, Words, number_to},
    shard::{self, NewestFirst},
    store::RunStore,
    stored::read_stored,
};
use crate::{history::HistoryRepo, id::RunId, limits::RUN_LIST, parallel, small_file};

/// The file's first bytes; another version's file is made anew.
const MAGIC: &[u8] = b"azml run list 2\n";
/// Fewer records are read one by one.
const WORTH_IT: u64 = 256;
/// With so many records to a thread, another one pays.
const SHARE: usize = 1000;
/// With so many objects to a thread, another one pays.
const OBJECTS: usize = 100;
/// The rows that may always be out of date. Those beyond them may be one in [`STALE_SHARE`] of all rows.
const STALE: usize = 1000;
/// See [`STALE`].
const STALE_SHARE: usize = 4;

/// All records of a history, newest first, in few bytes.
#[derive(Debug, Default)]
pub struct RunList {
    bytes: Vec<u8>,
    /// The tree that it is of.
    tree: Option<ObjectId>,
    words: Vec<Range<usize>>,
    rows: Vec<Row>,
    /// Rows that are out of date.
    stale: usize,
    /// Bytes of whole segments.
    whole: usize,
}

/// The order of rows, the newest run first.
type Key = Reverse<(u64, Vec<u8>)>;

/// The places of a record in the bytes.
#[derive(Clone, Debug)]
struct Row {
    run: Range<usize>,
    row: Range<usize>,
}

impl RunStore<'_> {
    /// All records, newest first, with stand-ins as [`Self::records`]; fast also when there are many.
    pub fn listed(&self) -> Result<Vec<RunRecord>, Error> {
        if self.count()? < WORTH_IT {
            return self.all();
        }
        Ok(self.list()?.select(Parts::All, |_, record| Some(record)))
    }

    /// The same, to be read record by record, or in part.
    pub fn list(&self) -> Result<RunList, Error> {
        let Some(tree) = self.tree()? else { return Ok(RunList::default()) };
        let history = self.history();
        if self.count()? < WORTH_IT {
            return RunList::made(history.git(), tree);
        }
        let known = RunList::read(history).unwrap_or_default();
        if known.tree == Some(tree) {
            return Ok(known);
        }
        let (list, appended) = match known.appended(history.git(), tree)? {
            Some(segment) => (known.with(&segment), Some(segment)),
            None => (RunList::made(history.git(), tree)?, None),
        };
        let written = match appended {
            Some(segment) => fs::OpenOptions::new()
                .append(true)
                .open(RunList::path(history))
                .and_then(|mut file| file.write_all(&segment)),
            None => list.write(history),
        };
        if let Err(error) = written {
            tracing::debug!(%error, "the list of runs is not kept");
        }
        Ok(list)
    }
}

impl RunList {
    /// The number of records.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Reads the records in their order on as many threads as it pays, and returns what `choose` makes of each and its
    /// place. No more records are in memory at once than threads, but for those that `choose` keeps.
    pub fn select<T: Send>(
        &self,
        parts: Parts<'_>,
        choose: impl Fn(usize, RunRecord) -> Option<T> + Sync,
    ) -> Vec<T> {
        self.select_at(&(0..self.rows.len()).collect::<Vec<_>>(), parts, choose)
    }

    /// The same of the records at some places.
    pub fn select_at<T: Send>(
        &self,
        places: &[usize],
        parts: Parts<'_>,
        choose: impl Fn(usize, RunRecord) -> Option<T> + Sync,
    ) -> Vec<T> {
        let words = self.words();
        let wanted = Wanted::new(parts, &words);
        let shares = parallel::map_shares(places, parallel::threads(places.len() / SHARE), |share| {
            let read = |at: &usize| choose(*at, self.row(*at, &words, &wanted)?);
            share.iter().filter_map(read).collect::<Vec<_>>()
        });
        shares.into_iter().flatten().collect()
    }

    /// The records at some places.
    pub fn at(&self, places: &[usize]) -> Vec<RunRecord> {
        self.select_at(places, Parts::All, |_, record| Some(record))
    }

    /// The places of the records whose ids end in this moment.
    pub fn of_moment(&self, epoch_ms: u64) -> Range<usize> {
        let moment = |row: &Row| self.run(row).map_or(0, |run| run.epoch_ms());
        let from = self.rows.partition_point(|row| moment(row) > epoch_ms);
        from..from + self.rows[from..].partition_point(|row| moment(row) == epoch_ms)
    }

    /// The names among those of scripts, users, parameters, tags, metrics, properties and the like that begin with `prefix`.
    pub fn names<'l>(&'l self, prefix: &str) -> Vec<&'l str> {
        self.words().into_iter().filter(|word| word.starts_with(prefix)).collect()
    }

    /// For each record the place at which `before` has the same; `None` for one that is new or has changed.
    pub fn places_in(&self, before: &Self) -> Vec<Option<usize>> {
        let (words, known) = (self.words(), before.words());
        let same_words = words.starts_with(&known);
        let mut old = before.rows.iter().enumerate().peekable();
        let place = |row: &Row| {
            let here = self.key(row);
            while old.next_if(|(_, row)| before.key(row) > here).is_some() {}
            let (at, found) = old.peek()?;
            let is_same =
                before.key(found) == here && before.bytes[found.row.clone()] == self.bytes[row.row.clone()];
            is_same.then_some(*at)
        };
        if same_words { self.rows.iter().map(place).collect() } else { vec![None; self.rows.len()] }
    }

    /// The order of rows: the largest key is the first.
    fn key(&self, row: &Row) -> (Option<u64>, &[u8]) {
        (self.run(row).map(|run| run.epoch_ms()), &self.bytes[row.run.clone()])
    }

    fn words(&self) -> Vec<&str> {
        self.words
            .iter()
            .map(|word| std::str::from_utf8(&self.bytes[word.clone()]).unwrap_or_default())
            .collect()
    }

    fn run(&self, row: &Row) -> Option<RunId> {
        RunId::parse(std::str::from_utf8(&self.bytes[row.run.clone()]).ok()?).ok()
    }

    fn row(&self, at: usize, words: &[&str], wanted: &Wanted) -> Option<RunRecord> {
        let row = self.rows.get(at)?;
        row::read(self.run(row)?, &self.bytes[row.row.clone()], words, wanted)
    }

    fn path(history: &HistoryRepo) -> PathBuf {
        history.own_folder().join("run-list")
    }

    /// The file, as far as it is whole.
    fn read(history: &HistoryRepo) -> Option<Self> {
        let bytes = small_file::read_at_most(&Self::path(history), RUN_LIST).ok()?;
        let list = Self::parse(bytes);
        // What follows a segment that is not whole would be lost.
        (list.tree.is_some() && list.whole == list.bytes.len()).then_some(list)
    }

    fn parse(bytes: Vec<u8>) -> Self {
        let mut list = Self { bytes, ..Self::default() };
        if !list.bytes.starts_with(MAGIC) {
            return list;
        }
        list.whole = MAGIC.len();
        // Put into their places once, however many segments there are.
        let mut changed = BTreeMap::new();
        while list.whole < list.bytes.len() && list.segment(&mut changed).is_some() {}
        list.replace(changed);
        list
    }

    /// Takes in the next segment, if it is whole and follows; its rows go into `changed`, but for those of the first segment.
    fn segment(&mut self, changed: &mut BTreeMap<Key, Row>) -> Option<()> {
        let start = &self.bytes[self.whole..];
        let [length, sum] = [0, 4].map(|at| start.get(at..at + 4));
        let length = u32::from_le_bytes(length?.try_into().ok()?);
        let body = start.get(8..8 + usize::try_from(length).ok()?)?;
        if crc32fast::hash(body).to_le_bytes() != *sum? {
            return None;
        }
        let end = self.whole + 8 + body.len();
        let mut reader = Reader { bytes: body, words: &[] };
        let place = |part: &[u8], left: usize| end - left - part.len()..end - left;
        let mut id = || Some(ObjectId::from_bytes_or_panic(reader.take(20)?));
        let (before, after) = (id()?, id()?);
        if before != self.tree.unwrap_or(ObjectId::null(gix::hash::Kind::Sha1)) {
            return None;
        }
        let mut words = Vec::new();
        for _ in 0..reader.number()? {
            let word = reader.text()?;
            std::str::from_utf8(word).ok()?;
            words.push(place(word, reader.bytes.len()));
        }
        let mut rows = Vec::new();
        while !reader.bytes.is_empty() {
            let run = place(reader.text()?, reader.bytes.len());
            let row = place(reader.text()?, reader.bytes.len());
            rows.push(Row { run, row });
        }
        if self.tree.is_none() {
            self.rows = rows;
        } else {
            self.stale += 2 * rows.len();
            for row in rows {
                changed.insert(self.owned_key(&row)?, row);
            }
        }
        self.words.extend(words);
        (self.tree, self.whole) = (Some(after), end);
        Some(())
    }

    /// Puts rows in the places of those of the same runs.
    fn replace(&mut self, changed: BTreeMap<Key, Row>) {
        let mut old = std::mem::take(&mut self.rows).into_iter().peekable();
        let mut all = Vec::with_capacity(old.len() + changed.len());
        for (key, row) in changed {
            while let Some(before) = old.next_if(|old| self.owned_key(old).is_some_and(|old| old < key)) {
                all.push(before);
            }
            old.next_if(|old| self.owned_key(old).is_some_and(|old| old == key));
            if !row.row.is_empty() {
                all.push(row);
            }
        }
        all.extend(old);
        self.rows = all;
    }

    fn owned_key(&self, row: &Row) -> Option<Key> {
        let (at, id) = self.key(row);
        Some(Reverse((at?, id.to_vec())))
    }

    /// Reads every record of `tree`.
    fn made(git: &Repository, tree: ObjectId) -> Result<Self, Error> {
        let entries = NewestFirst::new(git, tree)?.collect::<Result<Vec<_>, _>>()?;
        let rows = read_all(git, &entries)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(segment(None, tree, Words::default(), &rows));
        Ok(Self::parse(bytes))
    }

    /// The segment that leads to `tree`; `None` if the file should be made anew.
    fn appended(&self, git: &Repository, tree: ObjectId) -> Result<Option<Vec<u8>>, Error> {
        let Some(before) = self.tree.filter(|tree| git.has_object(*tree)) else { return Ok(None) };
        let mut changed: BTreeMap<RunId, Option<ObjectId>> = BTreeMap::new();
        for gone in shard::differences(git, Some(tree), before)? {
            changed.insert(gone.run, None);
        }
        for there in shard::differences(git, Some(before), tree)? {
            changed.insert(there.run, Some(there.theirs));
        }
        if self.stale + 2 * changed.len() > STALE + self.rows.len() / STALE_SHARE {
            return Ok(None);
        }
        let mut rows = Vec::new();
        for (run, blob) in changed {
            rows.push((run, blob.map(|blob| stored(git, blob)).transpose()?));
        }
        rows.sort_by_key(|(run, _)| Reverse((run.epoch_ms(), run.clone())));
        Ok(Some(segment(Some(before), tree, Words::of(self.words()), &rows)))
    }

    fn with(self, segment: &[u8]) -> Self {
        let mut bytes = self.bytes;
        bytes.extend_from_slice(segment);
        Self::parse(bytes)
    }

    fn write(&self, history: &HistoryRepo) -> io::Result<()> {
        if self.bytes.len() as u64 > RUN_LIST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // In a folder that is swept when a process is killed meanwhile.
        let workspace = history.workspace().map_err(io::Error::other)?;
        let fresh = workspace.join("run-list");
        fs::write(&fresh, &self.bytes)?;
        fs::rename(fresh, Self::path(history))
    }
}

type Stored = (RunId, Option<Vec<u8>>);

fn segment(before: Option<ObjectId>, after: ObjectId, mut words: Words, rows: &[Stored]) -> Vec<u8> {
    let (mut list, mut row) = (Vec::new(), Vec::new());
    for (run, stored) in rows {
        row.clear();
        if let Some(stored) = stored {
            row::write(run, stored, &mut words, &mut row);
        }
        for part in [run.as_str().as_bytes(), &row] {
            number_to(part.len() as u64, &mut list);
            list.extend_from_slice(part);
        }
    }
    let mut body = Vec::with_capacity(list.len() + (64 << 10));
    body.extend_from_slice(before.unwrap_or(ObjectId::null(gix::hash::Kind::Sha1)).as_slice());
    body.extend_from_slice(after.as_slice());
    number_to(words.added.len() as u64, &mut body);
    for word in &words.added {
        number_to(word.len() as u64, &mut body);
        body.extend_from_slice(word.as_bytes());
    }
    body.append(&mut list);
    // A longer one has a length that is not its own, and is not whole.
    let mut out = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    out.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    out.append(&mut body);
    out
}

/// The stored bytes of records, read on as many threads as it pays.
fn read_all(git: &Repository, entries: &[(RunId, ObjectId)]) -> Result<Vec<Stored>, Error> {
    let shared = git.clone().into_sync();
    let shares = parallel::map_shares(entries, parallel::threads(entries.len() / OBJECTS), |share| {
        let git = shared.to_thread_local();
        let read = |(run, blob): &(RunId, ObjectId)| Ok((run.clone(), Some(stored(&git, *blob)?)));
        share.iter().map(read).collect::<Result<Vec<_>, Error>>()
    });
    let mut all = Vec::with_capacity(entries.len());
    for share in shares {
        all.append(&mut share?);
    }
    Ok(all)
}

fn stored(git: &Repository, blob: ObjectId) -> Result<Vec<u8>, Error> {
    // One that is too large is kept as none, which can't be read either.
    Ok(read_stored(git, blob)?.unwrap_or_default())
}
