//! The Git protocol, transport-agnostic: bytes in, bytes out.
//!
//! In reading order: [`pktline`] is the framing, [`capability`] what peers tell about themselves, [`pack`] builds and
//! takes in packs. On these stand [`Server`] with its two services, and the [`client`] half. The crate opens no socket, starts no process, and knows neither the clock
//! nor the environment; who may do what is asked from a [`Policy`].

pub mod capability;
pub mod client;
pub mod history;
pub mod maintenance;
pub mod pack;
pub mod pktline;

mod content;
mod context;
mod error;
mod format;
mod head;
mod interrupt;
mod limits;
mod options;
mod packed_refs;
mod policy;
mod readers;
mod receive;
mod refs;
mod refusal;
mod repository;
mod server;
mod service;
mod upload;

pub use content::{Content, StoredContent};
pub use context::Server;
pub use error::Error;
pub use format::Unsupported;
pub use head::KeptHead;
pub use interrupt::{Interrupt, SetOnDrop};
pub use options::{KeepAlive, Limits, Options, Profile, Summary};
pub use policy::{AllowAll, Denial, Policy, RefUpdate, UpdateKind};
pub use refusal::RefRefusal;
pub use repository::{Error as RepositoryError, Reader, Repository, WeakRepository};
pub use service::{ProtocolVersion, Service, UnknownService};
