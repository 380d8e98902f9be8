//! A conversation's bytes: chunks from and to an asynchronous connection, as a blocking reader and a blocking writer.
//!
//! Each holds one chunk, so that memory does not grow with what passes through. How a chunk is waited for, and for how long,
//! is the transport's affair.

use std::io::{self, BufRead, Read, Write};

use bytes::{Buf as _, Bytes, BytesMut};

/// Reads the chunks that `next` gives, until it gives `None`.
pub(crate) struct ChunkReader<F> {
    next: F,
    current: Bytes,
    has_ended: bool,
}

impl<F: FnMut() -> io::Result<Option<Bytes>>> ChunkReader<F> {
    pub(crate) fn new(next: F) -> Self {
        Self { next, current: Bytes::new(), has_ended: false }
    }
}

impl<F: FnMut() -> io::Result<Option<Bytes>>> BufRead for ChunkReader<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.has_ended {
            match (self.next)()? {
                Some(chunk) => self.current = chunk,
                None => self.has_ended = true,
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl<F: FnMut() -> io::Result<Option<Bytes>>> Read for ChunkReader<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.fill_buf()?.read(buffer)?;
        self.consume(amount);
        Ok(amount)
    }
}

/// Gives what is written to `send`, in chunks of at least `chunk_bytes` until it is flushed.
pub(crate) struct ChunkWriter<F> {
    send: F,
    pending: BytesMut,
    chunk_bytes: usize,
}

impl<F: FnMut(Bytes) -> io::Result<()>> ChunkWriter<F> {
    pub(crate) fn new(chunk_bytes: usize, send: F) -> Self {
        Self { send, pending: BytesMut::new(), chunk_bytes }
    }
}

impl<F: FnMut(Bytes) -> io::Result<()>> Write for ChunkWriter<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= self.chunk_bytes {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() { Ok(()) } else { (self.send)(self.pending.split().freeze()) }
    }
}

/// The error of a stream whose client has gone.
pub(crate) fn client_gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone")
}
