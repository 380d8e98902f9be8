//! The forms of pull requests.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::super::refusal::Refusal;
use super::super::request_context::RequestContext;
use super::super::route::RepoNames;
use super::super::source::Source;
use super::super::{Answer, Failure, Outcome};
use super::{new, page_of, show};
use crate::directory::pull_request::{
    CommentType, CompletionOptions, MergeStrategy, PullStatus, ThreadStatus,
};
use crate::http::web::form::Form;
use crate::operations::pull_requests::create::{self, NewPullRequest};
use crate::operations::pull_requests::reviewers::{self, ReviewerUpdate};
use crate::operations::pull_requests::threads::{self, NewComment, ThreadInput};
use crate::operations::pull_requests::update::{self, PullRequestUpdate};
use crate::operations::pull_requests::{find, fork, iterations};

/// Makes a pull request.
pub(in super::super) async fn follow_new(
    ctx: &Arc<RequestContext>,
    names: &RepoNames,
    form: &Form,
) -> Outcome {
    let (ctx, names, form, work) = (ctx.clone(), names.clone(), form.clone(), ctx.work.clone());
    let task = move || {
        let source = Source::open(&ctx, &names)?;
        let directory = source.app.state.directory();
        let forks = fork::sources(&source, &directory);
        // A branch has no colon in its name.
        let (fork, branch) = form.get("source").split_once(':').unwrap_or(("", form.get("source")));
        let found = forks.iter().find(|known| known.name == fork);
        let is_known = fork.is_empty() || found.is_some();
        let input = NewPullRequest {
            fork: found.map(|fork| fork.id),
            source: &if is_known { format!("refs/heads/{branch}") } else { String::new() },
            target: &format!("refs/heads/{}", form.get("target")),
            title: form.get("title"),
            description: form.value("description"),
            is_draft: form.has("draft"),
            ..NewPullRequest::default()
        };
        match create::create(&source, &input) {
            Ok(pull) => Ok(Answer::go(page_of(&source, pull.id))),
            Err(refused) => new(&source, Some(&Refusal::of(refused.into(), &form)?)),
        }
    };
    work.run(task).await
}

/// Does what a form on the page of a pull request asks for.
pub(in super::super) async fn follow(
    ctx: &Arc<RequestContext>,
    names: &RepoNames,
    id: &str,
    form: &Form,
) -> Outcome {
    let (ctx, names, form, id) = (ctx.clone(), names.clone(), form.clone(), id.to_owned());
    let work = ctx.work.clone();
    let task = move || {
        let source = Source::open(&ctx, &names)?;
        match change(&source, &id, &form) {
            Ok(part) => Ok(Answer::go(address(&source, &id, &part))),
            Err(failure) => show(&source, &id, Some(&Refusal::of(failure, &form)?)),
        }
    };
    work.run(task).await
}

/// The address of the page that had the form, at a part of it.
fn address(source: &Source<'_>, id: &str, part: &str) -> String {
    let page = source.path(&format!("pullrequest/{id}"));
    let view = if source.ctx.ask("view") == Some("split") { "&view=split" } else { "" };
    match source.ctx.ask("_a") {
        Some("files") => format!("{page}?_a=files{view}{part}"),
        _ => format!("{page}{part}"),
    }
}

