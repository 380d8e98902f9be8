//! One pass over the bytes of a large file: read, hashed, looked at and written at the same time.
//!
//! The calling thread reads and writes. One further thread hashes, one looks at the pieces, and one has the disk begin with what
//! was written: each takes a good part of a core's time.

use std::{
    fs::File,
    io::{self, Read, Write as _},
    num::NonZeroU64,
    sync::{
        Arc,
        mpsc::{channel, sync_channel},
    },
    thread,
};

use lfs_wire::{Oid, Pointer};
use rustix::fs::{Advice, fadvise};
use sha2::{Digest as _, Sha256};

/// Bytes that are read, hashed and written at once.
const PIECE: usize = 512 << 10;
/// Pieces that wait for a thread.
const WAITING: usize = 4;
/// Buffers that are in use at the same time: those that wait, one that is worked on, and the one that is read into.
const BUFFERS: usize = WAITING + 2;
/// Bytes after which the disk is asked to begin with what was written.
const WRITE_BACK: u64 = 16 << 20;

/// A look at each piece, in order.
pub(super) type Look<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

/// The id and the number of bytes of a content, as it comes.
#[derive(Debug, Default, Clone)]
pub struct Hashing {
    hasher: Sha256,
    size: u64,
}

impl Hashing {
    /// Takes in the next bytes.
    pub fn feed(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.size += piece.len() as u64;
    }

    /// The pointer to all of them.
    pub fn end(self) -> Pointer {
        Pointer { oid: Oid::from_bytes(self.hasher.finalize().into()), size: self.size }
    }
}

/// Hashes what is left of a file, showing each piece.
pub fn hash(file: &mut impl Read, each: Look<'_>) -> io::Result<Pointer> {
    pass(file, None, each)
}

/// Hashes what is left of a file, showing each piece and writing it to `to`.
pub(super) fn pass(from: &mut impl Read, to: Option<&File>, each: Look<'_>) -> io::Result<Pointer> {
    let mut first = Vec::new();
    fill(from, &mut first)?;
    if first.len() < PIECE {
        let mut hashing = Hashing::default();
        hashing.feed(&first);
        each(&first);
        if let Some(mut to) = to {
            to.write_all(&first)?;
        }
        return Ok(hashing.end());
    }
    thread::scope(|scope| {
        let (hashed, pieces) = sync_channel::<Arc<Vec<u8>>>(WAITING);
        let hashing = scope.spawn(move || {
            let mut hashing = Hashing::default();
            for piece in pieces {
                hashing.feed(&piece);
            }
            hashing.end()
        });
        let (looked_at, pieces) = sync_channel::<Arc<Vec<u8>>>(WAITING);
        scope.spawn(move || {
            for piece in pieces {
                each(&piece);
            }
        });

        let mut buffers: [Arc<Vec<u8>>; BUFFERS] = Default::default();
        buffers[0] = Arc::new(first);
        let (written, parts) = channel::<(u64, NonZeroU64)>();
        if let Some(to) = to {
            // On Linux this begins to write dirty pages to the disk, and drops none of them: less is left for the flush at the
            // end. No harm is done where it does nothing. It waits when the disk is busy, so that nobody else should do it.
            scope.spawn(move || {
                for (at, length) in parts {
                    _ = fadvise(to, at, Some(length), Advice::DontNeed);
                }
            });
        }
        let (mut length, mut begun) = (0, 0);
        for at in (0..BUFFERS).cycle() {
            let piece = &buffers[at];
            for thread in [&hashed, &looked_at] {
                thread.send(piece.clone()).expect("a thread takes all pieces");
            }
            if let Some(mut to) = to {
                to.write_all(piece)?;
                length += piece.len() as u64;
                if let Some(part) = NonZeroU64::new(length - begun).filter(|part| part.get() >= WRITE_BACK) {
                    written.send((begun, part)).expect("a thread takes all parts");
                    begun = length;
                }
            }
            let next = &mut buffers[(at + 1) % BUFFERS];
            // Both threads are past it by now: no more than `WAITING` pieces are before them.
            fill(from, Arc::make_mut(next))?;
            if next.is_empty() {
                break;
            }
        }
        drop((hashed, looked_at, written));
        Ok(hashing.join().expect("hashing does not panic"))
    })
}

/// Reads a piece, which is shorter at the end of the file alone.
fn fill(from: &mut impl Read, piece: &mut Vec<u8>) -> io::Result<()> {
    piece.resize(PIECE, 0);
    let mut length = 0;
    while length < PIECE {
        match from.read(&mut piece[length..]) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => length += read?,
        }
    }
    piece.truncate(length);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_hashed_seen_and_written_once_and_in_order() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, (BUFFERS + 2) * PIECE + 7, 40 * PIECE] {
            let content: Vec<u8> =
                (0..length).map(|at| ((at / 3 + at / PIECE) % 251).to_le_bytes()[0]).collect();
            let (mut seen, mut file) = (Vec::new(), tempfile::tempfile().unwrap());
            let mut look = |piece: &[u8]| seen.extend_from_slice(piece);
            let pointer = pass(&mut &content[..], Some(&file), &mut look).unwrap();
            let expected = Oid::from_bytes(Sha256::digest(&content).into());
            assert_eq!(pointer, Pointer { oid: expected, size: length as u64 });
            let mut written = Vec::new();
            io::Seek::rewind(&mut file).unwrap();
            file.read_to_end(&mut written).unwrap();
            assert!(seen == content && written == content, "{length} bytes");
        }
    }

    #[test]
    fn an_error_of_either_file_ends_the_pass() {
        struct Failing(usize);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::HostUnreachable)?;
                buffer.fill(7);
                Ok(buffer.len())
            }
        }
        for reads in [0, 1, 30] {
            let error = hash(&mut Failing(reads), &mut |_| {}).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::HostUnreachable);
        }
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = pass(&mut Failing(1_000), Some(&full), &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
