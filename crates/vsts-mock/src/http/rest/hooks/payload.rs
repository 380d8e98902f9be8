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
use super::told::{Told, Words};
use super::work_items;
use crate::access::{Permissions, Principal};
use crate::app::App;
use crate::directory::pull_request::{MergeStatus, PullStatus};
use crate::directory::{PullRequest, Repo, Subscription};
use crate::operations::pushes::find as find_push;
use crate::operations::scope::Scope;
use crate::registry::random_id;

/// Something that happened, of one event type.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) event_type: &'static str,
    about: About,
}

/// The thing that a notice is about, and what happened to it.
#[derive(Clone, Debug)]
enum About {
    Repo(Repo, Subject),
    WorkItem(work_items::Change),
}

/// Something that happened to a repository.
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

impl Notice {
    pub(super) fn new(repo: Repo, subject: Subject, event_type: &'static str) -> Self {
        Self { event_type, about: About::Repo(repo, subject) }
    }

    pub(super) fn of_work_item(change: work_items::Change) -> Self {
        Self { event_type: change.event_type(), about: About::WorkItem(change) }
    }

    /// The account and the project of what it is about.
    pub(super) fn place(&self) -> (Uuid, Uuid) {
        match &self.about {
            About::Repo(repo, _) => (repo.account, repo.project),
            About::WorkItem(change) => (change.item.account, change.item.project),
        }
    }

    /// Returns whether it is about a repository of this name or id.
    pub(super) fn is_in_repo(&self, name: &str) -> bool {
        match &self.about {
            About::Repo(repo, _) => name.eq_ignore_ascii_case(&repo.name) || name == repo.id.to_string(),
            About::WorkItem(_) => false,
        }
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
        let principal = Principal {
            user: Some(creator.id),
            name: creator.name.clone(),
            token: None,
            key: None,
            ceiling: Permissions::ALL,
        };
        let (repo, subject) = match &self.about {
            About::Repo(repo, subject) => (repo, subject),
            About::WorkItem(change) => {
                let project = change.item.project.to_string();
                let scope = Scope { principal: &principal, account: &account, project: Some(&project) };
                let base = format!("{}/{account}", app.base_url());
                let told = work_items::told(change, &directory, scope, &base, subscription)?;
                return Ok(told.map(|told| self.envelope(app, &base, subscription, told)));
            }
        };
        let mut values = Values::default();
        values.insert("repositoryId", repo.id.to_string());
        match subject {
            Subject::Push(id) => {
                values.insert("pushId", id.to_string());
            }
            Subject::Pull(id, _) | Subject::Comment { pull: id, .. } => {
                values.insert("pullRequestId", id.to_string());
            }
        }
        let call = Call {
            app,
            principal,
            account,
            project: None,
            host: None,
            headers: HeaderMap::new(),
            query: Query::default(),
            values,
        };
        let request = RepoRequest::new(call, Value::Null)?;
        let work = request.work.clone();
        let (subject, filters) = (subject.clone(), subscription.clone());
        let told = work.run(move || subject.told(&request, &filters).map(|told| (told, request))).await?;
        let (Some(told), request) = told else { return Ok(None) };
        Ok(Some(self.envelope(app, &request.base, subscription, told)))
    }

    fn envelope(&self, app: &App, base: &str, subscription: &Subscription, told: Told) -> Value {
        let texts = |words: &Words, wanted: &str| {
            let all = [("text", &words.text), ("html", &words.html), ("markdown", &words.markdown)];
            let is_shown = |name: &str| matches!(wanted, "" | "all") || wanted.eq_ignore_ascii_case(name);
            let shown: serde_json::Map<String, Value> = all
                .into_iter()
                .filter(|(name, _)| is_shown(name))
                .map(|(name, text)| (name.to_owned(), text.as_str().into()))
                .collect();
            if shown.is_empty() { Value::Null } else { Value::Object(shown) }
        };
        let resource = match subscription.setting("resourceDetailsToSend").to_ascii_lowercase().as_str() {
            "none" => Value::Null,
            "minimal" => minimal(&told.resource),
            _ => told.resource,
        };
        let (account, project) = self.place();
        let of = |id: Uuid| json!({ "id": id.to_string(), "baseUrl": format!("{base}/") });
        json!({
            "subscriptionId": subscription.id.to_string(),
            "notificationId": 0,
            "id": random_id().to_string(),
            "eventType": self.event_type,
            "publisherId": super::PUBLISHER,
            "message": texts(&told.message, subscription.setting("messagesToSend")),
            "detailedMessage": texts(&told.detailed, subscription.setting("detailedMessagesToSend")),
            "resource": resource,
            "resourceVersion": told.resource_version,
            "resourceContainers": {
                "collection": of(account),
                "account": of(account),
                "project": of(project),
            },
            "createdDate": app.clock.now(),
        })
    }
}

impl Subject {
    /// Reads the resource and words the message; `None` if the filters do not let it pass. Blocks.
    fn told(&self, request: &RepoRequest, filters: &Subscription) -> Result<Option<Told>, Failure> {
        let version = "1.0";
        match self {
            Self::Push(id) => {
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
                    request.repo.name
                );
                Ok(Some(Told::plain(resource, version, &message)))
            }
            Self::Pull(id, update) => {
                let directory = request.app.state.directory();
                let Some(pull) = directory.pulls.get(request.repo.account, *id) else { return Ok(None) };
                if !passes(request, pull, filters) || !passes_update(*update, filters) {
                    return Ok(None);
                }
                let resource = pulls::event(request, &directory, pull);
                Ok(Some(Told::plain(resource, version, &message(request, pull, *update))))
            }
            Self::Comment { pull, thread, comment } => {
                let directory = request.app.state.directory();
                let Some(pull) = directory.pulls.get(request.repo.account, *pull) else { return Ok(None) };
                let key = (request.repo.account, pull.id, *thread, *comment);
                let Some(comment) = directory.pulls.comments.get(&key) else { return Ok(None) };
                if !passes(request, pull, filters) {
                    return Ok(None);
                }
                let resource = json!({
                    "comment": pulls::comments::comment(request, &directory, comment),
                    "pullRequest": pulls::event(request, &directory, pull),
                });
                let message = format!("{} has commented on a pull request", name_of(request, comment.author));
                Ok(Some(Told::plain(resource, "2.0", &message)))
            }
        }
    }
}

/// The parts of a resource by which a receiver can ask for the rest.
fn minimal(resource: &Value) -> Value {
    let names = ["pushId", "pullRequestId", "workItemId", "id", "url", "repository"];
    let kept = resource.as_object().into_iter().flatten().filter(|(name, _)| names.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
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
