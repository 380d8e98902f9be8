//! Pushing what the remote lacks.

use azml_core::history::HistoryRepo;
use azml_core::{join, refs};
use git_wire::Service;
use git_wire::client::{PushReport, PushRequest, PushSession, PushUpdate, Rejection};
use gix::ObjectId;
use gix::refs::FullName;

use super::fetching::fetch_theirs;
use super::large::{self, LargePushed};
use super::pull::{OnDivergence, Pulled, take_in};
use super::turns::Turns;
use super::{Context, Event, SyncError, attachments};
use crate::limits;
use crate::transport::Remote;

/// The result of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// The newest snapshot that the remote has now.
    pub history: Option<ObjectId>,
    /// The run records that the remote has now.
    pub runs: Option<ObjectId>,
    /// True if anything had to be sent.
    pub sent: bool,
    /// The number of times that somebody else had pushed first.
    pub joins: usize,
    /// Objects sent.
    pub objects: u64,
    pub bytes_sent: u64,
    /// Large files.
    pub large: LargePushed,
}

/// Brings the history branch and the run records to the remote, in one push where both moved.
///
/// If somebody else pushed first, their commits are fetched and joined with ours, and the push repeated. Attachments
/// of runs are pushed too; if they alone can't be delivered, the rest is, and the error says why.
pub fn push_history(
    history: &HistoryRepo,
    remote: &Remote,
    context: Context<'_>,
) -> Result<Pushed, SyncError> {
    // First: what the refs lead to is there then.
    let mut total = Pushed { large: large::push(history, remote, context)?, ..Pushed::default() };
    let mut refused: Option<Refused> = None;
    let mut without = Without::default();
    let mut everything = false;
    let mut turns = Turns::new(context);
    let mut locks = 0;
    loop {
        let before = refused.take();
        match attempt(history, remote, context, before, everything, &mut without, &mut total)? {
            Attempt::Done => return without.attachments.or(without.tags).map_or(Ok(total), Err),
            // What its refs reach and what it had at the last sync is not all there any more.
            Attempt::Refused(what) if what.lacks_objects && !everything => everything = true,
            Attempt::Refused(what) => {
                if what.reason.is_lock_held() {
                    locks += 1;
                    if locks > limits::PUSH_LOCK_TRIES || !turns.lost() {
                        return Err(what.into_error());
                    }
                }
                refused = Some(what);
            }
            Attempt::SomebodyElseFirst => {
                total.joins += 1;
                // Waits before it fetches: one join is for all that came meanwhile.
                if !turns.lost() {
                    return Err(SyncError::Busy { attempts: turns.count() });
                }
                (context.observer)(Event::Joining);
                let theirs = match fetch_theirs(history, remote, context) {
                    // They pushed again between the server's list and our request.
                    Err(SyncError::Wire(git_wire::client::Error::NotOurRef { .. })) => continue,
                    other => other?,
                };
                take_in(history, &theirs, OnDivergence::Join, context, &mut Pulled::default())?;
            }
        }
    }
}

/// Why the push goes without what is not needed for the rest.
#[derive(Default)]
struct Without {
    attachments: Option<SyncError>,
    tags: Option<SyncError>,
}

enum Attempt {
    Done,
    SomebodyElseFirst,
    Refused(Refused),
}

/// A ref that the server refused, and where it was when it did.
struct Refused {
    name: FullName,
    was: Option<ObjectId>,
    reason: Rejection,
    lacks_objects: bool,
}

impl Refused {
    fn into_error(self) -> SyncError {
        SyncError::Rejected { reference: self.name.as_bstr().to_string(), reason: self.reason }
    }
}

