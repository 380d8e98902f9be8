//! Threads of comments of pull requests.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::super::failure::Failure;
use super::super::super::query::choice;
use super::super::super::reply::{Outcome, Reply};
use super::super::super::shape as lists;
use super::super::request::RepoRequest;
use super::labels::typed;
use super::{asked, shape};
use crate::directory::pull_request::{CommentType, ThreadStatus};
use crate::directory::{Comment, Directory, Thread};
use crate::operations::pull_requests::threads::{self, NewComment, ThreadInput};

fn pull_id(request: &RepoRequest) -> &str {
    request.part("pullRequestId")
}

/// The thread and the comment that a path names.
fn names(request: &RepoRequest) -> (&str, &str) {
    (request.part("threadId"), request.part("commentId"))
}

/// A comment as it is shown.
pub(crate) fn comment(request: &RepoRequest, directory: &Directory, one: &Comment) -> Value {
    let shapes = request.shapes(directory);
    let thread = shapes.url(one.pull_request, &format!("/threads/{}", one.thread));
    let url = format!("{thread}/comments/{}", one.id);
    let mut value = json!({
        "id": one.id,
        "parentCommentId": one.parent,
        "author": shapes.person(one.author),
    });
    if !one.is_deleted {
        value["content"] = one.content.as_str().into();
    }
    value["publishedDate"] = shape::time(one.published);
    value["lastUpdatedDate"] = shape::time(one.updated);
    value["lastContentUpdatedDate"] = shape::time(one.content_updated);
    if one.is_deleted {
        value["isDeleted"] = true.into();
    }
    value["commentType"] = one.kind.name().into();
    value["usersLiked"] = one.likes.iter().map(|user| shapes.person(*user)).collect();
    value["_links"] = json!({
        "self": { "href": url },
        "repository": { "href": request.repo_json["url"] },
        "threads": { "href": thread },
        "pullRequests": { "href": shapes.url(one.pull_request, "") },
    });
    value
}

fn thread(request: &RepoRequest, directory: &Directory, one: &Thread, comments: &[Comment]) -> Value {
    let properties: Map<String, Value> =
        one.properties.iter().map(|(name, value)| (name.clone(), typed(value))).collect();
    let mut value = json!({
        "pullRequestThreadContext": one.pull_request_context,
        "id": one.id,
        "publishedDate": shape::time(one.published),
        "lastUpdatedDate": shape::time(one.updated),
        "comments": comments.iter().map(|own| comment(request, directory, own)).collect::<Vec<_>>(),
    });
    if let Some(status) = one.status {
        value["status"] = status.name().into();
    }
    value["threadContext"] = one.context.clone().unwrap_or_default();
    value["properties"] = properties.into();
    let people = one.identities.iter().enumerate();
    let people: Map<String, Value> =
        people.map(|(at, id)| ((at + 1).to_string(), request.shapes(directory).person(*id))).collect();
    value["identities"] = if people.is_empty() { Value::Null } else { people.into() };
    value["isDeleted"] = one.is_deleted.into();
    let url = request.shapes(directory).url(one.pull_request, &format!("/threads/{}", one.id));
    value["_links"] = json!({ "self": { "href": url }, "repository": { "href": request.repo_json["url"] } });
    value
}

pub(crate) fn read(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let directory = request.app.state.directory();
    if let Some(id) = request.value("threadId") {
        let (found, comments) = threads::one(request, &pull, id)?;
        return Ok(Reply::ok(thread(request, &directory, &found, &comments)));
    }
    Reply::list(&threads::list(request, &pull), |out, (one, comments)| {
        request.work.check()?;
        out.extend_from_slice(thread(request, &directory, one, comments).to_string().as_bytes());
        Ok(())
    })
}

fn new_comment(value: &Value) -> Result<NewComment<'_>, Failure> {
    let kind = choice("commentType", &value["commentType"], CommentType::CHOICES)?;
    Ok(NewComment {
        content: value["content"].as_str().unwrap_or_default(),
        parent: value["parentCommentId"].as_i64().unwrap_or_default(),
        kind: kind.filter(|kind| *kind != CommentType::Unknown).unwrap_or(CommentType::Text),
    })
}

fn input(body: &Value) -> Result<ThreadInput<'_>, Failure> {
    let comments = body["comments"].as_array().into_iter().flatten();
    let object = |name: &str| Some(&body[name]).filter(|value| value.is_object()).cloned();
    let properties: BTreeMap<String, Value> = match &body["properties"] {
        Value::Object(all) => all.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        _ => BTreeMap::new(),
    };
    Ok(ThreadInput {
        comments: comments.map(new_comment).collect::<Result<_, Failure>>()?,
        status: choice("status", &body["status"], ThreadStatus::CHOICES)?,
        context: object("threadContext"),
        pull_request_context: object("pullRequestThreadContext"),
        properties,
    })
}

pub(crate) fn create(request: &RepoRequest) -> Outcome {
    let (one, comments) = threads::create(request, pull_id(request), &input(&request.body)?)?;
    Ok(Reply::ok(thread(request, &request.app.state.directory(), &one, &comments)))
}

pub(crate) fn update(request: &RepoRequest) -> Outcome {
    let id = request.part("threadId");
    let (one, comments) = threads::update(request, pull_id(request), id, &input(&request.body)?)?;
    Ok(Reply::ok(thread(request, &request.app.state.directory(), &one, &comments)))
}

pub(crate) fn read_comments(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let directory = request.app.state.directory();
    let (thread, id) = names(request);
    if request.value("commentId").is_some() {
        let found = threads::comment(request, &pull, thread, id)?;
        return Ok(Reply::ok(comment(request, &directory, &found)));
    }
    let (_, all) = threads::one(request, &pull, thread)?;
    Ok(Reply::ok(lists::list(all.iter().map(|one| comment(request, &directory, one)))))
}

pub(crate) fn add(request: &RepoRequest) -> Outcome {
    let new = new_comment(&request.body)?;
    let made = threads::add(request, pull_id(request), request.part("threadId"), new)?;
    Ok(Reply::ok(comment(request, &request.app.state.directory(), &made)))
}

pub(crate) fn rewrite(request: &RepoRequest) -> Outcome {
    let content = request.body["content"].as_str().ok_or_else(|| Failure::missing("content"))?;
    let changed = threads::rewrite(request, pull_id(request), names(request), content)?;
    Ok(Reply::ok(comment(request, &request.app.state.directory(), &changed)))
}

pub(crate) fn remove(request: &RepoRequest) -> Outcome {
    threads::delete(request, pull_id(request), names(request))?;
    Ok(Reply::emptied())
}

pub(crate) fn likes(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let (thread, id) = names(request);
    let found = threads::comment(request, &pull, thread, id)?;
    let directory = request.app.state.directory();
    let shapes = request.shapes(&directory);
    Ok(Reply::ok(lists::list(found.likes.iter().map(|user| shapes.person(*user)))))
}

pub(crate) fn like(request: &RepoRequest) -> Outcome {
    threads::like(request, pull_id(request), names(request), true)?;
    Ok(Reply::emptied())
}

pub(crate) fn unlike(request: &RepoRequest) -> Outcome {
    threads::like(request, pull_id(request), names(request), false)?;
    Ok(Reply::emptied())
}
