//! The attachments of runs: pushed with the records, fetched for one run alone.
//!
//! This computer's chain of commits is kept here as it was made. Where the remote's ref has commits of others, they
//! are not fetched: a commit that joins both is made in a repository that lasts as long as the push, from their
//! tip's commit alone. So a computer has the attachments of its own runs, and of others those it asked for.

use std::path::Path;

use azml_core::checkout::{self, listing};
use azml_core::history::{HistoryRepo, Workspace};
use azml_core::join;
use azml_core::large::Tree;
use git_wire::Service;
use git_wire::client::{self, FetchRequest, FetchSession, Fetched, PushSession, PushUpdate};
use gix::ObjectId;
use gix::objs::tree::EntryKind;

use super::fetching::wants_the_branch;
use super::{Context, SyncError};
use crate::transport::Remote;

/// The commits that a push adds to the remote's ref of attachments.
pub(super) struct Offer {
    pub(super) update: PushUpdate,
    /// The tip of ours that the remote has afterwards.
    pub(super) ours: ObjectId,
    joined: Option<Joined>,
}

/// A repository with a commit that joins ours and theirs; it sees all objects of the history.
struct Joined {
    git: gix::Repository,
    _workspace: Workspace,
}

impl Offer {
    /// The repository that has the objects.
    pub(super) fn objects<'a>(&'a self, history: &'a HistoryRepo) -> &'a gix::Repository {
        self.joined.as_ref().map_or(history.git(), |joined| &joined.git)
    }
}

/// The attachments of our runs that the remote lacks, if any.
pub(super) fn offer(
    history: &HistoryRepo,
    remote: &Remote,
    session: &PushSession<'_>,
    context: Context<'_>,
) -> Result<Option<Offer>, SyncError> {
    let name = history.attachments_ref();
    let Some(ours) = history.ref_tip(name.as_ref())? else { return Ok(None) };
    let theirs = session.tip(&name);
    if let Some(theirs) = theirs {
        // Others' commits are not here, and are taken to stand on what the remote had. One that is here says itself.
        let has_ours = if history.git().has_object(theirs) {
            join::contains(history.git(), theirs, ours)?
        } else {
            history.tracking_tip(name.as_ref())? == Some(ours)
        };
        if has_ours {
            history.set_tracking(name.as_ref(), Some(ours))?;
            return Ok(None);
        }
    }
    let plain = |joined, new| {
        Ok(Some(Offer {
            update: PushUpdate { name: name.clone(), old: theirs, new: Some(new) },
            ours,
            joined,
        }))
    };
    match theirs {
        None => plain(None, ours),
        Some(theirs) if join::contains(history.git(), ours, theirs)? => plain(None, ours),
        Some(theirs) => {
            let (joined, tip) = join_with(history, remote, ours, theirs, context)?;
            plain(Some(joined), tip)
        }
    }
}

fn join_with(
    history: &HistoryRepo,
    remote: &Remote,
    ours: ObjectId,
    theirs: ObjectId,
    context: Context<'_>,
) -> Result<(Joined, ObjectId), SyncError> {
    let workspace = history.workspace()?;
    let path = workspace.join("attachments.git");
    let git = beside(&path, Some(history))?;
    // Their tip with its folders but without its files is enough to stand on.
    let without_files = |filter: Option<&str>| FetchRequest {
        wants: vec![theirs],
        haves: Vec::new(),
        depth: Some(1),
        filter: filter.map(str::to_owned),
    };
    match fetch(remote, &git, &without_files(Some("blob:none")), context) {
        Err(client::Error::Unsupported { .. }) => fetch(remote, &git, &without_files(None), context)?,
        fetched => fetched?,
    };
    // What was fetched, and that its parents are not here, is seen by who opens the repository now.
    drop(git);
    let git = open(&path)?;
    let tip = join::join(&git, ours, theirs, context.by)?.tip();
    Ok((Joined { git, _workspace: workspace }, tip))
}