fn attempt(
    history: &HistoryRepo,
    remote: &Remote,
    context: Context<'_>,
    refused: Option<Refused>,
    everything: bool,
    without: &mut Without,
    total: &mut Pushed,
) -> Result<Attempt, SyncError> {
    let mut connection = remote.connect(Service::ReceivePack)?;
    let mut session = PushSession::start(connection.as_mut())?;
    // Still where it was when the server refused: nobody was ahead of us, the refusal is meant.
    if let Some(refused) = refused
        && session.tip(&refused.name) == refused.was
        && !refused.reason.is_lock_held()
    {
        let name = refused.name.clone();
        let error = refused.into_error();
        if name == history.attachments_ref() {
            without.attachments = Some(error);
        } else if refs::is_tag(history.id(), name.as_ref()) {
            without.tags = Some(error);
        } else {
            return Err(error);
        }
    }
    // Tags and records first: what they name is then in the history branch read after them.
    let tags = if without.tags.is_none() { history.tags()? } else { Vec::new() };
    let runs = history.runs_ref();
    let our_runs = history.ref_tip(runs.as_ref())?;
    let branch = history.history_ref();
    let our_history = history.tip()?;
    let mut updates = Vec::new();
    for (name, ours) in [(&branch, our_history), (&runs, our_runs)] {
        let theirs = session.tip(name);
        match (ours, theirs) {
            (Some(ours), Some(theirs)) if !join::contains(history.git(), ours, theirs)? => {
                return Ok(Attempt::SomebodyElseFirst);
            }
            (None, Some(_)) => return Ok(Attempt::SomebodyElseFirst),
            (Some(ours), theirs) if Some(ours) != theirs => {
                updates.push(PushUpdate { name: name.clone(), old: theirs, new: Some(ours) });
            }
            _ => {}
        }
    }
    for (name, ours) in tags {
        match session.tip(&name) {
            // A tag that another computer has given stays where it is.
            Some(theirs) => history.set_tracking(name.as_ref(), Some(theirs))?,
            None => updates.push(PushUpdate { name, old: None, new: Some(ours) }),
        }
    }
    let mut offer = None;
    if without.attachments.is_none() {
        match attachments::offer(history, remote, &session, context) {
            Ok(found) => offer = found,
            Err(error) => without.attachments = Some(error),
        }
    }
    updates.extend(offer.as_ref().map(|offer| offer.update.clone()));
    let objects = offer.as_ref().map_or(history.git(), |offer| offer.objects(history));
    let request = PushRequest {
        updates,
        atomic: true,
        exclude: tracked(history, &session)?,
        everything,
        ..PushRequest::default()
    };
    if !request.updates.is_empty() {
        let report = session.push(objects, &request, &mut |progress| context.show(progress))?;
        total.objects += report.objects;
        total.bytes_sent += report.bytes_sent;
        total.sent = true;
        for (update, (_, result)) in request.updates.iter().zip(&report.refs) {
            if result.is_ok() && report.unpack.is_ok() {
                let ours = offer.as_ref().filter(|offer| offer.update == *update).map(|offer| offer.ours);
                history.set_tracking(update.name.as_ref(), ours.or(update.new))?;
            }
        }
        if let Some((update, reason)) = first_refusal(&request, &report) {
            let lacks_objects = report.lacks_objects();
            let refused = Refused { name: update.name.clone(), was: update.old, reason, lacks_objects };
            return Ok(Attempt::Refused(refused));
        }
    }
    history.set_tracking(branch.as_ref(), our_history)?;
    history.set_tracking(runs.as_ref(), our_runs)?;
    total.history = our_history;
    total.runs = our_runs;
    Ok(Attempt::Done)
}

/// Commits that the remote is known to have beside its tips: those of the last sync, where others have pushed since. A tip
/// that is here says itself what the remote has, which is less than before if it was set back.
fn tracked(history: &HistoryRepo, session: &PushSession<'_>) -> Result<Vec<ObjectId>, SyncError> {
    let mut known = Vec::new();
    for name in [history.history_ref(), history.runs_ref(), history.attachments_ref()] {
        if session.tip(&name).is_some_and(|tip| !history.git().has_object(tip)) {
            known.extend(history.tracking_tip(name.as_ref())?);
        }
    }
    Ok(known)
}

/// The refusal that explains the others: all-or-nothing pushes refuse the innocent refs as well.
pub(super) fn first_refusal<'r>(
    request: &'r PushRequest,
    report: &PushReport,
) -> Option<(&'r PushUpdate, Rejection)> {
    let refusals = || {
        request.updates.iter().zip(&report.refs).filter_map(|(update, (_, result))| {
            let reason = result.as_ref().err()?;
            Some((update, reason.clone()))
        })
    };
    if let Err(reason) = &report.unpack {
        return request.updates.first().map(|update| (update, reason.clone()));
    }
    refusals().find(|(_, reason)| !reason.is_for_another()).or_else(|| refusals().next())
}
