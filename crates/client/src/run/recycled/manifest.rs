//! The manifest of a run's folder as it was made: folders and files with their states, and the file that keeps this.
//!
//! A state is worth something only if the clock of the file system had moved on when it was noted: else a change of
//! the same instant could go unseen. [`Manifest::read`] drops the states of which that can't be said.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use azml_core::checkout::listing::{Entry, Listing};
use azml_core::limits::STAT_INDEX;
use azml_core::small_file;
use gix::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::objs::tree::EntryKind;
use rustix::fs::{AtFlags, Mode, OFlags};

/// The first bytes of the file; a file of another version is not used.
const MAGIC: &[u8] = b"azml run folder 4\n";

/// A file's or folder's length, times, number and mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) size: u64,
    modified: i64,
    changed: i64,
    inode: u64,
    pub(super) mode: u32,
}

/// A folder as it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::run) struct Folder {
    /// Its state, if a look at that is enough to know that nothing was added to it or taken away.
    pub(super) state: Option<State>,
    /// By name.
    pub(super) files: Vec<FileEntry>,
    /// By name.
    pub(in crate::run) folders: Vec<(BString, Self)>,
}

/// A file or link as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileEntry {
    pub(super) name: BString,
    pub(super) entry: Entry,
    pub(super) state: Option<State>,
}

/// A whole run folder as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) struct Manifest {
    /// The snapshot's tree.
    pub(super) tree: ObjectId,
    /// The project folder by which links were adjusted; empty if none was.
    pub(super) links_of: BString,
    /// The mode that all its folders have.
    pub(in crate::run) mode: u32,
    pub(in crate::run) top: Folder,
}

impl State {
    /// Of what `name` in an open folder is; a link is not followed.
    pub(super) fn at(folder: impl AsFd, name: &BStr) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::statat(folder, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Of an open folder.
    pub(super) fn open(folder: impl AsFd) -> io::Result<Self> {
        Ok(Self::of(&rustix::fs::fstat(folder)?))
    }

    #[expect(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "the fields' types differ from system to system"
    )]
    fn of(found: &rustix::fs::Stat) -> Self {
        let time = |seconds: i64, nanos: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        Self {
            size: found.st_size as u64,
            modified: time(found.st_mtime as i64, found.st_mtime_nsec as i64),
            changed: time(found.st_ctime as i64, found.st_ctime_nsec as i64),
            inode: found.st_ino as u64,
            mode: found.st_mode as u32,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.size.to_le_bytes());
        out.extend_from_slice(&self.modified.to_le_bytes());
        out.extend_from_slice(&self.changed.to_le_bytes());
        out.extend_from_slice(&self.inode.to_le_bytes());
        out.extend_from_slice(&self.mode.to_le_bytes());
    }
}

impl Folder {
    /// The folders and files of a listing, none of them looked at yet.
    pub(in crate::run) fn of(listing: &Listing) -> Self {
        let mut top = Self::default();
        for (path, entry) in listing {
            let mut folder = &mut top;
            let (folders, name) = match path.rfind_byte(b'/') {
                Some(end) => (Some(&path[..end]), &path[end + 1..]),
                None => (None, &path[..]),
            };
            for part in folders.into_iter().flat_map(|folders| folders.split_str("/")) {
                // What is below one folder stands together in a listing.
                if folder.folders.last().is_none_or(|(last, _)| last != part) {
                    folder.folders.push((part.into(), Self::default()));
                }
                folder = &mut folder.folders.last_mut().expect("it is there by now").1;
            }
            match entry.kind {
                // Another repository's commit is an empty folder.
                EntryKind::Commit | EntryKind::Tree => folder.folders.push((name.into(), Self::default())),
                _ => folder.files.push(FileEntry { name: name.into(), entry: *entry, state: None }),
            }
        }
        top.sort();
        top
    }

    fn sort(&mut self) {
        self.files.sort_by(|one, two| one.name.cmp(&two.name));
        self.folders.sort_by(|one, two| one.0.cmp(&two.0));
        for (_, folder) in &mut self.folders {
            folder.sort();
        }
    }

    /// Returns whether a file or link of this name was made in it.
    pub(in crate::run) fn has_file(&self, name: &[u8]) -> bool {
        self.files.binary_search_by(|file| file.name.as_bytes().cmp(name)).is_ok()
    }

