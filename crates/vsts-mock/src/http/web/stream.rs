//! Bodies of responses that are read while they are sent. A piece is read when the client takes it, on a thread that may
//! block; between two pieces neither a thread nor more than a few buffers are held, and nothing is read for a client that
//! has gone.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::Semaphore;

use crate::budget::Permit;
use crate::limits::{FILE_PIECE_BYTES, PIECE_BYTES, PIECE_TIME, PIECES_AT_ONCE};

/// Turns to read a piece.
static TURNS: Semaphore = Semaphore::const_new(PIECES_AT_ONCE);

/// The body of all that a reader gives.
pub(crate) fn body(reader: impl Read + Send + 'static) -> Body {
    Body::from_stream(stream::try_unfold(reader, |mut reader| async move {
        let reading = in_turn(move || next_piece(&mut reader).map(|piece| (piece, reader)));
        let (piece, reader) = reading.await??;
        Ok::<_, io::Error>((!piece.is_empty()).then_some((piece, reader)))
    }))
}

/// Does a little work on a thread that may block, when it is its turn.
pub(crate) async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    // Nobody closes it.
    let _turn = TURNS.acquire().await.map_err(io::Error::other)?;
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

/// The body of a part of a file. It fails if the file has less.
pub(crate) fn file(file: File, start: u64, length: u64) -> Body {
    let rest = (Arc::new(file), start, length);
    Body::from_stream(stream::try_unfold(rest, |(file, at, left)| async move {
        let piece = usize::try_from(left).unwrap_or(usize::MAX).min(FILE_PIECE_BYTES);
        if piece == 0 {
            return Ok(None);
        }
        let source = file.clone();
        let reading = in_turn(move || {
            let mut bytes = vec![0; piece];
            source.read_exact_at(&mut bytes, at).map(|()| bytes)
        });
        let bytes = reading.await??;
        Ok::<_, io::Error>(Some((Bytes::from(bytes), (file, at + piece as u64, left - piece as u64))))
    }))
}

/// Reads the next piece. A slow reader gives smaller pieces, so that no piece takes long.
fn next_piece(reader: &mut impl Read) -> io::Result<Bytes> {
    let begun = Instant::now();
    let mut piece = Vec::new();
    while piece.len() < PIECE_BYTES && (piece.is_empty() || begun.elapsed() < PIECE_TIME) {
        let most = (PIECE_BYTES - piece.len()).min(PIECE_BYTES / 8);
        if reader.take(most as u64).read_to_end(&mut piece)? == 0 {
            break;
        }
    }
    Ok(piece.into())
}

/// Bytes as a body that keeps a part of the server's memory budget until it is sent.
pub(crate) fn held(bytes: Vec<u8>, permit: Permit) -> Body {
    use http_body_util::{BodyExt as _, Full};
    let never = move |never: std::convert::Infallible| {
        let _until_it_is_sent = &permit;
        never
    };
    Body::new(Full::new(Bytes::from(bytes)).map_err(never))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::budget::Budget;

    /// Gives zeros and counts them.
    struct Zeros(Arc<AtomicU64>, u64);

    impl Read for Zeros {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let amount = buffer.len().min(usize::try_from(self.1).unwrap_or(usize::MAX));
            buffer[..amount].fill(0);
            self.1 -= amount as u64;
            self.0.fetch_add(amount as u64, Ordering::Relaxed);
            Ok(amount)
        }
    }

    #[tokio::test]
    async fn nothing_is_read_before_it_is_taken() {
        let read = Arc::new(AtomicU64::new(0));
        let mut unread = body(Zeros(read.clone(), 1 << 40));
        assert_eq!(read.load(Ordering::Relaxed), 0);
        let frame = unread.frame().await.expect("a frame").expect("no error");
        assert_eq!(frame.into_data().map(|data| data.len()).ok(), Some(PIECE_BYTES));
        assert!(read.load(Ordering::Relaxed) <= 2 * PIECE_BYTES as u64);
        let whole = body(Zeros(read, 300_000)).collect().await.expect("no error");
        assert_eq!(whole.to_bytes().len(), 300_000);
    }

    #[tokio::test]
    async fn what_is_held_comes_back_when_it_is_sent() {
        let memory = Budget::new(1 << 20);
        let permit = memory.acquire(1 << 20).await.expect("there is room");
        let body = held(vec![1; 1000], permit);
        assert_eq!(axum::body::HttpBody::size_hint(&body).exact(), Some(1000));
        drop(body.collect().await.expect("no error"));
        assert!(memory.acquire(1 << 20).await.is_ok());
    }
}
