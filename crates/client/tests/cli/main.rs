//! The built `azml` binary, without any remote: help, usage errors, exit codes, output formats.

mod cancel;
mod errors;
mod help;
mod local;
mod sandbox;
