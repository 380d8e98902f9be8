//! Bodies of responses that are read while they are sent. A piece is read when the client takes it, on a thread that may
//! block unless the system has it in memory; between two pieces neither a thread nor more than a few buffers are held, and nothing is read for a client that
//! has gone.

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use crate::budget::Permit;
use crate::http::body::BodyError;
use crate::limits::{
    FILE_PIECE_BYTES, HTTP_HEAD_BYTES, LFS_PIECE_BYTES, PIECE_BYTES, PIECE_TIME, PIECES_AT_ONCE,
};

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

/// Has a receiver take a body, piece by piece. While one piece is taken, the next arrives: neither a thread nor more than two
/// pieces are held for a client that is slow.
pub(crate) async fn receive<R, E>(
    mut body: Body,
    receiver: R,
    write: impl Fn(&mut R, &[u8]) -> Result<(), E> + Copy + Send + 'static,
) -> Result<R, NotReceived<E>>
where
    R: Send + 'static,
    E: Send + 'static,
{
    let mut taking = tokio::spawn(async move { Ok(Ok(receiver)) });
    loop {
        let piece = piece_of(&mut body).await.map_err(NotReceived::Body)?;
        let taken: io::Result<Result<R, E>> = match taking.await {
            Ok(taken) => taken,
            Err(join) => std::panic::resume_unwind(join.into_panic()),
        };
        let mut receiver = taken.map_err(NotReceived::Io)?.map_err(NotReceived::Refused)?;
        if piece.is_empty() {
            return Ok(receiver);
        }
        taking = tokio::spawn(in_turn(move || write(&mut receiver, &piece).map(|()| receiver)));
    }
}

/// The reason why a body was not taken to its end.
#[derive(Debug)]
pub(crate) enum NotReceived<E> {
    Body(BodyError),
    Io(io::Error),
    /// The receiver does not take it.
    Refused(E),
}

/// The next bytes of a body; none at its end.
async fn piece_of(body: &mut Body) -> Result<Bytes, BodyError> {
    // A frame has no more bytes than the connection's buffer.
    let most = LFS_PIECE_BYTES + HTTP_HEAD_BYTES;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(most);
    let mut piece = BytesMut::with_capacity(announced.min(most));
    while piece.len() < LFS_PIECE_BYTES {
        let Some(frame) = body.frame().await else { break };
        let frame = frame.map_err(|error| BodyError::of(&error))?;
        if let Ok(data) = frame.into_data() {
            piece.extend_from_slice(&data);
        }
    }
    Ok(piece.freeze())
}

/// The body of a part of a file. It fails if the file has less.
pub(crate) fn file(file: File, start: u64, length: u64) -> Body {
    let pieces = Pieces { file: Arc::new(file), at: start, left: length, buffers: Default::default() };
    Body::from_stream(stream::try_unfold(pieces, |mut pieces| async move {
        let piece = pieces.next().await?;
        Ok::<_, io::Error>(piece.map(|piece| (piece, pieces)))
    }))
}

/// The pieces of a part of a file.
struct Pieces {
    file: Arc<File>,
    at: u64,
    left: u64,
    /// Two, for one may not be sent to its end when the next piece is taken.
    buffers: [Arc<[u8]>; 2],
}

impl Pieces {
    /// The next piece. What the system has in memory is read at once, for that takes less time than another thread needs to
    /// begin.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(FILE_PIECE_BYTES);
        if most == 0 {
            return Ok(None);
        }
        let mut buffer = std::mem::take(&mut self.buffers[0]);
        if Arc::get_mut(&mut buffer).is_none_or(|free| free.len() < most) {
            buffer = std::iter::repeat_n(0, most).collect();
        }
        let free = Arc::get_mut(&mut buffer).expect("nobody else has it");
        let length = match read_in_memory(&self.file, &mut free[..most], self.at)? {
            Some(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(length) => length,
            None => {
                let (file, at) = (self.file.clone(), self.at);
                let reading = in_turn(move || {
                    let free = Arc::get_mut(&mut buffer).expect("nobody else has it");
                    file.read_exact_at(&mut free[..most], at).map(|()| buffer)
                });
                buffer = reading.await??;
                most
            }
        };
        self.at += length as u64;
        self.left -= length as u64;
        self.buffers = [std::mem::take(&mut self.buffers[1]), buffer.clone()];
        Ok(Some(Bytes::from_owner(buffer).slice(..length)))
    }
}

/// Reads of a file as much as the system has in memory; `None` if that is nothing, or the file system can't tell.
fn read_in_memory(file: &File, buffer: &mut [u8], at: u64) -> io::Result<Option<usize>> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    match preadv2(file, &mut [IoSliceMut::new(buffer)], at, ReadWriteFlags::NOWAIT) {
        Ok(length) => Ok(Some(length)),
        Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
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
    async fn a_part_of_a_file_comes_as_it_is_and_never_shorter() {
        let content: Vec<u8> =
            (0..5 * FILE_PIECE_BYTES + 7).map(|at| (at / 5 % 251).to_le_bytes()[0]).collect();
        let mut stored = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut stored, &content).expect("room");
        let body = |start, length| file(stored.try_clone().expect("a file"), start, length).collect();
        for (start, length) in [(0, content.len()), (3, content.len() - 3), (FILE_PIECE_BYTES + 1, 1), (9, 0)]
        {
            let bytes = body(start as u64, length as u64).await.expect("the file has it").to_bytes();
            assert!(bytes == content[start..start + length], "{length} from {start} on");
        }
        assert!(body(1, content.len() as u64).await.is_err(), "the file has less");
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
