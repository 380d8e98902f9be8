//! Linking a project to a remote repository, all or nothing.

use std::path::Path;

use azml_core::history::HistoryRepo;
use azml_core::user_repo::UserRepo;
use azml_core::{join, refs};
use git_wire::Service;
use git_wire::client::{PushRequest, PushSession, PushUpdate};
use gix::ObjectId;

use super::list::RemoteView;
use super::push::{first_refusal, push_history};
use super::{Context, SyncError, list};
use crate::transport::Remote;

/// The state of the remote repository that linking accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMode {
    /// No branch at all: `master` and the run history are made there in one push.
    Empty,
    /// Either that, or a `master` that the local one contains: the folder is a clone of it.
    EmptyOrClone,
}

/// The result of linking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linked {
    /// The remote's `master`.
    pub master: Option<ObjectId>,
    /// True if this made it.
    pub created_master: bool,
    /// The newest snapshot there.
    pub history: Option<ObjectId>,
}

/// Links the project to the remote: pushes first, and only when that went well notes the remote in
/// the history repository and, if the user's repository has no `origin` yet, there.
///
/// Of a project in a larger repository only the run history is pushed, and that repository stays as it is: its `master` is
/// more than the project.
pub fn link(
    history: &HistoryRepo,
    user: &UserRepo,
    remote: &Remote,
    mode: LinkMode,
    context: Context<'_>,
) -> Result<Linked, SyncError> {
    if user.is_around() {
        return link_history(history, user, remote, context);
    }
    let master = match user.master_tip()? {
        Some(tip) => tip,
        None => user.head()?.ok_or_else(|| SyncError::NoCommit { root: user.root().to_owned() })?.commit,
    };
    let linked = push_all(history, user, remote, mode, master, context)?;
    history.set_remote(remote.url())?;
    if user.remote_text().is_none() {
        user.add_remote(remote.url())?;
        if let Some(tip) = linked.master {
            user.set_remote_master(tip)?;
        }
    }
    Ok(linked)
}

fn link_history(
    history: &HistoryRepo,
    user: &UserRepo,
    remote: &Remote,
    context: Context<'_>,
) -> Result<Linked, SyncError> {
    let view = list(remote)?;
    let is_history = |tip| view.histories.iter().any(|(_, history)| history == tip);
    let mut others = view.branches.iter().filter(|(_, tip)| !is_history(tip)).peekable();
    // Run histories of other projects are no hindrance, nor is the larger repository itself.
    if others.peek().is_some() && !others.any(|(_, tip)| user.git().has_object(*tip)) {
        return Err(SyncError::Unrelated {
            branches: view.branches.iter().map(|(name, _)| name.clone()).collect(),
        });
    }
    let pushed = push_history(history, remote, context)?;
    history.set_remote(remote.url())?;
    Ok(Linked { master: view.master, created_master: false, history: pushed.history })
}

fn push_all(
    history: &HistoryRepo,
    user: &UserRepo,
    remote: &Remote,
    mode: LinkMode,
    master: ObjectId,
    context: Context<'_>,
) -> Result<Linked, SyncError> {
    let mut connection = remote.connect(Service::ReceivePack)?;
    let mut session = PushSession::start(connection.as_mut())?;
    let view = RemoteView::of(session.refs());
    if !view.branches.is_empty() {
        drop(session);
        return already_there(history, user, remote, mode, master, &view, context);
    }
    // Git's servers refuse it as well: the remote's history would begin in the middle.
    if let Some(how) = user.lacks_for(master)? {
        return Err(SyncError::Incomplete { how });
    }
    let workspace = history.workspace()?;
    let both = with_both_stores(&workspace.join("link.git"), history, user)?;
    let new_ref = |name, id| PushUpdate { name, old: None, new: Some(id) };
    let mut rest = Vec::new();
    // The records first: what they name is then in the history branch read after them.
    let runs = history.ref_tip(history.runs_ref().as_ref())?;
    let newest = history.tip()?;
    rest.extend(newest.map(|id| new_ref(history.history_ref(), id)));
    // A ref that is no branch may be there in a repository without branches: it is taken over as a push would.
    let their_runs = view.runs_of(history.id());
    rest.extend(runs.map(|id| PushUpdate { name: history.runs_ref(), old: their_runs, new: Some(id) }));
    let first = new_ref(refs::master(), master);
    let is_atomic = session.offers_atomic();
    let updates =
        if is_atomic { std::iter::once(first).chain(rest.drain(..)).collect() } else { vec![first] };
    let request = PushRequest { updates, atomic: true, ..PushRequest::default() };
    let report = session.push(&both, &request, &mut |progress| context.show(progress))?;
    drop(session);
    if let Some((update, reason)) = first_refusal(&request, &report) {
        // Somebody else linked in between: then it is not empty any more.
        let now = list(remote)?;
        return Err(if now.branches.is_empty() {
            SyncError::Rejected { reference: update.name.as_bstr().to_string(), reason }
        } else {
            not_empty(&now)
        });
    }
    if !rest.is_empty() {
        // A server without all-or-nothing: `master`, which only one can make, has decided who links.
        let request = PushRequest { updates: rest, atomic: false, ..PushRequest::default() };
        if let Err(error) = push_rest(&both, remote, &request, context) {
            take_back_master(&both, remote, master, context);
            return Err(error);
        }
    }
    history.set_tracking(history.history_ref().as_ref(), newest)?;
    history.set_tracking(history.runs_ref().as_ref(), runs)?;
    Ok(Linked { master: Some(master), created_master: true, history: newest })
}

