//! Finished packs of requests that may come again, kept on disk: whole clones by many, shallow ones by machines.
//!
//! A pack is found by all that determines it: the ids wanted and how history is cut. As objects never change, a pack
//! that is found is right; what the refs are by now decides what clients want, and whether they may. Packs that nobody asked
//! for in the longest time go when there's too much.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use gix::ObjectId;
use sha1::{Digest as _, Sha1};

use super::{CountOptions, WriteOptions};

/// Packs with fewer objects are made anew each time, which costs less than the file would.
pub(crate) const WORTH_KEEPING: usize = 2_000;
/// So many bytes of finished packs are kept for one repository.
const MAX_BYTES: u64 = 2 << 30;
/// And so many packs.
const MAX_PACKS: usize = 64;
/// The prefix of unfinished files' names.
const UNFINISHED: &str = "tmp_";
/// The bytes that are read and written at once.
const BUFFER: usize = 1 << 18;

/// The name of a pack in the cache, made of all that determines the pack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

impl Key {
    /// The key of the pack for a client that wants `wants` and has nothing.
    pub(crate) fn new(wants: &[ObjectId], options: &CountOptions, write: WriteOptions) -> Self {
        let mut hash = Sha1::new();
        let mut list = |name: &str, ids: &mut Vec<ObjectId>| {
            ids.sort_unstable();
            ids.dedup();
            hash.update(format!("{name} {}\n", ids.len()));
            for id in ids {
                hash.update(id.as_slice());
            }
        };
        list("wants", &mut wants.to_vec());
        list("boundary", &mut options.boundary.iter().copied().collect());
        list("tags", &mut options.include_tags.iter().map(|(tag, _)| *tag).collect());
        hash.update(format!("{:?} {}", options.filter, write.ofs_delta));
        Self(ObjectId::from_bytes_or_panic(&hash.finalize()).to_string())
    }

    fn file_name(&self) -> String {
        format!("{}.pack", self.0)
    }
}

/// The finished packs of one repository.
#[derive(Debug)]
pub(crate) struct FinishedPacks {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Those that are being written: one client is enough for each.
    coming: HashSet<Key>,
    /// When each was last asked for, counted in requests.
    used: HashMap<Key, u64>,
    requests: u64,
}

impl State {
    fn use_now(&mut self, key: &Key) {
        self.requests += 1;
        self.used.insert(key.clone(), self.requests);
    }
}

/// A finished pack, to be sent as it is.
#[derive(Debug)]
pub(crate) struct FinishedPack {
    file: File,
    /// The number of its objects.
    pub(crate) objects: u32,
}

impl FinishedPacks {
    /// Those of the repository `git_dir`; nothing is read yet.
    pub(crate) fn new(git_dir: &Path) -> Self {
        Self { folder: git_dir.join(super::OWN_FOLDER).join("finished"), state: Arc::default() }
    }

    /// The pack of that key, if it is there.
    pub(crate) fn find(&self, key: &Key) -> Option<FinishedPack> {
        let mut file = File::open(self.folder.join(key.file_name())).ok()?;
        let mut header = [0; 12];
        file.read_exact(&mut header).ok()?;
        let (_, objects) = gix_pack::data::header::decode(&header).ok()?;
        file.rewind().ok()?;
        self.lock().use_now(key);
        Some(FinishedPack { file, objects })
    }

    /// Begins to keep the pack of that key; `None` if somebody else does already, or the disk doesn't let us.
    pub(crate) fn record(&self, key: &Key) -> Option<Recording> {
        if !self.lock().coming.insert(key.clone()) {
            return None;
        }
        let claim = Claim { state: Arc::clone(&self.state), key: key.clone() };
        fs::create_dir_all(&self.folder).ok()?;
        let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder).ok()?;
        Some(Recording {
            out: BufWriter::with_capacity(BUFFER, file),
            folder: self.folder.clone(),
            bytes: 0,
            is_broken: false,
            claim,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what has been asked for the longest time ago, until what is left is within bounds.
fn evict(folder: &Path, state: &State, max_bytes: u64, max_packs: usize) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut packs: Vec<(u64, SystemTime, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let (path, meta) = entry.ok().and_then(|entry| Some((entry.path(), entry.metadata().ok()?)))?;
            let key = path.file_name()?.to_str()?.strip_suffix(".pack")?;
            let used = state.used.get(&Key(key.to_owned())).copied().unwrap_or_default();
            Some((used, meta.modified().ok()?, meta.len(), path))
        })
        .collect();
    packs.sort_unstable_by(|one, two| two.cmp(one));
    let mut bytes = 0;
    for (at, (_, _, size, path)) in packs.into_iter().enumerate() {
        bytes += size;
        if at > 0 && (bytes > max_bytes || at >= max_packs) {
            // A file that stays is found again by the next.
            fs::remove_file(path).unwrap_or_default();
        }
    }
}

impl FinishedPack {
    /// Sends it.
    pub(crate) fn send(mut self, out: &mut dyn Write) -> io::Result<u64> {
        let mut buffer = vec![0; BUFFER];
        let mut sent = 0;
        loop {
            let count = self.file.read(&mut buffer)?;
            if count == 0 {
                return Ok(sent);
            }
            out.write_all(&buffer[..count])?;
            sent += count as u64;
        }
    }
}

/// A key that is being written; given back when dropped.
#[derive(Debug)]
struct Claim {
    state: Arc<Mutex<State>>,
    key: Key,
}

impl Drop for Claim {
    fn drop(&mut self) {
        lock(&self.state).coming.remove(&self.key);
    }
}

/// A pack on its way to a client and to the disk. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Recording {
    out: BufWriter<tempfile::NamedTempFile>,
    folder: PathBuf,
    bytes: u64,
    is_broken: bool,
    claim: Claim,
}

