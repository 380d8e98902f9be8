//! Streams that break off after some bytes.

use std::io::{self, BufRead, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "a fault cut the connection")
}

/// A stream that passes some bytes and then fails: a body of HTTP, or one side of a command over SSH.
pub(crate) struct Cutting<T> {
    inner: T,
    /// Bytes that may still pass; without it only the other side ends it.
    left: Option<u64>,
    /// True once one of both sides of the connection was cut.
    is_cut: Arc<AtomicBool>,
    /// True once what has passed had the time to be sent.
    has_waited: bool,
}

impl<T> Cutting<T> {
    pub(crate) fn new(inner: T, left: Option<u64>, is_cut: Arc<AtomicBool>) -> Self {
        Self { inner, left, is_cut, has_waited: false }
    }

    /// The bytes of some that may pass; an error if it is over.
    fn passing(&self, length: usize) -> io::Result<usize> {
        let left = self.left.map_or(length, |left| usize::try_from(left).unwrap_or(usize::MAX));
        if self.is_cut.load(Ordering::Acquire) || (left == 0 && length > 0) {
            self.is_cut.store(true, Ordering::Release);
            return Err(cut());
        }
        Ok(left.min(length))
    }

    fn passed(&mut self, length: usize) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(length as u64);
        }
    }
}

impl HttpBody for Cutting<Body> {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        if self.passing(1).is_err() {
            if self.has_waited {
                return Poll::Ready(Some(Err(cut().into())));
            }
            self.has_waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = match frame?.into_data() {
            Ok(mut data) => {
                data.truncate(self.passing(data.len())?);
                self.passed(data.len());
                Frame::data(data)
            }
            Err(trailers) => trailers,
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<R: BufRead> BufRead for Cutting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let length = self.inner.fill_buf()?.len();
        let passing = self.passing(length)?;
        Ok(&self.inner.fill_buf()?[..passing])
    }

    fn consume(&mut self, amount: usize) {
        self.passed(amount);
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Cutting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl<W: Write> Write for Cutting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let passing = match self.passing(bytes.len()) {
            Ok(passing) => passing,
            Err(error) => {
                self.inner.flush()?;
                return Err(error);
            }
        };
        let written = self.inner.write(&bytes[..passing])?;
        self.passed(written);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    fn after<T>(inner: T, left: u64) -> Cutting<T> {
        Cutting::new(inner, Some(left), Arc::default())
    }

    #[test]
    fn readers_and_writers_pass_so_many_bytes() {
        let mut read = Vec::new();
        let error = after(&b"0123456789"[..], 4).read_to_end(&mut read).expect_err("it is cut");
        assert_eq!((error.kind(), read.as_slice()), (io::ErrorKind::ConnectionAborted, &b"0123"[..]));
        let mut whole = String::new();
        after(&b"0123"[..], 4).read_to_string(&mut whole).expect("it has no more");
        let mut written = Vec::new();
        let error = after(&mut written, 4).write_all(b"0123456789").expect_err("it is cut");
        assert_eq!((error.kind(), written.as_slice()), (io::ErrorKind::ConnectionAborted, &b"0123"[..]));
    }

    #[tokio::test]
    async fn a_body_passes_so_many_bytes_and_the_other_side_ends_with_it() {
        let is_cut = Arc::new(AtomicBool::new(false));
        let mut request = Cutting::new(Body::from("0123456789"), Some(4), is_cut.clone());
        let mut answer = Cutting::new(Body::from("answer"), None, is_cut.clone());
        let first = request.frame().await.expect("a frame").expect("bytes").into_data().expect("data");
        assert_eq!(first, "0123");
        assert!(!is_cut.load(Ordering::Acquire));
        assert!(request.frame().await.expect("an end").is_err());
        assert!(answer.frame().await.expect("an end").is_err());
    }
}
