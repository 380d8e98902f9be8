//! Packet lines on top of `std::io`.

use std::io::{self, Read, Write};

use super::{DecodeError, Length, Line, PREFIX, decode_length, encode, encode_text};

/// Reads packet lines off a stream, never a byte further than the line asked for.
#[derive(Debug)]
pub struct Reader<R> {
    inner: R,
    line: Vec<u8>,
    /// Bytes that may still be read, and how many it were at first.
    left: u64,
    limit: u64,
}

/// More lines came than [`Reader::limited()`] allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {limit} bytes of lines")]
pub struct TooMuch {
    /// The number of bytes allowed.
    pub limit: u64,
}

impl<R: Read> Reader<R> {
    /// Reads lines from `inner`, which should be buffered.
    pub fn new(inner: R) -> Self {
        Self::limited(inner, u64::MAX)
    }

    /// Reads lines from `inner` of no more than `limit` bytes in all; then reading fails with [`TooMuch`].
    pub fn limited(inner: R, limit: u64) -> Self {
        Self { inner, line: Vec::new(), left: limit, limit }
    }

    /// Lets `bytes` more pass.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes as u64).min(self.limit);
    }

    fn take(&mut self, bytes: usize) -> io::Result<()> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(TooMuch { limit: self.limit })),
        }
        Ok(())
    }

    /// The next line, or `None` if the stream ends before one begins.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] if it ends within a line, [`io::ErrorKind::InvalidData`] around a
    /// [`DecodeError`] if what is there is no packet line, or what the stream says.
    pub fn read_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut prefix = [0; PREFIX];
        let mut filled = 0;
        while filled < PREFIX {
            match self.inner.read(&mut prefix[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(cut()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        match decode_length(prefix).map_err(invalid)? {
            Length::Special(line) => {
                self.take(PREFIX)?;
                Ok(Some(line))
            }
            Length::Data(length) => {
                self.take(PREFIX + length)?;
                self.line.resize(length, 0);
                self.inner.read_exact(&mut self.line).map_err(|error| match error.kind() {
                    io::ErrorKind::UnexpectedEof => cut(),
                    _ => error,
                })?;
                Ok(Some(Line::Data(&self.line)))
            }
        }
    }

    /// The next line where one has to be.
    ///
    /// # Errors
    /// As [`read_line()`](Self::read_line), and [`io::ErrorKind::UnexpectedEof`] at the end of the stream.
    pub fn expect_line(&mut self) -> io::Result<Line<'_>> {
        self.read_line()?.ok_or_else(cut)
    }

    /// The stream below, where the next unread byte is the one after the last line.
    pub fn get_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

fn cut() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the stream ends within a packet line or before an expected one",
    )
}

fn invalid(error: DecodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Writes packet lines to a stream.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    line: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes lines to `inner`, each with one call.
    pub fn new(inner: W) -> Self {
        Self { inner, line: Vec::new() }
    }

    /// Writes `line`.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if its payload doesn't fit into one, or what the stream says.
    pub fn line(&mut self, line: Line<'_>) -> io::Result<()> {
        self.line.clear();
        encode(line, &mut self.line).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.inner.write_all(&self.line)
    }

    /// Writes `text` and a line feed as one line.
    ///
    /// # Errors
    /// As [`line()`](Self::line).
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> io::Result<()> {
        self.line.clear();
        encode_text(text.as_ref(), &mut self.line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.inner.write_all(&self.line)
    }

    /// Writes `data` as one line.
    ///
    /// # Errors
    /// As [`line()`](Self::line).
    pub fn data(&mut self, data: &[u8]) -> io::Result<()> {
        self.line(Line::Data(data))
    }

    /// Writes a flush line. The stream itself isn't flushed.
    ///
    /// # Errors
    /// What the stream says.
    pub fn flush_line(&mut self) -> io::Result<()> {
        self.line(Line::Flush)
    }

    /// Writes a delimiter line.
    ///
    /// # Errors
    /// What the stream says.
    pub fn delimiter(&mut self) -> io::Result<()> {
        self.line(Line::Delimiter)
    }

    /// The stream below.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.inner
    }

    /// Gives the stream back.
    pub fn into_inner(self) -> W {
        self.inner
    }
}
