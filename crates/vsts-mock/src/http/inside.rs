//! Requests inside the gate: a request is inside until its answer has gone out, or its client has.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Frame, SizeHint};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::peer::Ends;
use super::web::text;
use crate::app::App;
use crate::gate::Entered;

/// The text for a request that did not end before its state went.
const ENDED: &str = "The server goes to another state. Try again in a moment.";

/// Goes in and answers.
pub(super) async fn answered(app: &Arc<App>, answer: impl Future<Output = Response>) -> Response {
    let inside = app.gate.enter().await;
    match inside.ended().run_until_cancelled(answer).await {
        Some(mut response) => {
            response.extensions_mut().insert(Ends(inside.ended().clone()));
            response.map(|inner| Body::new(UntilEnded::new(inner, inside)))
        }
        None => text(StatusCode::SERVICE_UNAVAILABLE, ENDED),
    }
}

/// The body of an answer; it breaks off when its state goes. Nobody asks it for more while a client takes nothing: then its
/// connection is closed, by [`Ends`].
struct UntilEnded {
    inner: Body,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    _inside: Entered,
}

impl UntilEnded {
    fn new(inner: Body, inside: Entered) -> Self {
        Self { inner, ended: Box::pin(inside.ended().clone().cancelled_owned()), _inside: inside }
    }
}

impl HttpBody for UntilEnded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        self.ended.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new(ENDED))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
