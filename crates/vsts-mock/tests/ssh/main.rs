//! vsts-mock over SSH with OpenSSH and stock git as clients, and with what neither of them would send.
//!
//! `stock` clones and pushes with every kind of key, `urls` is about every form of address, `access` about who may,
//! `refused` about all that is not Git, `hostile`, `impostors` and `asks` about bytes, keys and commands that mean no good,
//! `faults` about commands that go wrong on purpose, `life` about starting and stopping, `formats` about repositories that cannot be opened.

mod access;
mod asks;
mod client;
mod exec;
mod faults;
mod formats;
mod hostile;
mod impostors;
mod lfs;
mod life;
mod message;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/git.rs"]
mod program;
mod refused;
#[path = "../support/running.rs"]
mod running;
mod stock;
mod testbed;
mod urls;
