//! Between the asynchronous connection and the blocking engine: a request's body becomes a reader, a writer becomes the
//! response's body. Both hold a few chunks at most, so that memory does not grow with what passes through.
//!
//! A client that sends nothing for too long, takes nothing for too long, or takes too long altogether, loses its
//! connection; the engine then sees a broken stream and stops.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf as _, Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use futures_util::stream;
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, Limited as Limit};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a client may send nothing, or take nothing.
const IDLE: Duration = Duration::from_mins(1);
/// How many chunks wait between the two sides.
const CHUNKS_IN: usize = 4;
const CHUNKS_OUT: usize = 8;
/// Bodies of at most so many bytes are looked at as a whole before anything is done about them.
const SMALL_BODY: usize = 4 * 1024;
/// How much is written before it goes out as one chunk.
const CHUNK: usize = 32 * 1024;

/// How a request's body is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intake {
    pub(crate) is_gzip: bool,
    /// Bytes it may have, after decompression.
    pub(crate) limit: u64,
    /// How long it may take to arrive.
    pub(crate) deadline: Duration,
}

/// What the engine made of a request.
pub(crate) enum Outcome<E> {
    /// It has begun to answer.
    Answer(Body),
    /// It failed before it had written anything.
    Failed(E),
}

/// Takes in a body that says it has few bytes, so that it can be looked at; `None` if it breaks off or is slow.
pub(crate) async fn take_in(body: Body, deadline: Duration) -> Option<Bytes> {
    let whole = timeout(deadline.min(IDLE), Limit::new(body, SMALL_BODY).collect()).await;
    Some(whole.ok()?.ok()?.to_bytes())
}

/// Whether headers announce a body that [`take_in()`] takes.
pub(crate) fn is_small(headers: &HeaderMap) -> bool {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    length.is_some_and(|length| length <= SMALL_BODY)
}

/// Does work at once that takes next to no time, on a body that is here as a whole.
pub(crate) fn run_at_once<E>(
    body: &[u8],
    work: impl FnOnce(&mut dyn BufRead, &mut dyn Write) -> Result<(), E>,
) -> Outcome<E> {
    let (mut reader, mut answer) = (body, Vec::new());
    match work(&mut reader, &mut answer) {
        Err(error) if answer.is_empty() => Outcome::Failed(error),
        _ => Outcome::Answer(Body::from(answer)),
    }
}

/// Runs blocking work on a request's body; returns when the first bytes of the answer are there.
pub(crate) async fn run<E: Send + 'static>(
    body: Body,
    intake: Intake,
    work: impl FnOnce(&mut dyn BufRead, &mut dyn Write) -> Result<(), E> + Send + 'static,
) -> Outcome<E> {
    let (sender, incoming) = mpsc::channel(CHUNKS_IN);
    tokio::spawn(pump(body, sender, intake.deadline));
    let (outgoing, mut chunks) = mpsc::channel(CHUNKS_OUT);
    let runtime = Handle::current();
    let working = tokio::task::spawn_blocking(move || {
        let incoming = Incoming { chunks: incoming, current: Bytes::new() };
        let mut writer = Outgoing { chunks: outgoing, pending: BytesMut::new(), runtime };
        let result = if intake.is_gzip {
            let inflated = Limited { inner: MultiGzDecoder::new(incoming), left: intake.limit };
            work(&mut BufReader::with_capacity(CHUNK, inflated), &mut writer)
        } else {
            work(
                &mut BufReader::with_capacity(CHUNK, Limited { inner: incoming, left: intake.limit }),
                &mut writer,
            )
        };
        if writer.flush().is_err() {
            tracing::debug!("the client went before the end of the answer");
        }
        result
    });
    match chunks.recv().await {
        Some(first) => Outcome::Answer(answer(first, chunks, working)),
        None => match working.await {
            Ok(Ok(())) => Outcome::Answer(Body::empty()),
            Ok(Err(error)) => Outcome::Failed(error),
            Err(join) => std::panic::resume_unwind(join.into_panic()),
        },
    }
}

