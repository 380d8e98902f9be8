//! The JSON of pull requests.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::super::failure::Failure;
use super::super::super::shape;
use super::super::request::{RepoRequest, person};
use crate::access::{Permission, Principal, Target, authorize};
use crate::directory::pull_request::{
    CompletionOptions, Label, MergeFailure, MergeStatus, PullStatus, Reviewer,
};
use crate::directory::{Directory, PullRequest, Repo};
use crate::limits::PULL_REQUEST_EXCERPT;
use crate::operations::commits::CommitInfo;

/// The place where a pull request is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In its repository, with links.
    Whole,
    /// By its number alone.
    ById,
    InList,
}

/// The context in which the pull requests of one repository are shown.
pub(crate) struct Shapes<'a> {
    pub(crate) directory: &'a Directory,
    /// The one who is shown them.
    pub(crate) principal: &'a Principal,
    pub(crate) base: &'a str,
    /// The repository as it is shown.
    pub(crate) repo: &'a Value,
}

/// A time with seven digits after the second.
pub(super) fn time(time: Timestamp) -> Value {
    time.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string().into()
}

/// An identity where something names it; a group is named with its place.
pub(super) fn identity(directory: &Directory, base: &str, id: Uuid) -> Value {
    let mut value = shape::identity(directory, base, id);
    if let Some(group) = directory.groups.get(&id) {
        let place = group.project.and_then(|id| directory.projects.get(&id)).map(|one| one.name.as_str());
        let place = place.or_else(|| directory.accounts.get(&group.account).map(|one| one.name.as_str()));
        let name = format!("[{}]\\{}", place.unwrap_or_default(), group.name);
        value["displayName"] = name.as_str().into();
        value["uniqueName"] = format!("vstfs:///Classification/TeamProject/{id}\\{}", group.name).into();
        value["isContainer"] = true.into();
        if let Some(object) = value.as_object_mut() {
            object.remove("descriptor");
        }
    }
    value
}

pub(crate) fn label(label: &Label) -> Value {
    json!({ "id": label.id.to_string(), "name": label.name, "active": true })
}

pub(super) fn completion(options: &CompletionOptions) -> Value {
    let mut value = json!({ "mergeStrategy": options.strategy().name() });
    for (name, flag) in [
        ("deleteSourceBranch", options.delete_source),
        ("squashMerge", options.squash),
        ("transitionWorkItems", options.transition_work_items),
        ("bypassPolicy", options.bypass),
    ] {
        if flag {
            value[name] = true.into();
        }
    }
    for (name, text) in [("mergeCommitMessage", &options.message), ("bypassReason", &options.bypass_reason)] {
        if let Some(text) = text {
            value[name] = text.as_str().into();
        }
    }
    value["autoCompleteIgnoreConfigIds"] = json!(options.ignored_policies);
    value
}