    /// The folder of this name that was made in it.
    pub(in crate::run) fn folder(&self, name: &[u8]) -> Option<&Self> {
        let at = self.folders.binary_search_by(|(known, _)| known.as_bytes().cmp(name)).ok()?;
        Some(&self.folders[at].1)
    }

    /// Takes out what is at `paths`, files and whole folders.
    pub(super) fn drop_paths(&mut self, path: &BStr, paths: &BTreeSet<BString>) {
        let is_dropped = |name: &BString| paths.contains(&join(path, name.as_bstr()));
        self.files.retain(|file| !is_dropped(&file.name));
        self.folders.retain(|(name, _)| !is_dropped(name));
        for (name, folder) in &mut self.folders {
            let below = join(path, name.as_bstr());
            let mut prefix = below.clone();
            prefix.push(b'/');
            if paths.range(prefix.clone()..).next().is_some_and(|next| next.starts_with(&prefix)) {
                folder.drop_paths(below.as_bstr(), paths);
            }
        }
    }

    /// The number of files below it.
    pub(super) fn count(&self) -> usize {
        self.files.len() + self.folders.iter().map(|(_, folder)| folder.count()).sum::<usize>()
    }

    /// Every file below it with its path.
    pub(in crate::run) fn files(&self, path: &BStr, each: &mut dyn FnMut(&BStr, Entry)) {
        for file in &self.files {
            each(join(path, file.name.as_bstr()).as_bstr(), file.entry);
        }
        for (name, folder) in &self.folders {
            folder.files(join(path, name.as_bstr()).as_bstr(), each);
        }
    }

    /// Every link below it with its path.
    pub(in crate::run) fn links(&self, path: &BStr, each: &mut dyn FnMut(&BStr, Entry)) {
        for file in self.files.iter().filter(|file| file.entry.kind == EntryKind::Link) {
            each(join(path, file.name.as_bstr()).as_bstr(), file.entry);
        }
        for (name, folder) in &self.folders {
            folder.links(join(path, name.as_bstr()).as_bstr(), each);
        }
    }

    /// Says that the file or link at a path has other content than the snapshot's.
    pub(in crate::run) fn set_id(&mut self, path: &BStr, id: ObjectId) {
        let (folder, name) = match path.find_byte(b'/') {
            Some(end) => (Some(&path[..end]), path[end + 1..].as_bstr()),
            None => (None, path),
        };
        match folder {
            Some(folder) => {
                if let Ok(at) = self.folders.binary_search_by(|(known, _)| known.as_bytes().cmp(folder)) {
                    self.folders[at].1.set_id(name, id);
                }
            }
            None => {
                if let Ok(at) = self.files.binary_search_by(|file| file.name.as_bstr().cmp(name)) {
                    self.files[at].entry.id = id;
                }
            }
        }
    }

    /// Looks at everything; a folder that `is_linked_into` has more in it than was made of the snapshot.
    pub(super) fn look(
        &mut self,
        open: &OwnedFd,
        path: &BStr,
        is_linked_into: &dyn Fn(&BStr) -> bool,
    ) -> io::Result<()> {
        self.state = if is_linked_into(path) { None } else { Some(State::open(open)?) };
        for file in &mut self.files {
            file.state = Some(State::at(open, file.name.as_bstr())?);
        }
        for (name, folder) in &mut self.folders {
            folder.look(
                &open_folder(open, name.as_bstr())?,
                join(path, name.as_bstr()).as_bstr(),
                is_linked_into,
            )?;
        }
        Ok(())
    }

    fn write(&self, out: &mut Vec<u8>) {
        let state = |out: &mut Vec<u8>, state: &Option<State>| {
            out.push(state.is_some().into());
            if let Some(state) = state {
                state.write(out);
            }
        };
        state(out, &self.state);
        number(out, self.files.len());
        for file in &self.files {
            number(out, file.name.len());
            out.extend_from_slice(&file.name);
            out.push(letter(file.entry));
            out.extend_from_slice(file.entry.id.as_slice());
            state(out, &file.state);
        }
        number(out, self.folders.len());
        for (name, folder) in &self.folders {
            number(out, name.len());
            out.extend_from_slice(name);
            folder.write(out);
        }
    }
}

