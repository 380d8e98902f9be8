//! Moving runs from MLflow's stores into the history, and from the history into such a store.

pub mod export;
pub mod exported;
pub mod import;
mod imported;
mod server;
mod target;

use azml_core::run::RunRecord;

use self::imported::{GIT_COMMIT, MLFLOW_ID};
use crate::error::{CommandError, ErrorKind};
use crate::mlflow::store::Error;
pub use crate::mlflow::store::Refused;
use crate::text::clean_line;

/// Why a run that comes from MLflow has no snapshot; none for any other run.
pub fn why_no_snapshot(record: &RunRecord) -> Option<String> {
    if record.commit_id().is_some() || !record.properties.contains_key(MLFLOW_ID) {
        return None;
    }
    let commit = match record.tags.get(GIT_COMMIT) {
        Some(commit) => format!("; MLflow names the Git commit {}", clean_line(commit)),
        None => String::new(),
    };
    Some(format!("the code of run {} was not recorded: it comes from MLflow{commit}", record.run_id))
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotAStore { .. } => Self::usage(error).hint(
                "name a folder such as mlruns, a database such as mlflow.db, or a server: {azml} mlflow import http://HOST:5000",
            ),
            Error::Unreachable(_) => Self::new(ErrorKind::Unavailable, error)
                .hint("see whether it answers: curl http://HOST:5000/health; what was moved stays, and the command may be repeated"),
            Error::NotAllowed(_) => Self::new(ErrorKind::NotAllowed, error)
                .hint("set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
            error => Self::failed(error),
        }
    }
}