impl Shapes<'_> {
    pub(super) fn url(&self, pull: i64, tail: &str) -> String {
        let repo = self.repo["url"].as_str().unwrap_or_default();
        format!("{repo}/pullRequests/{pull}{tail}")
    }

    fn repo_url(&self, tail: &str) -> String {
        format!("{}/{tail}", self.repo["url"].as_str().unwrap_or_default())
    }

    pub(super) fn person(&self, user: Uuid) -> Value {
        identity(self.directory, self.base, user)
    }

    pub(super) fn commit(&self, id: &str) -> Value {
        json!({ "commitId": id, "url": self.repo_url(&format!("commits/{id}")) })
    }

    /// A reviewer with the vote.
    pub(super) fn reviewer(&self, pull: &PullRequest, reviewer: &Reviewer) -> Value {
        let mut value = json!({
            "reviewerUrl": self.url(pull.id, &format!("/reviewers/{}", reviewer.id)),
            "vote": reviewer.vote,
            "hasDeclined": reviewer.has_declined,
            "isFlagged": reviewer.is_flagged,
        });
        if reviewer.is_required {
            value["isRequired"] = true.into();
        }
        let groups = self.directory.all_containers_of(reviewer.id);
        let votes_for: Vec<Value> = pull
            .reviewers
            .iter()
            .filter(|other| reviewer.vote != 0 && groups.contains(&other.id))
            .map(|other| {
                let mut group = self.person(other.id);
                group["reviewerUrl"] = self.url(pull.id, &format!("/reviewers/{}", other.id)).into();
                group["vote"] = 0.into();
                group
            })
            .collect();
        if !votes_for.is_empty() {
            value["votedFor"] = votes_for.into();
        }
        if let (Value::Object(all), Value::Object(own)) = (&mut value, self.person(reviewer.id)) {
            all.extend(own.into_iter().filter(|(name, _)| name != "descriptor"));
        }
        value
    }

    /// The id of a pull request among all artifacts.
    fn artifact(&self, pull: &PullRequest) -> String {
        let project = self.repo["project"]["id"].as_str().unwrap_or_default();
        format!("vstfs:///Git/PullRequestId/{project}%2f{}%2f{}", pull.repo, pull.id)
    }

    /// The pull request, with what an answer to a POST has even if it is empty.
    pub(crate) fn pull_request(&self, pull: &PullRequest, form: Form) -> Value {
        let repository = match form {
            Form::InList => {
                let repo = self.repo;
                json!({ "id": repo["id"], "name": repo["name"], "url": repo["url"], "project": repo["project"] })
            }
            Form::Whole | Form::ById => self.repo.clone(),
        };
        let mut value = json!({
            "repository": repository,
            "pullRequestId": pull.id,
            "codeReviewId": pull.id,
            "status": pull.status.name(),
            "createdBy": self.person(pull.creator),
            "creationDate": time(pull.created),
        });
        if let Some(closed) = pull.closed {
            value["closedDate"] = time(closed);
        }
        value["title"] = pull.title.as_str().into();
        if let Some(description) = &pull.description {
            value["description"] = if form == Form::InList {
                description.chars().take(PULL_REQUEST_EXCERPT).collect::<String>().into()
            } else {
                description.as_str().into()
            };
        }
        value["sourceRefName"] = pull.source.as_str().into();
        if let Some(fork) = pull.fork {
            value["forkSource"] = self.fork(fork, pull);
        }
        value["targetRefName"] = pull.target.as_str().into();
        self.add_merge(pull, &mut value);
        value["reviewers"] = pull.reviewers.iter().map(|one| self.reviewer(pull, one)).collect();
        if !pull.labels.is_empty() {
            value["labels"] = pull.labels.iter().map(label).collect();
        }
        value["url"] = self.url(pull.id, "").into();
        if form == Form::Whole {
            value["_links"] = self.links(pull);
        }
        if let Some(options) = &pull.completion {
            value["completionOptions"] = completion(options);
        }
        value["supportsIterations"] = true.into();
        if let Some(queued) = &pull.queued {
            value["completionQueueTime"] = time(queued.time);
        }
        if let Some(user) = pull.closed_by {
            value["closedBy"] = self.person(user);
        }
        if let Some(user) = pull.auto_complete {
            value["autoCompleteSetBy"] = self.person(user);
        }
        if form != Form::InList {
            value["artifactId"] = self.artifact(pull).into();
        }
        value
    }

    /// The branch of a fork; who may not read the fork is not told where it is.
    fn fork(&self, id: Uuid, pull: &PullRequest) -> Value {
        let mut value = json!({ "name": pull.source, "objectId": pull.merge.source });
        if let Some(repo) = self.readable_fork(id)
            && let Some(project) = self.directory.projects.get(&repo.project)
        {
            value["repository"] = json!({
                "id": repo.id,
                "name": repo.name,
                "url": self.fork_url(repo),
                "project": { "id": project.id, "name": project.name, "state": "wellFormed" },
            });
        }
        value
    }

    fn readable_fork(&self, id: Uuid) -> Option<&Repo> {
        let found = self.directory.repos.get(&id)?;
        let permission = Permission::GenericRead;
        authorize(self.directory, self.principal, permission, Target::Repo(found)).ok().map(|()| found)
    }

    fn fork_url(&self, repo: &Repo) -> String {
        format!("{}/{}/_apis/git/repositories/{}", self.base, repo.project, repo.id)
    }

    fn add_merge(&self, pull: &PullRequest, value: &mut Value) {
        value["isDraft"] = pull.is_draft.into();
        value["mergeId"] = pull.merge.id.to_string().into();
        let merge = &pull.merge;
        let is_over = pull.status == PullStatus::Abandoned;
        if !is_over {
            value["mergeStatus"] = merge.status.name().into();
        }
        for (name, id) in [("lastMergeSourceCommit", &merge.source), ("lastMergeTargetCommit", &merge.target)]
        {
            if !id.is_empty() {
                value[name] = self.commit(id);
            }
        }
        if let Some(commit) =
            merge.commit.as_ref().filter(|_| merge.status == MergeStatus::Succeeded && !is_over)
        {
            value["lastMergeCommit"] = self.commit(commit);
        }
        if let Some(message) = merge.message.as_ref().filter(|message| !message.is_empty()) {
            value["mergeFailureType"] = merge.failure.map_or("unknown", MergeFailure::name).into();
            value["mergeFailureMessage"] = message.as_str().into();
        }
    }

    fn links(&self, pull: &PullRequest) -> Value {
        let href = |url: String| json!({ "href": url });
        let short = |name: &str| name.strip_prefix("refs/").unwrap_or(name).to_owned();
        let fork = pull.fork.and_then(|id| self.readable_fork(id));
        let source = fork.map_or_else(|| self.repo_url(""), |fork| self.fork_url(fork) + "/");
        json!({
            "self": href(self.url(pull.id, "")),
            "repository": { "href": self.repo["url"] },
            "workItems": href(self.url(pull.id, "/workitems")),
            "sourceBranch": href(format!("{source}refs/{}", short(&pull.source))),
            "targetBranch": href(self.repo_url(&format!("refs/{}", short(&pull.target)))),
            "statuses": href(self.url(pull.id, "/statuses")),
            "sourceCommit": href(format!("{source}commits/{}", pull.merge.source)),
            "targetCommit": href(self.repo_url(&format!("commits/{}", pull.merge.target))),
            "createdBy": { "href": self.person(pull.creator)["url"] },
            "iterations": href(self.url(pull.id, "/iterations")),
        })
    }

    /// References to work items.
    pub(super) fn work_items(&self, pull: &PullRequest) -> Vec<Value> {
        let url = |id: &str| format!("{}/_apis/wit/workItems/{id}", self.base);
        pull.work_items.iter().map(|id| json!({ "id": id, "url": url(id) })).collect()
    }
}

impl RepoRequest {
    pub(super) fn shapes<'a>(&'a self, directory: &'a Directory) -> Shapes<'a> {
        Shapes { directory, principal: &self.principal, base: &self.base, repo: &self.repo_json }
    }
}

/// Adds to the merge commit of a pull request who made it, when and why.
pub(super) fn add_commit(repository: &gix::Repository, value: &mut Value, name: &str) -> Result<(), Failure> {
    let Some(id) =
        value[name]["commitId"].as_str().and_then(|id| gix::ObjectId::from_hex(id.as_bytes()).ok())
    else {
        return Ok(());
    };
    let commit = CommitInfo::read(repository, id)?;
    let url = value[name]["url"].take();
    value[name] = json!({
        "commitId": id.to_string(),
        "author": person(&commit.author),
        "committer": person(&commit.committer),
        "comment": commit.message.trim_end_matches('\n'),
        "url": url,
    });
    Ok(())
}
