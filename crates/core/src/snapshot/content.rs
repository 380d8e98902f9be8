//! Reading a file: its object's id, and the object compressed, if it is not stored yet.
//!
//! A file that changes while it is read is read again, a few times: what is stored is what the file was at one moment.
//! Small files are held in memory; large ones stream through a scratch file.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use flate2::{Compress, Compression, FlushCompress, Status, write::ZlibEncoder};
use gix::{ObjectId, bstr::BStr, objs::Exists};

use super::{files, large::Rules};
use crate::{
    large::{self, Pointer},
    secret::{self, Scanner},
    stat_index::{Kind, Stat},
};

/// Larger files are streamed.
const IN_MEMORY: u64 = 4 * 1024 * 1024;
/// The number of reads of a file that changes meanwhile.
const TRIES: usize = 5;
/// Fast: the disk is the limit, and consolidation compresses again.
pub(super) const LEVEL: Compression = Compression::new(1);

/// The form in which an object is stored; it decides what is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A file of its own: header and content.
    Loose,
    /// An entry of a pack: the content alone.
    Packed,
    /// Not at all: only its id is asked for.
    IdOnly,
}

/// A large file's pointer: its object's id, whether the file looks like a secret, the object and the bytes if they are new.
type Large = (ObjectId, bool, Option<NewObject>, Option<NewLarge>);

/// Compressed bytes.
#[derive(Debug)]
pub(super) enum Body {
    Memory(Vec<u8>),
    Scratch(File),
}

/// An object that is not stored yet.
#[derive(Debug)]
pub(super) struct NewObject {
    pub(super) id: ObjectId,
    pub(super) kind: gix::objs::Kind,
    /// Bytes of content.
    pub(super) size: u64,
    pub(super) body: Body,
}

/// A large file.
#[derive(Debug)]
pub(super) enum NewLarge {
    /// Its bytes are stored already, or are not to be.
    Known,
    /// Its bytes in a scratch file.
    Taken(large::Taken),
}

/// The result of reading a file.
#[derive(Debug)]
pub(super) enum Content {
    Read {
        id: ObjectId,
        kind: Kind,
        stat: Stat,
        is_secret: bool,
        new: Option<NewObject>,
        /// Of a large file: its object is a pointer then, and these are its bytes, if they are not stored yet.
        large: Option<NewLarge>,
        /// It is the text of a pointer whose bytes were not brought.
        is_unfilled: bool,
    },
    /// It is not there any more, or no file any more.
    Gone,
    Unreadable,
    Changing,
}

/// Reads files, one after the other. Each thread has its own.
pub(super) struct Reader<'a> {
    pub(super) root: &'a OwnedFd,
    pub(super) objects: gix::odb::Handle,
    pub(super) form: Form,
    /// The folder for scratch files.
    pub(super) scratch: &'a Path,
    pub(super) buffer: Vec<u8>,
    /// The rules on large files; none where there are none.
    pub(super) large: Option<&'a Rules>,
    /// Made once: its tables are larger than most files.
    pub(super) deflate: Compress,
}

