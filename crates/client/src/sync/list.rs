//! The projects in a remote repository, by the names of its refs alone.

use azml_core::id::ProjectId;
use azml_core::quote::quoted;
use azml_core::refs;
use git_wire::Service;
use git_wire::client::{FetchSession, RemoteRef};
use gix::ObjectId;

use super::SyncError;
use crate::transport::Remote;

/// The projects and branches of a remote repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteView {
    /// The tip of `master`.
    pub master: Option<ObjectId>,
    /// All branches by their short names, history branches included.
    pub branches: Vec<(String, ObjectId)>,
    /// The projects whose snapshots are there, with the newest.
    pub histories: Vec<(ProjectId, ObjectId)>,
    /// The projects whose run records are there.
    pub runs: Vec<(ProjectId, ObjectId)>,
}

impl RemoteView {
    pub(super) fn of(found: &[RemoteRef]) -> Self {
        let mut view = Self::default();
        for remote_ref in found {
            let name = remote_ref.name.as_ref();
            if let Some(short) = name.as_bstr().strip_prefix(b"refs/heads/") {
                view.branches.push((quoted(short).into_owned(), remote_ref.id));
            }
            if remote_ref.name == refs::master() {
                view.master = Some(remote_ref.id);
            } else if let Some(id) = refs::project_of_history(name) {
                view.histories.push((id, remote_ref.id));
            } else if let Some(id) = refs::project_of(name) {
                view.runs.push((id, remote_ref.id));
            }
        }
        view
    }

    /// The newest snapshot of a project.
    pub fn history(&self, id: &ProjectId) -> Option<ObjectId> {
        self.histories.iter().find(|(found, _)| found == id).map(|(_, tip)| *tip)
    }

    /// The run records of a project.
    pub fn runs_of(&self, id: &ProjectId) -> Option<ObjectId> {
        self.runs.iter().find(|(found, _)| found == id).map(|(_, tip)| *tip)
    }
}

/// Asks a remote what it has. Proves that it can be read, and fetches nothing.
pub fn list(remote: &Remote) -> Result<RemoteView, SyncError> {
    let mut connection = remote.connect(Service::UploadPack)?;
    let session = FetchSession::start(connection.as_mut(), &["refs/heads/", refs::RUNS_PREFIX])?;
    Ok(RemoteView::of(session.refs()))
}
