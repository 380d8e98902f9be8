//! A proxy that takes clients of the service to this server.
//!
//! Many programs have `dev.azure.com` or `visualstudio.com` in their source. Told of an HTTP proxy, they ask it to connect
//! them (`CONNECT`, RFC 9110, section 9.3.6): the hosts of [`service_hosts`] are connected to the server's own HTTPS listener,
//! whatever they resolve to, and all others are refused. The [`environment`] of a command tells it of the proxy and of
//! the certificate authority.

pub(crate) mod environment;
mod java;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Client, Room};
use crate::app::App;
use crate::journal::{Event, shown};
use crate::limits::{CONNECTION_GRACE, CONNECTION_QUEUE, PROXY_HEAD_BYTES};
use crate::listening;
use crate::service_hosts::is_of_service;

/// The port of HTTPS, the one to which clients are connected.
const HTTPS_PORT: &str = "443";

/// Serves until `stop` is cancelled; `https` is the address of the server's own HTTPS listener.
pub(crate) async fn serve(listener: TcpListener, https: SocketAddr, app: Arc<App>, stop: CancellationToken) {
    let room = Room { entries: app.limits().connections, grace: CONNECTION_GRACE, queue: CONNECTION_QUEUE };
    let admission = Admission::new(room);
    let attend = |stream, peer: SocketAddr| {
        let (admission, app, stop) = (admission.clone(), app.clone(), stop.clone());
        async move {
            let conversation = async {
                let Some(entry) = admission.enter(Client::at(peer.ip())).await else { return Ok(()) };
                let closed = entry.closed().clone();
                let conversation = converse(stream, https, &app, || entry.work());
                closed.run_until_cancelled(conversation).await.unwrap_or(Ok(()))
            };
            if let Some(Err(error)) = stop.run_until_cancelled(conversation).await {
                tracing::debug!(%peer, %error, "a connection through the proxy ended badly");
            }
        }
    };
    let mut connections =
        listening::accept(listener, &admission, stop.clone().cancelled_owned(), attend).await;
    connections.shutdown().await;
}

/// Answers the one request of a connection, and carries its bytes if it is to be connected. `work` is called, and its
/// result kept, once the connection is the HTTPS listener's business.
async fn converse<W>(
    mut stream: TcpStream,
    https: SocketAddr,
    app: &App,
    work: impl FnOnce() -> W,
) -> std::io::Result<()> {
    let deadline = Duration::from_secs(app.limits().head_seconds);
    let Ok(head) = tokio::time::timeout(deadline, read_head(&mut stream)).await else { return Ok(()) };
    let Some(head) = head? else { return Ok(()) };
    match Wanted::of(&head.line) {
        Wanted::Connection => {
            let _work = work();
            let mut server = TcpStream::connect(https).await?;
            server.set_nodelay(true)?;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            server.write_all(&head.after).await?;
            tokio::io::copy_bidirectional(&mut stream, &mut server).await?;
            Ok(())
        }
        Wanted::Plain { location } => {
            let more = format!("Location: {location}\r\n");
            answer(&mut stream, StatusCode::TEMPORARY_REDIRECT, &more, "The service is at https alone.\n")
                .await
        }
        Wanted::Other { what } => {
            refused(app, &head.line);
            let message = format!(
                "vsts-mock --intercept takes clients to hosts of the service alone, at port 443, and refuses {what}.\n\
                 Addresses of this computer need no proxy: NO_PROXY=localhost,127.0.0.1,::1\n"
            );
            answer(&mut stream, StatusCode::FORBIDDEN, "", &message).await
        }
    }
}

/// Adds a refused request to the journal, where clients' other hosts can be seen.
fn refused(app: &App, line: &str) {
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // Without a query, in which secrets might be.
    let path = path.split('?').next().unwrap_or_default();
    let event = Event::Request {
        method: shown(method),
        path: shown(path),
        service: Some("intercept".to_owned()),
        user: None,
        status: Some(StatusCode::FORBIDDEN.as_u16()),
        milliseconds: Some(0),
        unknown: true,
    };
    app.journal.add(app.clock.now(), event);
    tracing::warn!(method, path, "refused by --intercept: not a host of the service");
}

async fn answer(
    stream: &mut TcpStream,
    status: StatusCode,
    more: &str,
    message: &str,
) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{more}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        message.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(message.as_bytes()).await?;
    stream.shutdown().await
}

/// The head of a request, as far as a proxy needs it.
struct Head {
    /// The request line.
    line: String,
    /// Bytes that came after the head.
    after: Vec<u8>,
}

/// Reads a head; `None` if the client leaves before its end, or sends more than a head may have.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Option<Head>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let after = bytes.split_off(end + 4);
            let line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
            return Ok(Some(Head { line: String::from_utf8_lossy(line).into_owned(), after }));
        }
        if bytes.len() > PROXY_HEAD_BYTES {
            return Ok(None);
        }
    }
}

/// The meaning of a request to the proxy.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// A connection to a host of the service.
    Connection,
    /// Something of a host of the service over plain HTTP, which the service answers at HTTPS alone.
    Plain { location: String },
    /// Anything else.
    Other { what: String },
}

impl Wanted {
    /// Reads a request line.
    fn of(line: &str) -> Self {
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method == "CONNECT" {
            return match target.rsplit_once(':') {
                Some((host, HTTPS_PORT)) if is_of_service(host) => Self::Connection,
                _ => Self::Other { what: shown(target) },
            };
        }
        let rest = target.strip_prefix("http://");
        let authority = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        match (rest, authority) {
            (Some(rest), Some(authority)) if is_of_service(authority.trim_end_matches(":80")) => {
                let path = &rest[authority.len()..];
                let location = format!("https://{}{path}", authority.trim_end_matches(":80"));
                Self::Plain { location }
            }
            (_, Some(authority)) => Self::Other { what: shown(authority) },
            _ => Self::Other { what: shown(line) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_the_service_are_connected_and_no_others() {
        let other = |what: &str| Wanted::Other { what: what.to_owned() };
        let plain = |location: &str| Wanted::Plain { location: location.to_owned() };
        let rows = [
            ("CONNECT dev.azure.com:443 HTTP/1.1", Wanted::Connection),
            ("CONNECT VSSPS.dev.azure.com:443 HTTP/1.1", Wanted::Connection),
            ("CONNECT acme.visualstudio.com:443 HTTP/1.1", Wanted::Connection),
            ("CONNECT dev.azure.com:22 HTTP/1.1", other("dev.azure.com:22")),
            ("CONNECT github.com:443 HTTP/1.1", other("github.com:443")),
            ("CONNECT 127.0.0.1:443 HTTP/1.1", other("127.0.0.1:443")),
            ("CONNECT dev.azure.com.evil.example:443 HTTP/1.1", other("dev.azure.com.evil.example:443")),
            ("CONNECT user@dev.azure.com:443 HTTP/1.1", other("user@dev.azure.com:443")),
            ("GET http://dev.azure.com/acme?x=1 HTTP/1.1", plain("https://dev.azure.com/acme?x=1")),
            ("GET http://dev.azure.com:80/ HTTP/1.1", plain("https://dev.azure.com/")),
            ("GET http://example.com/ HTTP/1.1", other("example.com")),
            ("GET http://evil@dev.azure.com/ HTTP/1.1", other("evil@dev.azure.com")),
            ("GET / HTTP/1.1", other("GET / HTTP/1.1")),
            ("", other("")),
        ];
        for (line, expected) in rows {
            assert_eq!(Wanted::of(line), expected, "{line}");
        }
    }
}
