//! The error of reading and writing records.

use gix::ObjectId;

use super::record::RecordError;
use crate::{history, id::RunId, join};

/// A reason why records could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ref could not be read or moved.
    #[error("can't use the ref of the run records")]
    Ref(#[source] history::Error),
    /// An object of the records can't be read.
    #[error("can't read object {id} of the run records")]
    Object {
        /// The object.
        id: ObjectId,
        /// The cause.
        #[source]
        source: gix::Error,
    },
    /// Objects could not be written.
    #[error("can't write run records")]
    WriteObject(#[source] gix::Error),
    /// The history of the records could not be read.
    #[error("can't compare two states of the run records")]
    History(#[source] join::Error),
    /// The layout is not the one this azml knows.
    #[error("the run records have `{found}`, which this azml does not know: a newer azml wrote them")]
    NewerLayout {
        /// The name of the entry that was found.
        found: String,
    },
    /// A record can't be read.
    #[error("can't read the record of run {run}")]
    Record {
        /// The run.
        run: RunId,
        /// The fault.
        #[source]
        source: RecordError,
    },
    /// A run is to be started that has a record already.
    #[error("run {run} exists already")]
    Exists {
        /// The run.
        run: RunId,
    },
    /// A run is to be changed that has no record.
    #[error("run {run} has no record that can be changed")]
    Unknown {
        /// The run.
        run: RunId,
    },
    /// The ref never stood still.
    #[error("the run records changed {tries} times while they were being written")]
    Busy {
        /// The number of tries.
        tries: usize,
    },
}
