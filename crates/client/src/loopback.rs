//! An HTTP/1.1 server for this computer alone: few connections, a deadline for the slow, an end when it is told.
//!
//! Any user of this computer can connect. A connection that has not shown the server's secret makes room for others
//! when there are too many.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use http_body_util::LengthLimitError;
use hyper::body::Body as _;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;

use crate::limits::{LOOPBACK_BUFFER, LOOPBACK_FINISH, LOOPBACK_REQUEST};

/// A listener on this computer alone, at a port of the caller's choice or a free one.
pub fn listen(port: u16) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Answers requests on the calling thread, over at most `connections` at once, until `stop` is sent or dropped.
pub fn serve<H, F>(
    listener: std::net::TcpListener,
    connections: usize,
    stop: oneshot::Receiver<()>,
    handler: H,
) -> io::Result<()>
where
    H: Fn(Request, Known) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        tokio::select! {
            () = accept(listener, connections, handler) => Ok(()),
            _ = stop => Ok(()),
        }
    });
    // Blocking work that is under way is finished.
    runtime.shutdown_timeout(LOOPBACK_FINISH);
    served
}

async fn accept<H, F>(listener: TcpListener, connections: usize, handler: H)
where
    H: Fn(Request, Known) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(connections));
    let mut strangers = Strangers::default();
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // For instance too many open files: others end meanwhile.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if !peer.ip().is_loopback() {
            continue;
        }
        // Head and body of an answer may be two writes: the second is not to wait for the client's ACK.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection delays small writes");
        }
        if slots.available_permits() == 0 {
            strangers.end_oldest();
        }
        let slot = Arc::clone(&slots).acquire_owned().await.expect("nobody closes it");
        let known = Known::default();
        let (handler, shown) = (handler.clone(), known.clone());
        let connection = tokio::spawn(async move {
            let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
                let answer = handler(request.map(Body::new), shown.clone());
                async { Ok::<_, Infallible>(answer.await) }
            });
            let mut server = http1::Builder::new();
            server
                .timer(TokioTimer::new())
                .header_read_timeout(LOOPBACK_REQUEST)
                .max_buf_size(LOOPBACK_BUFFER);
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
        strangers.add(connection.abort_handle(), known, connections);
    }
}

/// Set once a connection has shown the server's secret.
#[derive(Clone, Debug, Default)]
pub struct Known(Arc<AtomicBool>);

impl Known {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The connections that have not shown the secret, oldest first.
#[derive(Default)]
struct Strangers(VecDeque<(AbortHandle, Known)>);

impl Strangers {
    fn add(&mut self, connection: AbortHandle, known: Known, connections: usize) {
        if self.0.len() >= 2 * connections {
            self.0.retain(|(connection, known)| !connection.is_finished() && !known.is_set());
        }
        self.0.push_back((connection, known));
    }

    fn end_oldest(&mut self) {
        while let Some((connection, known)) = self.0.pop_front() {
            if !connection.is_finished() && !known.is_set() {
                connection.abort();
                return;
            }
        }
    }
}

/// A body that is not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the request is too long")]
    TooLong,
    #[error("the request did not come within {} s", LOOPBACK_REQUEST.as_secs())]
    Late,
    #[error("the request was cut off")]
    Cut,
}

/// Reads a whole body of at most `most` bytes.
pub async fn read(body: Body, most: usize) -> Result<Bytes, BodyError> {
    // Its head says so already.
    if body.size_hint().lower() > most as u64 {
        return Err(BodyError::TooLong);
    }
    match tokio::time::timeout(LOOPBACK_REQUEST, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => {
            let cause = std::error::Error::source(&error);
            let is_long = cause.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
            Err(if is_long { BodyError::TooLong } else { BodyError::Cut })
        }
        Err(_) => Err(BodyError::Late),
    }
}
