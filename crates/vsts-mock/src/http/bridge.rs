//! Between the asynchronous connection and the blocking engine: a request's body becomes a reader, a writer becomes the
//! response's body. Both hold a few chunks at most, so that memory does not grow with what passes through.
//!
//! A client that sends or takes nothing for too long loses its connection (see `serve`), one that takes too long altogether
//! its [`Turn`]; the engine then sees a broken stream and stops. When the client has gone, work is interrupted.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use futures_util::{StreamExt as _, stream};
use git_wire::SetOnDrop;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::conversations::Turn;
use crate::conversations::stream::{ChunkReader, ChunkWriter, client_gone};
use crate::limits::{CHUNKS_IN, CHUNKS_OUT, HTTP_CHUNK_BYTES};

/// The encoding and the bound of a request's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intake {
    pub(crate) is_gzip: bool,
    /// Bytes it may have, after decompression.
    pub(crate) limit: u64,
}

/// Waits for a body's first bytes; gives the whole body, or why there is none.
pub(crate) async fn begun(mut body: Body) -> Result<Body, axum::Error> {
    match body.frame().await.transpose()?.and_then(|frame| frame.into_data().ok()) {
        None => Ok(Body::empty()),
        Some(first) => {
            let first = stream::once(std::future::ready(Ok(first)));
            Ok(Body::from_stream(first.chain(body.into_data_stream())))
        }
    }
}

/// Does work at once that takes next to no time, on a body that is here as a whole.
pub(crate) fn run_at_once<E>(
    body: &[u8],
    work: impl FnOnce(&mut dyn BufRead, &mut dyn Write) -> Result<(), E>,
) -> Result<Body, E> {
    let (mut reader, mut answer) = (body, Vec::new());
    match work(&mut reader, &mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => Ok(Body::from(answer)),
    }
}

/// Runs blocking work on a request's body; returns when the first bytes of the answer are there, or with the error of work
/// that wrote none. Work that nobody waits for any more is interrupted.
pub(crate) async fn run<E: Send + 'static>(
    body: Body,
    intake: Intake,
    turn: Arc<Turn>,
    work: impl FnOnce(&mut dyn BufRead, &mut dyn Write) -> Result<(), E> + Send + 'static,
) -> Result<Body, E> {
    let (sender, mut incoming) = mpsc::channel(CHUNKS_IN);
    tokio::spawn(pump(body, sender));
    let (outgoing, mut chunks) = mpsc::channel(CHUNKS_OUT);
    let gone = turn.interrupt().set_on_drop();
    let working = tokio::task::spawn_blocking(move || {
        let incoming = ChunkReader::new(|| receive(&mut incoming, &turn));
        let mut writer = ChunkWriter::new(HTTP_CHUNK_BYTES, |chunk| send(&outgoing, &turn, chunk));
        let result = if intake.is_gzip {
            let inflated = Limited { inner: MultiGzDecoder::new(incoming), left: intake.limit };
            work(&mut BufReader::with_capacity(HTTP_CHUNK_BYTES, inflated), &mut writer)
        } else {
            work(
                &mut BufReader::with_capacity(
                    HTTP_CHUNK_BYTES,
                    Limited { inner: incoming, left: intake.limit },
                ),
                &mut writer,
            )
        };
        if writer.flush().is_err() {
            tracing::debug!("the client went before the end of the answer");
        }
        result
    });
    match chunks.recv().await {
        Some(first) => Ok(answer(first, chunks, working, gone)),
        None => match working.await {
            Ok(Ok(())) => Ok(Body::empty()),
            Ok(Err(error)) => Err(error),
            Err(join) => std::panic::resume_unwind(join.into_panic()),
        },
    }
}

