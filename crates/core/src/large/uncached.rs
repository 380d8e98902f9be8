//! Writing a new file past the page cache (`O_DIRECT`), where its file system can.
//!
//! Bytes that are written by the cache are copied twice and reach the disk at the flush; directly, the disk takes them at once,
//! from the buffer. The pages of others stay in the cache.

use std::{
    fs::File,
    io::{self, Read, Write as _},
    num::NonZeroU64,
};

use rustix::{
    fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl},
    io::Errno,
};

/// Bytes of a piece.
pub(super) const PIECE: usize = 1 << 20;
/// Direct writes begin at such addresses of the memory and of the file, and have such lengths: no file system that is in use
/// wants more, and one that does refuses them.
const ALIGNMENT: usize = 4 << 10;
/// Bytes after which the disk is asked to begin with what was written by the cache.
const WRITE_BACK: u64 = 16 << 20;

/// A piece of a file, at an address that direct writes can take it from.
#[derive(Debug, Default)]
pub(super) struct Piece {
    /// With room for [`PIECE`] bytes from the first aligned address on; none before the first use.
    memory: Vec<u8>,
    start: usize,
    length: usize,
}

impl Piece {
    /// Reads the next piece, which is shorter at the end of the file alone.
    pub(super) fn read(&mut self, from: &mut impl Read) -> io::Result<()> {
        if self.memory.is_empty() {
            self.memory.resize(PIECE + ALIGNMENT, 0);
            self.start = self.memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        }
        self.length = 0;
        while self.length < PIECE {
            match from.read(&mut self.memory[self.start + self.length..][..PIECE - self.length]) {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => self.length += read?,
            }
        }
        Ok(())
    }

    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..][..self.length]
    }
}

/// A file that is written from where it is to its end.
#[derive(Debug)]
pub(super) struct Writing<'f> {
    file: &'f File,
    is_direct: bool,
    /// Bytes so far, and those of which the disk knows.
    length: u64,
    begun: u64,
}

impl<'f> Writing<'f> {
    /// Begins, directly if the file takes the flag.
    pub(super) fn begin(file: &'f File) -> Self {
        let is_direct = set_direct(file, true).is_ok();
        Self { file, is_direct, length: 0, begun: 0 }
    }

    /// Writes the next bytes.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.is_direct && !bytes.len().is_multiple_of(ALIGNMENT) {
                self.go_by_the_cache()?;
            }
            match self.file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    bytes = &bytes[count..];
                    self.length += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.is_direct && is_refusal(&error) => self.go_by_the_cache()?,
                Err(error) => return Err(error),
            }
        }
        if self.is_direct {
            self.begun = self.length;
        } else if let Some(part) =
            NonZeroU64::new(self.length - self.begun).filter(|part| part.get() >= WRITE_BACK)
        {
            // On Linux this begins to write dirty pages to the disk, and drops none of them: less is left for the flush at the
            // end. No harm is done where it does nothing.
            _ = fadvise(self.file, self.begun, Some(part), Advice::DontNeed);
            self.begun = self.length;
        }
        Ok(())
    }

    /// Ends: from here on the file is one as any other.
    pub(super) fn end(mut self) -> io::Result<()> {
        if self.is_direct { self.go_by_the_cache() } else { Ok(()) }
    }

    fn go_by_the_cache(&mut self) -> io::Result<()> {
        self.is_direct = false;
        set_direct(self.file, false)
    }
}

fn set_direct(file: &File, is_direct: bool) -> io::Result<()> {
    let mut flags = fcntl_getfl(file)?;
    flags.set(OFlags::DIRECT, is_direct);
    Ok(fcntl_setfl(file, flags)?)
}

/// Returns whether a file system that took the flag does not write directly, or not so.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::INVAL | Errno::OPNOTSUPP))
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use super::*;

    fn is_direct(file: &File) -> bool {
        fcntl_getfl(file).unwrap().contains(OFlags::DIRECT)
    }

    fn written(file: &mut File, from: u64) -> Vec<u8> {
        let mut content = Vec::new();
        file.seek(io::SeekFrom::Start(from)).unwrap();
        file.read_to_end(&mut content).unwrap();
        content
    }

    #[test]
    fn pieces_are_written_as_they_are_and_the_file_is_one_as_any_other_afterwards() {
        for length in [0, 1, ALIGNMENT, PIECE, PIECE + ALIGNMENT, PIECE + 1, 20 * PIECE + 4095] {
            let content: Vec<u8> = (0..length).map(|at| (at % 251).to_le_bytes()[0]).collect();
            // A piece is read in parts, too; where the file begins, the disk refuses to write directly (on most file systems).
            for begin in [0, 1] {
                let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
                file.seek(io::SeekFrom::Start(begin)).unwrap();
                let mut from = io::Cursor::new(&content[..length / 3]).chain(&content[length / 3..]);
                let (mut piece, mut writing) = (Piece::default(), Writing::begin(&file));
                loop {
                    piece.read(&mut from).unwrap();
                    if piece.bytes().is_empty() {
                        break;
                    }
                    writing.write(piece.bytes()).unwrap();
                }
                writing.end().unwrap();
                assert!(written(&mut file, begin) == content, "{length} bytes from {begin} on");
                assert!(!is_direct(&file));
            }
        }
    }

    #[test]
    fn where_a_file_is_never_written_directly_it_is_by_the_cache() {
        let null = File::options().write(true).open("/dev/null").unwrap();
        let mut writing = Writing::begin(&null);
        assert!(!writing.is_direct);
        writing.write(&vec![7; 3 * PIECE]).unwrap();
        writing.end().unwrap();
        // Half of it directly, before a length that can not be.
        let mut file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let (mut piece, mut writing) = (Piece::default(), Writing::begin(&file));
        let was_direct = writing.is_direct;
        piece.read(&mut io::repeat(7)).unwrap();
        writing.write(piece.bytes()).unwrap();
        assert_eq!((writing.is_direct, is_direct(&file)), (was_direct, was_direct));
        for odd in [1, ALIGNMENT + 1, ALIGNMENT] {
            writing.write(&vec![8; odd]).unwrap();
            assert!(!writing.is_direct && !is_direct(&file));
        }
        writing.end().unwrap();
        let expected = [vec![7; PIECE], vec![8; 2 * ALIGNMENT + 2]].concat();
        assert!(written(&mut file, 0) == expected);
    }

    #[test]
    fn an_error_of_the_disk_is_one_of_the_write() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = Writing::begin(&full).write(&vec![7; PIECE]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
