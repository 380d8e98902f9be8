//! The side-band: pack data, progress text and a fatal message share one stream of packet lines.

use std::fmt;
use std::io::{self, Read, Write};

use super::{Line, MAX_LINE, MAX_SMALL_BAND_LINE, PREFIX, Reader, prefix};

/// The band of a side-band line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// Pack data, or the report of a push.
    Data = 1,
    /// Text for people.
    Progress = 2,
    /// The message with which the peer gives up.
    Error = 3,
}

/// Writes the side-band. As a [`Write`] it is the data band, gathered into lines as long as they may be.
#[derive(Debug)]
pub struct Multiplexer<W: Write> {
    out: W,
    /// The line being gathered, beginning with room for length and band.
    line: Vec<u8>,
    max_line: usize,
}

const HEADER: usize = PREFIX + 1;

impl<W: Write> Multiplexer<W> {
    /// The large side-band (`side-band-64k`, and protocol v2).
    pub fn large(out: W) -> Self {
        Self::with_line(out, MAX_LINE)
    }

    /// The small one (`side-band`).
    pub fn small(out: W) -> Self {
        Self::with_line(out, MAX_SMALL_BAND_LINE)
    }

    fn with_line(out: W, max_line: usize) -> Self {
        let mut line = Vec::with_capacity(max_line);
        line.resize(HEADER, 0);
        Self { out, line, max_line }
    }

    /// Sends `text` to the people on the other side, behind all data written so far.
    ///
    /// # Errors
    /// What the stream says.
    pub fn progress(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.band(Band::Progress, text.as_ref())
    }

    /// Sends the message with which this side gives up.
    ///
    /// # Errors
    /// What the stream says.
    pub fn error(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.band(Band::Error, text.as_ref())
    }

    /// Sends a line without any data, so that nobody on the way takes the connection for dead.
    ///
    /// # Errors
    /// What the stream says.
    pub fn keep_alive(&mut self) -> io::Result<()> {
        self.send_gathered()?;
        self.out.write_all(b"0005\x01")?;
        self.out.flush()
    }

    fn band(&mut self, band: Band, bytes: &[u8]) -> io::Result<()> {
        self.send_gathered()?;
        for chunk in bytes.chunks(self.max_line - HEADER) {
            self.out.write_all(&prefix(chunk.len() + 1))?;
            self.out.write_all(&[band as u8])?;
            self.out.write_all(chunk)?;
        }
        // People wait for these.
        self.out.flush()
    }

    /// Sends what was gathered and the flush line that ends the side-band, and gives the stream back.
    ///
    /// # Errors
    /// What the stream says.
    pub fn finish(mut self) -> io::Result<W> {
        self.send_gathered()?;
        self.out.write_all(b"0000")?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn send_gathered(&mut self) -> io::Result<()> {
        if self.line.len() > HEADER {
            let digits = prefix(self.line.len() - PREFIX);
            self.line[..PREFIX].copy_from_slice(&digits);
            self.line[PREFIX] = Band::Data as u8;
            self.out.write_all(&self.line)?;
            self.line.truncate(HEADER);
        }
        Ok(())
    }
}

impl<W: Write> Write for Multiplexer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.max_line - self.line.len());
        self.line.extend_from_slice(&bytes[..count]);
        if self.line.len() == self.max_line {
            self.send_gathered()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_gathered()?;
        self.out.flush()
    }
}

/// Reads the side-band: as a [`Read`] it gives the data band up to the flush line; progress goes to a function.
///
/// A message on the error band, or an unknown band, is an [`io::Error`] of kind [`io::ErrorKind::Other`] whose inner
/// error is a [`RemoteError`].
pub struct Demultiplexer<R, P> {
    reader: Reader<R>,
    progress: P,
    /// Data that was received and not yet read.
    data: Vec<u8>,
    position: usize,
    ended: bool,
}

/// The message with which the peer gave up in the middle of the side-band.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RemoteError(pub String);

impl<R: Read, P: FnMut(&[u8])> Demultiplexer<R, P> {
    /// Reads lines from `reader`; calls `progress` with each piece of text as it comes, not with whole lines.
    pub fn new(reader: Reader<R>, progress: P) -> Self {
        Self { reader, progress, data: Vec::new(), position: 0, ended: false }
    }

    /// Reads to the flush line, passing progress on and dropping data, and gives the reader back.
    ///
    /// # Errors
    /// As reading.
    pub fn finish(mut self) -> io::Result<Reader<R>> {
        while self.fill()? {
            self.position = self.data.len();
        }
        Ok(self.reader)
    }

    /// Makes sure that data is there; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        while !self.ended && self.position == self.data.len() {
            match self.reader.expect_line()? {
                Line::Flush | Line::ResponseEnd | Line::Delimiter => self.ended = true,
                Line::Data([1, data @ ..]) => {
                    self.data.clear();
                    self.data.extend_from_slice(data);
                    self.position = 0;
                    // Who reads the data counts it. Lines without any could go on for ever.
                    if !self.data.is_empty() {
                        self.reader.allow(HEADER + self.data.len());
                    }
                }
                Line::Data([2, text @ ..]) => (self.progress)(text),
                Line::Data([3, text @ ..]) => {
                    return Err(io::Error::other(RemoteError(
                        String::from_utf8_lossy(text).trim_end().to_owned(),
                    )));
                }
                Line::Data([]) => {}
                Line::Data([band, ..]) => {
                    let message = format!("side-band {band} is not one of data, progress and error");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
        Ok(!self.ended)
    }
}

impl<R: Read, P: FnMut(&[u8])> Read for Demultiplexer<R, P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || !self.fill()? {
            return Ok(0);
        }
        let count = out.len().min(self.data.len() - self.position);
        out[..count].copy_from_slice(&self.data[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}

impl<R, P> fmt::Debug for Demultiplexer<R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demultiplexer").field("ended", &self.ended).finish_non_exhaustive()
    }
}
