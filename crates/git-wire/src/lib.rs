//! The Git protocol, transport-agnostic: bytes in, bytes out.

pub mod client;
