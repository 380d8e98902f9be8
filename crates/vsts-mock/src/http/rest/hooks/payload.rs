//! The payload of an event: what the subscriber would read by REST, with a message about it. The creator of the subscription
//! is asked for: who may not read the repository any more is told nothing.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::failure::Failure;
use super::super::git::request::RepoRequest;
use super::super::git::{pulls, pushes};
use super::super::locations::Values;
use super::super::query::Query;
use super::super::{Call, shape};
use crate::access::{Permissions, Principal};
use crate::app::App;
use crate::directory::pull_request::{MergeStatus, PullStatus};
use crate::directory::{PullRequest, Repo, Subscription};
use crate::operations::pushes::find as find_push;
use crate::registry::random_id;

/// Something that happened, of one event type.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) repo: Repo,
    pub(super) event_type: &'static str,
    subject: Subject,
}

/// The thing that it happened to.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// A push, by its number.
    Push(i64),
    /// A pull request, by its number.
    Pull(i64, Update),
    Comment {
        pull: i64,
        thread: i64,
        comment: i64,
    },
}

/// A change of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Update {
    Created,
    /// A merge was attempted.
    Merge(MergeStatus),
    /// It was completed, abandoned or made active again, by a user if that is known.
    Status(PullStatus, Option<Uuid>),
    /// The source branch has moved.
    Push,
    Vote(Uuid, i64),
    Reviewers,
    /// Its texts, its target or its being a draft.
    Edited,
}

impl Update {
    /// The name of such updates in the filter `notificationType`.
    fn kind(self) -> &'static str {
        match self {
            Self::Push => "PushNotification",
            Self::Vote(..) => "ReviewerVoteNotification",
            Self::Reviewers => "ReviewersUpdateNotification",
            Self::Created | Self::Merge(_) | Self::Status(..) | Self::Edited => "StatusUpdateNotification",
        }
    }
}

/// The words that say what happened, and what an event is about.
struct Told {
    resource: Value,
    resource_version: &'static str,
    message: String,
}

impl Notice {
    pub(super) fn new(repo: Repo, subject: Subject, event_type: &'static str) -> Self {
        Self { repo, event_type, subject }
    }

    /// The body of the request, without its number; `None` if a filter of the subscription does not let the event pass.
    pub(super) async fn payload(
        &self,
        app: &Arc<App>,
        subscription: &Subscription,
    ) -> Result<Option<Value>, Failure> {
        let directory = app.state.directory();
        let account = directory.accounts.get(&subscription.account).map(|one| one.name.clone());
        let creator = directory.users.get(&subscription.creator);
        let (Some(account), Some(creator)) = (account, creator) else { return Ok(None) };
        let mut values = Values::default();
        values.insert("repositoryId", self.repo.id.to_string());
        match &self.subject {
            Subject::Push(id) => {
                values.insert("pushId", id.to_string());
            }
            Subject::Pull(id, _) | Subject::Comment { pull: id, .. } => {
                values.insert("pullRequestId", id.to_string());
            }
        }
        let call = Call {
            app,
            principal: Principal {
                user: Some(creator.id),
                name: creator.name.clone(),
                token: None,
                key: None,
                ceiling: Permissions::ALL,
            },
            account,
            project: None,
            host: None,
            headers: HeaderMap::new(),
            query: Query::default(),
            values,
        };
        let request = RepoRequest::new(call, Value::Null)?;
        let work = request.work.clone();
        let (notice, filters) = (self.clone(), subscription.clone());
        let told = work.run(move || notice.told(&request, &filters).map(|told| (told, request))).await?;
        let (Some(told), request) = told else { return Ok(None) };
        Ok(Some(self.envelope(&request, subscription, told)))
    }

    /// Reads the resource and words the message; `None` if the filters do not let it pass. Blocks.
    fn told(&self, request: &RepoRequest, filters: &Subscription) -> Result<Option<Told>, Failure> {
        let version = "1.0";
        match &self.subject {
            Subject::Push(id) => {
                let push = find_push(request, &id.to_string())?;
                let is_wanted = filters
                    .filter("branch")
                    .is_none_or(|wanted| push.refs.iter().any(|one| is_branch(&one.name, wanted)));
                let pusher = push.user.to_string();
                if !is_wanted
                    || filters.filter("pushedBy").is_some_and(|wanted| !is_of(request, &pusher, wanted))
                {
                    return Ok(None);
                }
                // Only what is told is worth a walk through the commits.
                let resource = pushes::event(request, &push)?;
                let name = push.refs.first().map_or("", |one| one.name.as_str());
                let message = format!(
                    "{} pushed updates to {} of {}",
                    name_of(request, push.user),
                    name.strip_prefix("refs/heads/")
                        .map_or_else(|| name.to_owned(), |branch| format!("branch {branch}")),
                    self.repo.name
                );
                Ok(Some(Told { resource, resource_version: version, message }))
            }
            Subject::Pull(id, update) => {
                let directory = request.app.state.directory();
                let Some(pull) = directory.pulls.get(self.repo.account, *id) else { return Ok(None) };
                if !passes(request, pull, filters) || !passes_update(*update, filters) {
                    return Ok(None);
                }
                let resource = pulls::event(request, &directory, pull);
                let message = message(request, pull, *update);
                Ok(Some(Told { resource, resource_version: version, message }))
            }
            Subject::Comment { pull, thread, comment } => {
                let directory = request.app.state.directory();
                let Some(pull) = directory.pulls.get(self.repo.account, *pull) else { return Ok(None) };
                let key = (self.repo.account, pull.id, *thread, *comment);
                let Some(comment) = directory.pulls.comments.get(&key) else { return Ok(None) };
                if !passes(request, pull, filters) {
                    return Ok(None);
                }
                let resource = json!({
                    "comment": pulls::comments::comment(request, &directory, comment),
                    "pullRequest": pulls::event(request, &directory, pull),
                });
                let message = format!("{} has commented on a pull request", name_of(request, comment.author));
                Ok(Some(Told { resource, resource_version: "2.0", message }))
            }
        }
    }