impl Manifest {
    /// Keeps it in a file.
    pub(super) fn write(&self, index: &Path) -> io::Result<()> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(self.tree.as_slice());
        number(&mut out, self.links_of.len());
        out.extend_from_slice(&self.links_of);
        out.extend_from_slice(&self.mode.to_le_bytes());
        self.top.write(&mut out);
        File::create(index)?.write_all(&out)
    }

    /// Reads it back, without the states that the clock can't vouch for.
    pub(in crate::run) fn read(index: &Path) -> io::Result<Self> {
        let mut file = small_file::open(index)?;
        let found = file.metadata()?;
        // The time of its content: that of its last move says nothing of when the states were noted.
        let manifest = found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec());
        let bytes = small_file::read_open(&mut file, STAT_INDEX)?;
        let mut reader = Reader { rest: &bytes, manifest };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(damaged());
        }
        let (tree, links_of) = (reader.id()?, reader.name()?);
        let mode = u32::from_le_bytes(reader.array()?);
        let manifest = Self { tree, links_of, mode, top: reader.folder()? };
        if reader.rest.is_empty() { Ok(manifest) } else { Err(damaged()) }
    }
}

/// An open folder in an open folder; no link is followed.
pub(in crate::run) fn open_folder(at: impl AsFd, name: &BStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name.as_bytes(), flags, Mode::empty())?)
}

/// An open folder.
pub(in crate::run) fn open_top(path: &Path) -> io::Result<OwnedFd> {
    open_folder(rustix::fs::CWD, path.as_os_str().as_bytes().as_bstr())
}

/// A path below a path.
pub(in crate::run) fn join(path: &BStr, name: &BStr) -> BString {
    let mut joined = BString::from(Vec::with_capacity(path.len() + 1 + name.len()));
    if !path.is_empty() {
        joined.extend_from_slice(path);
        joined.push(b'/');
    }
    joined.extend_from_slice(name);
    joined
}

fn number(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

/// A capital letter is a large file's.
fn letter(entry: Entry) -> u8 {
    match (entry.kind, entry.is_large) {
        (EntryKind::Link, _) => b'l',
        (EntryKind::BlobExecutable, false) => b'x',
        (EntryKind::BlobExecutable, true) => b'X',
        (_, false) => b'f',
        (_, true) => b'F',
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the index of the run folder is not one of this version")
}

struct Reader<'b> {
    rest: &'b [u8],
    manifest: i64,
}

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> io::Result<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| damaged())
    }

    fn number(&mut self) -> io::Result<usize> {
        let number = usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| damaged())?;
        // Nothing takes less than a byte.
        if number > self.rest.len() { Err(damaged()) } else { Ok(number) }
    }

    fn id(&mut self) -> io::Result<ObjectId> {
        Ok(ObjectId::from(self.array::<20>()?))
    }

    fn name(&mut self) -> io::Result<BString> {
        let length = self.number()?;
        Ok(self.take(length)?.into())
    }

    fn state(&mut self) -> io::Result<Option<State>> {
        if self.take(1)? != [1] {
            return Ok(None);
        }
        let state = State {
            size: u64::from_le_bytes(self.array()?),
            modified: i64::from_le_bytes(self.array()?),
            changed: i64::from_le_bytes(self.array()?),
            inode: u64::from_le_bytes(self.array()?),
            mode: u32::from_le_bytes(self.array()?),
        };
        Ok(Some(state).filter(|state| state.changed < self.manifest))
    }

    fn folder(&mut self) -> io::Result<Folder> {
        let state = self.state()?;
        let mut folder = Folder { state, ..Folder::default() };
        for _ in 0..self.number()? {
            let name = self.name()?;
            let (kind, is_large) = match self.take(1)? {
                b"l" => (EntryKind::Link, false),
                b"x" => (EntryKind::BlobExecutable, false),
                b"X" => (EntryKind::BlobExecutable, true),
                b"f" => (EntryKind::Blob, false),
                b"F" => (EntryKind::Blob, true),
                _ => return Err(damaged()),
            };
            let entry = Entry { kind, id: self.id()?, is_large };
            folder.files.push(FileEntry { name, entry, state: self.state()? });
        }
        for _ in 0..self.number()? {
            folder.folders.push((self.name()?, self.folder()?));
        }
        Ok(folder)
    }
}