/// The remote has branches: that is fine for a clone of it, and for a link that was cut off after its push.
fn already_there(
    history: &HistoryRepo,
    user: &UserRepo,
    remote: &Remote,
    mode: LinkMode,
    master: ObjectId,
    view: &RemoteView,
    context: Context<'_>,
) -> Result<Linked, SyncError> {
    let ours = history.tip()?;
    let is_ours = ours.is_some()
        && view.master == Some(master)
        && view.history(history.id()) == ours
        && view.branches.len() == 2;
    if !is_ours {
        let Some(theirs) = view.master.filter(|_| mode == LinkMode::EmptyOrClone) else {
            return Err(not_empty(view));
        };
        if !join::contains(user.git(), master, theirs)? {
            // Older than what a shallow clone has, it may well be contained.
            return Err(match user.incomplete() {
                Some(how) if !user.git().has_object(theirs) => SyncError::Incomplete { how },
                _ => SyncError::Behind { theirs },
            });
        }
    }
    let pushed = push_history(history, remote, context)?;
    Ok(Linked { master: view.master, created_master: false, history: pushed.history })
}

fn push_rest(
    both: &gix::Repository,
    remote: &Remote,
    request: &PushRequest,
    context: Context<'_>,
) -> Result<(), SyncError> {
    let mut connection = remote.connect(Service::ReceivePack)?;
    let mut session = PushSession::start(connection.as_mut())?;
    let report = session.push(both, request, &mut |progress| context.show(progress))?;
    match first_refusal(request, &report) {
        Some((update, reason)) => {
            Err(SyncError::Rejected { reference: update.name.as_bstr().to_string(), reason })
        }
        None => Ok(()),
    }
}

/// Undoes the first half of a link whose second half failed, so that the repository is empty again.
fn take_back_master(both: &gix::Repository, remote: &Remote, master: ObjectId, context: Context<'_>) {
    let update = PushUpdate { name: refs::master(), old: Some(master), new: None };
    let request = PushRequest { updates: vec![update], atomic: false, ..PushRequest::default() };
    if let Err(error) = push_rest(both, remote, &request, context) {
        tracing::warn!(%error, "the remote repository keeps the master branch of a link that failed");
    }
}

fn not_empty(view: &RemoteView) -> SyncError {
    SyncError::NotEmpty { branches: view.branches.iter().map(|(name, _)| name.clone()).collect() }
}

/// A repository without objects of its own that sees the history's and the user's.
fn with_both_stores(
    path: &Path,
    history: &HistoryRepo,
    user: &UserRepo,
) -> Result<gix::Repository, SyncError> {
    gix::init_bare(path).map_err(SyncError::read("a temporary repository"))?;
    let mut alternates = Vec::new();
    for git in [history.git(), user.git()] {
        let objects = git.objects.store_ref().path();
        let objects = objects.canonicalize().map_err(SyncError::io("find", objects))?;
        alternates.extend_from_slice(objects.as_os_str().as_encoded_bytes());
        alternates.push(b'\n');
    }
    let file = path.join("objects/info/alternates");
    std::fs::create_dir_all(path.join("objects/info"))
        .and_then(|()| std::fs::write(&file, alternates))
        .map_err(SyncError::io("write", &file))?;
    let options = gix::open::Options::isolated().open_path_as_is(true).with(gix::sec::Trust::Full);
    let both = options.open(path).map_err(SyncError::read("a temporary repository"))?;
    Ok(both.to_thread_local())
}
