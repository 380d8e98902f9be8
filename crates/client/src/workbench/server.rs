//! The Workbench's end of HTTP: requests become values that pages understand, and their replies become responses.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request as HttpRequest;
use axum::response::Response;
use git_wire::Interrupt;
use hyper::HeaderMap;
use hyper::header::{CONTENT_LENGTH, COOKIE, HOST, ORIGIN};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::guard::Sender;
use super::reply::{Content, Reply};
use super::request::{Method, Pairs, Request, split};
use super::{Asked, Workbench};
use crate::limits::{LOOPBACK_BUFFER, WORKBENCH_FORM};
use crate::loopback::{self, BodyError, Known};

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

/// Answers a request of whoever sent it.
pub async fn answer(workbench: Arc<Workbench>, request: HttpRequest, known: Known) -> Response {
    let (head, body) = request.into_parts();
    let method = match head.method.as_str() {
        "GET" | "HEAD" => Method::Get,
        "POST" => Method::Post,
        _ => return send(Reply::text(405, "Method not allowed\n").with("allow", "GET, HEAD, POST")),
    };
    let headers = head.headers;
    let cookies: Vec<&str> = headers.get_all(COOKIE).iter().filter_map(|v| v.to_str().ok()).collect();
    let cookies = cookies.join("; ");
    let is_admitted = workbench.admits(&sender(&headers, &cookies, method));
    if is_admitted {
        known.set();
    }
    // A form of somebody else is refused by its head: nobody waits for the rest.
    let form = if method == Method::Post && is_admitted {
        let is_form = text(&headers, "content-type")
            .is_some_and(|kind| kind.split(';').next() == Some("application/x-www-form-urlencoded"));
        match loopback::read(body, WORKBENCH_FORM).await {
            Ok(body) if is_form => Pairs::parse(&body),
            Ok(_) => return send(Reply::text(415, "A form is expected\n")),
            Err(BodyError::Late) => return send(Reply::text(408, "The form did not come\n")),
            Err(_) => return send(Reply::text(413, "The form is too long\n")),
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
    send(if is_admitted { reply } else { reply.with("connection", "close") })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // A header that is no text is there all the same, and is none of ours.
    headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"))
}

fn send(reply: Reply) -> Response {
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value.as_str());
    }
    let body = match reply.content {
        Content::Bytes(bytes) => Body::from(bytes),
        Content::File(file, length) => {
            response = response.header(CONTENT_LENGTH, length);
            let file = tokio::fs::File::from_std(file).take(length);
            Body::from_stream(ReaderStream::with_capacity(file, LOOPBACK_BUFFER))
        }
    };
    response.body(body).unwrap_or_else(|error| {
        tracing::warn!(%error, "an answer has a header that can't be sent");
        let mut failed = Response::new(Body::empty());
        *failed.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        failed
    })
}
