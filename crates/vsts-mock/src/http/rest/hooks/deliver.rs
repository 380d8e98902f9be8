//! One delivery: a POST to the URL of a subscription, by hand, over HTTP or HTTPS, without following redirects.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::directory::Subscription;
use crate::limits::{HOOK_ANSWER_BYTES, HOOK_TIMEOUT};
use crate::operations::hooks::{Receiver, target_of};
use crate::tls::Trust;

/// Headers that a subscription cannot set: they frame the request.
const FRAMING: [&str; 6] =
    ["connection", "content-length", "content-type", "expect", "host", "transfer-encoding"];

/// Reads the headers of a subscription, `Name:value` on each line.
pub(super) fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        let value = HeaderValue::from_str(value.trim()).ok()?;
        (!FRAMING.contains(&name.as_str())).then_some((name, value))
    };
    lines
        .map(|line| {
            header(line)
                .ok_or_else(|| format!("consumerInputs.httpHeaders has a line that is no header: {line:?}."))
        })
        .collect()
}

/// Sends a body; the receiver's status, or the reason why there is none.
pub(super) async fn send(
    subscription: &Subscription,
    allowed: &[String],
    trust: &Trust,
    body: &str,
) -> Result<u16, String> {
    let url = subscription.setting("url");
    let Receiver { name, host, port, is_over_tls } = target_of(url, allowed)?;
    let request = request(subscription, url, body)?;
    let exchange = async {
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        if !is_over_tls {
            return converse(stream, &request).await;
        }
        let takes_any = subscription.setting("acceptUntrustedCerts").eq_ignore_ascii_case("true");
        converse(trust.connect(&name, takes_any, stream).await?, &request).await
    };
    match timeout(HOOK_TIMEOUT, exchange).await {
        Ok(status) => status.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", HOOK_TIMEOUT.as_secs())),
    }
}

fn request(subscription: &Subscription, url: &str, body: &str) -> Result<String, String> {
    let url = Url::parse(url).map_err(|error| error.to_string())?;
    let authority = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut head = format!(
        "POST {target} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nUser-Agent: VSServices/1.0 (vsts-mock)\r\n\
         Content-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n",
        body.len()
    );
    let (user, password) =
        (subscription.setting("basicAuthUsername"), subscription.setting("basicAuthPassword"));
    if !user.is_empty() || !password.is_empty() {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        head.extend(["Authorization: Basic ", &credentials, "\r\n"]);
    }
    for (name, value) in headers(subscription.setting("httpHeaders"))? {
        head.extend([name.as_str(), ": ", value.to_str().unwrap_or_default(), "\r\n"]);
    }
    Ok(head + "\r\n" + body)
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> io::Result<u16> {
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    status(&mut stream).await
}

/// Reads the status line of an answer.
async fn status(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<u16> {
    let mut answer = Vec::new();
    let mut limited = stream.take(HOOK_ANSWER_BYTES);
    while !answer.contains(&b'\n') {
        if limited.read_buf(&mut answer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the receiver closed the connection"));
        }
    }
    let line = answer.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let code = line
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .and_then(|code| code.trim().parse().ok());
    code.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the receiver does not answer in HTTP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines_and_cannot_break_out() {
        let read = headers("X-One: 1\n x-two:2\r\n\n").expect("two headers");
        assert_eq!(read.len(), 2);
        assert_eq!((read[1].0.as_str(), read[1].1.as_bytes()), ("x-two", &b"2"[..]));
        for wrong in ["nonsense", "a b: c", "X: \u{1}", "Host: evil", "Content-Length: 0", ": x"] {
            assert!(headers(wrong).is_err(), "{wrong}");
        }
    }
}
