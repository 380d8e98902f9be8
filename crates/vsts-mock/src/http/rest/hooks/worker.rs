//! The worker that tells events: finds the subscriptions that want one, makes the payload, and tries until the receiver
//! takes it or has refused often enough.

use std::sync::Arc;

use imbl::ordmap::DiffItem;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::payload::{Notice, Subject, Update};
use super::{deliver, work_items};
use crate::app::App;
use crate::deliveries::{Attempt, Delivery};
use crate::directory::pull_request::{CommentType, MergeStatus, PullStatus};
use crate::directory::{Directory, PullRequest, Subscription};
use crate::events::Event;
use crate::limits::{HOOK_PAUSES, HOOKS_AT_ONCE, HOOKS_WAITING};
use crate::tls::Trust;

/// The way to the receivers.
struct Way {
    turns: Semaphore,
    trust: Trust,
}

/// Works until it is told to stop; deliveries that wait for another try then end.
pub(crate) async fn keep_telling(app: &Arc<App>, trust: Trust, stop: CancellationToken) {
    let Some(mut events) = app.state.events.take() else { return };
    let way = Arc::new(Way { turns: Semaphore::new(HOOKS_AT_ONCE), trust });
    let mut running = JoinSet::new();
    while let Some(Some((epoch, event))) = stop.run_until_cancelled(events.recv()).await {
        for (notice, subscription) in to_tell(app, epoch, &event).await {
            // Receivers that never answer do not fill the memory.
            if running.len() >= HOOKS_WAITING {
                running.join_next().await;
            }
            running.spawn(tell(app.clone(), way.clone(), epoch, subscription, notice));
        }
        while running.try_join_next().is_some() {}
    }
    running.shutdown().await;
}

/// The notices of an event, each with a subscription that wants it; none if the event is of an earlier state.
async fn to_tell(app: &Arc<App>, epoch: u64, event: &Event) -> Vec<(Notice, Subscription)> {
    let _inside = app.gate.enter_to_work().await;
    if app.state.events.epoch() != epoch {
        return Vec::new();
    }
    let told = |notice: Notice| {
        interested(app, &notice).into_iter().map(move |subscription| (notice.clone(), subscription))
    };
    notices(app, event).into_iter().flat_map(told).collect()
}

/// The notices of an event.
fn notices(app: &App, event: &Event) -> Vec<Notice> {
    match event {
        Event::Pushed { repo, push } => {
            let directory = app.state.directory();
            let Some(repo) = directory.repos.get(repo) else { return Vec::new() };
            vec![Notice::new(repo.clone(), Subject::Push(*push), "git.push")]
        }
        Event::Changed { before, after } => {
            let of_items = work_items::changes(before, after).into_iter().map(Notice::of_work_item);
            changed(before, after).into_iter().chain(of_items).collect()
        }
    }
}

/// The notices of a change of pull requests and their comments.
fn changed(before: &Directory, after: &Directory) -> Vec<Notice> {
    let mut notices = Vec::new();
    let mut add = |pull: &PullRequest, subject: Subject, event_type: &'static str| {
        if let Some(repo) = after.repos.get(&pull.repo) {
            notices.push(Notice::new(repo.clone(), subject, event_type));
        }
    };
    for item in before.pulls.all.diff(&after.pulls.all) {
        match item {
            DiffItem::Add(_, pull) => {
                add(pull, Subject::Pull(pull.id, Update::Created), "git.pullrequest.created");
            }
            DiffItem::Update { old: (_, old), new: (_, new) } => {
                for update in updates(old, new) {
                    let event_type = match update {
                        Update::Merge(_) => "git.pullrequest.merged",
                        _ => "git.pullrequest.updated",
                    };
                    add(new, Subject::Pull(new.id, update), event_type);
                }
            }
            DiffItem::Remove(..) => {}
        }
    }
    for item in before.pulls.comments.diff(&after.pulls.comments) {
        let DiffItem::Add(_, comment) = item else { continue };
        if comment.kind != CommentType::System
            && let Some(pull) = after.pulls.get(comment.account, comment.pull_request)
        {
            let subject = Subject::Comment { pull: pull.id, thread: comment.thread, comment: comment.id };
            add(pull, subject, "ms.vss-code.git-pullrequest-comment-event");
        }
    }
    notices
}

