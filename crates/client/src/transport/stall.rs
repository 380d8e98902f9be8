//! A pipe that is not waited for without end.
//!
//! Reads of a pipe know no time-out. A thread reads ahead, a little, and the reader waits for that
//! thread as long as the named time-out says. The thread ends with the pipe.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Pieces read ahead, at most.
const AHEAD: usize = 16;
/// The size of a piece, at most.
const PIECE: usize = 64 * 1024;

pub(super) struct Watched {
    pieces: Receiver<io::Result<Vec<u8>>>,
    current: Vec<u8>,
    used: usize,
    timeout: Duration,
}

impl Watched {
    pub(super) fn new(mut pipe: impl Read + Send + 'static, timeout: Duration) -> Self {
        let (send, pieces) = sync_channel(AHEAD);
        std::thread::spawn(move || {
            loop {
                let mut piece = vec![0; PIECE];
                let read = match pipe.read(&mut piece) {
                    Ok(0) => return,
                    Ok(count) => {
                        piece.truncate(count);
                        Ok(piece)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_last = read.is_err();
                if send.send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Self { pieces, current: Vec::new(), used: 0, timeout }
    }
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.used == self.current.len() {
            match self.pieces.recv_timeout(self.timeout) {
                Ok(piece) => {
                    self.current = piece?;
                    self.used = 0;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        let count = out.len().min(self.current.len() - self.used);
        out[..count].copy_from_slice(&self.current[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn everything_arrives_and_silence_is_a_time_out() {
        let (read, mut write) = io::pipe().unwrap();
        let mut watched = Watched::new(read, Duration::from_millis(20));
        write.write_all(b"hello").unwrap();
        let mut word = [0; 5];
        watched.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"hello");
        assert_eq!(watched.read(&mut word).unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(write);
        assert_eq!(watched.read(&mut word).unwrap(), 0);
    }
}
