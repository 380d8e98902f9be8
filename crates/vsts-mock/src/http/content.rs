//! Contents of files as bodies of answers. A piece is read when the client takes it, on a thread that may block; between
//! two pieces neither a thread nor more than a few buffers are held, and nothing is read for a client that has gone.

use std::io::{self, Read};
use std::time::Instant;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use git_wire::{Content, Reader};
use gix::ObjectId;
use tokio::sync::Semaphore;

use crate::budget::{Budget, NoRoom, Permit};
use crate::limits::{PIECE_BYTES, PIECE_TIME, PIECES_AT_ONCE};

/// Turns to read a piece.
static TURNS: Semaphore = Semaphore::const_new(PIECES_AT_ONCE);

/// Why a file's content can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error(transparent)]
    Stored(#[from] git_wire::pack::Error),
}

/// The content of a file, opened; memory that it takes is part of the server's budget until it is dropped.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) size: u64,
    content: Content,
    _permit: Option<Permit>,
}

impl Blob {
    /// Opens a file. Blocks while there is no memory for it.
    pub(super) fn open(repository: &Reader, memory: &Budget, id: ObjectId) -> Result<Self, ContentError> {
        let stored = repository.content(id)?.ok_or(git_wire::pack::Error::Missing(id))?;
        let (size, needs) = (stored.size, stored.memory());
        let permit = if needs > 0 { Some(memory.acquire_blocking(needs)?) } else { None };
        Ok(Self { size, content: stored.open(repository)?, _permit: permit })
    }

    /// The next bytes, up to so many.
    pub(super) fn start(&mut self, bytes: usize) -> Result<Vec<u8>, ContentError> {
        let mut start = Vec::new();
        let read = self.content.by_ref().take(bytes as u64).read_to_end(&mut start);
        read.map_err(|error| git_wire::pack::Error::Invalid(error.to_string()))?;
        Ok(start)
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

/// The body that consists of all that a reader gives.
pub(super) fn body(reader: impl Read + Send + 'static) -> Body {
    Body::from_stream(stream::try_unfold(reader, |mut reader| async move {
        // Nobody closes it.
        let turn = TURNS.acquire().await.map_err(io::Error::other)?;
        let reading =
            tokio::task::spawn_blocking(move || next_piece(&mut reader).map(|piece| (piece, reader)));
        let (piece, reader) = reading.await.map_err(io::Error::other)??;
        drop(turn);
        Ok::<_, io::Error>((!piece.is_empty()).then_some((piece, reader)))
    }))
}

/// Reads as much as is sent at once. What takes long to make is sent in smaller pieces, so that its end is never far.
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
pub(super) fn held(bytes: Vec<u8>, permit: Permit) -> Body {
    use http_body_util::{BodyExt as _, Full};
    let never = move |never: std::convert::Infallible| {
        let _until_it_is_sent = &permit;
        never
    };
    Body::new(Full::new(Bytes::from(bytes)).map_err(never))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use http_body_util::BodyExt as _;

    use super::*;

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
