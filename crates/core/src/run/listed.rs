//! All records of a large history at once, from one file beside the objects.
//!
//! `azml/run-list` holds the stored bytes of every record, newest first, and the tree that they are of. Another tree
//! is compared with that one, folder by folder, and what differs is read; a file that is missing, damaged or of another
//! version is made anew. It is a copy: nothing is lost with it, and a history that can't be written to goes without.

use std::{cmp::Reverse, collections::BTreeMap, fs};

use gix::{ObjectId, Repository};

use super::{
    error::Error,
    record::RunRecord,
    shard::{self, Difference, NewestFirst},
    store::{self, RunStore},
};
use crate::{history::HistoryRepo, id::RunId, limits::RUN_LIST, parallel, small_file};

/// The file's first bytes; another version's file is made anew.
const MAGIC: &[u8] = b"azml run list 1\n";
/// Fewer records are read one by one.
const WORTH_IT: u64 = 256;
/// With so many records to a thread, another one pays.
const SHARE: usize = 1000;

/// The records of one tree.
struct Listed {
    tree: ObjectId,
    entries: Vec<Listing>,
}

/// One record.
struct Listing {
    run: RunId,
    blob: ObjectId,
    stored: Vec<u8>,
}

impl RunStore<'_> {
    /// All records, newest first, with stand-ins as [`Self::records`]; fast also when there are many.
    pub fn listed(&self) -> Result<Vec<RunRecord>, Error> {
        if self.count()? < WORTH_IT {
            return self.all();
        }
        let Some(tree) = self.tree()? else { return Ok(Vec::new()) };
        let history = self.history();
        let known = Listed::read(history);
        if let Some(bytes) = &known
            && let Some(entries) = split(bytes, tree)
        {
            return Ok(parse(&entries));
        }
        let listed = match known.as_deref().and_then(Listed::of) {
            Some(known) => known.updated_to(history.git(), tree)?,
            None => Listed::made(history.git(), tree)?,
        };
        if let Err(error) = listed.write(history) {
            tracing::debug!(%error, "the list of runs is not kept");
        }
        let entries: Vec<(&str, &[u8])> =
            listed.entries.iter().map(|entry| (entry.run.as_str(), entry.stored.as_slice())).collect();
        Ok(parse(&entries))
    }
}

impl Listed {
    fn path(history: &HistoryRepo) -> std::path::PathBuf {
        history.own_folder().join("run-list")
    }

    /// The file, if it is whole.
    fn read(history: &HistoryRepo) -> Option<Vec<u8>> {
        let mut bytes = small_file::read_at_most(&Self::path(history), RUN_LIST).ok()?;
        let sum = bytes.split_off(bytes.len().checked_sub(4)?);
        (crc32fast::hash(&bytes).to_le_bytes() == *sum && bytes.starts_with(MAGIC)).then_some(bytes)
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        let mut listed = Self { tree: reader.id()?, entries: Vec::new() };
        while !reader.0.is_empty() {
            let (blob, run, stored) = reader.entry()?;
            listed.entries.push(Listing { run: RunId::parse(run).ok()?, blob, stored: stored.to_vec() });
        }
        Some(listed)
    }

    /// Reads every record of `tree`.
    fn made(git: &Repository, tree: ObjectId) -> Result<Self, Error> {
        let mut entries = Vec::new();
        for entry in NewestFirst::new(git, tree)? {
            let (run, blob) = entry?;
            entries.push(Listing { stored: stored(git, blob)?, run, blob });
        }
        Ok(Self { tree, entries })
    }

    /// Reads what `tree` has otherwise.
    fn updated_to(self, git: &Repository, tree: ObjectId) -> Result<Self, Error> {
        if !git.has_object(self.tree) {
            return Self::made(git, tree);
        }
        let key = |run: &RunId| Reverse((run.epoch_ms(), run.clone()));
        let mut all: BTreeMap<_, Listing> =
            self.entries.into_iter().map(|entry| (key(&entry.run), entry)).collect();
        for Difference { run, .. } in shard::differences(git, Some(tree), self.tree)? {
            all.remove(&key(&run));
        }
        for Difference { run, theirs } in shard::differences(git, Some(self.tree), tree)? {
            all.insert(key(&run), Listing { stored: stored(git, theirs)?, run, blob: theirs });
        }
        Ok(Self { tree, entries: all.into_values().collect() })
    }

    fn write(&self, history: &HistoryRepo) -> std::io::Result<()> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(self.tree.as_slice());
        for entry in &self.entries {
            out.extend_from_slice(entry.blob.as_slice());
            for part in [entry.run.as_str().as_bytes(), &entry.stored] {
                let length = u32::try_from(part.len()).map_err(std::io::Error::other)?;
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(part);
            }
        }
        if out.len() as u64 + 4 > RUN_LIST {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let sum = crc32fast::hash(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        // In a folder that is swept when a process is killed meanwhile.
        let workspace = history.workspace().map_err(std::io::Error::other)?;
        let fresh = workspace.join("run-list");
        fs::write(&fresh, &out)?;
        fs::rename(fresh, Self::path(history))
    }
}

fn stored(git: &Repository, blob: ObjectId) -> Result<Vec<u8>, Error> {
    // One that is too large is kept as none, which can't be read either.
    Ok(store::read_stored(git, blob)?.unwrap_or_default())
}

/// The runs and records in a file's bytes, if they are those of `tree`.
fn split(bytes: &[u8], tree: ObjectId) -> Option<Vec<(&str, &[u8])>> {
    let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
    let found = reader.id()?;
    if tree != found {
        return None;
    }
    let mut entries = Vec::new();
    while !reader.0.is_empty() {
        let (_, run, stored) = reader.entry()?;
        entries.push((run, stored));
    }
    Some(entries)
}

/// The records, read on as many threads as it pays.
fn parse(entries: &[(&str, &[u8])]) -> Vec<RunRecord> {
    let read = |(run, stored): &(&str, &[u8])| {
        let run = RunId::parse(run).ok()?;
        Some(RunRecord::of_run(&run, stored).unwrap_or_else(|why| RunRecord::stand_in(run, stored, &why)))
    };
    let shares = parallel::map_shares(entries, parallel::threads(entries.len() / SHARE), |share| {
        share.iter().filter_map(read).collect::<Vec<_>>()
    });
    shares.into_iter().flatten().collect()
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn id(&mut self) -> Option<ObjectId> {
        self.take(20).map(ObjectId::from_bytes_or_panic)
    }

    fn part(&mut self) -> Option<&'b [u8]> {
        let length = u32::from_le_bytes(self.take(4)?.try_into().ok()?);
        self.take(usize::try_from(length).ok()?)
    }

    fn entry(&mut self) -> Option<(ObjectId, &'b str, &'b [u8])> {
        let blob = self.id()?;
        let run = std::str::from_utf8(self.part()?).ok()?;
        Some((blob, run, self.part()?))
    }
}
