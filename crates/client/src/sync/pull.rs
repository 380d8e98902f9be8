//! Taking in what others did: their run records, and the newest snapshot.

use azml_core::history::{self, HistoryRepo};
use azml_core::join::{self, Joined};
use azml_core::run::{Merged, RunStore};
use gix::ObjectId;

use super::fetching::{Theirs, fetch_theirs, keep_tag};
use super::{Context, SyncError};
use crate::transport::Remote;

/// The most times that a ref is read again because it moved meanwhile.
const LOCAL_TRIES: usize = 20;

/// The result of a pull.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pulled {
    /// The newest snapshot that the remote has.
    pub history: Option<ObjectId>,
    /// True if run records came in.
    pub new_runs: bool,
    /// True if snapshots came in.
    pub new_snapshots: bool,
    pub bytes_received: u64,
}

/// Merges the remote's run records into ours, and takes its newest snapshot where nothing is unpushed.
/// Pushes nothing; snapshots of both sides are joined by the next push.
pub fn pull(history: &HistoryRepo, remote: &Remote, context: Context<'_>) -> Result<Pulled, SyncError> {
    let theirs = fetch_theirs(history, remote, context)?;
    let mut pulled =
        Pulled { history: theirs.history, bytes_received: theirs.bytes_received, ..Pulled::default() };
    take_in(history, &theirs, OnDivergence::Leave, context, &mut pulled)?;
    Ok(pulled)
}

/// The action if both sides have snapshots that the other lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDivergence {
    Join,
    Leave,
}

/// Brings what was fetched into our refs, then notes what the remote has.
pub(super) fn take_in(
    history: &HistoryRepo,
    theirs: &Theirs,
    on_divergence: OnDivergence,
    context: Context<'_>,
    pulled: &mut Pulled,
) -> Result<(), SyncError> {
    let (branch, runs) = (history.history_ref(), history.runs_ref());
    // Snapshots before the records that name them.
    if let Some(tip) = theirs.history {
        pulled.new_snapshots = take_in_history(history, tip, on_divergence, context)?;
    }
    if let Some(tip) = theirs.runs {
        let before = history.ref_tip(runs.as_ref())?;
        let merged = RunStore::new(history).merge(tip, context.by)?;
        pulled.new_runs = !matches!(merged, Merged::Ours(_)) && before != Some(merged.tip());
    }
    // Others are fetched when they are named.
    for (name, commit) in theirs.tags.iter().filter(|(_, commit)| history.git().has_object(*commit)) {
        keep_tag(history, name, *commit)?;
    }
    history.set_tracking(branch.as_ref(), theirs.history)?;
    history.set_tracking(runs.as_ref(), theirs.runs)?;
    Ok(())
}

/// Moves our history branch to where theirs is part of it. Whether it moved.
fn take_in_history(
    history: &HistoryRepo,
    theirs: ObjectId,
    on_divergence: OnDivergence,
    context: Context<'_>,
) -> Result<bool, SyncError> {
    let branch = history.history_ref();
    let _adding = history.lock()?;
    for _ in 0..LOCAL_TRIES {
        let ours = history.tip()?;
        let new = match ours {
            None => theirs,
            Some(ours) if ours == theirs => return Ok(false),
            Some(ours) if join::contains(history.git(), ours, theirs)? => return Ok(false),
            Some(ours) if is_behind(history, ours, theirs)? => theirs,
            Some(_) if on_divergence == OnDivergence::Leave => return Ok(false),
            Some(ours) => match join::join(history.git(), ours, theirs, context.by)? {
                Joined::Ours(_) => return Ok(false),
                Joined::Theirs(id) | Joined::Both(id) => id,
            },
        };
        match history.update_ref(&branch, ours, new) {
            Ok(()) => return Ok(true),
            Err(history::Error::Moved { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(SyncError::Busy { attempts: LOCAL_TRIES })
}

/// Returns whether theirs is ours and more. Where the history between is not here (a shallow one), what the
/// remote had at the last sync tells: it never goes back, so what it had then is in what it has now.
fn is_behind(history: &HistoryRepo, ours: ObjectId, theirs: ObjectId) -> Result<bool, SyncError> {
    if join::contains(history.git(), theirs, ours)? {
        return Ok(true);
    }
    Ok(history.is_shallow() && history.tracking_tip(history.history_ref().as_ref())? == Some(ours))
}
