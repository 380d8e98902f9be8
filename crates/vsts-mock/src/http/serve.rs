//! The listener: takes connections, plain or with TLS, gives each request its peer's address, and drains when it is told
//! to stop.
//!
//! Everything that a client can be slow at ends here, whoever answers: heads and idle connections by hyper's timer, bodies
//! by [`Arriving`], answers by [`Stalling`], and all of them by [`Admission`] when others want to be served.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt as _;

use super::body::{Arriving, Leaving};
use super::peer::{Broken, Ends, Peer};
use super::stall::Stalling;
use crate::admission::{Admission, Client, Entry, Room};
use crate::limits::{CONNECTION_GRACE, CONNECTION_QUEUE, HTTP_HEAD_BYTES, Limits};
use crate::listening;
use crate::tls::Tls;

/// Seconds after which a client that was told that the server is busy may come back.
const COME_BACK: HeaderValue = HeaderValue::from_static("5");

/// The state that all connections of a listener share.
#[derive(Clone)]
struct Listener {
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    admission: Arc<Admission>,
}

/// Serves until `stop` resolves, then lets what is in progress end, for as long as `drain`. Over TLS where there is any.
pub(crate) async fn listen(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    let room = Room { entries: limits.connections, grace: CONNECTION_GRACE, queue: CONNECTION_QUEUE };
    let shared = Listener { tls, router, limits, admission: Admission::new(room) };
    let graceful = GracefulShutdown::new();
    let stopping = CancellationToken::new();
    let attend = |stream, peer| shared.clone().attend(stream, peer, graceful.watcher(), stopping.clone());
    let mut connections = listening::accept(listener, &shared.admission, stop, attend).await;
    stopping.cancel();
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    connections.shutdown().await;
}

impl Listener {
    /// Sees one connection through.
    async fn attend(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
        stopping: CancellationToken,
    ) {
        let entering = stopping.run_until_cancelled(self.admission.enter(Client::at(peer.ip())));
        let Some(Some(entry)) = entering.await else {
            tracing::debug!(%peer, "no room for a connection");
            return;
        };
        let closed = entry.closed().clone();
        let served = async {
            let Some(tls) = &self.tls else { return self.converse(stream, peer, watcher, entry).await };
            match stopping.run_until_cancelled(tls.shake_hands(stream)).await {
                Some(Ok(stream)) => self.converse(stream, peer, watcher, entry).await,
                Some(Err(error)) => tracing::debug!(%peer, %error, "no TLS connection came about"),
                None => {}
            }
        };
        if closed.run_until_cancelled(served).await.is_none() {
            tracing::debug!(%peer, "a connection was closed whose client had to do something");
        }
    }

    /// Answers the requests of one connection.
    async fn converse(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        watcher: Watcher,
        entry: Entry,
    ) {
        let entry = Arc::new(entry);
        let stream = Stalling::new(stream, entry.clone(), Duration::from_secs(self.limits.write_seconds));
        let window = Duration::from_secs(self.limits.body_seconds);
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let work = entry.work();
            let mut request = request.map(|body| Body::new(Arriving::new(body, entry.clone(), window)));
            request.extensions_mut().insert(Peer(peer));
            let (answer, closed) = (self.router.clone().oneshot(request), entry.closed().clone());
            async move {
                let Ok(answer) = answer.await;
                if answer.extensions().get::<Broken>().is_some() {
                    return Err(io::Error::from(io::ErrorKind::ConnectionAborted));
                }
                let closing = answer.extensions().get::<Ends>().map(|Ends(ended)| {
                    let (ended, closed) = (ended.clone(), closed.clone());
                    AbortOnDropHandle::new(tokio::spawn(async move {
                        ended.cancelled().await;
                        closed.cancel();
                    }))
                });
                Ok(busy(answer).map(|inner| Leaving { inner, _work: work, _closing: closing }))
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(self.limits.head_seconds))
            .max_buf_size(HTTP_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "a connection ended badly");
        }
    }
}

/// Says when to come back, where the answer is that the server is busy.
fn busy(mut answer: Response) -> Response {
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().entry(RETRY_AFTER).or_insert(COME_BACK);
    }
    answer
}