/// Does it; gives the part of the page to look at then.
fn change(source: &Source<'_>, id: &str, form: &Form) -> Result<String, Failure> {
    let at = |thread: &str| format!("#thread-{thread}");
    let comment = NewComment { content: form.raw("content"), parent: 0, kind: CommentType::Text };
    let status = |status| PullRequestUpdate { status: Some(status), ..PullRequestUpdate::default() };
    let draft = |is_draft| PullRequestUpdate { is_draft: Some(is_draft), ..PullRequestUpdate::default() };
    let new = match form.get("do") {
        "comment" => {
            let status = Some(ThreadStatus::Active);
            let input = ThreadInput { comments: vec![comment], status, ..ThreadInput::default() };
            let (thread, _) = threads::create(source, id, &input)?;
            return Ok(at(&thread.id.to_string()));
        }
        "comment-at" => {
            let (context, pull_request_context) = context(source, id, form)?;
            let status = Some(ThreadStatus::Active);
            let comments = vec![comment];
            let input =
                ThreadInput { comments, status, context, pull_request_context, ..ThreadInput::default() };
            let (thread, _) = threads::create(source, id, &input)?;
            return Ok(at(&thread.id.to_string()));
        }
        "reply" => {
            threads::add(source, id, form.get("thread"), NewComment { parent: 1, ..comment })?;
            return Ok(at(form.get("thread")));
        }
        "edit-comment" => {
            threads::rewrite(source, id, (form.get("thread"), form.get("comment")), form.raw("content"))?;
            return Ok(at(form.get("thread")));
        }
        "delete-comment" => {
            threads::delete(source, id, (form.get("thread"), form.get("comment")))?;
            return Ok(String::new());
        }
        "reviewer" => {
            let reviewer = Uuid::parse_str(form.get("reviewer"));
            let reviewer = reviewer.map_err(|_| Failure::Bad("Choose somebody to review it.".to_owned()))?;
            reviewers::set(source, id, &[(reviewer, ReviewerUpdate::default())])?;
            return Ok(String::new());
        }
        "status" => {
            let found = ThreadStatus::CHOICES.iter().find(|(name, ..)| *name == form.get("status"));
            let status = found.map(|(.., status)| *status);
            let input = ThreadInput { status, ..ThreadInput::default() };
            threads::update(source, id, form.get("thread"), &input)?;
            return Ok(at(form.get("thread")));
        }
        "vote" => {
            let vote = form.get("vote").parse().ok();
            let own = source.ctx.principal.user.unwrap_or_default();
            reviewers::set(source, id, &[(own, ReviewerUpdate { vote, ..ReviewerUpdate::default() })])?;
            return Ok(String::new());
        }
        "complete" => completion(source, form),
        "abandon" => status(PullStatus::Abandoned),
        "reactivate" => status(PullStatus::Active),
        "edit" => PullRequestUpdate {
            title: Some(form.get("title")),
            description: Some(form.raw("description")),
            ..PullRequestUpdate::default()
        },
        "no-auto" => PullRequestUpdate { auto_complete: Some(Uuid::nil()), ..PullRequestUpdate::default() },
        "draft" => draft(true),
        "publish" => draft(false),
        _ => return Err(Failure::Bad("That is no change that this page makes.".to_owned())),
    };
    update::update(source, id, &new)?;
    Ok(String::new())
}

/// The place of a comment on a file: as the API has it, for other clients.
fn context(source: &Source<'_>, id: &str, form: &Form) -> Result<(Option<Value>, Option<Value>), Failure> {
    let pull = find(source, id)?;
    let mut context = json!({ "filePath": format!("/{}", form.get("path")) });
    if !form.get("line").is_empty() {
        let line = form.get("line").parse::<u32>().ok().filter(|line| *line > 0);
        let line = line.ok_or_else(|| Failure::Bad("A line has a number, from 1.".to_owned()))?;
        let side = if form.get("side") == "old" { "left" } else { "right" };
        for end in ["Start", "End"] {
            context[format!("{side}File{end}")] = json!({ "line": line, "offset": 1 });
        }
    }
    let last = iterations::list(source, &pull).last().map_or(1, |iteration| iteration.id);
    let iterations = json!({ "firstComparingIteration": last, "secondComparingIteration": last });
    Ok((Some(context), Some(json!({ "iterationContext": iterations }))))
}

fn completion<'f>(source: &Source<'_>, form: &'f Form) -> PullRequestUpdate<'f> {
    let strategy = MergeStrategy::CHOICES.iter().find(|(name, ..)| *name == form.get("strategy"));
    let options = CompletionOptions {
        strategy: strategy.map(|(.., strategy)| *strategy),
        delete_source: form.has("delete"),
        message: form.value("message").map(str::to_owned),
        bypass: form.has("bypass"),
        bypass_reason: form.value("reason").filter(|_| form.has("bypass")).map(str::to_owned),
        ..CompletionOptions::default()
    };
    let is_auto = form.has("auto");
    PullRequestUpdate {
        completion: Some(options),
        status: (!is_auto).then_some(PullStatus::Completed),
        auto_complete: source.ctx.principal.user.filter(|_| is_auto),
        source_commit: Some(form.get("tip")),
        ..PullRequestUpdate::default()
    }
}