impl Recording {
    /// Takes what the client gets too. A full disk ends the recording, not the client's clone.
    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.is_broken = self.is_broken || self.bytes > MAX_BYTES || self.out.write_all(bytes).is_err();
    }

    /// Keeps the pack, which is whole.
    pub(crate) fn keep(self) {
        if self.is_broken {
            return;
        }
        let Ok(file) = self.out.into_inner() else { return };
        match file.persist(self.folder.join(self.claim.key.file_name())) {
            Ok(_) => {
                let mut state = lock(&self.claim.state);
                state.use_now(&self.claim.key);
                evict(&self.folder, &state, MAX_BYTES, MAX_PACKS);
            }
            Err(error) => tracing::debug!(%error, "a finished pack isn't kept"),
        }
    }
}

/// Writes to a client and to a recording.
pub(crate) struct Tee<'a> {
    /// The client.
    pub(crate) out: &'a mut dyn Write,
    /// The recording.
    pub(crate) recording: &'a mut Recording,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.recording.take(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> Key {
        let wants = [ObjectId::from_bytes_or_panic(&[byte; 20])];
        Key::new(&wants, &CountOptions::default(), WriteOptions::default())
    }

    fn pack(size: usize) -> Vec<u8> {
        let mut pack = gix_pack::data::header::encode(gix_pack::data::Version::V2, 7).to_vec();
        pack.resize(size, b'x');
        pack
    }

    fn keep(packs: &FinishedPacks, key: &Key, bytes: &[u8]) {
        let mut recording = packs.record(key).expect("nobody else writes it");
        assert!(packs.record(key).is_none(), "one is enough");
        let mut client = Vec::new();
        Tee { out: &mut client, recording: &mut recording }.write_all(bytes).unwrap();
        assert_eq!(client, bytes);
        recording.keep();
    }

    #[test]
    fn a_pack_is_kept_when_it_is_whole_and_found_by_what_determines_it() {
        let folder = tempfile::tempdir().unwrap();
        let packs = FinishedPacks::new(folder.path());
        let (one, two) = (key(1), key(2));
        assert!(packs.find(&one).is_none());
        drop(packs.record(&one));
        assert!(packs.find(&one).is_none(), "a client that went away leaves nothing");
        keep(&packs, &one, &pack(5_000));
        assert!(packs.find(&two).is_none());
        let found = packs.find(&one).expect("kept");
        assert_eq!(found.objects, 7);
        let mut sent = Vec::new();
        assert_eq!(found.send(&mut sent).unwrap(), 5_000);
        assert_eq!(sent, pack(5_000));
        let left: Vec<_> = fs::read_dir(&packs.folder).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn what_was_asked_for_the_longest_time_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let packs = FinishedPacks::new(folder.path());
        let keys: Vec<Key> = (1..=4).map(key).collect();
        for key in &keys {
            keep(&packs, key, &pack(1_000));
        }
        assert!(packs.find(&keys[0]).is_some(), "asked for again");
        evict(&packs.folder, &packs.lock(), 2_500, 10);
        let left: Vec<bool> = keys.iter().map(|key| packs.find(key).is_some()).collect();
        assert_eq!(left, [true, false, false, true]);
        evict(&packs.folder, &packs.lock(), 10_000, 1);
        assert!(packs.find(&keys[3]).is_some() && packs.find(&keys[0]).is_none());
    }
}
