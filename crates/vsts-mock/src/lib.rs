//! An offline look-alike of Visual Studio Team Services, as a library and as a binary. First its manual, then how it is built.
//!
#![doc = include_str!("../README.md")]
//!
//! # How it is built
//!
//! As a library it is a [`MockServer`]; as a binary it is `vsts-mock serve`. A request goes through these layers:
//!
//! 1. `http` or `ssh` takes the connection and finds what the URL speaks of (`http::address`, `ssh::address`);
//! 2. `identity` turns the credential into a principal;
//! 3. `access` decides, from the `directory` alone;
//! 4. `http::git` or `ssh::conversation` bridges the connection to `hosting`, which lets [`git_wire`] speak and answers its questions by
//!    `access`, for every ref; or `http::{rest,pages,arm,oauth}` call `operations`, which know neither HTTP nor JSON nor HTML, ask `access`
//!    and change the `state` through `registry`. No front end imports another; `http/refusals.rs` is the one table of how a refusal is shown.
//!
//! `tls` makes the certificates of HTTPS. `config` is what a server begins with, `journal` what was asked of it. Only `state` knows the database, only
//! `access` compares permissions, only `clock` asks the system for time and randomness.

mod access;
mod admin;
mod admission;
mod app;
mod budget;
mod builder;
pub mod cli;
mod clock;
mod config;
mod conversations;
mod default_branch;
mod deliveries;
mod directory;
mod disk_full;
mod events;
mod faults;
mod gate;
mod histories;
mod hosting;
mod http;
mod identity;
mod intercept;
mod jobs;
mod journal;
mod limits;
mod listening;
mod maintenance;
mod merge_queue;
mod operations;
mod registry;
mod server;
mod service_hosts;
mod ssh;
mod state;
mod tls;

pub use access::{Permission, Permissions};
pub use admin::{Admin, KeyInfo, TokenInfo};
pub use builder::Builder;
pub use clock::Clock;
pub use config::{
    Profile, ProfileRow, Seed, SeedAccount, SeedEntry, SeedError, SeedGit, SeedKey, SeedProject, SeedRepo,
    SeedToken, SeedUser, SeedWorkItem, SeedWorkspace,
};
pub use directory::name::NameError;
pub use faults::{Fault, FaultKind, FaultRow};
pub use identity::ssh_key::SshKeyError;
pub use journal::{Event as JournalEvent, JournalEntry};
pub use limits::Limits;
pub use registry::{RegistryError, WorkItemError};
pub use server::{MockServer, Ready, StartError};
pub use ssh::exec_line::{ExecLine, ExecLineError};
pub use ssh::host_key::HostKeyError;
pub use state::{SavedCounts, SavedError, SavedState, StateError};
pub use tls::TlsError;
