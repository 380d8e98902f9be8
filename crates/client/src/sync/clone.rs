//! Cloning a project: its files, its newest snapshot and its run records in a new folder, from the remote alone.
//!
//! Everything is made beside the folder and moved there as the last step, so that it is there as a
//! whole or not at all.

use std::path::{Path, PathBuf};

use azml_core::checkout::LargeMissing;
use azml_core::history::{self, HistoryRepo};
use azml_core::id::ProjectId;
use azml_core::large::Tree;
use azml_core::user_repo::UserRepo;
use azml_core::{checkout, refs, snapshot};
use git_wire::Service;
use git_wire::client::{self, FetchRequest, FetchSession};
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};

use super::large;
use super::list::RemoteView;
use super::{Context, SyncError};
use crate::transport::Remote;

/// The options of a clone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CloneOptions {
    /// The project, when the remote has several.
    pub id: Option<ProjectId>,
    /// The files of `master` and not of the newest snapshot.
    pub master_files: bool,
    /// Pointers in the places of large files.
    pub no_large: bool,
}

/// The result of a clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloned {
    /// The project.
    pub id: ProjectId,
    /// The newest snapshot.
    pub history: ObjectId,
    /// The commit that `master` is at, if the remote has one and it is the project's.
    pub master: Option<ObjectId>,
    /// The folder of a larger repository that the project is.
    pub folder: Option<String>,
    pub bytes_received: u64,
    /// Commits of other repositories in the snapshot: empty folders.
    pub passed_over: Vec<BString>,
    /// Large files whose bytes did not come: pointers are in their places.
    pub large_missing: LargeMissing,
}

/// Brings a project into `folder`, which must be absent or empty. If it fails, the folder is as it was.
pub fn clone(
    remote: &Remote,
    folder: &Path,
    options: &CloneOptions,
    context: Context<'_>,
) -> Result<Cloned, SyncError> {
    let is_there = check_empty(folder)?;
    let mut connection = remote.connect(Service::UploadPack)?;
    let mut session = FetchSession::start(connection.as_mut(), &["refs/heads/", refs::RUNS_PREFIX])?;
    let view = RemoteView::of(session.refs());
    let (id, newest) = choose(&view, options.id)?;
    if options.master_files && view.master.is_none() {
        return Err(SyncError::NoMaster);
    }

    let parent = parent_of(folder);
    std::fs::create_dir_all(&parent).map_err(SyncError::io("make folder", &parent))?;
    let stage = tempfile::Builder::new()
        .prefix(".azml-clone-")
        .tempdir_in(&parent)
        .map_err(SyncError::io("make a folder in", &parent))?;
    let repositories = stage.path().join("repositories");
    std::fs::create_dir(&repositories).map_err(SyncError::io("make folder", &repositories))?;

    let history = HistoryRepo::init(&repositories, id)?;
    let runs = view.runs_of(&id);
    let wants = std::iter::once(newest).chain(runs).collect();
    let newest_alone = FetchRequest { wants, depth: Some(1), ..FetchRequest::default() };
    let fetched = match session.fetch(history.git(), &newest_alone, &mut |progress| context.show(progress)) {
        // A host that can't cut a history short gives all of it.
        Err(client::Error::Unsupported { .. }) => {
            let whole = FetchRequest { depth: None, ..newest_alone };
            session.fetch(history.git(), &whole, &mut |progress| context.show(progress))?
        }
        fetched => fetched?,
    };
    let mut bytes_received = fetched.bytes_received;
    note(&history, &history.history_ref(), newest)?;
    if let Some(runs) = runs {
        note(&history, &history.runs_ref(), runs)?;
    }
    history.set_remote(remote.url())?;

    let base_folder = base_folder(&history, newest)?;
    if let Some(folder) = base_folder.clone().filter(|_| options.master_files) {
        return Err(SyncError::FolderOfMaster { folder });
    }
    let master = view.master.filter(|_| base_folder.is_none());
    // No repository is made inside another one but as the clone of a `master`.
    let user = if base_folder.is_some() || master.is_none() && UserRepo::open(&parent)?.is_some() {
        None
    } else {
        Some(UserRepo::init(&repositories)?)
    };
    if let Some((user, master)) = user.as_ref().zip(master) {
        let request = FetchRequest { wants: vec![master], ..FetchRequest::default() };
        let fetched = if session.takes_more() {
            session.fetch(user.git(), &request, &mut |progress| context.show(progress))?
        } else {
            let mut connection = remote.connect(Service::UploadPack)?;
            let mut session = FetchSession::start(connection.as_mut(), &[refs::MASTER])?;
            session.fetch(user.git(), &request, &mut |progress| context.show(progress))?
        };
        bytes_received += fetched.bytes_received;
    }
    drop(session);

    let files = stage.path().join("files");
    let (from, commit) = match user.as_ref().zip(master) {
        Some((user, master)) if options.master_files => (user.git(), master),
        _ => (history.git(), newest),
    };
    let tree = Tree::of_commit(from, commit).map_err(SyncError::read(format!("commit {commit}")))?;
    let tree = if options.no_large { tree.id.into() } else { tree };
    let mut large_missing = LargeMissing::default();
    let written = match checkout::checkout(from, tree, &files) {
        Err(checkout::Error::LargeMissing(missing)) => {
            let pointers: Vec<_> = missing.files.iter().map(|(_, pointer)| *pointer).collect();
            if let Err(error) = large::fetch(&history, remote, &pointers, context) {
                tracing::warn!(%error, "large files can't be fetched");
            }
            let (written, missing) = checkout::checkout_what_is_here(from, tree, &files)?;
            large_missing = missing;
            written
        }
        written => written?,
    };
    let passed_over = written.passed_over;
    let names = user.is_some().then_some(".git").into_iter().chain([history::FOLDER]);
    drop((history, user));
    for name in names {
        let (old, new) = (repositories.join(name), files.join(name));
        std::fs::rename(&old, &new).map_err(SyncError::io("move", &new))?;
    }
    if let Some(user) = UserRepo::open_at(&files)? {
        if let Some(master) = master {
            user.adopt_master(master)?;
        }
        user.add_remote(remote.url())?;
        if let Some(master) = master {
            user.set_remote_master(master)?;
        }
    }
    if is_there {
        // Empty, as was seen; else this refuses.
        std::fs::remove_dir(folder).map_err(SyncError::io("replace", folder))?;
    }
    std::fs::rename(&files, folder).map_err(SyncError::io("make folder", folder))?;
    Ok(Cloned {
        id,
        history: newest,
        master,
        folder: base_folder,
        bytes_received,
        passed_over,
        large_missing,
    })
}

