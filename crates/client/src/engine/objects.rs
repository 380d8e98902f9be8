//! Large files between a node's store and the one here: lists of ids, and a stream of objects.
//!
//! A list has a line for each object, `<id> <size>`. In a stream each object is such a line and then its bytes, and an empty line is the
//! end: without it the stream was cut off. An object is hashed before it gets its name in the store, so that whatever arrived whole is
//! there for good, and the next try sends the rest.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, Cursor, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;

use azml_core::history::{self, HistoryRepo};
use azml_core::large::{Hashing, Pointer, Store, Taken};

/// Bytes that are read and written at once.
const PIECE: usize = 256 << 10;
/// The longest line: an id of 64 digits, a size of 20.
const LINE: u64 = 96;

/// Why a stream could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It broke off.
    #[error("the large files were cut off")]
    Cut(#[source] io::Error),
    /// It is none.
    #[error("`{line}` is no large file's id and size")]
    Line {
        /// The line.
        line: String,
    },
    /// Its bytes are not those that its id stands for.
    #[error("the large file {id} arrived with other content")]
    Content {
        /// The id.
        id: String,
    },
    /// It can't be kept.
    #[error("can't keep the large file {id}")]
    Keep {
        /// The id.
        id: String,
        #[source]
        source: io::Error,
    },
    /// The store can't be used.
    #[error(transparent)]
    History(#[from] history::Error),
}

/// Writes a list.
pub fn list(pointers: &[Pointer]) -> String {
    pointers.iter().map(line).collect()
}

fn line(pointer: &Pointer) -> String {
    format!("{} {}\n", pointer.oid, pointer.size)
}

fn parse(line: &str) -> Option<Pointer> {
    let (oid, size) = line.split_once(' ')?;
    Some(Pointer { oid: oid.parse().ok()?, size: size.parse().ok()? })
}

/// Reads a list to its end.
pub fn parse_list(text: &str) -> Result<Vec<Pointer>, Error> {
    text.lines().map(|line| parse(line).ok_or_else(|| Error::Line { line: line.to_owned() })).collect()
}

/// A stream of objects of a store, made as it is read. One that the store lacks is left out.
pub struct Sending<'a> {
    store: Store,
    left: VecDeque<Pointer>,
    /// The line and the bytes of the object that is on its way.
    line: Cursor<Vec<u8>>,
    content: Option<io::Take<File>>,
    is_over: bool,
    /// Told how many bytes of objects have gone.
    sent: &'a mut (dyn FnMut(u64) + Send),
    count: u64,
}

impl<'a> Sending<'a> {
    /// A stream of these objects.
    pub fn new(store: Store, pointers: &[Pointer], sent: &'a mut (dyn FnMut(u64) + Send)) -> Self {
        let left = pointers.iter().copied().collect();
        Self { store, left, line: Cursor::default(), content: None, is_over: false, sent, count: 0 }
    }
}

impl Read for Sending<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.line.read(out)?;
            if count > 0 || out.is_empty() {
                return Ok(count);
            }
            if let Some(content) = &mut self.content {
                let count = content.read(out)?;
                if count > 0 {
                    self.count += count as u64;
                    (self.sent)(self.count);
                    return Ok(count);
                }
                if content.limit() > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.content = None;
            }
            match self.left.pop_front() {
                Some(pointer) => match self.store.open(&pointer) {
                    Ok(file) => {
                        self.line = Cursor::new(line(&pointer).into_bytes());
                        self.content = Some(file.take(pointer.size));
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                },
                None if self.is_over => return Ok(0),
                None => {
                    self.is_over = true;
                    self.line = Cursor::new(b"\n".to_vec());
                }
            }
        }
    }
}

