//! The files of a template: the newest commit of any Git repository, without its history.

use std::path::Path;

use azml_core::checkout::checkout;
use git_wire::Service;
use git_wire::client::{FetchRequest, FetchSession};

use crate::error::CommandError;
use crate::notices::Progress;
use crate::sync::SyncError;
use crate::transport::Remote;

/// Writes the files of the remote's default branch into the empty folder `root`.
pub fn fetch(remote: &Remote, root: &Path, progress: &dyn Progress) -> Result<(), CommandError> {
    let store = tempfile::tempdir()
        .map_err(|error| CommandError::file("make a folder in", &std::env::temp_dir(), error))?;
    let repo = gix::init_bare(store.path()).map_err(CommandError::failed)?;
    let mut connection = remote.connect(Service::UploadPack).map_err(SyncError::from)?;
    let mut session =
        FetchSession::start(connection.as_mut(), &["HEAD", "refs/heads/"]).map_err(SyncError::from)?;
    let tip =
        |name: &str| session.refs().iter().find(|found| found.name.as_bstr() == name).map(|found| found.id);
    let commit = tip("HEAD")
        .or_else(|| tip("refs/heads/master"))
        .or_else(|| tip("refs/heads/main"))
        .ok_or_else(|| CommandError::not_found(format!("the template {} has no commit", remote.url())))?;
    let request = FetchRequest { wants: vec![commit], depth: Some(1), ..FetchRequest::default() };
    session
        .fetch(&repo, &request, &mut |event| {
            if let git_wire::client::Progress::Received { bytes } = event {
                progress.say(&format!("{} received", crate::text::size(bytes)));
            }
        })
        .map_err(SyncError::from)?;
    let repo = gix::open(store.path()).map_err(CommandError::failed)?;
    let tree = repo
        .find_object(commit)
        .map_err(CommandError::failed)?
        .peel_to_tree()
        .map_err(CommandError::failed)?
        .id;
    checkout(&repo, tree, root)?;
    Ok(())
}
