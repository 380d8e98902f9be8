//! The lines of a file that others append to, from a place in it on.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use serde::{Deserialize, Serialize};

use crate::limits::{METRIC_LINE, METRICS_FILE};

/// Bytes before a place that have to be the same for it to be the same file.
const COMPARED: u64 = 256;
/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// A place between two lines of a file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Bytes before it.
    at: u64,
    /// Lines before it.
    number: usize,
    inode: u64,
    /// The bytes just before it.
    before: Vec<u8>,
}

/// A line, or what stands for one.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'l> {
    /// A line with its end.
    Whole(&'l [u8]),
    /// The end of the file, which is no whole line yet.
    Rest(&'l [u8]),
    /// A line longer than any may be.
    TooLong,
}

/// The lines of a file.
pub struct Lines {
    from: BufReader<io::Take<File>>,
    line: Vec<u8>,
    at: u64,
    number: usize,
    inode: u64,
    /// Bytes and lines up to the end of the last whole line; `None` after one that was too long.
    whole: Option<(u64, usize)>,
}

impl Place {
    /// Returns whether `file` is still the file in which this place is.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        let found = file.metadata()?;
        if found.ino() != self.inode || found.len() < self.at {
            return Ok(false);
        }
        Ok(before(file, self.at)? == self.before)
    }

    /// Bytes before it.
    pub fn bytes(&self) -> u64 {
        self.at
    }
}

fn before(file: &File, at: u64) -> io::Result<Vec<u8>> {
    let length = at.min(COMPARED);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    file.read_exact_at(&mut bytes, at - length)?;
    Ok(bytes)
}

impl Lines {
    /// Those after `place`.
    pub fn after(place: &Place, mut file: File) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        file.seek(SeekFrom::Start(place.at))?;
        let from = BufReader::with_capacity(BUFFER, file.take(METRICS_FILE.saturating_sub(place.at)));
        let whole = Some((place.at, place.number));
        Ok(Self { from, line: Vec::new(), at: place.at, number: place.number, inode, whole })
    }

    /// The next line, if there is any, with its number from 1.
    pub fn next(&mut self) -> io::Result<Option<(usize, Found<'_>)>> {
        self.line.clear();
        let length = (&mut self.from).take(METRIC_LINE).read_until(b'\n', &mut self.line)?;
        if length == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.at += length as u64;
        if self.line.ends_with(b"\n") {
            self.whole = Some((self.at, self.number));
            return Ok(Some((self.number, Found::Whole(&self.line))));
        }
        if length as u64 == METRIC_LINE {
            self.at += self.from.skip_until(b'\n')? as u64;
            // It may go on.
            self.whole = None;
            return Ok(Some((self.number, Found::TooLong)));
        }
        Ok(Some((self.number, Found::Rest(&self.line))))
    }

    /// The place after the last whole line, if what was read ends there.
    pub fn place(&self) -> io::Result<Option<Place>> {
        let Some((at, number)) = self.whole else { return Ok(None) };
        let before = before(self.from.get_ref().get_ref(), at)?;
        Ok(Some(Place { at, number, inode: self.inode, before }))
    }
}
