//! A pack of whole objects and its index (gitformat-pack(5), versions 2 of both).

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use gix::ObjectId;

use super::content::{Body, NewObject};

/// Bytes before the first entry: `PACK`, version, count.
const HEADER: u64 = 12;

/// A pack that grows.
pub(super) struct Writer {
    path: PathBuf,
    out: BufWriter<File>,
    at: u64,
    entries: Vec<Entry>,
}

struct Entry {
    id: ObjectId,
    crc32: u32,
    offset: u64,
}

impl Writer {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = new_file().open(path)?;
        let mut out = BufWriter::with_capacity(256 * 1024, file);
        out.write_all(&header(0))?;
        Ok(Self { path: path.to_owned(), out, at: HEADER, entries: Vec::new() })
    }

    pub(super) fn add(&mut self, object: NewObject) -> io::Result<()> {
        let mut crc32 = crc32fast::Hasher::new();
        let offset = self.at;
        self.write(&entry_header(object.kind, object.size), &mut crc32)?;
        match object.body {
            Body::Memory(bytes) => self.write(&bytes, &mut crc32)?,
            Body::Scratch(mut scratch) => {
                let mut buffer = vec![0; 256 * 1024];
                loop {
                    let count = scratch.read(&mut buffer)?;
                    if count == 0 {
                        break;
                    }
                    self.write(&buffer[..count], &mut crc32)?;
                }
            }
        }
        self.entries.push(Entry { id: object.id, crc32: crc32.finalize(), offset });
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], crc32: &mut crc32fast::Hasher) -> io::Result<()> {
        crc32.update(bytes);
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Completes the pack and writes its index to `index`. Neither is flushed to the disk yet.
    pub(super) fn finish(mut self, index: &Path) -> io::Result<Finished> {
        self.out.flush()?;
        let mut file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let count = u32::try_from(self.entries.len()).map_err(io::Error::other)?;
        file.rewind()?;
        file.write_all(&header(count))?;
        // The checksum covers the count, which was not known before.
        file.rewind()?;
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
        }
        let checksum = hasher.try_finalize().map_err(io::Error::other)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(checksum.as_slice())?;
        self.entries.sort_unstable_by_key(|entry| entry.id);
        let mut index_file = new_file().open(index)?;
        index_file.write_all(&index_bytes(&self.entries, &checksum)?)?;
        Ok(Finished { path: self.path, file, index: index.to_owned(), index_file, name: checksum })
    }
}

/// The mode of a new object file: read-only from the beginning, as Git does, for whom the umask allows.
pub(super) fn new_file() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true).create_new(true).mode(0o444);
    options
}

/// A pack that is whole, and its index.
pub(super) struct Finished {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) index: PathBuf,
    pub(super) index_file: File,
    /// The name for both.
    pub(super) name: ObjectId,
}

fn header(count: u32) -> Vec<u8> {
    [b"PACK".as_slice(), &2u32.to_be_bytes(), &count.to_be_bytes()].concat()
}

/// Kind and size: four bits of size in the first byte, seven in each that follows.
fn entry_header(kind: gix::objs::Kind, size: u64) -> Vec<u8> {
    let kind = match kind {
        gix::objs::Kind::Commit => 1u8,
        gix::objs::Kind::Tree => 2,
        gix::objs::Kind::Blob => 3,
        gix::objs::Kind::Tag => 4,
    };
    let byte = |bits: u64| u8::try_from(bits & 0x7f).expect("seven bits fit in a byte");
    let mut out = vec![kind << 4 | byte(size & 0xf)];
    let mut rest = size >> 4;
    while rest > 0 {
        *out.last_mut().expect("it begins with one byte") |= 0x80;
        out.push(byte(rest));
        rest >>= 7;
    }
    out
}

fn index_bytes(entries: &[Entry], pack: &ObjectId) -> io::Result<Vec<u8>> {
    let mut out = b"\xfftOc\0\0\0\x02".to_vec();
    let mut fan = [0u32; 256];
    for entry in entries {
        fan[usize::from(entry.id.as_slice()[0])] += 1;
    }
    let mut sum = 0;
    for count in fan {
        sum += count;
        out.extend_from_slice(&u32::to_be_bytes(sum));
    }
    for entry in entries {
        out.extend_from_slice(entry.id.as_slice());
    }
    for entry in entries {
        out.extend_from_slice(&entry.crc32.to_be_bytes());
    }
    let mut far = Vec::new();
    for entry in entries {
        let near = u32::try_from(entry.offset).ok().filter(|offset| *offset < 1 << 31);
        let offset = if let Some(offset) = near {
            offset
        } else {
            far.push(entry.offset);
            (1 << 31) | u32::try_from(far.len() - 1).map_err(io::Error::other)?
        };
        out.extend_from_slice(&offset.to_be_bytes());
    }
    for offset in far {
        out.extend_from_slice(&offset.to_be_bytes());
    }
    out.extend_from_slice(pack.as_slice());
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&out);
    let checksum = hasher.try_finalize().map_err(io::Error::other)?;
    out.extend_from_slice(checksum.as_slice());
    Ok(out)
}
