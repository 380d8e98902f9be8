//! The REST API over HTTP: raw requests, and the real SDK as the client.
//!
//! `discovery` is about finding addresses and versions, `core` about projects, teams and repositories, `git` about what
//! is in a repository, `pushes` and `queries` about the ways to write and to ask, `bodies` about every field, `forms` and
//! `texts` about what answers are made of, `profile` about the caller, `security` about entries and checks, `subjects` about users and groups, `python` and `node` let the
//! service's own SDKs live through a whole life of a project.

mod bodies;
mod core;
mod discovery;
mod forms;
mod git;
mod node;
mod profile;
mod pushes;
mod python;
mod queries;
mod secured;
mod security;
mod site;
mod subjects;
mod texts;
