//! The engine against stock git: every scenario runs over a two-way stream and over stateless requests, in the
//! versions of the protocol that clients speak, and stock git has the last word on what arrived.

mod fetch;
mod forge;
mod host;
mod hostile;
mod maintenance;
mod packs;
mod push;
mod sandbox;
mod whole;
