//! The forms of pull requests.

use std::sync::Arc;

use super::super::request_context::RequestContext;
use super::super::route::RepoNames;
use super::super::source::Source;
use super::super::{Answer, Failure, Outcome};
use super::{new, page_of, show, words};
use crate::directory::pull_request::{
    CommentType, CompletionOptions, MergeStrategy, PullStatus, ThreadStatus,
};
use crate::http::web::form::Form;
use crate::operations::pull_requests::create::{self, NewPullRequest};
use crate::operations::pull_requests::reviewers::{self, ReviewerUpdate};
use crate::operations::pull_requests::threads::{self, NewComment, ThreadInput};
use crate::operations::pull_requests::update::{self, PullRequestUpdate};

/// Makes a pull request.
pub(in super::super) async fn follow_new(
    ctx: &Arc<RequestContext>,
    names: &RepoNames,
    form: &Form,
) -> Outcome {
    let (ctx, names, form, work) = (ctx.clone(), names.clone(), form.clone(), ctx.work.clone());
    let task = move || {
        let source = Source::open(&ctx, &names)?;
        let branch = |name: &str| format!("refs/heads/{}", form.get(name));
        let input = NewPullRequest {
            source: &branch("source"),
            target: &branch("target"),
            title: form.get("title"),
            description: form.value("description"),
            is_draft: form.has("draft"),
            ..NewPullRequest::default()
        };
        match create::create(&source, &input) {
            Ok(pull) => Ok(Answer::go(page_of(&source, pull.id))),
            Err(refused) => new(&source, Some(&words(refused.into())?)),
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
            Ok(()) => Ok(Answer::go(source.path(&format!("pullrequest/{id}")))),
            Err(failure) => show(&source, &id, Some(&words(failure)?)),
        }
    };
    work.run(task).await
}

fn change(source: &Source<'_>, id: &str, form: &Form) -> Result<(), Failure> {
    let comment = NewComment { content: form.raw("content"), parent: 0, kind: CommentType::Text };
    let status = |status| PullRequestUpdate { status: Some(status), ..PullRequestUpdate::default() };
    let draft = |is_draft| PullRequestUpdate { is_draft: Some(is_draft), ..PullRequestUpdate::default() };
    let new = match form.get("do") {
        "comment" => {
            let status = Some(ThreadStatus::Active);
            let input = ThreadInput { comments: vec![comment], status, ..ThreadInput::default() };
            threads::create(source, id, &input)?;
            return Ok(());
        }
        "reply" => {
            threads::add(source, id, form.get("thread"), NewComment { parent: 1, ..comment })?;
            return Ok(());
        }
        "status" => {
            let found = ThreadStatus::CHOICES.iter().find(|(name, ..)| *name == form.get("status"));
            let status = found.map(|(.., status)| *status);
            let input = ThreadInput { status, ..ThreadInput::default() };
            threads::update(source, id, form.get("thread"), &input)?;
            return Ok(());
        }
        "vote" => {
            let vote = form.get("vote").parse().ok();
            let own = source.ctx.principal.user.unwrap_or_default();
            reviewers::set(source, id, &[(own, ReviewerUpdate { vote, ..ReviewerUpdate::default() })])?;
            return Ok(());
        }
        "complete" => completion(source, form),
        "abandon" => status(PullStatus::Abandoned),
        "reactivate" => status(PullStatus::Active),
        "draft" => draft(true),
        "publish" => draft(false),
        _ => return Err(Failure::Bad("That is no change that this page makes.".to_owned())),
    };
    update::update(source, id, &new)?;
    Ok(())
}

fn completion<'f>(source: &Source<'_>, form: &'f Form) -> PullRequestUpdate<'f> {
    let strategy = MergeStrategy::CHOICES.iter().find(|(name, ..)| *name == form.get("strategy"));
    let options = CompletionOptions {
        strategy: strategy.map(|(.., strategy)| *strategy),
        delete_source: form.has("delete"),
        message: form.value("message").map(str::to_owned),
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