/// Brings the attachments in `commit`, without large files, into the folder `into`, which must not exist: from here, or from
/// the remote that commit alone. Gives the bytes received.
pub fn fetch_attachments(
    history: &HistoryRepo,
    remote: Option<&Remote>,
    commit: ObjectId,
    into: &Path,
    context: Context<'_>,
) -> Result<u64, SyncError> {
    let workspace = history.workspace()?;
    let files = workspace.join("files");
    let (git, bytes) = if history.git().has_object(commit) {
        (history.git().clone(), 0)
    } else {
        let git = beside(&workspace.join("attachments.git"), None)?;
        let bytes = fetch_one(history, remote.ok_or(SyncError::NotLinked)?, &git, commit, context)?;
        (git, bytes)
    };
    let tree = Tree::of_commit(&git, commit).map_err(SyncError::read(format!("commit {commit}")))?;
    let is_file = |kind| matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable);
    // azml writes plain files alone: a link in there leads nobody anywhere.
    let mut listing = listing::list(&git, tree)?;
    if let Some((path, _)) = listing.iter().find(|(_, entry)| !is_file(entry.kind)) {
        return Err(SyncError::OddAttachment { path: path.to_string() });
    }
    // Large files come one by one, when they are asked for.
    listing.retain(|_, entry| !entry.is_large);
    std::fs::create_dir(&files).map_err(SyncError::io("make folder", &files))?;
    checkout::add(&git, &listing, &files)?;
    let parent = into.parent().unwrap_or(into);
    std::fs::create_dir_all(parent).map_err(SyncError::io("make folder", parent))?;
    match std::fs::rename(&files, into) {
        // Somebody else brought the same at the same time.
        Err(_) if into.is_dir() => Ok(bytes),
        moved => moved.map(|()| bytes).map_err(SyncError::io("make folder", into)),
    }
}

/// Fetches a commit alone, or with the whole ref where the server gives out no single commits.
fn fetch_one(
    history: &HistoryRepo,
    remote: &Remote,
    git: &gix::Repository,
    commit: ObjectId,
    context: Context<'_>,
) -> Result<u64, SyncError> {
    let alone = FetchRequest { wants: vec![commit], depth: Some(1), ..FetchRequest::default() };
    match fetch(remote, git, &alone, context) {
        Ok(fetched) => return Ok(fetched.bytes_received),
        Err(error) if wants_the_branch(&error) => {}
        Err(error) => return Err(error.into()),
    }
    let name = history.attachments_ref();
    let mut connection = remote.connect(Service::UploadPack)?;
    let mut session = FetchSession::start(connection.as_mut(), &[&name.as_bstr().to_string()])?;
    let tip = session.refs().iter().find(|found| found.name == name).map(|found| found.id);
    let tip = tip.ok_or(SyncError::NoAttachments { commit })?;
    let whole = FetchRequest { wants: vec![tip], ..FetchRequest::default() };
    let fetched = session.fetch(git, &whole, &mut |progress| context.show(progress))?;
    if git.has_object(commit) { Ok(fetched.bytes_received) } else { Err(SyncError::NoAttachments { commit }) }
}

fn fetch(
    remote: &Remote,
    git: &gix::Repository,
    request: &FetchRequest,
    context: Context<'_>,
) -> Result<Fetched, client::Error> {
    let mut connection = remote.connect(Service::UploadPack)?;
    // Ids are asked for, no refs.
    let mut session = FetchSession::start(connection.as_mut(), &["refs/azureml/attachments/none"])?;
    session.fetch(git, request, &mut |progress| context.show(progress))
}

/// A fresh repository at `path`, which sees the objects of `history` if it is given.
fn beside(path: &Path, history: Option<&HistoryRepo>) -> Result<gix::Repository, SyncError> {
    gix::init_bare(path).map_err(SyncError::read("a temporary repository"))?;
    if let Some(history) = history {
        let objects = history.git().objects.store_ref().path();
        let objects = objects.canonicalize().map_err(SyncError::io("find", objects))?;
        let mut line = objects.as_os_str().as_encoded_bytes().to_vec();
        line.push(b'\n');
        let file = path.join("objects/info/alternates");
        std::fs::create_dir_all(path.join("objects/info"))
            .and_then(|()| std::fs::write(&file, line))
            .map_err(SyncError::io("write", &file))?;
        // Snapshots whose parents are not here: the push that goes out from this repository has to know them too.
        let boundary = history.path().join("shallow");
        if boundary.exists() {
            std::fs::copy(&boundary, path.join("shallow")).map_err(SyncError::io("copy", &boundary))?;
        }
    }
    open(path)
}

fn open(path: &Path) -> Result<gix::Repository, SyncError> {
    let options = gix::open::Options::isolated().open_path_as_is(true).with(gix::sec::Trust::Full);
    let git = options.open(path).map_err(SyncError::read("a temporary repository"))?;
    Ok(git.to_thread_local())
}