impl Reader<'_> {
    /// Reads the file or link at `path`. A secret that is not taken back is not made an object.
    pub(super) fn read(&mut self, path: &BStr, kind: Kind, force_included: bool) -> io::Result<Content> {
        for _ in 0..TRIES {
            let read =
                if kind == Kind::Link { self.read_link(path) } else { self.read_file(path, force_included) };
            match read {
                Ok(Some(content)) => return Ok(content),
                Ok(None) => {}
                Err(error) => return classify(error),
            }
        }
        Ok(Content::Changing)
    }

    fn read_link(&mut self, path: &BStr) -> io::Result<Option<Content>> {
        let (before_kind, before) = files::stat_path(self.root.as_fd(), path)?;
        if before_kind != Some(Kind::Link) {
            return Ok(Some(Content::Gone));
        }
        let target = files::read_link(self.root.as_fd(), path)?;
        let (_, stat) = files::stat_path(self.root.as_fd(), path)?;
        if stat != before {
            return Ok(None);
        }
        let id = hash(gix::objs::Kind::Blob, &target)?;
        let new = self.object(gix::objs::Kind::Blob, id, &target)?;
        Ok(Some(Content::Read {
            id,
            kind: Kind::Link,
            stat,
            is_secret: false,
            new,
            large: None,
            is_unfilled: false,
        }))
    }

    fn read_file(&mut self, path: &BStr, force_included: bool) -> io::Result<Option<Content>> {
        let mut file = files::open_file(self.root.as_fd(), path)?;
        let (kind, before) = files::stat_file(&file)?;
        let Some(kind @ (Kind::File | Kind::Executable)) = kind else { return Ok(Some(Content::Gone)) };
        let pointer = self.large.and_then(|rules| rules.unfilled.get(path).copied());
        let is_unfilled = match pointer {
            Some(pointer) => {
                let mut text = Vec::new();
                (&mut file).take(before.size + 1).read_to_end(&mut text)?;
                file.rewind()?;
                hash(gix::objs::Kind::Blob, &text)? == pointer && Pointer::parse_canonical(&text).is_some()
            }
            None => false,
        };
        if let Some(id) =
            pointer.filter(|_| is_unfilled && self.large.is_some_and(|rules| rules.keeps_pointers))
        {
            let large = Some(NewLarge::Known);
            return Ok(Some(Content::Read {
                id,
                kind,
                stat: before,
                is_secret: false,
                new: None,
                large,
                is_unfilled,
            }));
        }
        let is_large = self.large.is_some_and(|rules| rules.takes(path, before.size));
        let (id, is_secret, new, large) = if is_large {
            let Some(read) = self.large(&file, path, before.size, force_included)? else { return Ok(None) };
            if files::stat_file(&file)?.1 != before {
                return Ok(None);
            }
            read
        } else if before.size <= IN_MEMORY {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            // One byte more than it should have: a file that grows is noticed, and not followed for ever.
            (&mut file).take(before.size + 1).read_to_end(&mut buffer)?;
            let stable = buffer.len() as u64 == before.size && files::stat_file(&file)?.1 == before;
            // The text of a pointer is stored as a large file: no pointer in a tree is a text.
            let is_pointer = self.large.is_some() && Pointer::parse(&buffer).is_some();
            let read = match stable {
                false => Ok(None),
                true if is_pointer => {
                    file.rewind()?;
                    self.large(&file, path, before.size, force_included)
                }
                true => self
                    .whole(path, &buffer, force_included)
                    .map(|(id, is_secret, new)| Some((id, is_secret, new, None))),
            };
            self.buffer = buffer;
            let Some(read) = read? else { return Ok(None) };
            read
        } else {
            let Some(read) = self.stream(&mut file, before.size, force_included)? else { return Ok(None) };
            if files::stat_file(&file)?.1 != before {
                return Ok(None);
            }
            (read.0, read.1, read.2, None)
        };
        Ok(Some(Content::Read { id, kind, stat: before, is_secret, new, large, is_unfilled }))
    }

    /// Takes in a large file. `None`: its length changed meanwhile.
    fn large(
        &mut self,
        file: &File,
        path: &BStr,
        size: u64,
        force_included: bool,
    ) -> io::Result<Option<Large>> {
        let rules = self.large.expect("there are rules on large files");
        let mut scanner = Scanner::any();
        let mut scan = |piece: &[u8]| scanner.feed(piece);
        let scratch = Rules::scratch(self.scratch);
        let mut taken = None;
        let mut hashed = None;
        let is_stored = self.form != Form::IdOnly && rules.stores;
        if !is_stored || rules.user_may_have(path) {
            let pointer = large::hash(&mut file.take(size + 1), &mut scan)?;
            hashed = Some(pointer);
            taken = if is_stored { rules.of_user(&pointer, &scratch) } else { None };
        }
        if is_stored && taken.is_none() {
            let mut file = file;
            file.rewind()?;
            let mut scan = |piece: &[u8]| {
                if hashed.is_none() {
                    scan(piece);
                }
            };
            taken = Some(large::Store::take(file, size, &scratch, &mut scan)?);
        }
        let pointer =
            taken.as_ref().map(|taken| taken.pointer).or(hashed).expect("it was read once at least");
        scanner.end();
        let is_secret = scanner.has_found();
        let is_left_out = is_secret && !force_included;
        let is_same = pointer.size == size && hashed.is_none_or(|hashed| hashed == pointer);
        if taken.is_some() && (!is_same || is_left_out || rules.store.has(&pointer)) {
            taken = None;
            std::fs::remove_file(&scratch)?;
        }
        if !is_same {
            return Ok(None);
        }
        let text = pointer.to_string();
        let id = hash(gix::objs::Kind::Blob, text.as_bytes())?;
        let new = if is_left_out { None } else { self.object(gix::objs::Kind::Blob, id, text.as_bytes())? };
        Ok(Some((id, is_secret, new, Some(taken.map_or(NewLarge::Known, NewLarge::Taken)))))
    }

    fn whole(
        &mut self,
        path: &BStr,
        content: &[u8],
        force_included: bool,
    ) -> io::Result<(ObjectId, bool, Option<NewObject>)> {
        let id = hash(gix::objs::Kind::Blob, content)?;
        let is_secret = secret::first_in_file_of(path, content).is_some();
        let new = if is_secret && !force_included {
            None
        } else {
            self.object(gix::objs::Kind::Blob, id, content)?
        };
        Ok((id, is_secret, new))
    }

    /// The object of this content, compressed, unless it is stored already.
    pub(super) fn object(
        &mut self,
        kind: gix::objs::Kind,
        id: ObjectId,
        content: &[u8],
    ) -> io::Result<Option<NewObject>> {
        if self.objects.exists(&id) {
            return Ok(None);
        }
        let size = content.len() as u64;
        let body = match self.form {
            Form::IdOnly => Vec::new(),
            form => {
                let header = gix::objs::encode::loose_header(kind, size);
                let header = if form == Form::Loose { header.as_slice() } else { &[] };
                self.compress(header, content)?
            }
        };
        Ok(Some(NewObject { id, kind, size, body: Body::Memory(body) }))
    }

    fn compress(&mut self, header: &[u8], content: &[u8]) -> io::Result<Vec<u8>> {
        self.deflate.reset();
        let mut out = Vec::with_capacity(content.len() / 2 + 64);
        for (mut rest, last) in [(header, false), (content, true)] {
            let flush = if last { FlushCompress::Finish } else { FlushCompress::None };
            loop {
                let before = self.deflate.total_in();
                let status = self.deflate.compress_vec(rest, &mut out, flush).map_err(io::Error::other)?;
                let taken = usize::try_from(self.deflate.total_in() - before).map_err(io::Error::other)?;
                rest = &rest[taken..];
                if status == Status::StreamEnd || (!last && rest.is_empty()) {
                    break;
                }
                if out.len() == out.capacity() {
                    out.reserve(out.capacity());
                }
            }
        }
        Ok(out)
    }

    /// Reads a large file once, hashing and compressing as it comes, and looking for secrets. `None`: its length changed
    /// meanwhile.
    fn stream(
        &mut self,
        file: &mut File,
        size: u64,
        force_included: bool,
    ) -> io::Result<Option<(ObjectId, bool, Option<NewObject>)>> {
        let header = gix::objs::encode::loose_header(gix::objs::Kind::Blob, size);
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&header);
        let mut out = match self.form {
            Form::IdOnly => None,
            _ => Some(ZlibEncoder::new(tempfile::tempfile_in(self.scratch)?, LEVEL)),
        };
        if let (Form::Loose, Some(out)) = (self.form, &mut out) {
            out.write_all(&header)?;
        }
        let mut scanner = Scanner::any();
        self.buffer.resize(256 * 1024, 0);
        let mut seen = 0u64;
        loop {
            let count = file.read(&mut self.buffer)?;
            if count == 0 {
                break;
            }
            seen += count as u64;
            if seen > size {
                return Ok(None);
            }
            hasher.update(&self.buffer[..count]);
            scanner.feed(&self.buffer[..count]);
            if scanner.has_found() && !force_included {
                out = None;
            }
            if let Some(out) = &mut out {
                out.write_all(&self.buffer[..count])?;
            }
        }
        if seen != size {
            return Ok(None);
        }
        let id = hasher.try_finalize().map_err(io::Error::other)?;
        scanner.end();
        let is_secret = scanner.has_found();
        if (is_secret && !force_included) || self.objects.exists(&id) {
            return Ok(Some((id, is_secret, None)));
        }
        let body = match out {
            Some(out) => {
                let mut scratch = out.finish()?;
                scratch.rewind()?;
                Body::Scratch(scratch)
            }
            None => Body::Memory(Vec::new()),
        };
        Ok(Some((id, is_secret, Some(NewObject { id, kind: gix::objs::Kind::Blob, size, body }))))
    }
}

/// The id of an object.
pub(super) fn hash(kind: gix::objs::Kind, content: &[u8]) -> io::Result<ObjectId> {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&gix::objs::encode::loose_header(kind, content.len() as u64));
    hasher.update(content);
    hasher.try_finalize().map_err(io::Error::other)
}

/// Returns what a failed read says of the file; an error that says nothing of it is passed on.
fn classify(error: io::Error) -> io::Result<Content> {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        // LOOP, NXIO: by now a link or a socket.
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::INVAL) => {
            Ok(Content::Gone)
        }
        Some(Errno::ACCESS | Errno::PERM) => Ok(Content::Unreadable),
        _ => Err(error),
    }
}
