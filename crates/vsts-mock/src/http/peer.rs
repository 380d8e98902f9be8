//! Facts about a request and its response besides their content: the client's address, the end of the connection, and the
//! fields of the journal entry.

use std::net::SocketAddr;

use axum::body::Body;
use http::Request;
use tokio_util::sync::CancellationToken;

/// The client at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

impl Peer {
    pub(super) fn of(request: &Request<Body>) -> Self {
        request.extensions().get::<Self>().copied().unwrap_or(Self(([127, 0, 0, 1], 0).into()))
    }
}

/// An extension of a response in whose place the connection is closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Broken;

/// An extension of a response whose connection is closed when this is cancelled and the response is not sent by then.
#[derive(Clone, Debug)]
pub(super) struct Ends(pub(super) CancellationToken);

/// The fields of a request's journal entry that its handler knows.
#[derive(Debug, Default)]
pub(crate) struct Journalled {
    pub(super) service: Option<&'static str>,
    pub(super) user: Option<String>,
    pub(super) unknown: bool,
}
