//! Facts about a request besides its content: the client's address, and the fields of its journal entry.

use std::net::SocketAddr;

use axum::body::Body;
use http::Request;

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

/// The fields of a request's journal entry that its handler knows.
#[derive(Debug, Default)]
pub(crate) struct Journalled {
    pub(super) service: Option<&'static str>,
    pub(super) user: Option<String>,
    pub(super) unknown: bool,
}
