//! Fetching: what others pushed, or one snapshot and no more of the history than it takes.

use azml_core::history::{self, HistoryRepo};
use azml_core::refs;
use git_wire::Service;
use git_wire::client::{self, Connection, FetchRequest, FetchSession, Fetched, TextClass};
use gix::ObjectId;
use gix::refs::FullName;

use super::{Context, SyncError};
use crate::transport::Remote;

/// The depth that means "all of it", as Git says it.
const WHOLE_DEPTH: u32 = i32::MAX as u32;

/// The result of fetching a snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchedSnapshot {
    /// True if it was here already.
    pub was_here: bool,
    pub bytes_received: u64,
}

/// Makes sure that a snapshot is here with all its files: fetched by its commit id alone, or with
/// the history branch where the server gives out no single commits.
pub fn fetch_snapshot(
    history: &HistoryRepo,
    remote: &Remote,
    commit: ObjectId,
    context: Context<'_>,
) -> Result<FetchedSnapshot, SyncError> {
    if history.git().has_object(commit) {
        return Ok(FetchedSnapshot { was_here: true, bytes_received: 0 });
    }
    let haves = haves(history)?;
    let alone = FetchRequest { wants: vec![commit], haves: haves.clone(), depth: Some(1), filter: None };
    let branch = history.history_ref();
    let prefix = branch.as_bstr().to_string();
    let mut connection = remote.connect(Service::UploadPack)?;
    let tip = {
        let mut session = FetchSession::start(connection.as_mut(), &[&prefix])?;
        match session.fetch(history.git(), &alone, &mut |progress| context.show(progress)) {
            Ok(fetched) => {
                return Ok(FetchedSnapshot { was_here: false, bytes_received: fetched.bytes_received });
            }
            Err(error) if wants_the_branch(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let tip = session.refs().iter().find(|found| found.name == branch).map(|found| found.id);
        tip.ok_or(SyncError::NoSnapshot { commit })?
    };
    // What lies beyond a shallow boundary comes with the whole of it alone.
    let depth = history.is_shallow().then_some(WHOLE_DEPTH);
    let whole = FetchRequest { wants: vec![tip], haves, depth, filter: None };
    let mut connection = remote.connect(Service::UploadPack)?;
    let fetched = fetch_with(connection.as_mut(), history.git(), &whole, context)?;
    if !history.git().has_object(commit) {
        return Err(SyncError::NoSnapshot { commit });
    }
    Ok(FetchedSnapshot { was_here: false, bytes_received: fetched.bytes_received })
}

/// Fetches all that the remote has of the project into `history`, which is empty. No ref moves.
pub fn fetch_everything(
    history: &HistoryRepo,
    remote: &Remote,
    context: Context<'_>,
) -> Result<u64, SyncError> {
    let names = [history.history_ref(), history.runs_ref(), history.attachments_ref()];
    let prefixes = names.each_ref().map(|name| name.as_bstr().to_string());
    let mut connection = remote.connect(Service::UploadPack)?;
    let prefixes = prefixes.each_ref().map(String::as_str);
    let mut session = FetchSession::start(connection.as_mut(), &prefixes)?;
    let wants: Vec<ObjectId> =
        session.refs().iter().filter(|found| names.contains(&found.name)).map(|found| found.id).collect();
    if wants.is_empty() {
        return Err(SyncError::NoHistory { id: Some(*history.id()) });
    }
    let request = FetchRequest { wants, ..FetchRequest::default() };
    Ok(session.fetch(history.git(), &request, &mut |progress| context.show(progress))?.bytes_received)
}

fn fetch_with(
    connection: &mut dyn Connection,
    repository: &gix::Repository,
    request: &FetchRequest,
    context: Context<'_>,
) -> Result<Fetched, SyncError> {
    // No ref is looked for: only what the server can do.
    let mut session = FetchSession::start(connection, &["refs/heads/AzureMLHistory/"])?;
    Ok(session.fetch(repository, request, &mut |progress| context.show(progress))?)
}

/// Returns whether the server declined to give out one commit, however it says so.
pub(super) fn wants_the_branch(error: &client::Error) -> bool {
    match error {
        client::Error::NotOurRef { .. } | client::Error::Unsupported { .. } => true,
        client::Error::Remote(text) => text.class() == TextClass::NotOurRef,
        _ => false,
    }
}

/// Tips of what is here, to be offered to the remote.
pub(super) fn haves(history: &HistoryRepo) -> Result<Vec<ObjectId>, SyncError> {
    let mut tips = Vec::new();
    for name in [history.history_ref(), history.runs_ref()] {
        tips.extend(history.ref_tip(name.as_ref())?);
        tips.extend(history.tracking_tip(name.as_ref())?);
    }
    tips.dedup();
    Ok(tips)
}

/// The refs of a project at the remote, with their objects fetched.
#[derive(Debug, Clone, Default)]
pub(super) struct Theirs {
    pub(super) history: Option<ObjectId>,
    pub(super) runs: Option<ObjectId>,
    /// The tags of snapshots; these need not be here.
    pub(super) tags: Vec<(FullName, ObjectId)>,
    pub(super) bytes_received: u64,
}

/// Fetches the remote's history branch and run records, as far as they are not here.
pub(super) fn fetch_theirs(
    history: &HistoryRepo,
    remote: &Remote,
    context: Context<'_>,
) -> Result<Theirs, SyncError> {
    let (branch, runs) = (history.history_ref(), history.runs_ref());
    let tags = refs::tags(history.id());
    let prefixes = [branch.as_bstr().to_string(), runs.as_bstr().to_string()];
    let mut connection = remote.connect(Service::UploadPack)?;
    let mut session = FetchSession::start(connection.as_mut(), &[&prefixes[0], &prefixes[1], &tags])?;
    let tip = |name| session.refs().iter().find(|found| found.name == name).map(|found| found.id);
    let is_tag = |name: &FullName| refs::is_tag(history.id(), name.as_ref());
    let tags = session.refs().iter().filter(|found| is_tag(&found.name));
    let tags = tags.map(|found| (found.name.clone(), found.id)).collect();
    let mut theirs = Theirs { history: tip(branch), runs: tip(runs), tags, bytes_received: 0 };
    let wants: Vec<_> =
        theirs.history.into_iter().chain(theirs.runs).filter(|id| !history.git().has_object(*id)).collect();
    if !wants.is_empty() {
        let request = FetchRequest { wants, haves: haves(history)?, depth: None, filter: None };
        let fetched = session.fetch(history.git(), &request, &mut |progress| context.show(progress))?;
        theirs.bytes_received = fetched.bytes_received;
    }
    Ok(theirs)
}

/// Takes over a tag that the remote has, and fetches its snapshot; gives its commit, if there is such a tag.
pub fn fetch_tag(
    history: &HistoryRepo,
    remote: &Remote,
    name: &FullName,
    context: Context<'_>,
) -> Result<Option<ObjectId>, SyncError> {
    let found = {
        let prefix = name.as_bstr().to_string();
        let mut connection = remote.connect(Service::UploadPack)?;
        let session = FetchSession::start(connection.as_mut(), &[&prefix])?;
        session.refs().iter().find(|found| found.name == *name).map(|found| found.id)
    };
    let Some(commit) = found else { return Ok(None) };
    fetch_snapshot(history, remote, commit, context)?;
    keep_tag(history, name, commit)?;
    Ok(Some(commit))
}

/// Keeps a tag of the remote's, unless ours has the name.
pub(super) fn keep_tag(history: &HistoryRepo, name: &FullName, commit: ObjectId) -> Result<(), SyncError> {
    if history.ref_tip(name.as_ref())?.is_none() {
        match history.update_ref(name, None, commit) {
            Ok(()) | Err(history::Error::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(history.set_tracking(name.as_ref(), Some(commit))?)
}
