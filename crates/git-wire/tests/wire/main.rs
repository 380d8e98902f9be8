//! The engine against stock git: every scenario runs over a two-way stream and over stateless requests, in the
//! versions of the protocol that clients speak, and stock git has the last word on what arrived.

mod chains;
mod closure;
mod complete;
mod fetch;
mod filters;
mod forge;
mod history;
mod host;
mod hostile;
mod interrupt;
mod maintenance;
mod objects;
mod packs;
mod push;
mod raw;
mod receive;
mod recorded;
mod sandbox;
mod seeds;
mod torn;
mod upload;
