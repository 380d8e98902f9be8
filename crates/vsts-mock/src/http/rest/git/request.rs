//! A REST request about a repository: its context, and the URLs and forms of the answer.

use std::ops::Deref;

use gix::ObjectId;
use gix::objs::Kind;
use http::header::ACCEPT;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::failure::{Failure, excerpt};
use super::super::locations::Values;
use super::super::query::Query;
use super::super::{Call, shape};
use crate::directory::Directory;
use crate::operations::commits::Signed;
use crate::operations::context::RepoContext;
use crate::operations::objects;
use crate::operations::pull_requests::policies::find_evaluation;
use crate::operations::refused::Refused;
use crate::operations::work::Work;

/// A REST request about a repository.
pub(crate) struct RepoRequest {
    ctx: RepoContext,
    /// The repository in the form in which its parts name it.
    pub(super) repo_json: Value,
    pub(crate) base: String,
    /// The number of the pull request that the request is about.
    pub(super) pull_request: String,
    pub(super) query: Query,
    pub(super) accept: String,
    pub(super) body: Value,
    values: Values,
}

impl Deref for RepoRequest {
    type Target = RepoContext;

    fn deref(&self) -> &RepoContext {
        &self.ctx
    }
}

impl RepoRequest {
    /// Finds the repository that the path of a call names. Call it on the runtime.
    pub(crate) fn new(call: Call<'_>, body: Value) -> Result<Self, Failure> {
        let directory = call.app.state.directory();
        let (asked, pull_request) = asked(&call, &directory)?;
        let found = call.scope().repo(&directory, &asked);
        let (account, project, repo) = match found {
            // Who may not read the repository does not know of what is in it.
            Err(Refused::NoRepository { .. }) if asked != call.repository() => {
                return Err(Refused::NoPullRequest.into());
            }
            found => found?,
        };
        let accept = call.headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
        Ok(Self {
            repo_json: call.repo_json(account, project, repo),
            base: call.base(account),
            accept: accept.collect::<Vec<_>>().join(",").to_lowercase(),
            ctx: RepoContext::new(call.app, directory.clone(), &call.principal, repo.clone(), Work::new()),
            pull_request,
            query: call.query,
            values: call.values,
            body,
        })
    }

    /// A value in the path, by its name in the template.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A value in the path that the row of the handler requires.
    pub(super) fn part(&self, name: &str) -> &str {
        self.value(name).unwrap_or_default()
    }

    /// The URL of something of the repository.
    pub(super) fn url(&self, tail: &str) -> String {
        format!("{}/{tail}", self.repo_json["url"].as_str().unwrap_or_default())
    }

    /// The URL of something of the repository on its pages.
    pub(super) fn page(&self, tail: &str) -> String {
        format!("{}/{tail}", self.repo_json["remoteUrl"].as_str().unwrap_or_default())
    }

    pub(super) fn identity(&self, user: Uuid) -> Value {
        shape::identity(&self.directory, &self.base, user)
    }
}

/// The repository that a call names, or that of the pull request that it names; and that pull request's number.
fn asked(call: &Call<'_>, directory: &Directory) -> Result<(String, String), Failure> {
    if !call.repository().is_empty() {
        return Ok((call.repository().to_owned(), call.part("pullRequestId").to_owned()));
    }
    let account = call.account(directory)?.id;
    let artifact = call.query.get("artifactId").unwrap_or_default();
    let number = call.value("pullRequestId").or_else(|| artifact.rsplit(['/', '%']).next());
    let found = if let Some(id) = call.value("evaluationId") {
        Uuid::parse_str(id).ok().and_then(|id| find_evaluation(directory, account, id))
    } else {
        let pull = number.and_then(|number| directory.pulls.get(account, number.parse().ok()?));
        pull.map(|pull| (pull.repo, pull.id))
    };
    let (repo, id) = found.ok_or(Refused::NoPullRequest)?;
    Ok((repo.to_string(), id.to_string()))
}

/// The id of an object of one kind, by the id in a request.
pub(super) fn object_of(repository: &gix::Repository, id: &str, kind: Kind) -> Result<ObjectId, Failure> {
    let id = object_id(id)?;
    objects::check(repository, id, kind)?;
    Ok(id)
}

/// An id of forty hexadecimal digits.
pub(super) fn object_id(text: &str) -> Result<ObjectId, Failure> {
    ObjectId::from_hex(text.as_bytes()).ok().filter(|_| text.len() == 40).ok_or_else(|| {
        Failure::bad(format!("{:?} is not the id of an object: 40 hexadecimal digits.", excerpt(text)))
    })
}

/// The author of something and the time.
pub(super) fn person(signed: &Signed) -> Value {
    json!({ "name": signed.name, "email": signed.email, "date": signed.time })
}
