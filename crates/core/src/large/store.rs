//! The bytes of large files, each once under its id: `lfs/objects/aa/bb/<oid>` in a repository's folder, as stock git-lfs has
//! them.
//!
//! A file with its name in the store is whole, and was hashed before it got there.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt},
    path::{Path, PathBuf},
};

use gix::Repository;
use lfs_wire::{Oid, Pointer};

use super::passing::{Look, hash, pass};

/// A store.
#[derive(Debug, Clone)]
pub struct Store {
    objects: PathBuf,
}

/// A file's bytes, in a file of their own that is to be placed in the store.
#[derive(Debug)]
pub struct Taken {
    /// Their id and number.
    pub pointer: Pointer,
    /// The file, open; it is not flushed to the disk yet.
    pub file: File,
    /// Its path.
    pub path: PathBuf,
}

impl Taken {
    /// Flushes the file to the disk, and puts it into a store.
    pub fn keep(self, store: &Store) -> io::Result<Pointer> {
        self.file.sync_all()?;
        store.place(&self.pointer, &self.path)?;
        Ok(self.pointer)
    }
}

impl Store {
    /// The store in a repository's own folder.
    pub fn of(repo: &Repository) -> Self {
        Self::at(repo.git_dir())
    }

    /// The store in a repository's folder.
    pub fn at(git_dir: &Path) -> Self {
        Self { objects: git_dir.join("lfs/objects") }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.objects
    }

    /// The path that an object has in it.
    pub fn path(&self, oid: &Oid) -> PathBuf {
        self.objects.join(oid.store_path())
    }

    /// Returns whether it has an object.
    pub fn has(&self, pointer: &Pointer) -> bool {
        self.path(&pointer.oid)
            .symlink_metadata()
            .is_ok_and(|meta| meta.is_file() && meta.len() == pointer.size)
    }

    /// Opens an object. One that is not here is [`io::ErrorKind::NotFound`].
    pub fn open(&self, pointer: &Pointer) -> io::Result<File> {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(CWD, self.path(&pointer.oid), flags, Mode::empty())?);
        let meta = file.metadata()?;
        if meta.is_file() && meta.len() == pointer.size {
            return Ok(file);
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, format!("the large file {} is damaged", pointer.oid)))
    }

    /// Writes an object into an empty file: shares its bytes where the file system can, else copies them.
    pub fn copy_to(&self, pointer: &Pointer, out: &mut File) -> io::Result<u64> {
        let mut object = self.open(pointer)?;
        if !clone(&object, out) {
            let copied = io::copy(&mut object, out)?;
            if copied != pointer.size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(pointer.size)
    }

    /// Puts an object in its place. Its file must be on the disk by then; afterwards so is its name.
    pub fn place(&self, pointer: &Pointer, from: &Path) -> io::Result<()> {
        let to = self.path(&pointer.oid);
        if self.has(pointer) {
            return fs::remove_file(from);
        }
        let folder = to.parent().expect("an object lies in two folders");
        fs::DirBuilder::new().recursive(true).mode(0o777).create(folder)?;
        fs::rename(from, &to)?;
        for folder in folder.ancestors().take_while(|above| above.starts_with(&self.objects)) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Removes an object, and gives the bytes that this freed: none where the file has another name, too.
    pub fn remove(&self, pointer: &Pointer) -> io::Result<u64> {
        let path = self.path(&pointer.oid);
        let found = path.symlink_metadata()?;
        fs::remove_file(path)?;
        Ok(if found.nlink() == 1 { found.len() } else { 0 })
    }

    /// Returns whether a file is the object itself, by another name.
    pub fn is_same_file(&self, pointer: &Pointer, path: &Path) -> bool {
        let files = (self.path(&pointer.oid).symlink_metadata(), path.symlink_metadata());
        matches!(files, (Ok(one), Ok(two)) if (one.dev(), one.ino()) == (two.dev(), two.ino()))
    }

    /// Reads an object and compares it with its id.
    pub fn is_whole(&self, pointer: &Pointer) -> io::Result<bool> {
        Ok(hash(&mut self.open(pointer)?, &mut |_| {})? == *pointer)
    }

    /// Every object that is here.
    pub fn all(&self) -> io::Result<Vec<Pointer>> {
        let mut found = Vec::new();
        for first in list(&self.objects)? {
            for second in list(&first)? {
                for path in list(&second)? {
                    let name = path.file_name().and_then(|name| name.to_str());
                    let Some(oid) = name.and_then(|name| name.parse().ok()) else { continue };
                    let Ok(meta) = path.symlink_metadata() else { continue };
                    found.push(Pointer { oid, size: meta.len() });
                }
            }
        }
        found.sort_unstable_by_key(|pointer| pointer.oid);
        Ok(found)
    }

    /// Copies a file's bytes to the new file `to`, hashing them; each piece is shown to `each`. Where the file system can, the
    /// two share the bytes.
    ///
    /// Of a file that grows meanwhile, one byte more than `size` is read.
    pub fn take(from: &File, size: u64, to: &Path, each: Look<'_>) -> io::Result<Taken> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o444).open(to)?;
        let pointer = if clone(from, &file) {
            // The clone stays as it is, whoever writes to the file.
            hash(&mut (&file).take(size + 1), each)?
        } else {
            pass(&mut from.take(size + 1), Some(&file), each)?
        };
        Ok(Taken { pointer, file, path: to.to_owned() })
    }

    /// Links or shares the object of another store, if that has it whole; gives it as the new file `to`.
    pub fn take_from(&self, pointer: &Pointer, to: &Path) -> Option<Taken> {
        if !self.is_whole(pointer).ok()? {
            return None;
        }
        let from = self.path(&pointer.oid);
        fs::hard_link(from, to).ok()?;
        let file = File::open(to).ok()?;
        Some(Taken { pointer: *pointer, file, path: to.to_owned() })
    }
}

/// Makes `to` share the bytes of `from`, if the file system can.
fn clone(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

/// The files and folders of a folder; none if it is not there.
fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}
