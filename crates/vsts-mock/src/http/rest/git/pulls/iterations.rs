//! Iterations of pull requests and what each changed.

use gix::bstr::{BString, ByteSlice as _};
use serde_json::{Value, json};

use super::super::super::failure::Failure;
use super::super::super::reply::{Outcome, Reply};
use super::super::request::RepoRequest;
use super::{COMMITS, asked, listed, shape};
use crate::directory::{Directory, Iteration};
use crate::operations::changed_files::{Change, How};
use crate::operations::pull_requests::iterations;

/// Changes that are listed by default.
const PAGE: usize = 2_000;

fn iteration(request: &RepoRequest, directory: &Directory, one: &Iteration) -> Value {
    let shapes = request.shapes(directory);
    let url = shapes.url(one.pull_request, &format!("/iterations/{}", one.id));
    let mut value = json!({
        "id": one.id,
        "description": "",
        "author": shapes.person(one.author),
        "createdDate": shape::time(one.created),
        "updatedDate": shape::time(one.created),
        "sourceRefCommit": { "commitId": one.source },
        "targetRefCommit": { "commitId": one.target },
    });
    if let Some(common) = &one.common {
        value["commonRefCommit"] = json!({ "commitId": common });
    }
    value["hasMoreCommits"] = false.into();
    value["reason"] = one.reason.name().into();
    if let Some(push) = one.push {
        value["push"] = json!({
            "date": shape::time(one.created), "pushId": push, "pushedBy": shapes.person(one.author),
        });
    }
    value["_links"] = json!({
        "self": { "href": url },
        "workitems": { "href": shapes.url(one.pull_request, "/workitems") },
        "commits": { "href": format!("{url}/commits") },
        "statuses": { "href": format!("{url}/statuses") },
    });
    value
}

pub(crate) fn read(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let directory = request.app.state.directory();
    let repository = request.open()?;
    let with_commits = |one: &Iteration| -> Result<Value, Failure> {
        request.work.check()?;
        let mut value = iteration(request, &directory, one);
        if request.query.flag("includeCommits") {
            let mut found =
                iterations::commits(request, &repository, (&one.source, &one.target), (0, COMMITS + 1))?;
            value["hasMoreCommits"] = (found.len() > COMMITS).into();
            found.truncate(COMMITS);
            value["commits"] = listed(request, &repository, &found)?;
        }
        Ok(value)
    };
    if let Some(id) = request.value("iterationId") {
        return Ok(Reply::ok(with_commits(&iterations::one(request, &pull, id)?)?));
    }
    Reply::list(&iterations::list(request, &pull), |out, one| {
        out.extend_from_slice(with_commits(one)?.to_string().as_bytes());
        Ok(())
    })
}

fn change(at: usize, one: &Change) -> Value {
    let path = |path: &BString| format!("/{}", path.to_str_lossy());
    let mut item = json!({});
    if let Some((_, id)) = one.new {
        item["objectId"] = id.to_string().into();
    }
    if let Some((_, id)) = one.old {
        item["originalObjectId"] = id.to_string().into();
    }
    item["path"] = path(&one.path).into();
    let how = match one.how {
        How::Added => "add",
        How::Edited => "edit",
        How::Deleted => "delete",
        How::Renamed => "rename",
    };
    let mut value = json!({ "changeTrackingId": at, "changeId": at, "item": item, "changeType": how });
    if let Some(source) = &one.source {
        value["originalPath"] = path(source).into();
    }
    value
}

pub(crate) fn changes(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let one = iterations::one(request, &pull, request.part("iterationId"))?;
    let from = match request.query.any(&["$compareTo", "compareTo"]) {
        None | Some("0") => None,
        Some(id) => Some(iterations::one(request, &pull, id)?),
    };
    let repository = request.open()?;
    let all = iterations::changes(request, &repository, &one, from.as_ref())?;
    let (skip, top) = request.query.page(PAGE)?;
    let top = top.min(PAGE);
    let numbered: Vec<(usize, &Change)> = (1..).zip(&all).skip(skip).take(top).collect();
    let is_cut = skip.saturating_add(numbered.len()) < all.len();
    let next = if is_cut {
        json!({ "nextSkip": skip + numbered.len(), "nextTop": top.min(all.len() - skip - numbered.len()) })
    } else {
        json!({ "nextSkip": 0, "nextTop": 0 })
    };
    Reply::with_array(&next, "changeEntries", &numbered, |out, (at, one)| {
        request.work.check()?;
        out.extend_from_slice(change(*at, one).to_string().as_bytes());
        Ok(())
    })
}