/// Takes a stream into a store; gives what has come. `received` is told how many bytes of objects have.
pub fn receive(
    history: &HistoryRepo,
    input: &mut dyn BufRead,
    received: &mut dyn FnMut(u64),
) -> Result<Vec<Pointer>, Error> {
    let (store, scratch) = (history.large_files(), history.workspace()?);
    let (mut taken, mut count) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        (&mut *input).take(LINE).read_line(&mut line).map_err(Error::Cut)?;
        let text = line.strip_suffix('\n').ok_or_else(|| Error::Cut(io::ErrorKind::UnexpectedEof.into()))?;
        if text.is_empty() {
            return Ok(taken);
        }
        let pointer = parse(text).ok_or_else(|| Error::Line { line: text.to_owned() })?;
        let path = scratch.join("large");
        let keep = |source| Error::Keep { id: pointer.oid.to_string(), source };
        let options = File::options().write(true).create_new(true).mode(0o444).open(&path);
        let mut file = options.map_err(keep)?;
        let (mut hashing, mut left) = (Hashing::default(), pointer.size);
        let mut buffer = vec![0; PIECE];
        while left > 0 {
            let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let some = input.read(&mut buffer[..room]).map_err(Error::Cut)?;
            if some == 0 {
                return Err(Error::Cut(io::ErrorKind::UnexpectedEof.into()));
            }
            hashing.feed(&buffer[..some]);
            file.write_all(&buffer[..some]).map_err(keep)?;
            (left, count) = (left - some as u64, count + some as u64);
            received(count);
        }
        if hashing.end() != pointer {
            return Err(Error::Content { id: pointer.oid.to_string() });
        }
        Taken { pointer, file, path }.keep(&store).map_err(keep)?;
        taken.push(pointer);
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use azml_core::id::ProjectId;
    use azml_core::large;

    use super::*;

    fn store(dir: &std::path::Path, name: &str) -> HistoryRepo {
        let root = dir.join(format!("{name}-root"));
        std::fs::create_dir_all(&root).unwrap();
        HistoryRepo::store(&dir.join(name), &root, ProjectId::from_random([7; 16])).unwrap()
    }

    fn put(history: &HistoryRepo, content: &[u8]) -> Pointer {
        let pointer = large::hash(&mut &content[..], &mut |_| {}).unwrap();
        let path = history.path().join("new");
        std::fs::write(&path, content).unwrap();
        history.large_files().place(&pointer, &path).unwrap();
        pointer
    }

    #[test]
    fn objects_pass_through_a_stream_and_what_came_before_a_cut_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (store(dir.path(), "from"), store(dir.path(), "to"));
        let big = vec![b'x'; PIECE * 2 + 5];
        let pointers = [put(&from, &big), put(&from, b"small"), put(&from, b"")];
        let missing = Pointer { size: 9, ..put(&to, b"elsewhere") };
        let mut bytes = Vec::new();
        let asked = [&pointers[..], &[missing]].concat();
        let mut sent = 0;
        let mut told = |count| sent = count;
        Sending::new(from.large_files(), &asked, &mut told).read_to_end(&mut bytes).unwrap();
        assert_eq!(sent, big.len() as u64 + 5);
        let cut = &bytes[..bytes.len() - 3];
        let error = receive(&to, &mut BufReader::new(cut), &mut |_| {}).unwrap_err();
        assert!(matches!(error, Error::Cut(_)), "{error}");
        assert!(to.large_files().has(&pointers[0]) && to.large_files().has(&pointers[1]));
        let taken = receive(&to, &mut BufReader::new(&bytes[..]), &mut |_| {}).unwrap();
        assert_eq!(taken, pointers);
        assert!(pointers.iter().all(|pointer| to.large_files().is_whole(pointer).unwrap()));
        assert_eq!(parse_list(&list(&pointers)).unwrap(), pointers);
    }

    #[test]
    fn bytes_of_another_id_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (store(dir.path(), "from"), store(dir.path(), "to"));
        let pointer = put(&from, b"small");
        let stream = format!("{}SMALL\n", line(&pointer));
        let error = receive(&to, &mut BufReader::new(stream.as_bytes()), &mut |_| {}).unwrap_err();
        assert!(matches!(error, Error::Content { .. }) && !to.large_files().has(&pointer), "{error}");
        for bad in ["x 1\n", "../../x 5\nabcde\n", &"9".repeat(200)] {
            assert!(receive(&to, &mut BufReader::new(bad.as_bytes()), &mut |_| {}).is_err(), "{bad}");
        }
    }
}
