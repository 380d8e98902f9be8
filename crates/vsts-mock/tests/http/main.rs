//! vsts-mock over HTTP with stock git as the client, and with bytes that no git would send.
//!
//! `stock` clones and pushes, `access` is about who may, `urls` about every form of address, `wire` about bodies and
//! framing, `experimentation`, `sign_in` and `tokens` about what azml asks beside Git, `hostile` about what is refused, `tls` about HTTPS, `binary` about the command line and the state that
//! outlives a process.

mod access;
mod ask;
mod binary;
mod experimentation;
mod git;
mod hostile;
/// The pages.
mod pages;
mod raw;
mod sign_in;
mod stock;
mod tls;
mod tokens;
mod urls;
mod wire;
