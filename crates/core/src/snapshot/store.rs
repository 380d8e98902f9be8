//! Writing objects that are not stored yet: as files of their own when they are few, else as one pack.
//!
//! All is written into a scratch folder first, flushed to the disk, and moved to its place when it is whole: what a
//! killed process leaves is in the scratch folder, and swept from there.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use gix::ObjectId;

use super::{
    content::{Body, Form, NewObject},
    pack,
};
use crate::{large, parallel};

/// Stores objects.
pub(super) struct Store<'a> {
    /// The repository's folder `objects`.
    objects: PathBuf,
    scratch: &'a Path,
    seen: HashSet<ObjectId>,
    /// Bytes of content stored.
    pub(super) bytes: u64,
    form: Form,
    pack: Option<pack::Writer>,
    /// Bytes of large files stored.
    pub(super) large_bytes: u64,
    large: Vec<large::Taken>,
    loose: Vec<(ObjectId, PathBuf, File)>,
    is_kept: bool,
}

impl<'a> Store<'a> {
    /// A store; what `is_kept` is flushed to the disk.
    pub(super) fn new(objects: PathBuf, scratch: &'a Path, form: Form, is_kept: bool) -> Self {
        Self {
            objects,
            scratch,
            seen: HashSet::new(),
            bytes: 0,
            form,
            pack: None,
            large_bytes: 0,
            large: Vec::new(),
            loose: Vec::new(),
            is_kept,
        }
    }

    /// Returns whether there is nothing to store.
    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.large.is_empty()
    }

    /// Takes an object; one that came before is dropped.
    pub(super) fn add(&mut self, object: NewObject) -> io::Result<()> {
        if !self.seen.insert(object.id) {
            return Ok(());
        }
        if object.kind == gix::objs::Kind::Blob {
            self.bytes += object.size;
        }
        match self.form {
            Form::IdOnly => Ok(()),
            Form::Loose => self.write_loose(object),
            Form::Packed => {
                let pack = match &mut self.pack {
                    Some(pack) => pack,
                    none => none.insert(pack::Writer::create(&self.scratch.join("pack"))?),
                };
                pack.add(object)
            }
        }
    }

    /// Takes a large file's bytes; those that came before are dropped.
    pub(super) fn add_large(&mut self, taken: large::Taken) -> io::Result<()> {
        if self.large.iter().any(|known| known.pointer == taken.pointer) {
            return std::fs::remove_file(&taken.path);
        }
        self.large_bytes += taken.pointer.size;
        self.large.push(taken);
        Ok(())
    }

    /// Returns whether this object was taken.
    pub(super) fn has(&self, id: &ObjectId) -> bool {
        self.seen.contains(id)
    }

    fn write_loose(&mut self, object: NewObject) -> io::Result<()> {
        let path = self.scratch.join(format!("object-{}", self.loose.len()));
        let mut file = pack::new_file().open(&path)?;
        match object.body {
            Body::Memory(bytes) => file.write_all(&bytes)?,
            Body::Scratch(mut scratch) => {
                io::copy(&mut scratch, &mut file)?;
            }
        }
        self.loose.push((object.id, path, file));
        Ok(())
    }

    /// Moves all that was taken to its place, so that it is stored for good.
    pub(super) fn finish(self) -> io::Result<()> {
        let folder = self.objects.join("pack");
        let mut written: Vec<&File> = self.loose.iter().map(|(.., file)| file).collect();
        written.extend(self.large.iter().map(|taken| &taken.file));
        let pack = match self.pack {
            Some(pack) => Some(pack.finish(&self.scratch.join("index"))?),
            None => None,
        };
        written.extend(pack.iter().flat_map(|pack| [&pack.file, &pack.index_file]));
        if self.is_kept {
            flush(&written)?;
        }
        if let Some(git_dir) = self.objects.parent().filter(|_| !self.large.is_empty()) {
            let store = large::Store::at(git_dir);
            self.large.iter().try_for_each(|taken| store.place(&taken.pointer, &taken.path))?;
        }
        for (id, path, _) in &self.loose {
            let hex = id.to_string();
            let folder = self.objects.join(&hex[..2]);
            let target = folder.join(&hex[2..]);
            match std::fs::rename(path, &target) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    std::fs::create_dir_all(&folder)?;
                    std::fs::rename(path, &target)?;
                }
                done => done?,
            }
        }
        let Some(pack) = pack else { return Ok(()) };
        std::fs::create_dir_all(&folder)?;
        let name = pack.name;
        // The index last: a pack without one is not looked at.
        std::fs::rename(pack.path, folder.join(format!("pack-{name}.pack")))?;
        std::fs::rename(pack.index, folder.join(format!("pack-{name}.idx")))?;
        // The names themselves have to outlive a power cut before a ref leads to them.
        File::open(folder)?.sync_all()
    }
}

/// Flushes finished object files to the disk: all at once, for then the file system's journal is written once and not
/// once for each.
fn flush(files: &[&File]) -> io::Result<()> {
    let flush = |files: &[&File]| files.iter().try_for_each(|file| file.sync_all());
    parallel::map_shares(files, files.len(), flush).into_iter().collect()
}
