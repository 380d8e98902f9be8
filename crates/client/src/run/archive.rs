//! A run as one zip file: the files that it ran from, what it left, its record, and where it ran.
//!
//! Everything is streamed; what would make the archive larger than its limit is left out and named in it.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;

use azml_core::checkout::{self, listing};
use azml_core::large::Tree;
use azml_core::quote::quoted;
use gix::bstr::ByteSlice as _;
use gix::objs::tree::EntryKind;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::attachments::Attachments;
use super::secrets::{Fate, Secrets};
use crate::error::CommandError;

/// A path as a name in an archive, whose names are UTF-8: each part that is no plain text in double quotes.
fn zip_name(path: &[u8]) -> String {
    path.split_str("/").map(quoted).collect::<Vec<_>>().join("/")
}

/// The most bytes that an archive holds, uncompressed.
pub const LIMIT: u64 = 500_000_000;
/// A file of the snapshot that is larger is left out: it would have to be in memory.
const MAX_FILE: u64 = 50_000_000;
/// The list of what was left out.
const LEFT_OUT: &str = "left-out.txt";

/// An archive that is being written.
pub struct Archive {
    zip: ZipWriter<File>,
    room: u64,
    left_out: Vec<String>,
    files: usize,
}

/// The contents of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The number of files.
    pub files: usize,
    /// The files that were left out, with the reason.
    pub left_out: Vec<String>,
}

impl Archive {
    /// An archive written into an empty file.
    pub fn new(file: File) -> Self {
        Self { zip: ZipWriter::new(file), room: LIMIT, left_out: Vec::new(), files: 0 }
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.begin(name, text.len() as u64, 0o644)?;
        self.zip.write_all(text.as_bytes())
    }

    /// Adds all files of a snapshot below the folder `below`.
    pub fn tree(
        &mut self,
        git: &gix::Repository,
        tree: impl Into<Tree>,
        below: &str,
    ) -> Result<(), CommandError> {
        for (path, entry) in listing::list(git, tree)? {
            let name = format!("{below}/{}", zip_name(&path));
            if entry.kind == EntryKind::Commit {
                continue;
            }
            let size = entry.size(git)?;
            if !self.has_room(&name, size, size > MAX_FILE) {
                continue;
            }
            let mut content = Vec::new();
            match checkout::copy(git, entry, &mut content) {
                Err(checkout::Error::Large { oid, .. }) => {
                    self.room += size;
                    self.left_out.push(format!("{name}: the bytes of the large file {oid} are not here"));
                    continue;
                }
                copied => copied?,
            };
            let mode = if entry.kind == EntryKind::BlobExecutable { 0o755 } else { 0o644 };
            let written = match (entry.kind, content.to_str()) {
                (EntryKind::Link, Ok(target)) => self.link(&name, target),
                (EntryKind::Link, Err(_)) => {
                    self.left_out.push(format!("{name}: a link to {}, which is no UTF-8", quoted(&content)));
                    continue;
                }
                _ => self.begin(&name, size, mode).and_then(|()| self.zip.write_all(&content)),
            };
            written.map_err(CommandError::failed)?;
        }
        Ok(())
    }

    /// Adds what a run left below the folder `below`.
    pub fn attachments(
        &mut self,
        attachments: &Attachments,
        below: &str,
        secrets: &Secrets,
    ) -> Result<(), CommandError> {
        let failed = |error| CommandError::file("read", attachments.folder(), error);
        for (path, size) in attachments.files().map_err(failed)? {
            let name = format!("{below}/{}", zip_name(path.as_os_str().as_bytes()));
            if self.has_room(&name, size, false) {
                // One that went or became a link meanwhile is left out.
                let Some(mut file) = attachments.open(&path).map_err(failed)? else {
                    self.left_out.push(format!("{name}: it is no file any more"));
                    continue;
                };
                match secrets.inspect(&path, &mut file).map_err(failed)? {
                    Fate::AsItIs => {
                        file.rewind().map_err(failed)?;
                        self.file(&name, size, file).map_err(failed)?;
                    }
                    Fate::Masked(copy, _) => {
                        let size = copy.metadata().map_err(failed)?.len();
                        self.file(&name, size, copy).map_err(failed)?;
                    }
                    Fate::NotAtAll(found) => {
                        self.left_out.push(format!("{name}: it looks like a secret ({})", found.rule));
                    }
                }
            }
        }
        Ok(())
    }

    /// Completes the archive.
    pub fn finish(mut self) -> io::Result<Archived> {
        if !self.left_out.is_empty() {
            let list = self.left_out.join("\n") + "\n";
            self.text(LEFT_OUT, &list)?;
        }
        self.zip.finish().map_err(io::Error::other)?.sync_all()?;
        Ok(Archived { files: self.files, left_out: self.left_out })
    }

    fn has_room(&mut self, name: &str, size: u64, is_too_large: bool) -> bool {
        if is_too_large || size > self.room {
            self.left_out.push(format!("{name}: {size} bytes, too large for the archive"));
            return false;
        }
        self.room -= size;
        true
    }

    fn begin(&mut self, name: &str, size: u64, mode: u32) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(mode)
            .large_file(size > u64::from(u32::MAX / 2));
        self.files += 1;
        self.zip.start_file(name, options).map_err(io::Error::other)
    }

    fn link(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.files += 1;
        let options = SimpleFileOptions::default().unix_permissions(0o777);
        self.zip.add_symlink(name, target, options).map_err(io::Error::other)
    }

    fn file(&mut self, name: &str, size: u64, file: File) -> io::Result<()> {
        self.begin(name, size, 0o644)?;
        // A log may grow meanwhile: what was announced is written, and no more.
        io::copy(&mut io::Read::take(file, size), &mut self.zip).map(drop)
    }
}
