//! The REST API over HTTP: raw requests, and the real SDK as the client.
//!
//! `discovery` is about finding addresses and versions, `core` about projects, teams and repositories, `git` about what
//! is in a repository, `activity` about what is told of pull requests, `attachments` about their files, `pushes` and `queries` about the ways to write and to ask, `default_branch` about the first push, `favorites` about branches that users mark, `forks` about pull requests from them, `policies` about files and builds, `bodies` about every field, `forms` and
//! `texts` about what answers are made of, `profile` about the caller, `security` about entries and checks, `subjects` about users and groups, `python` and `node` let the
//! service's own SDKs live through a whole life of a project.

mod activity;
mod attachments;
mod bodies;
mod contention;
mod core;
mod default_branch;
mod discovery;
mod favorites;
mod forks;
mod forms;
mod git;
mod hooks;
mod merges;
mod node;
mod policies;
mod profile;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/git.rs"]
mod program;
mod pulls;
mod pushes;
mod python;
mod queries;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "../support/running.rs"]
mod running;
mod secured;
mod security;
mod site;
mod subjects;
mod texts;
mod work_item_hooks;
mod work_items;
