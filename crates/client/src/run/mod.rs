//! Running a script: its configuration, its folder, its process, its logs and outputs.
//!
//! A run's [`target::Target`] is where its script runs; [`local::Local`] is this computer. Everything else here
//! serves any target: [`config`] reads `aml_config`, [`live`] is the state of a run in progress,
//! [`attachments`] is what stays of it, [`upload`] what of that travels, [`kept`] what else its script wrote, [`delivery`]
//! pushes beside it.

pub mod address_mask;
pub mod archive;
mod aside;
pub mod attachments;
mod collect;
pub mod config;
pub mod console;
pub mod container;
pub mod delivery;
pub mod detached;
mod disk;
mod editable;
pub mod environment;
pub mod folder;
pub mod heartbeat;
pub mod keeping;
pub mod kept;
pub mod killed;
mod links;
pub mod live;
pub mod local;
pub mod logged;
pub mod nested;
mod notebook;
pub mod outputs;
pub mod parameters;
mod plain;
pub mod process;
pub mod process_table;
pub mod program;
mod pty;
pub mod python;
pub mod recovery;
pub mod recycled;
pub mod report;
pub mod resources;
pub mod secrets;
pub mod signals;
pub mod spark;
pub mod streams;
pub mod target;
mod terminal;
pub mod upload;
mod variables;
pub mod watching;

pub use self::disk::{copy_all as copy_folder, remove_all as remove_folder};
