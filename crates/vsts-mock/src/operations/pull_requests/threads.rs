//! Threads of comments.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::{activity, check_facts, edit, no_part, now, number};
use crate::directory::pull_request::{CommentType, ThreadStatus};
use crate::directory::{Comment, PullRequest, Thread};
use crate::limits::{COMMENT_CHARS, COMMENTS, PROPERTIES, THREADS};
use crate::state::Change;

/// A thread with its comments.
pub(crate) type WholeThread = (Thread, Vec<Comment>);

/// A comment to add.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewComment<'a> {
    pub(crate) content: &'a str,
    pub(crate) parent: i64,
    pub(crate) kind: CommentType,
}

/// A thread to begin, or what changes of one.
#[derive(Debug, Default)]
pub(crate) struct ThreadInput<'a> {
    pub(crate) comments: Vec<NewComment<'a>>,
    pub(crate) status: Option<ThreadStatus>,
    pub(crate) context: Option<Value>,
    pub(crate) pull_request_context: Option<Value>,
    pub(crate) properties: BTreeMap<String, Value>,
}

/// The threads of a pull request, oldest first.
pub(crate) fn list(ctx: &RepoContext, pull: &PullRequest) -> Vec<WholeThread> {
    let directory = ctx.app.state.directory();
    let whole = |thread: &Thread| {
        let comments = directory.pulls.comments_of(thread).cloned().collect();
        (thread.clone(), comments)
    };
    directory.pulls.threads_of(pull).map(whole).collect()
}

/// One of them.
pub(crate) fn one(ctx: &RepoContext, pull: &PullRequest, id: &str) -> Result<WholeThread, Refused> {
    let directory = ctx.app.state.directory();
    let thread = stored(&directory.pulls, pull, id)?;
    let comments = directory.pulls.comments_of(&thread).cloned().collect();
    Ok((thread, comments))
}

/// One comment of a thread.
pub(crate) fn comment(
    ctx: &RepoContext,
    pull: &PullRequest,
    thread: &str,
    id: &str,
) -> Result<Comment, Refused> {
    let (_, comments) = one(ctx, pull, thread)?;
    let wanted = number("comment", id)?;
    comments.into_iter().find(|one| one.id == wanted).ok_or_else(|| no_part("comment", id))
}

fn stored(pulls: &crate::directory::PullRequests, pull: &PullRequest, id: &str) -> Result<Thread, Refused> {
    let key = (pull.account, pull.id, number("thread", id)?);
    pulls.threads.get(&key).map(|thread| Thread::clone(thread)).ok_or_else(|| no_part("thread", id))
}

/// Begins a thread. Blocks.
pub(crate) fn create(ctx: &RepoContext, pull: &str, input: &ThreadInput<'_>) -> Result<WholeThread, Refused> {
    if input.comments.is_empty() {
        return Err(Refused::invalid("A thread has to begin with a comment."));
    }
    let (_, whole) = edit(ctx, pull, |change, pull| {
        let last = change.directory.pulls.threads_of(pull).next_back().map_or(0, |thread| thread.id);
        if activity::count(&change.directory.pulls, pull, false) >= THREADS {
            return Err(Refused::Invalid(format!("A pull request has at most {THREADS} threads.")));
        }
        let mut thread = Thread {
            account: pull.account,
            pull_request: pull.id,
            id: last + 1,
            status: None,
            published: now(ctx),
            updated: now(ctx),
            context: None,
            pull_request_context: None,
            properties: BTreeMap::new(),
            identities: Vec::new(),
            is_deleted: false,
        };
        apply(&mut thread, input)?;
        let mut comments = Vec::new();
        for new in &input.comments {
            comments.push(add_to(ctx, change, &thread, *new)?);
        }
        change.put(thread.clone());
        Ok((thread, comments))
    })?;
    ctx.app.merge_queue.add(ctx.repo.id);
    Ok(whole)
}

/// Changes a thread. Blocks.
pub(crate) fn update(
    ctx: &RepoContext,
    pull: &str,
    id: &str,
    input: &ThreadInput<'_>,
) -> Result<WholeThread, Refused> {
    let (pull, ()) = edit(ctx, pull, |change, pull| {
        let mut thread = stored(&change.directory.pulls, pull, id)?;
        apply(&mut thread, input)?;
        for new in &input.comments {
            add_to(ctx, change, &thread, *new)?;
        }
        touch(ctx, change, thread);
        Ok(())
    })?;
    // A policy may wait for the last thread.
    ctx.app.merge_queue.add(ctx.repo.id);
    one(ctx, &pull, id)
}

fn apply(thread: &mut Thread, input: &ThreadInput<'_>) -> Result<(), Refused> {
    thread.status = input.status.or(thread.status);
    for (what, own, given) in [
        ("threadContext", &mut thread.context, &input.context),
        ("pullRequestThreadContext", &mut thread.pull_request_context, &input.pull_request_context),
    ] {
        if let Some(given) = given {
            check_facts(what, given)?;
            *own = Some(given.clone());
        }
    }
    for (name, value) in &input.properties {
        check_facts("The property", value)?;
        thread.properties.insert(name.clone(), value.clone());
    }
    if thread.properties.len() > PROPERTIES {
        return Err(Refused::Invalid(format!("A thread has at most {PROPERTIES} properties.")));
    }
    Ok(())
}

