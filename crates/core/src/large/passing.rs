//! One pass over the bytes of a large file: read, hashed, looked at and written at the same time.
//!
//! The calling thread reads. One further thread hashes, one looks at the pieces, and one writes them: each takes a good part of a
//! core's time, or waits for the disk.

use std::{
    fs::File,
    io::{self, Read, Write as _},
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use lfs_wire::{Oid, Pointer};
use sha2::{Digest as _, Sha256};

use super::uncached::{PIECE, Piece, Writing};

/// Pieces that wait for a thread.
const WAITING: usize = 4;
/// Buffers that are in use at the same time: those that wait, one that is worked on, and the one that is read into.
const BUFFERS: usize = WAITING + 2;

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
    let mut first = Piece::default();
    first.read(from)?;
    if first.bytes().len() < PIECE {
        let mut hashing = Hashing::default();
        hashing.feed(first.bytes());
        each(first.bytes());
        if let Some(mut to) = to {
            to.write_all(first.bytes())?;
        }
        return Ok(hashing.end());
    }
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let (hashed, pieces) = sync_channel::<Arc<Piece>>(WAITING);
        threads.push(hashed);
        let hashing = scope.spawn(move || {
            let mut hashing = Hashing::default();
            for piece in pieces {
                hashing.feed(piece.bytes());
            }
            hashing.end()
        });
        let (looked_at, pieces) = sync_channel::<Arc<Piece>>(WAITING);
        threads.push(looked_at);
        scope.spawn(move || {
            for piece in pieces {
                each(piece.bytes());
            }
        });
        let writing = to.map(|to| {
            let (written, pieces) = sync_channel::<Arc<Piece>>(WAITING);
            threads.push(written);
            scope.spawn(move || write(to, pieces))
        });

        let mut buffers: [Arc<Piece>; BUFFERS] = Default::default();
        buffers[0] = Arc::new(first);
        for at in (0..BUFFERS).cycle() {
            let piece = &buffers[at];
            // The thread that writes ends early when it can't; it says why.
            if threads.iter().any(|thread| thread.send(piece.clone()).is_err()) {
                break;
            }
            let next = Arc::get_mut(&mut buffers[(at + 1) % BUFFERS]);
            let next = next.expect("all threads are past it: no more than `WAITING` pieces are before them");
            next.read(from)?;
            if next.bytes().is_empty() {
                break;
            }
        }
        drop(threads);
        if let Some(writing) = writing {
            writing.join().expect("writing does not panic")?;
        }
        Ok(hashing.join().expect("hashing does not panic"))
    })
}

/// Writes pieces as they come.
fn write(to: &File, pieces: Receiver<Arc<Piece>>) -> io::Result<()> {
    let mut writing = Writing::begin(to);
    for piece in pieces {
        writing.write(piece.bytes())?;
    }
    writing.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_hashed_seen_and_written_once_and_in_order() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, (BUFFERS + 2) * PIECE + 7, 20 * PIECE] {
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
