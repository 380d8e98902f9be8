//! The contents of Git LFS's objects: one file for each, `lfs/aa/bb/OID` in the data directory, whichever repositories have
//! it. Who may read it is no affair of this module: see `lfs_objects`.
//!
//! A content is received into a file without a name that anybody looks up, hashed while it is written, and gets its name
//! when all of it is on the disk. What a killed server leaves of that is removed by the next.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lfs_wire::Oid;
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};

use super::private;
use crate::limits::LFS_PIECE_BYTES;

/// The folder of all contents.
#[derive(Clone, Debug)]
pub(crate) struct LfsStore {
    folder: Arc<Path>,
    incoming: Arc<Path>,
    /// True if what is stored is written through to the disk.
    is_durable: bool,
}

/// A content that is being received.
#[derive(Debug)]
pub(crate) struct Receiving {
    store: LfsStore,
    file: NamedTempFile,
    hasher: Sha256,
    size: u64,
}

/// A content that is here as a whole, without a name.
#[derive(Debug)]
pub(crate) struct Received {
    store: LfsStore,
    path: TempPath,
    pub(crate) oid: Oid,
    pub(crate) size: u64,
}

impl LfsStore {
    /// Opens the store in a data directory, and removes what was not received to the end.
    pub(super) fn open(dir: &Path, is_durable: bool) -> io::Result<Self> {
        let folder = dir.join("lfs");
        let incoming = folder.join("incoming");
        private::make_folder(&incoming)?;
        for entry in fs::read_dir(&incoming)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { folder: folder.into(), incoming: incoming.into(), is_durable })
    }

    fn path(&self, oid: Oid) -> PathBuf {
        self.folder.join(oid.store_path())
    }

    /// Begins to receive a content.
    pub(crate) fn receive(&self) -> io::Result<Receiving> {
        let file = NamedTempFile::new_in(&self.incoming)?;
        Ok(Receiving { store: self.clone(), file, hasher: Sha256::new(), size: 0 })
    }

    /// Opens a content, if it is there.
    pub(crate) fn content(&self, oid: Oid) -> io::Result<Option<File>> {
        match File::open(self.path(oid)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns whether a content of that size is there.
    pub(crate) fn has(&self, oid: Oid, size: u64) -> bool {
        fs::metadata(self.path(oid)).is_ok_and(|found| found.is_file() && found.len() == size)
    }

    /// Removes a content.
    pub(super) fn remove(&self, oid: Oid) -> io::Result<()> {
        match fs::remove_file(self.path(oid)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// The ids of all contents.
    pub(super) fn all(&self) -> io::Result<Vec<Oid>> {
        Ok(contents(&self.folder)?.into_iter().map(|(oid, _)| oid).collect())
    }

    /// Receives all contents of another store of the stock layout, from its folder `objects`. A file that is not what its name
    /// says is passed over.
    pub(crate) fn receive_all(&self, objects: &Path) -> io::Result<Vec<Received>> {
        let mut received = Vec::new();
        for (oid, path) in contents(objects)? {
            let mut receiving = self.receive()?;
            let mut file = File::open(&path)?;
            let mut buffer = vec![0; LFS_PIECE_BYTES];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    length => receiving.write(&buffer[..length])?,
                }
            }
            let one = receiving.finish()?;
            if one.oid == oid {
                received.push(one);
            } else {
                tracing::warn!(path = %path.display(), "not imported: its content is not what its name says");
            }
        }
        Ok(received)
    }
}

/// The files in a store of the stock layout, by their ids. Files with other names are passed over.
fn contents(folder: &Path) -> io::Result<Vec<(Oid, PathBuf)>> {
    let mut found = Vec::new();
    for outer in folders(folder)? {
        for inner in folders(&outer)? {
            for entry in fs::read_dir(inner)? {
                let entry = entry?;
                let oid = entry.file_name().to_str().and_then(|name| name.parse().ok());
                if let Some(oid) = oid.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())) {
                    found.push((oid, entry.path()));
                }
            }
        }
    }
    Ok(found)
}

/// The folders in a folder that are named by two digits of an id.
fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().len() == 2 && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

impl Receiving {
    /// Bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes the next bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// Ends it, and writes it through to the disk.
    pub(crate) fn finish(self) -> io::Result<Received> {
        let Self { store, file, hasher, size } = self;
        if store.is_durable {
            file.as_file().sync_data()?;
        }
        Ok(Received {
            store,
            path: file.into_temp_path(),
            oid: Oid::from_bytes(hasher.finalize().into()),
            size,
        })
    }
}

impl Received {
    /// Gives the content its name. One that is there already is replaced by its like.
    pub(super) fn keep(self) -> io::Result<()> {
        let Self { store, path: unnamed, oid, .. } = self;
        let path = store.path(oid);
        let inner = path.parent().unwrap_or(&store.folder).to_owned();
        let outer = inner.parent().unwrap_or(&store.folder).to_owned();
        private::make_folder(&inner)?;
        unnamed.persist(&path).map_err(|error| error.error)?;
        if store.is_durable {
            for folder in [&inner, &outer, &store.folder.to_path_buf()] {
                File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_content_is_there_when_it_is_kept_and_not_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = LfsStore::open(dir.path(), true).expect("a store");
        let mut receiving = store.receive().expect("a file");
        receiving.write(b"hel").expect("room");
        receiving.write(b"lo").expect("room");
        let received = receiving.finish().expect("room");
        let oid: Oid =
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".parse().expect("an id");
        assert_eq!((received.oid, received.size), (oid, 5));
        assert!(!store.has(oid, 5) && store.all().expect("a list").is_empty());
        received.keep().expect("room");
        assert!(store.has(oid, 5) && !store.has(oid, 4));
        assert_eq!(store.all().expect("a list"), [oid]);
        let other = LfsStore::open(&dir.path().join("other"), false).expect("a store");
        let wrong = dir.path().join("lfs/00/00");
        fs::create_dir_all(&wrong).expect("a folder");
        fs::write(wrong.join("0".repeat(64)), "not what its name says").expect("a file");
        let all = other.receive_all(&dir.path().join("lfs")).expect("readable");
        assert_eq!(all.iter().map(|one| (one.oid, one.size)).collect::<Vec<_>>(), [(oid, 5)]);
        assert!(other.receive_all(&dir.path().join("nowhere")).expect("nothing").is_empty());
        let mut text = String::new();
        store.content(oid).expect("readable").expect("there").read_to_string(&mut text).expect("text");
        assert_eq!(text, "hello");
        store.remove(oid).expect("removed");
        store.remove(oid).expect("gone already");
        assert!(store.content(oid).expect("readable").is_none());
    }

    #[test]
    fn what_was_not_received_to_the_end_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        let store = LfsStore::open(dir.path(), false).expect("a store");
        let mut dropped = store.receive().expect("a file");
        dropped.write(b"x").expect("room");
        drop(dropped);
        assert!(names(&store.incoming).is_empty());
        let killed = store.receive().expect("a file");
        // As a killed process leaves it.
        killed.file.keep().expect("kept");
        assert_eq!(names(&store.incoming).len(), 1);
        LfsStore::open(dir.path(), false).expect("a store");
        assert!(names(&store.incoming).is_empty());
    }
}
