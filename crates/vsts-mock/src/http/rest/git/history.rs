//! Walks through commits, newest first, and what a request may want of them.

use git_wire::history::LogOptions;
use gix::ObjectId;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::query::Query;
use super::request::{RepoRequest, object_id, person};
use super::revision::{Descriptor, or_default};
use crate::operations::commits::CommitInfo;
use crate::operations::history::{self, Criteria};
use crate::operations::versions::{default_branch, parents};

/// The criteria of a query.
fn criteria(query: &Query) -> Result<Criteria, Failure> {
    Ok(Criteria {
        author: query.criterion("author").map(str::to_lowercase),
        committer: query.criterion("user").or_else(|| query.criterion("committer")).map(str::to_lowercase),
        from: query.criterion_date("fromDate")?,
        to: query.criterion_date("toDate")?,
        path: query
            .criterion("itemPath")
            .map(|path| path.trim_matches('/').to_owned())
            .filter(|path| !path.is_empty()),
        without_deletes: query.criterion_flag("excludeDeletes"),
    })
}

/// The commits that a request's criteria select, newest first.
pub(super) fn search(
    request: &RepoRequest,
    repository: &gix::Repository,
    query: &Query,
    skip: usize,
    top: usize,
) -> Result<Vec<ObjectId>, Failure> {
    let ids = query.criterion_list("ids");
    if !ids.is_empty() {
        let all: Result<Vec<_>, Failure> = ids
            .into_iter()
            .map(|id| Descriptor::commit(&object_id(id)?.to_string()).resolve(request, repository))
            .collect();
        return Ok(all?.into_iter().skip(skip).take(top).collect());
    }
    let (tips, hidden) = range(request, repository, query)?;
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let modes = [
        ("simplifiedHistory", 0, Some(false)),
        ("firstParent", 1, Some(true)),
        ("fullHistory", 2, None),
        ("fullHistorySimplifyMerges", 3, None),
    ];
    let mode = query.choice(&["searchCriteria.historyMode", "historyMode"], &modes)?.unwrap_or(Some(false));
    let first_parent = mode.ok_or_else(|| {
        Failure::bad(
            "This value of historyMode is not supported by vsts-mock: simplifiedHistory and firstParent are.",
        )
    })?;
    let options = LogOptions { tips, hidden, first_parent, ..LogOptions::default() };
    let is_reversed = query.criterion_flag("showOldestCommitsFirst");
    let criteria = criteria(query)?;
    Ok(history::search(request, repository, options, &criteria, is_reversed, (skip, top))?)
}

/// The tips from which the walk begins, and those whose history it leaves out.
fn range(
    request: &RepoRequest,
    repository: &gix::Repository,
    query: &Query,
) -> Result<(Vec<ObjectId>, Vec<ObjectId>), Failure> {
    let mut given = Descriptor::of_criterion(query, &["itemVersion.", "versionDescriptor."])?;
    if given.is_none() {
        given = match (query.criterion("branch"), query.criterion("commit")) {
            (Some(branch), _) => Some(Descriptor::branch(branch)),
            (None, Some(commit)) => Some(Descriptor::commit(commit)),
            (None, None) => Descriptor::of_criterion(query, &[""])?,
        };
    }
    let to = query.criterion("toCommitId");
    if given.is_none() && to.is_none() && default_branch(repository)?.is_none() {
        return Ok((Vec::new(), Vec::new()));
    }
    let tip = match to {
        Some(to) => Descriptor::commit(&object_id(to)?.to_string()).resolve(request, repository)?,
        None => or_default(given, request, repository)?.resolve(request, repository)?,
    };
    let mut hidden = Vec::new();
    if let Some(from) = query.criterion("fromCommitId") {
        let from = Descriptor::commit(&object_id(from)?.to_string()).resolve(request, repository)?;
        hidden.extend(parents(repository, from)?);
    }
    // What the other version has, and this one has not.
    if let Some(other) = Descriptor::of_criterion(query, &["compareVersion."])? {
        return Ok((vec![other.resolve(request, repository)?], vec![tip]));
    }
    Ok((vec![tip], hidden))
}

/// A commit, as in lists.
pub(super) fn reference(request: &RepoRequest, commit: &CommitInfo) -> Value {
    let id = commit.id;
    json!({
        "commitId": id.to_string(),
        "author": person(&commit.author),
        "committer": person(&commit.committer),
        "comment": commit.message.trim_end_matches('\n'),
        "url": request.url(&format!("commits/{id}")),
        "remoteUrl": request.page(&format!("commit/{id}")),
    })
}