fn answer<E: Send + 'static>(
    first: Bytes,
    chunks: mpsc::Receiver<Bytes>,
    working: JoinHandle<Result<(), E>>,
) -> Body {
    Body::from_stream(stream::unfold(
        (Some(first), chunks, Some(working)),
        |(first, mut chunks, working)| async move {
            let next = match first {
                Some(first) => Some(first),
                None => chunks.recv().await,
            };
            if let Some(chunk) = next {
                return Some((Ok(chunk), (None, chunks, working)));
            }
            // A panic must not look like a complete answer.
            match working?.await {
                Ok(_) => None,
                Err(_) => {
                    Some((Err(io::Error::other("the answer could not be completed")), (None, chunks, None)))
                }
            }
        },
    ))
}

async fn pump(mut body: Body, sender: mpsc::Sender<io::Result<Bytes>>, deadline: Duration) {
    let deadline = Instant::now() + deadline;
    loop {
        let next = match timeout_at(deadline.min(Instant::now() + IDLE), body.frame()).await {
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the request's body took too long")),
            Ok(None) => return,
            Ok(Some(Err(error))) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, error)),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if !data.is_empty() => Ok(data),
                _ => continue,
            },
        };
        let failed = next.is_err();
        if sender.send(next).await.is_err() || failed {
            return;
        }
    }
}

struct Incoming {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl BufRead for Incoming {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.current.is_empty()
            && let Some(next) = self.chunks.blocking_recv()
        {
            self.current = next?;
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(buffer.len());
        buffer[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

/// A reader that fails, rather than ends, when there is more than allowed.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let amount = self.inner.read(buffer)?;
        match self.left.checked_sub(amount as u64) {
            Some(left) => self.left = left,
            None => {
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the request's body is too large"));
            }
        }
        Ok(amount)
    }
}

struct Outgoing {
    chunks: mpsc::Sender<Bytes>,
    pending: BytesMut,
    runtime: Handle,
}

impl Outgoing {
    fn send(&mut self) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone");
        let chunk = self.pending.split().freeze();
        match self.chunks.try_send(chunk) {
            Ok(()) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(gone()),
            Err(mpsc::error::TrySendError::Full(chunk)) => {
                let sending = async { timeout(IDLE, self.chunks.send(chunk)).await };
                match self.runtime.block_on(sending) {
                    Ok(sent) => sent.map_err(|_| gone()),
                    Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")),
                }
            }
        }
    }
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() { Ok(()) } else { self.send() }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const INTAKE: Intake = Intake { is_gzip: false, limit: 1 << 20, deadline: Duration::from_secs(10) };

    async fn echo(body: Vec<u8>, intake: Intake) -> Result<Vec<u8>, String> {
        let work = |reader: &mut dyn BufRead, writer: &mut dyn Write| {
            io::copy(reader, writer).map(|_| ()).map_err(|error| error.to_string())
        };
        match run(Body::from(body), intake, work).await {
            Outcome::Answer(body) => Ok(body.collect().await.map_err(|e| e.to_string())?.to_bytes().to_vec()),
            Outcome::Failed(error) => Err(error),
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("writing to memory succeeds");
        encoder.finish().expect("writing to memory succeeds")
    }

    #[tokio::test]
    async fn bytes_pass_through_plain_and_compressed() {
        let bytes: Vec<u8> = (0..900_000_u32).map(|n| u8::try_from(n % 251).expect("below 251")).collect();
        assert_eq!(echo(bytes.clone(), INTAKE).await.as_ref(), Ok(&bytes));
        assert_eq!(echo(gzip(&bytes), Intake { is_gzip: true, ..INTAKE }).await, Ok(bytes));
        assert_eq!(echo(Vec::new(), INTAKE).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn a_bomb_and_a_cut_stream_are_failures() {
        let is_gzip = Intake { is_gzip: true, ..INTAKE };
        let collect = |reader: &mut dyn BufRead, _: &mut dyn Write| -> Result<(), String> {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| ()).map_err(|error| error.kind().to_string())
        };
        let bomb = gzip(&vec![0; 4 << 20]);
        assert!(matches!(run(Body::from(bomb), is_gzip, collect).await, Outcome::Failed(_)));
        let mut cut = gzip(b"hello");
        cut.truncate(cut.len() - 4);
        assert!(matches!(run(Body::from(cut), is_gzip, collect).await, Outcome::Failed(_)));
    }
}
