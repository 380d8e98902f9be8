//! Bodies of requests: each arrives at a minimum rate, and one function reads those that are held as a whole.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use thiserror::Error;
use tokio::time::{Instant, Sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::admission::{Entry, Work};
use crate::budget::{Budget, NoRoom, Permit};
use crate::limits::{BODY_PORTION, WHOLE_BODY};

/// The reason why a request's body could not be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// More bytes than this kind of request may have.
    #[error("The body of this request may have at most {limit} bytes.")]
    TooLarge { limit: usize },
    /// It came more slowly than at the minimum rate.
    #[error("The body of the request came too slowly. Send it again.")]
    Slow,
    /// The client went in the middle of it.
    #[error("The body of the request was cut off.")]
    CutOff,
    /// The budget has no room for it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
}

impl BodyError {
    /// The reason why a body broke off.
    pub(crate) fn of(error: &axum::Error) -> Self {
        let is_slow = std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<TooSlow>);
        if is_slow { Self::Slow } else { Self::CutOff }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::CutOff => StatusCode::BAD_REQUEST,
            Self::NoRoom(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A body that is here as a whole, with its part of the budget.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    pub(crate) permit: Permit,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body of at most `limit` bytes. The budget is asked for what has come, not for what is announced.
pub(crate) async fn read(budget: &Budget, body: Body, limit: usize) -> Result<Whole, BodyError> {
    timeout(WHOLE_BODY, read_all(budget, body, limit)).await.unwrap_or(Err(BodyError::Slow))
}

async fn read_all(budget: &Budget, mut body: Body, limit: usize) -> Result<Whole, BodyError> {
    let too_large = BodyError::TooLarge { limit };
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large);
    }
    let mut permit = budget.acquire(BODY_PORTION as u64).await?;
    let (mut bytes, mut paid) = (BytesMut::new(), BODY_PORTION);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::of(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(too_large);
        }
        if bytes.len() + data.len() > paid {
            let more = (bytes.len() + data.len() - paid).max(bytes.len());
            budget.extend(&mut permit, more as u64)?;
            paid += more;
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Whole { bytes: bytes.freeze(), permit })
}

/// The body of a request, whoever reads it: it fails when the client sends too little for too long.
pub(super) struct Arriving {
    inner: hyper::body::Incoming,
    entry: Arc<Entry>,
    window: Duration,
    /// When the server began to wait.
    waits: Option<Instant>,
    /// The time it had waited before, since the last portion was complete.
    waited: Duration,
    /// Bytes since then.
    portion: usize,
    alarm: Pin<Box<Sleep>>,
}

/// The client sent less than [`BODY_PORTION`] in the time for it.
#[derive(Debug, Error)]
#[error("the request's body came too slowly")]
struct TooSlow;

impl Arriving {
    pub(super) fn new(inner: hyper::body::Incoming, entry: Arc<Entry>, window: Duration) -> Self {
        let alarm = Box::pin(tokio::time::sleep(window));
        Self { inner, entry, window, waits: None, waited: Duration::ZERO, portion: 0, alarm }
    }

    fn came(&mut self, bytes: usize) {
        if let Some(since) = self.waits.take() {
            self.waited += since.elapsed();
            self.entry.awaits_body(None);
        }
        self.portion += bytes;
        if self.portion >= BODY_PORTION {
            self.portion = 0;
            self.waited = Duration::ZERO;
        }
    }

    fn begin_to_wait(&mut self) {
        if self.waits.is_none() {
            let now = Instant::now();
            self.waits = Some(now);
            self.alarm.as_mut().reset(now + self.window.saturating_sub(self.waited));
            self.entry.awaits_body(now.checked_sub(self.waited).or(Some(now)));
        }
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                let bytes = match &frame {
                    Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                    _ => 0,
                };
                self.came(bytes);
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Poll::Pending => {
                self.begin_to_wait();
                match self.alarm.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(TooSlow.into()))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.entry.awaits_body(None);
    }
}

/// The body of an answer: until it has gone out, or the client has, the connection works.
pub(super) struct Leaving {
    pub(super) inner: Body,
    pub(super) _work: Work,
    /// Closes the connection if the state goes before.
    pub(super) _closing: Option<AbortOnDropHandle<()>>,
}

impl HttpBody for Leaving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
