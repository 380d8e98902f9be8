//! Reading a large blob piece by piece, so that memory does not grow with it.
//!
//! Works for what is stored whole: as a file of its own, or as an entry of a pack that is no delta. A snapshot stores
//! files so, and large ones stay so. Whatever else there is goes through memory.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::Path,
};

use flate2::bufread::ZlibDecoder;
use gix::{ObjectId, Repository};

/// Smaller blobs are read at once.
const LARGE: u64 = 8 << 20;
/// The type of a whole blob in a pack.
const BLOB: u8 = 3;

/// A large blob that can be read piece by piece.
pub(super) struct Large {
    content: ZlibDecoder<BufReader<File>>,
    size: u64,
}

impl Large {
    /// The blob `id`, if it is large and stored whole.
    pub(super) fn find(repo: &Repository, id: ObjectId) -> Option<Self> {
        let size = repo.find_header(id).ok()?.size();
        if size < LARGE {
            return None;
        }
        let objects = repo.objects.store_ref().path().to_owned();
        loose(&objects, id, size).or_else(|| packed(&objects, id, size))
    }

    /// Writes all of it; gives its bytes.
    pub(super) fn write_to(self, out: &mut impl Write) -> io::Result<u64> {
        let Self { content, size } = self;
        let mut buffer = vec![0; 256 << 10];
        let mut content = content.take(size);
        let mut written = 0;
        loop {
            let count = content.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            out.write_all(&buffer[..count])?;
            written += count as u64;
        }
        if written == size { Ok(written) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn open(path: &Path) -> Option<BufReader<File>> {
    Some(BufReader::with_capacity(128 << 10, File::open(path).ok()?))
}

fn loose(objects: &Path, id: ObjectId, size: u64) -> Option<Large> {
    let hex = id.to_string();
    let mut content = ZlibDecoder::new(open(&objects.join(&hex[..2]).join(&hex[2..]))?);
    let wanted = gix::objs::encode::loose_header(gix::objs::Kind::Blob, size);
    let mut header = vec![0; wanted.len()];
    content.read_exact(&mut header).ok()?;
    (header == wanted.as_slice()).then_some(Large { content, size })
}

fn packed(objects: &Path, id: ObjectId, size: u64) -> Option<Large> {
    for entry in objects.join("pack").read_dir().ok()?.flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "idx") {
            continue;
        }
        let Ok(index) = gix_pack::index::File::at(&path, gix::hash::Kind::Sha1) else { continue };
        let Some(at) = index.lookup(id) else { continue };
        let mut pack = open(&path.with_extension("pack"))?;
        pack.seek(SeekFrom::Start(index.pack_offset_at_index(at))).ok()?;
        if whole_blob(&mut pack).ok()? != Some(size) {
            return None;
        }
        return Some(Large { content: ZlibDecoder::new(pack), size });
    }
    None
}

/// Reads an entry's header: the size of a whole blob, nothing of anything else.
fn whole_blob(pack: &mut impl BufRead) -> io::Result<Option<u64>> {
    let mut byte = [0];
    pack.read_exact(&mut byte)?;
    let kind = byte[0] >> 4 & 7;
    let (mut size, mut shift) = (u64::from(byte[0] & 0xf), 4);
    while byte[0] & 0x80 != 0 && shift < 64 {
        pack.read_exact(&mut byte)?;
        size |= u64::from(byte[0] & 0x7f) << shift;
        shift += 7;
    }
    Ok((kind == BLOB).then_some(size))
}
