//! The formats of Git LFS, for both of its sides: [`oid`] has the ids of objects, [`mod@pointer`] the files that stand for them in
//! Git, [`batch`] the JSON of the batch API, [`command`] the lines of the protocol over SSH (`git-lfs-transfer`).
//!
//! Nothing here does I/O, and no input makes any of it panic. What is read is bounded by the caller, who has it in memory.

pub mod batch;
pub mod command;
pub mod oid;
pub mod pointer;

pub use oid::Oid;
pub use pointer::Pointer;
