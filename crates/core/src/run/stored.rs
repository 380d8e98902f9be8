//! Reading a record from its object.

use gix::{ObjectId, Repository};

use super::{
    error::Error,
    record::{RecordError, RunRecord},
};
use crate::{id::RunId, limits};

/// Reads the record in `blob`.
pub(super) fn read_record(repo: &Repository, run: &RunId, blob: ObjectId) -> Result<RunRecord, Error> {
    let bad = |source| Error::Record { run: run.clone(), source };
    let stored = read_stored(repo, blob)?.map_err(bad)?;
    RunRecord::of_run(run, &stored).map_err(bad)
}

/// Reads the record in `blob`; what can't be read has a stand-in. An object that is missing is an error.
pub(super) fn read_or_stand_in(repo: &Repository, run: RunId, blob: ObjectId) -> Result<RunRecord, Error> {
    Ok(match read_stored(repo, blob)? {
        Ok(stored) => {
            RunRecord::of_run(&run, &stored).unwrap_or_else(|why| RunRecord::stand_in(run, &stored, &why))
        }
        Err(why) => RunRecord::stand_in(run, &[], &why),
    })
}

/// The bytes of a record, unless there are too many.
pub(super) fn read_stored(repo: &Repository, blob: ObjectId) -> Result<Result<Vec<u8>, RecordError>, Error> {
    let failed = |source| Error::Object { id: blob, source };
    let bytes = repo.find_header(blob).map_err(failed)?.size();
    if bytes > limits::RUN_RECORD {
        return Ok(Err(RecordError::TooLarge { bytes }));
    }
    Ok(Ok(repo.find_blob(blob).map_err(failed)?.take_data()))
}
