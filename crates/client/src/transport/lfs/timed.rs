//! An answer that has to go on: one whose bytes come too slowly is given up, however regularly they come.

use std::io::{self, Read};
use std::time::Duration;

use crate::env::Pace;
use crate::limits::{LFS_LEAST, LFS_TIMEOUT};

/// A reader of such an answer.
pub struct Timed<'p, R> {
    inner: R,
    pace: &'p dyn Pace,
    /// When the bytes began to be counted.
    since: Duration,
    bytes: u64,
}

impl<'p, R: Read> Timed<'p, R> {
    /// A reader that begins now.
    pub fn new(inner: R, pace: &'p dyn Pace) -> Self {
        Self { inner, pace, since: pace.now(), bytes: 0 }
    }
}

impl<R: Read> Read for Timed<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.bytes += count as u64;
        let now = self.pace.now();
        if count > 0 && now.saturating_sub(self.since) >= LFS_TIMEOUT {
            if self.bytes < LFS_LEAST {
                let (bytes, seconds) = (self.bytes, LFS_TIMEOUT.as_secs());
                let why = format!("only {bytes} bytes came in {seconds} seconds");
                return Err(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            (self.since, self.bytes) = (now, 0);
        }
        Ok(count)
    }
}