    fn envelope(&self, request: &RepoRequest, subscription: &Subscription, told: Told) -> Value {
        let base = &request.base;
        let texts = |text: &str, wanted: &str| {
            let all = [("text", text.to_owned()), ("html", escaped(text)), ("markdown", text.to_owned())];
            let is_shown = |name: &str| matches!(wanted, "" | "all") || wanted.eq_ignore_ascii_case(name);
            let shown: serde_json::Map<String, Value> = all
                .into_iter()
                .filter(|(name, _)| is_shown(name))
                .map(|(name, text)| (name.to_owned(), text.into()))
                .collect();
            if shown.is_empty() { Value::Null } else { Value::Object(shown) }
        };
        let resource = match subscription.setting("resourceDetailsToSend").to_ascii_lowercase().as_str() {
            "none" => Value::Null,
            "minimal" => minimal(&told.resource),
            _ => told.resource,
        };
        let of = |id: Uuid| json!({ "id": id.to_string(), "baseUrl": format!("{base}/") });
        json!({
            "subscriptionId": subscription.id.to_string(),
            "notificationId": 0,
            "id": random_id().to_string(),
            "eventType": self.event_type,
            "publisherId": super::PUBLISHER,
            "message": texts(&told.message, subscription.setting("messagesToSend")),
            "detailedMessage": texts(&told.message, subscription.setting("detailedMessagesToSend")),
            "resource": resource,
            "resourceVersion": told.resource_version,
            "resourceContainers": {
                "collection": of(self.repo.account),
                "account": of(self.repo.account),
                "project": of(self.repo.project),
            },
            "createdDate": request.app.clock.now(),
        })
    }
}

/// The parts of a resource by which a receiver can ask for the rest.
fn minimal(resource: &Value) -> Value {
    let names = ["pushId", "pullRequestId", "id", "url", "repository"];
    let kept = resource.as_object().into_iter().flatten().filter(|(name, _)| names.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Returns whether a filter names a branch, with or without what its full name begins with.
fn is_branch(name: &str, wanted: &str) -> bool {
    name == wanted || name.strip_prefix("refs/heads/") == Some(wanted.trim_start_matches("refs/heads/"))
}

/// Returns whether a filter names a user, or a group that the user is in.
fn is_of(request: &RepoRequest, user: &str, wanted: &str) -> bool {
    if user.eq_ignore_ascii_case(wanted) {
        return true;
    }
    let (Ok(user), Ok(wanted)) = (Uuid::parse_str(user), Uuid::parse_str(wanted)) else { return false };
    request.app.state.directory().all_containers_of(user).contains(&wanted)
}

fn passes(request: &RepoRequest, pull: &PullRequest, filters: &Subscription) -> bool {
    let creator = pull.creator.to_string();
    filters.filter("branch").is_none_or(|wanted| is_branch(&pull.target, wanted))
        && filters.filter("pullrequestCreatedBy").is_none_or(|wanted| is_of(request, &creator, wanted))
        && filters
            .filter("pullrequestReviewersContains")
            .is_none_or(|wanted| pull.reviewers.iter().any(|one| is_of(request, &one.id.to_string(), wanted)))
}

fn passes_update(update: Update, filters: &Subscription) -> bool {
    match update {
        Update::Merge(status) => filters.filter("mergeResult").is_none_or(|wanted| {
            wanted.eq_ignore_ascii_case(status.name())
                || wanted.eq_ignore_ascii_case("unsuccessful") && status != MergeStatus::Succeeded
        }),
        update => {
            filters.filter("notificationType").is_none_or(|wanted| wanted.eq_ignore_ascii_case(update.kind()))
        }
    }
}

fn name_of(request: &RepoRequest, user: Uuid) -> String {
    let shown = shape::identity(&request.app.state.directory(), &request.base, user);
    shown["displayName"].as_str().unwrap_or_default().to_owned()
}

fn message(request: &RepoRequest, pull: &PullRequest, update: Update) -> String {
    let creator = || name_of(request, pull.creator);
    match update {
        Update::Created => format!("{} created a new pull request", creator()),
        Update::Merge(_) => format!("{} has created a pull request merge commit", creator()),
        Update::Status(status, by) => {
            let how = match status {
                PullStatus::Active => "reactivated the pull request".to_owned(),
                status => format!("marked the pull request as {}", status.name()),
            };
            format!("{} {how}", by.map_or_else(creator, |user| name_of(request, user)))
        }
        Update::Push => format!("{} updated the source branch of the pull request", creator()),
        Update::Vote(user, vote) => {
            let how = match vote {
                10 => "approved",
                5 => "approved and left suggestions on",
                -5 => "is waiting for the author of",
                -10 => "rejected",
                _ => "reset their vote on",
            };
            format!("{} {how} the pull request", name_of(request, user))
        }
        Update::Reviewers => format!("{} updated the reviewers of the pull request", creator()),
        Update::Edited => format!("{} updated the pull request", creator()),
    }
}
