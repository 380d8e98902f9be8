//! The snapshot model of azml: projects, snapshots, runs, restore.
//!
//! Knows files and Git objects; knows no network, clock, environment or terminal: time, identity
//! and limits come in as arguments. Modules in reading order.

mod beneath;
pub mod checkout;
pub mod dir;
pub mod fsck;
mod git_files;
pub mod history;
pub mod id;
pub mod ignore;
mod io_error;
pub mod join;
pub mod large;
pub mod limits;
pub mod parallel;
pub mod project;
pub mod quote;
pub mod refs;
pub mod remote_url;
pub mod restore;
pub mod revision;
pub mod run;
pub mod secret;
pub mod small_file;
pub mod snapshot;
pub mod stat_index;
pub mod user_repo;

pub use io_error::IoError;
