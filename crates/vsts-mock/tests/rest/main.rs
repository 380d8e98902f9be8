//! The REST API over HTTP: raw requests, and the real SDK as the client.
//!
//! `discovery` is about finding addresses and versions, `core` about projects, teams and repositories, `git` about what
//! is in a repository, `security` about entries and checks, `subjects` about users and groups, `python` and `node` let the
//! service's own SDKs live through a whole life of a project.

mod core;
mod discovery;
mod git;
mod node;
#[expect(unreachable_pub, reason = "the file is part of a library elsewhere")]
#[path = "../../../../tests/src/npm.rs"]
mod npm;
mod python;
mod secured;
mod security;
mod site;
mod subjects;
#[expect(unreachable_pub, reason = "the file is part of a library elsewhere")]
#[path = "../../../../tests/src/venv.rs"]
mod venv;