fn answer<E: Send + 'static>(
    first: Bytes,
    chunks: mpsc::Receiver<Bytes>,
    working: JoinHandle<Result<(), E>>,
    gone: SetOnDrop,
) -> Body {
    Body::from_stream(stream::unfold(
        (Some(first), chunks, Some(working), gone),
        |(first, mut chunks, working, gone)| async move {
            let next = match first {
                Some(first) => Some(first),
                None => chunks.recv().await,
            };
            if let Some(chunk) = next {
                return Some((Ok(chunk), (None, chunks, working, gone)));
            }
            // A panic must not look like a complete answer.
            if working?.await.is_ok() {
                return None;
            }
            let error = io::Error::other("the answer could not be completed");
            Some((Err(error), (None, chunks, None, gone)))
        },
    ))
}

async fn pump(mut body: Body, sender: mpsc::Sender<io::Result<Bytes>>) {
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            // Nobody reads on: what the client still wants to send is let go, and the connection with it.
            () = sender.closed() => return,
        };
        let next = match frame.map(|frame| frame.map(hyper::body::Frame::into_data)) {
            None => return,
            Some(Err(error)) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, error)),
            Some(Ok(Ok(data))) if !data.is_empty() => Ok(data),
            Some(Ok(_)) => continue,
        };
        let failed = next.is_err();
        if sender.send(next).await.is_err() || failed {
            return;
        }
    }
}

/// The next chunk of a body.
fn receive(chunks: &mut mpsc::Receiver<io::Result<Bytes>>, turn: &Turn) -> io::Result<Option<Bytes>> {
    match chunks.try_recv() {
        Ok(next) => next.map(Some),
        Err(mpsc::error::TryRecvError::Disconnected) => Ok(None),
        Err(mpsc::error::TryRecvError::Empty) => turn.wait(async { chunks.recv().await.transpose() }),
    }
}

/// Sends the next chunk of an answer.
fn send(chunks: &mpsc::Sender<Bytes>, turn: &Turn, chunk: Bytes) -> io::Result<()> {
    match chunks.try_send(chunk) {
        Ok(()) => Ok(()),
        Err(mpsc::error::TrySendError::Closed(_)) => Err(client_gone()),
        Err(mpsc::error::TrySendError::Full(chunk)) => {
            turn.wait(async { chunks.send(chunk).await.map_err(|_| client_gone()) })
        }
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

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::admission::Client;
    use crate::conversations::Conversations;
    use crate::limits::Limits;

    const INTAKE: Intake = Intake { is_gzip: false, limit: 1 << 20 };

    async fn turn() -> Arc<Turn> {
        let all = Conversations::new(&Limits::default());
        all.open(Client::at([127, 0, 0, 1].into()), &CancellationToken::new())
            .await
            .expect("there are permits")
    }

    async fn echo(body: Vec<u8>, intake: Intake) -> Result<Vec<u8>, String> {
        let work = |reader: &mut dyn BufRead, writer: &mut dyn Write| {
            io::copy(reader, writer).map(|_| ()).map_err(|error| error.to_string())
        };
        match run(Body::from(body), intake, turn().await, work).await {
            Ok(body) => Ok(body.collect().await.map_err(|e| e.to_string())?.to_bytes().to_vec()),
            Err(error) => Err(error),
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
        assert!(run(Body::from(bomb), is_gzip, turn().await, collect).await.is_err());
        let mut cut = gzip(b"hello");
        cut.truncate(cut.len() - 4);
        assert!(run(Body::from(cut), is_gzip, turn().await, collect).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_waits_for_is_interrupted() {
        let turn = turn().await;
        let interrupt = turn.interrupt().clone();
        let (ended, end) = tokio::sync::oneshot::channel();
        let work = move |_: &mut dyn BufRead, _: &mut dyn Write| -> Result<(), ()> {
            while !interrupt.is_set() {
                std::thread::yield_now();
            }
            ended.send(())
        };
        let waiting = tokio::time::timeout(
            std::time::Duration::from_millis(20),
            run(Body::empty(), INTAKE, turn, work),
        );
        assert!(waiting.await.is_err(), "there is no answer");
        let told = tokio::time::timeout(std::time::Duration::from_secs(20), end).await;
        assert!(matches!(told, Ok(Ok(()))), "the work ends");
    }
}