fn touch(ctx: &RepoContext, change: &mut Change<'_>, thread: Thread) {
    change.put(Thread { updated: now(ctx), ..thread });
}

fn check_content(content: &str) -> Result<(), Refused> {
    if content.trim().is_empty() {
        return Err(Refused::invalid("A comment has to say something."));
    }
    super::check_text("The comment", content, COMMENT_CHARS)
}

fn add_to(
    ctx: &RepoContext,
    change: &mut Change<'_>,
    thread: &Thread,
    new: NewComment<'_>,
) -> Result<Comment, Refused> {
    check_content(new.content)?;
    let last = change.directory.pulls.comments_of(thread).next_back().map_or(0, |comment| comment.id);
    if usize::try_from(last).is_ok_and(|last| last >= COMMENTS) {
        return Err(Refused::Invalid(format!("A thread has at most {COMMENTS} comments.")));
    }
    if new.parent != 0 && !change.directory.pulls.comments_of(thread).any(|one| one.id == new.parent) {
        return Err(no_part("comment", &new.parent.to_string()));
    }
    let now = now(ctx);
    let comment = Comment {
        account: thread.account,
        pull_request: thread.pull_request,
        thread: thread.id,
        id: last + 1,
        parent: new.parent,
        author: ctx.principal.user.unwrap_or_default(),
        content: new.content.to_owned(),
        kind: new.kind,
        published: now,
        updated: now,
        content_updated: now,
        is_deleted: false,
        likes: Vec::new(),
    };
    change.put(comment.clone());
    Ok(comment)
}

/// Adds a comment to a thread. Blocks.
pub(crate) fn add(
    ctx: &RepoContext,
    pull: &str,
    thread: &str,
    new: NewComment<'_>,
) -> Result<Comment, Refused> {
    let (_, comment) = edit(ctx, pull, |change, pull| {
        let thread = stored(&change.directory.pulls, pull, thread)?;
        let comment = add_to(ctx, change, &thread, new)?;
        touch(ctx, change, thread);
        Ok(comment)
    })?;
    Ok(comment)
}

/// Changes a comment of a thread. Blocks.
fn edit_comment(
    ctx: &RepoContext,
    pull: &str,
    (thread, id): (&str, &str),
    edit_one: impl FnOnce(&mut Comment) -> Result<(), Refused>,
) -> Result<Comment, Refused> {
    let (_, comment) = edit(ctx, pull, |change, pull| {
        let thread = stored(&change.directory.pulls, pull, thread)?;
        let key = (pull.account, pull.id, thread.id, number("comment", id)?);
        let found = change.directory.pulls.comments.get(&key).map(|one| Comment::clone(one));
        let mut comment = found.ok_or_else(|| no_part("comment", id))?;
        edit_one(&mut comment)?;
        comment.updated = now(ctx);
        change.put(comment.clone());
        let is_deleted = change.directory.pulls.comments_of(&thread).all(|one| one.is_deleted);
        touch(ctx, change, Thread { is_deleted, ..thread });
        Ok(comment)
    })?;
    Ok(comment)
}

fn check_own(ctx: &RepoContext, comment: &Comment) -> Result<(), Refused> {
    if ctx.principal.user == Some(comment.author) {
        return Ok(());
    }
    Err(Refused::AccessCheck("A comment can be changed by its author only.".to_owned()))
}

/// Gives one's own comment another text. Blocks.
pub(crate) fn rewrite(
    ctx: &RepoContext,
    pull: &str,
    of: (&str, &str),
    content: &str,
) -> Result<Comment, Refused> {
    check_content(content)?;
    edit_comment(ctx, pull, of, |comment| {
        check_own(ctx, comment)?;
        if comment.is_deleted {
            return Err(no_part("comment", of.1));
        }
        content.clone_into(&mut comment.content);
        comment.content_updated = now(ctx);
        Ok(())
    })
}

/// Empties one's own comment, which stays as a deleted one. Blocks.
pub(crate) fn delete(ctx: &RepoContext, pull: &str, of: (&str, &str)) -> Result<(), Refused> {
    edit_comment(ctx, pull, of, |comment| {
        check_own(ctx, comment)?;
        comment.is_deleted = true;
        comment.content.clear();
        Ok(())
    })?;
    Ok(())
}

/// Likes a comment, or likes it no longer. Blocks.
pub(crate) fn like(ctx: &RepoContext, pull: &str, of: (&str, &str), likes: bool) -> Result<(), Refused> {
    let user = ctx.principal.user.unwrap_or_default();
    edit_comment(ctx, pull, of, |comment| {
        comment.likes.retain(|one| *one != user);
        if likes {
            comment.likes.push(user);
        }
        Ok(())
    })?;
    Ok(())
}

/// Returns whether a thread still waits for somebody.
pub(super) fn is_open(thread: &Thread) -> bool {
    !thread.is_deleted && matches!(thread.status, Some(ThreadStatus::Active | ThreadStatus::Pending))
}
