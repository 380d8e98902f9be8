//! A flag that ends work which nobody waits for any more.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the side that waits for work and the thread that does it: when one sets it, the other's loops end.
///
/// Blocking work asks [`Interrupt::is_set`] in every loop that foreign bytes can make long.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks for the end of the work.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once the end was asked for.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, as gix's functions take it.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Sets the interrupt when the guard is dropped: with the future of a request whose client has gone, for example.
    #[must_use]
    pub fn set_on_drop(&self) -> SetOnDrop {
        SetOnDrop(self.clone())
    }
}

/// A stream that fails once the interrupt is set, in the middle of whatever is read from it or written to it.
pub(crate) struct Until<'a, S> {
    stream: S,
    interrupt: &'a Interrupt,
}

impl<'a, S> Until<'a, S> {
    pub(crate) fn new(stream: S, interrupt: &'a Interrupt) -> Self {
        Self { stream, interrupt }
    }

    fn check(&self) -> io::Result<()> {
        if self.interrupt.is_set() {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the conversation was interrupted"));
        }
        Ok(())
    }
}

impl<S: Read> Read for Until<'_, S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.read(out)
    }
}

impl<S: BufRead> BufRead for Until<'_, S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.check()?;
        self.stream.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.stream.consume(count);
    }
}

impl<S: Write> Write for Until<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        self.stream.flush()
    }
}

/// Sets its [`Interrupt`] when it is dropped.
#[derive(Debug)]
pub struct SetOnDrop(Interrupt);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}
