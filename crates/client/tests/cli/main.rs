//! The built `azml` binary, without any remote: help, usage errors, exit codes, output formats.

mod errors;
mod help;
mod sandbox;