/// The folder of a larger repository that a snapshot is of.
fn base_folder(history: &HistoryRepo, snapshot: ObjectId) -> Result<Option<String>, SyncError> {
    let read = |source| SyncError::read(format!("commit {snapshot}"))(source);
    let commit = history.git().find_commit(snapshot).map_err(read)?;
    let message = commit.message_raw().map_err(read)?.to_str_lossy().into_owned();
    Ok(snapshot::base_folder(&message).map(str::to_owned))
}

/// The project to bring: the one asked for, or the only one.
fn choose(view: &RemoteView, asked: Option<ProjectId>) -> Result<(ProjectId, ObjectId), SyncError> {
    match (asked, view.histories.as_slice()) {
        (Some(id), _) => Ok((id, view.history(&id).ok_or(SyncError::NoHistory { id: Some(id) })?)),
        (None, []) => Err(SyncError::NoHistory { id: None }),
        (None, [only]) => Ok(*only),
        (None, several) => {
            Err(SyncError::SeveralProjects { ids: several.iter().map(|(id, _)| *id).collect() })
        }
    }
}

fn note(history: &HistoryRepo, name: &gix::refs::FullName, tip: ObjectId) -> Result<(), SyncError> {
    history.update_ref(name, None, tip)?;
    history.set_tracking(name.as_ref(), Some(tip))?;
    Ok(())
}

/// Returns whether the folder is there, and then empty.
fn check_empty(folder: &Path) -> Result<bool, SyncError> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => Err(SyncError::FolderNotEmpty { folder: folder.to_owned() }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            Err(SyncError::FolderNotEmpty { folder: folder.to_owned() })
        }
        Err(error) => Err(SyncError::io("read folder", folder)(error)),
    }
}

fn parent_of(folder: &Path) -> PathBuf {
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
