//! Packet lines: the framing of every Git conversation.
//!
//! The codec in this file does no input or output: [`decode()`] looks at bytes that are there and says what they are
//! or how many are missing, and the `encode_*` functions append to a buffer. [`Reader`] and [`Writer`] put it on top
//! of `std::io`, [`Multiplexer`] and [`Demultiplexer`] carry the side-band. No input makes any of them panic or
//! allocate more than one line.

mod io;
mod sideband;

pub use io::{Reader, TooMuch, Writer};
pub use sideband::{Band, Demultiplexer, Multiplexer, RemoteError};

/// The longest packet line, its four length digits included.
pub const MAX_LINE: usize = 65_520;
/// The most payload that fits into one packet line.
pub const MAX_DATA: usize = MAX_LINE - PREFIX;
/// The payload of a line of the old, small side-band.
pub const MAX_SMALL_BAND_LINE: usize = 1_000;
/// The length digits in front of each line.
const PREFIX: usize = 4;

/// One packet line, its payload borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// Bytes, possibly none.
    Data(&'a [u8]),
    /// `0000`: the end of a list or message.
    Flush,
    /// `0001`: the end of a section (protocol v2).
    Delimiter,
    /// `0002`: the end of an answer on a stateless connection (protocol v2).
    ResponseEnd,
}

impl<'a> Line<'a> {
    /// The payload, or `None` for the lines that have none by nature.
    pub fn data(self) -> Option<&'a [u8]> {
        match self {
            Line::Data(data) => Some(data),
            Line::Flush | Line::Delimiter | Line::ResponseEnd => None,
        }
    }

    /// The payload without the one line feed that text lines end in.
    pub fn text(self) -> Option<&'a [u8]> {
        self.data().map(|data| data.strip_suffix(b"\n").unwrap_or(data))
    }
}

/// The packet that [`decode()`] found at the start of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole line.
    Complete {
        /// The line.
        line: Line<'a>,
        /// The number of bytes it took.
        consumed: usize,
    },
    /// The line isn't all there yet.
    Incomplete {
        /// At least so many bytes are missing.
        needed: usize,
    },
}

/// Why bytes are no packet line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first four bytes aren't hexadecimal digits.
    #[error("a packet line starts with {0:?} where its length should be, four hexadecimal digits")]
    NotHexadecimal([u8; PREFIX]),
    /// The length is one that no line has: `0003`.
    #[error("a packet line of length {0} can't exist")]
    ReservedLength(usize),
    /// The length is over [`MAX_LINE`].
    #[error("a packet line of {0} bytes is longer than the {MAX_LINE} that are allowed")]
    TooLong(usize),
}

/// Data that doesn't fit into one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes don't fit into one packet line, which takes {MAX_DATA}")]
pub struct EncodeError(pub usize);

/// Looks at the packet line that `bytes` start with.
///
/// # Errors
/// If the length digits can't be those of a packet line; what follows can't be told then.
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else {
        return Ok(Decoded::Incomplete { needed: PREFIX - bytes.len() });
    };
    let line = match decode_length(*prefix)? {
        Length::Special(line) => return Ok(Decoded::Complete { line, consumed: PREFIX }),
        Length::Data(length) => length,
    };
    Ok(match rest.get(..line) {
        Some(data) => Decoded::Complete { line: Line::Data(data), consumed: PREFIX + line },
        None => Decoded::Incomplete { needed: line - rest.len() },
    })
}

/// The meaning of four length digits.
enum Length {
    Special(Line<'static>),
    /// So many bytes of payload.
    Data(usize),
}

fn decode_length(prefix: [u8; PREFIX]) -> Result<Length, DecodeError> {
    let mut length = 0_usize;
    for digit in prefix {
        let value = char::from(digit).to_digit(16).ok_or(DecodeError::NotHexadecimal(prefix))?;
        length = length << 4 | value as usize;
    }
    match length {
        0 => Ok(Length::Special(Line::Flush)),
        1 => Ok(Length::Special(Line::Delimiter)),
        2 => Ok(Length::Special(Line::ResponseEnd)),
        3 => Err(DecodeError::ReservedLength(length)),
        _ if length > MAX_LINE => Err(DecodeError::TooLong(length)),
        _ => Ok(Length::Data(length - PREFIX)),
    }
}

/// The four digits in front of `payload` bytes, which must fit into a line.
fn prefix(payload: usize) -> [u8; PREFIX] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let length = payload + PREFIX;
    [12, 8, 4, 0].map(|shift| DIGITS[length >> shift & 0xf])
}

/// Appends `data` as one line.
///
/// # Errors
/// If `data` is longer than [`MAX_DATA`].
pub fn encode_data(data: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if data.len() > MAX_DATA {
        return Err(EncodeError(data.len()));
    }
    out.extend_from_slice(&prefix(data.len()));
    out.extend_from_slice(data);
    Ok(())
}

/// Appends `text` and a line feed as one line.
///
/// # Errors
/// If they are longer than [`MAX_DATA`].
pub fn encode_text(text: &[u8], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    if text.len() >= MAX_DATA {
        return Err(EncodeError(text.len() + 1));
    }
    out.extend_from_slice(&prefix(text.len() + 1));
    out.extend_from_slice(text);
    out.push(b'\n');
    Ok(())
}

/// Appends `line`.
///
/// # Errors
/// If its payload is longer than [`MAX_DATA`].
pub fn encode(line: Line<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match line {
        Line::Data(data) => return encode_data(data, out),
        Line::Flush => out.extend_from_slice(b"0000"),
        Line::Delimiter => out.extend_from_slice(b"0001"),
        Line::ResponseEnd => out.extend_from_slice(b"0002"),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