/// The updates that the difference of a pull request amounts to.
fn updates(old: &PullRequest, new: &PullRequest) -> Vec<Update> {
    let mut updates = Vec::new();
    let is_attempt = new.merge.status != MergeStatus::Queued
        && (old.merge.status, &old.merge.commit) != (new.merge.status, &new.merge.commit);
    if is_attempt && new.status == PullStatus::Active {
        updates.push(Update::Merge(new.merge.status));
    }
    if old.status != new.status {
        updates.push(Update::Status(new.status, new.closed_by));
    }
    let has_new_commits = old.merge.source != new.merge.source && !old.merge.source.is_empty();
    if has_new_commits && new.status == PullStatus::Active {
        updates.push(Update::Push);
    }
    for reviewer in &new.reviewers {
        let before = old.reviewers.iter().find(|one| one.id == reviewer.id);
        if before.map_or(0, |one| one.vote) != reviewer.vote {
            updates.push(Update::Vote(reviewer.id, reviewer.vote));
        }
    }
    let ids = |pull: &PullRequest| pull.reviewers.iter().map(|one| one.id).collect::<Vec<_>>();
    if ids(old) != ids(new) {
        updates.push(Update::Reviewers);
    }
    let texts = |pull: &PullRequest| {
        (pull.title.clone(), pull.description.clone(), pull.is_draft, pull.target.clone())
    };
    if texts(old) != texts(new) {
        updates.push(Update::Edited);
    }
    updates
}

/// The subscriptions whose filters a notice passes.
fn interested(app: &App, notice: &Notice) -> Vec<Subscription> {
    let directory = app.state.directory();
    let all = directory.subscriptions.values();
    let (account, project) = notice.place();
    all.filter(|one| {
        one.is_enabled
            && one.account == account
            && one.event_type == notice.event_type
            && one.project.is_none_or(|wanted| wanted == project)
            && one.filter("repository").is_none_or(|name| notice.is_in_repo(name))
    })
    .cloned()
    .collect()
}

/// Delivers a notice to one subscription.
///
/// It ends when the state of the event goes.
async fn tell(app: Arc<App>, way: Arc<Way>, epoch: u64, subscription: Subscription, notice: Notice) {
    let inside = app.gate.enter_to_work().await;
    let is_over = || app.state.events.epoch() != epoch;
    if is_over() {
        return;
    }
    let mut payload = match notice.payload(&app, &subscription).await {
        Ok(Some(payload)) => payload,
        // A filter does not let it pass.
        Ok(None) => return,
        Err(failure) => {
            tracing::debug!(message = failure.message, "an event is not told: its subscriber may not see it");
            return;
        }
    };
    let key = app.deliveries.next(subscription.id);
    payload["notificationId"] = key.number.into();
    let body = payload.to_string();
    app.deliveries.add(Delivery {
        subscription_id: subscription.id,
        notification_id: key.number,
        event_type: subscription.event_type.clone(),
        url: subscription.setting("url").to_owned(),
        created: app.clock.now(),
        status: "queued",
        attempts: Vec::new(),
        payload,
    });
    drop(inside);
    let mut pauses = HOOK_PAUSES.iter();
    loop {
        let sent = {
            let _turn = way.turns.acquire().await.expect("the semaphore is never closed");
            if is_over() {
                return;
            }
            deliver::send(&subscription, app.hook_hosts(), &way.trust, &body).await
        };
        let is_taken = sent.as_ref().is_ok_and(|status| (200..300).contains(status));
        let next = if is_taken { None } else { pauses.next() };
        let status = match (is_taken, next) {
            (true, _) => "succeeded",
            (false, Some(_)) => "queued",
            (false, None) => "failed",
        };
        let attempt =
            Attempt { time: app.clock.now(), status: sent.as_ref().ok().copied(), error: sent.err() };
        app.deliveries.attempt(key, attempt, status);
        let Some(pause) = next else { return };
        tokio::time::sleep(*pause).await;
    }
}
