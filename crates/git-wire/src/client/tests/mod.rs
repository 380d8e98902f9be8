//! The client against stock git's own servers: over pipes, and as HTTP has it, request by request.

mod endless;
mod fetch;
mod git;
mod push;

use git::{Git, Kind};

/// Both ways to reach a server, in both versions of the protocol.
const WAYS: [(Kind, u8); 4] =
    [(Kind::Stream, 0), (Kind::Stream, 2), (Kind::Requests, 0), (Kind::Requests, 2)];
