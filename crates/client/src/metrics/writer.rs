//! Writes a whole file of points.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};

use super::reader::Reader;
use super::{Line, Logged};
use crate::limits::METRICS_FILE;

/// Writes a file of points, and knows what [`read`](super::read) would read from it.
pub struct Writer {
    out: BufWriter<File>,
    reader: Reader,
    line: Vec<u8>,
    lines: usize,
    bytes: u64,
}

impl Writer {
    /// Writes into a new file.
    pub fn new(file: File) -> Self {
        Self { out: BufWriter::new(file), reader: Reader::default(), line: Vec::new(), lines: 0, bytes: 0 }
    }

    /// Adds a line; beyond the bytes that are read it is refused.
    pub fn add(&mut self, line: Line) -> io::Result<()> {
        self.line.clear();
        line.write(&mut self.line);
        self.lines += 1;
        self.bytes += self.line.len() as u64;
        if self.bytes > METRICS_FILE {
            self.reader.not_named += 1;
            return Ok(());
        }
        self.out.write_all(&self.line)?;
        self.reader.take(line, self.line.len(), self.lines);
        Ok(())
    }

    /// Ends the file; gives what was logged, and how many lines the file has.
    pub fn end(mut self) -> io::Result<(Logged, usize)> {
        self.out.flush()?;
        Ok((self.reader.end(), self.lines))
    }
}
