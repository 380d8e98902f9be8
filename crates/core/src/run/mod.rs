//! Runs: their records, and the ref that keeps them.
//!
//! A record is JSON with the Workbench's keys ([`RunRecord`]). All records of a project are files of
//! one tree on `refs/azureml/runs/<GUID>`, sharded by time ([`shard`]), so that adding one to many
//! writes a few small trees, listing the newest reads about what it shows, and two computers' records
//! merge run by run ([`merge`]).

mod attached;
mod edits;
mod error;
pub mod format;
mod group;
mod joined;
mod listed;
mod merge;
mod metric;
mod origin;
mod record;
mod row;
mod salvage;
mod shard;
mod status;
mod store;
mod stored;
mod tip;

pub use self::{
    attached::{
        ATTACHMENTS_ID, ATTACHMENTS_LARGE, ATTACHMENTS_LEFT, AttachError, attach, attach_trees,
        attachments_tree,
    },
    edits::Change,
    error::Error,
    listed::RunList,
    merge::Merged,
    metric::{Curve, Metric},
    origin::SUBMITTED_AS,
    record::{COMMIT_ID, RecordError, RunRecord, VERSION},
    row::Parts,
    salvage::Salvage,
    status::{Status, UnknownStatus},
    store::RunStore,
};

#[cfg(test)]
mod tests;
