//! The HTTP server: loopback, HTTP/1.1, few connections, small bodies, and a deadline for the slow.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Waker, Poll};
use std::time::Duration;

use bytes::Bytes;
use git_wire::Interrupt;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{COOKIE, HOST, ORIGIN};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request as HyperRequest, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

use super::guard::Sender;
use super::reply::{Content, Reply};
use super::request::{Method, Pairs, Request, split};
use super::{Asked, Workbench};
use crate::limits::{WORKBENCH_CONNECTIONS, WORKBENCH_FORM, WORKBENCH_REQUEST};

/// The longest wait for requests under way when the server ends.
const FINISH: Duration = Duration::from_secs(5);
/// The bytes of a file that are read at once.
const CHUNK: usize = 64 * 1024;

/// A listener on this computer alone, at a port of the caller's choice or a free one.
pub fn listen(port: u16) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `stop` says something or is dropped.
pub fn serve(
    workbench: Arc<Workbench>,
    listener: std::net::TcpListener,
    stop: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        tokio::select! {
            () = accept(workbench, listener) => Ok(()),
            _ = stop => Ok(()),
        }
    });
    // A restore that is under way is finished; what is cut off all the same, the next command ends.
    runtime.shutdown_timeout(FINISH);
    served
}

async fn accept(workbench: Arc<Workbench>, listener: TcpListener) {
    let slots = Arc::new(Semaphore::new(WORKBENCH_CONNECTIONS));
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
        if slots.available_permits() == 0 {
            strangers.end_oldest();
        }
        let slot = Arc::clone(&slots).acquire_owned().await.expect("nobody closes it");
        let is_known = Arc::new(AtomicBool::new(false));
        let (workbench, known) = (Arc::clone(&workbench), Arc::clone(&is_known));
        let connection = tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&workbench), Arc::clone(&known), request));
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(WORKBENCH_REQUEST).max_buf_size(CHUNK);
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(slot);
        });
        strangers.add(connection.abort_handle(), is_known);
    }
}

/// The connections, oldest first, that have not shown this start's key. Any user of this computer can make them, so that
/// they make room for others.
#[derive(Default)]
struct Strangers(VecDeque<(AbortHandle, Arc<AtomicBool>)>);

impl Strangers {
    fn add(&mut self, connection: AbortHandle, is_known: Arc<AtomicBool>) {
        if self.0.len() >= 2 * WORKBENCH_CONNECTIONS {
            self.0.retain(|(connection, is_known)| {
                !connection.is_finished() && !is_known.load(Ordering::Relaxed)
            });
        }
        self.0.push_back((connection, is_known));
    }

    fn end_oldest(&mut self) {
        while let Some((connection, is_known)) = self.0.pop_front() {
            if !connection.is_finished() && !is_known.load(Ordering::Relaxed) {
                connection.abort();
                return;
            }
        }
    }
}

/// Makes of a request's head what tells who sent it.
fn sender<'h>(headers: &'h HeaderMap, cookies: &'h str, method: Method) -> Sender<'h> {
    let several = headers.get_all(HOST).iter().nth(1).is_some();
    Sender {
        host: text(headers, HOST.as_str()).filter(|_| !several),
        origin: text(headers, ORIGIN.as_str()),
        fetch_site: text(headers, "sec-fetch-site"),
        cookie: Some(cookies),
        form_token: None,
        changes: method == Method::Post,
    }
}

async fn answer(
    workbench: Arc<Workbench>,
    is_known: Arc<AtomicBool>,
    request: HyperRequest<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (head, body) = request.into_parts();
    let method = match head.method.as_str() {
        "GET" | "HEAD" => Method::Get,
        "POST" => Method::Post,
        _ => return Ok(send(Reply::text(405, "Method not allowed\n").with("allow", "GET, HEAD, POST"))),
    };
    let headers = head.headers;
    let cookies: Vec<&str> = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok()).collect();
    let cookies = cookies.join("; ");
    let is_admitted = workbench.admits(&sender(&headers, &cookies, method));
    is_known.fetch_or(is_admitted, Ordering::Relaxed);
    // A form of somebody else is refused by its head: nobody waits for the rest.
    let form = if method == Method::Post && is_admitted {
        let is_form = text(&headers, "content-type")
            .is_some_and(|kind| kind.split(';').next() == Some("application/x-www-form-urlencoded"));
        let body =
            tokio::time::timeout(WORKBENCH_REQUEST, Limited::new(body, WORKBENCH_FORM).collect()).await;
        match body {
            Ok(Ok(body)) if is_form => Pairs::parse(&body.to_bytes()),
            Ok(Ok(_)) => return Ok(send(Reply::text(415, "A form is expected\n"))),
            Ok(Err(_)) => return Ok(send(Reply::text(413, "The form is too long\n"))),
            Err(_) => return Ok(send(Reply::text(408, "The form did not come\n"))),
        }
    } else {
        Pairs::default()
    };
    let path = split(head.uri.path());
    let query = Pairs::parse(head.uri.query().unwrap_or_default().as_bytes());
    let request = Request { method, path, query, form };
    let zips =
        text(&headers, "accept-encoding").is_some_and(|list| list.split(',').any(|one| one.trim() == "gzip"));
    let interrupt = Interrupt::default();
    // With the connection this goes too, and with it the work on the page.
    let _gone = interrupt.set_on_drop();
    // Pages read files and objects: they block.
    let made = tokio::task::spawn_blocking(move || {
        let form_token = request.form.get("form").map(str::to_owned);
        let sender = Sender { form_token: form_token.as_deref(), ..sender(&headers, &cookies, method) };
        let reply = workbench.answer(&Asked { sender, request: &request, interrupt: &interrupt });
        if zips { reply.zipped() } else { reply }
    });
    let reply = made.await.unwrap_or_else(|_| Reply::text(500, "The page could not be made\n"));
    Ok(send(if is_admitted { reply } else { reply.with("connection", "close") }))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // A header that is no text is there all the same, and is none of ours.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn send(reply: Reply) -> Response<Answer> {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value.as_str());
    }
    let body = match reply.content {
        Content::Bytes(bytes) => Answer::Whole(Some(Bytes::from(bytes))),
        Content::File(file, length) => {
            response = response.header("content-length", length);
            Answer::Streamed(stream(file, length))
        }
    };
    response.body(body).unwrap_or_else(|error| {
        tracing::warn!(%error, "an answer has a header that can't be sent");
        let mut failed = Response::new(Answer::Whole(None));
        *failed.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}

/// Reads so much of a file, as fast as the other side takes it.
fn stream(file: std::fs::File, length: u64) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || {
        let mut left = file.take(length);
        loop {
            let mut chunk = vec![0; CHUNK];
            match left.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(count) => {
                    chunk.truncate(count);
                    if sender.blocking_send(Bytes::from(chunk)).is_err() {
                        break;
                    }
                }
            }
        }
    });
    receiver
}

/// An answer's body.
enum Answer {
    Whole(Option<Bytes>),
    Streamed(mpsc::Receiver<Bytes>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        waker: &mut Waker<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take()),
            Self::Streamed(chunks) => chunks.poll_recv(waker),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(bytes) => {
                hyper::body::SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Streamed(_) => hyper::body::SizeHint::default(),
        }
    }
}
