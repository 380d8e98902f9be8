//! The operations of azml: one file for each thing that it can do.
//!
//! An operation takes values and returns values. It prints nothing: messages and progress go to the context's
//! [`Notices`](crate::notices::Notices), and the front ends (the command line in [`commands`](crate::commands), the pages in
//! [`workbench`](crate::workbench)) show its result.

pub mod cancel;
pub mod clone;
pub mod compare;
pub mod compute_targets;
pub mod create;
pub mod describe;
pub mod diagnostics;
pub mod download;
pub mod edit;
pub mod faults;
pub mod fetch;
pub mod fsck;
pub mod kept_files;
mod large;
pub mod link;
pub mod list;
pub mod listed;
pub mod maintenance;
pub mod mlflow;
pub mod named;
pub mod node;
pub mod open;
pub mod prune;
pub mod push;
pub mod registry;
pub mod remote;
pub mod restore;
pub mod runs;
pub mod sign_in;
pub mod snapshot;
pub mod snapshots;
pub mod ssh_keys;
pub mod submit;
pub mod sweep;
pub mod sync;
pub mod template;
pub mod wait;
pub mod watch;
