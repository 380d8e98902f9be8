//! The page of a pull request: its overview with what is said about it, its files, its commits, and what can be done.

use maud::{Markup, html};

use super::super::parts::{ago, avatar, problem};
use super::super::source::Source;
use super::super::{Failure, Outcome, commits, diff_view};
use super::{page_of, refusable, state};
use crate::access::{Permission, Target, authorize};
use crate::directory::pull_request::{MergeStatus, MergeStrategy, PullStatus, ThreadStatus};
use crate::directory::{Comment, PullRequest, Thread};
use crate::limits::COMPARED_COMMITS;
use crate::operations::pull_requests::{find, iterations, policies, short, threads};

/// The parts of the page, by their names in the address.
const PARTS: [(&str, &str); 3] = [("overview", "Overview"), ("files", "Files"), ("commits", "Commits")];

/// The votes that the page offers.
const VOTES: [(i64, &str); 5] = [
    (10, "Approve"),
    (5, "Approve with suggestions"),
    (-5, "Wait for author"),
    (-10, "Reject"),
    (0, "No vote"),
];

/// The strategies, by their names on the page.
const STRATEGIES: [(MergeStrategy, &str); 4] = [
    (MergeStrategy::NoFastForward, "Merge (no fast-forward)"),
    (MergeStrategy::Squash, "Squash commit"),
    (MergeStrategy::Rebase, "Rebase and fast-forward"),
    (MergeStrategy::RebaseMerge, "Semi-linear merge"),
];

/// A text of several lines, as it was written.
fn paragraphs(text: &str) -> Markup {
    html! { @for line in text.lines().filter(|line| !line.trim().is_empty()) { p { bdi { (line) } } } }
}

/// The page; `refused` is what was wrong with a form.
pub(in super::super) fn show(source: &Source<'_>, id: &str, refused: Option<&str>) -> Outcome {
    let pull = find(source, id)?;
    let here = page_of(source, pull.id);
    let asked = source.ctx.ask("_a").unwrap_or("overview");
    let (part, _) = PARTS.into_iter().find(|(name, _)| *name == asked).unwrap_or(PARTS[0]);
    let body = html! {
        div.page {
            h1 { (pull.id) ": " bdi { (pull.title) } }
            p.lead {
                span.tag { (state(&pull)) } " "
                bdi { (name(source, pull.creator)) } " wants to take " bdi { (short(&pull.source)) } " into " bdi { (short(&pull.target)) } ", "
                (ago(source.ctx.now, pull.created))
            }
            (problem(refused))
            nav.tabs aria-label="Pull request" { ul {
                @for (own, title) in PARTS {
                    li { a href={ (here) "?_a=" (own) } aria-current=[(own == part).then_some("page")] { (title) } }
                }
            } }
            @match part {
                "files" => { (files(source, &pull)?) }
                "commits" => { (own_commits(source, &pull)?) }
                _ => { (overview(source, &pull)?) }
            }
        }
    };
    Ok(refusable(source.page(&pull.title, "pullrequests", &body), refused))
}

fn name(source: &Source<'_>, id: uuid::Uuid) -> String {
    source.app.state.directory().identity_name(id).unwrap_or("Anonymous").to_owned()
}

fn files(source: &Source<'_>, pull: &PullRequest) -> Result<Markup, Failure> {
    let id = |text: &str| gix::ObjectId::from_hex(text.as_bytes()).ok();
    let (Some(tip), Some(target)) = (id(&pull.merge.source), id(&pull.merge.target)) else {
        return Ok(html! { p.note { "A branch is gone." } });
    };
    let base = source.merge_bases(&source.repository, tip, target)?.first().copied();
    diff_view::show(source, base, tip)
}

fn own_commits(source: &Source<'_>, pull: &PullRequest) -> Result<Markup, Failure> {
    let tips = (pull.merge.source.as_str(), pull.merge.target.as_str());
    let ids = iterations::commits(source, &source.repository, tips, (0, COMPARED_COMMITS))?;
    Ok(html! {
        @if ids.is_empty() { p.quiet { "There is no commit that the target lacks." } }
        @else { (commits::list(source, &ids)?) }
    })
}

fn overview(source: &Source<'_>, pull: &PullRequest) -> Result<Markup, Failure> {
    let may_work = source.may(Permission::PullRequestContribute) && source.ctx.has_session();
    let is_active = pull.status == PullStatus::Active;
    let directory = source.app.state.directory();
    let evaluated = policies::evaluate(source, &source.repository, &directory, pull)?;
    Ok(html! {
        @if let Some(description) = &pull.description { section.card aria-label="Description" { (paragraphs(description)) } }
        (merge(pull))
        @if !evaluated.is_empty() {
            section.card aria-labelledby="policies" {
                h2 #policies { "Policies" }
                ul { @for one in &evaluated {
                    li { (one.demand) " " span.tag { (one.evaluation.name()) } @if !one.policy.is_blocking { " " span.tag { "optional" } } }
                } }
            }
        }
        section.card aria-labelledby="reviewers" {
            h2 #reviewers { "Reviewers" }
            @if pull.reviewers.is_empty() { p.quiet { "Nobody yet." } }
            @else { ul { @for one in &pull.reviewers {
                li {
                    bdi { (name(source, one.id)) } " "
                    span.tag { (VOTES.iter().find(|(vote, _)| *vote == one.vote).map_or("", |(_, text)| text)) }
                    @if one.is_required { " " span.tag { "required" } }
                }
            } } }
            @if may_work && is_active { (form(source, pull, "vote", &html! {
                label for="vote" { "Your vote" }
                select #vote name="vote" { @for (vote, text) in VOTES { option value=(vote) { (text) } } }
                button { "Vote" }
            })) }
        }
        section aria-labelledby="discussion" {
            h2 #discussion { "Comments" }
            @let all = threads::list(source, pull);
            @if all.iter().all(|(thread, _)| thread.is_deleted) { p.quiet { "Nobody has said anything." } }
            @for (thread, comments) in all.iter().filter(|(thread, _)| !thread.is_deleted) {
                (one_thread(source, pull, thread, comments, may_work))
            }
            @if may_work { (form(source, pull, "comment", &html! {
                label for="content" { "A new comment" }
                textarea #content name="content" rows="4" required {}
                div.actions { button { "Comment" } }
            })) }
        }
        @if may_work { (actions(source, pull)) }
    })
}

/// A form that does something with the pull request.
fn form(source: &Source<'_>, pull: &PullRequest, action: &str, fields: &Markup) -> Markup {
    html! {
        form method="post" action=(page_of(source, pull.id)) {
            (source.ctx.token())
            input type="hidden" name="do" value=(action);
            (fields)
        }
    }
}

fn merge(pull: &PullRequest) -> Markup {
    let has_message = pull.merge.message.as_deref().filter(|message| !message.is_empty());
    html! {
        @if pull.status == PullStatus::Active {
            @match pull.merge.status {
                MergeStatus::Conflicts => {
                    section.card aria-labelledby="conflicts" {
                        h2 #conflicts { "Conflicts" }
                        p { "Both branches have changed the same places of these files. Merge the target into the source, and push it." }
                        ul { @for file in &pull.merge.conflicts { li { bdi { (file) } } } }
                    }
                }
                MergeStatus::Succeeded => { p.note { "It can be merged without conflicts." } }
                MergeStatus::Queued => { p.note { "Its merge is in the queue." } }
                MergeStatus::Failure | MergeStatus::RejectedByPolicy => { p.problem { "It could not be merged. " (has_message.unwrap_or_default()) } }
            }
        }
    }
}

fn one_thread(
    source: &Source<'_>,
    pull: &PullRequest,
    thread: &Thread,
    comments: &[Comment],
    may_work: bool,
) -> Markup {
    let file = thread.context.as_ref().and_then(|context| context["filePath"].as_str());
    let line = thread.context.as_ref().and_then(|context| context["rightFileStart"]["line"].as_u64());
    let is_open = matches!(thread.status, Some(ThreadStatus::Active | ThreadStatus::Pending));
    html! {
        article.card id={ "thread-" (thread.id) } aria-label={ "Thread " (thread.id) } {
            @if let Some(file) = file { p.quiet { code { bdi { (file) } @if let Some(line) = line { ":" (line) } } } }
            @if let Some(status) = thread.status { p { span.tag { (status.name()) } } }
            @for comment in comments {
                @if comment.is_deleted { p.quiet { "A comment was deleted." } }
                @else {
                    p { span.person { (avatar(&name(source, comment.author))) bdi { (name(source, comment.author)) } } " " (ago(source.ctx.now, comment.published)) }
                    (paragraphs(&comment.content))
                }
            }
            @if may_work {
                (form(source, pull, "reply", &html! {
                    input type="hidden" name="thread" value=(thread.id);
                    label for={ "reply-" (thread.id) } { "A reply" }
                    textarea id={ "reply-" (thread.id) } name="content" rows="2" required {}
                    div.actions { button.plain aria-label={ "Reply to thread " (thread.id) } { "Reply" } }
                }))
                @let (status, text) = if is_open { ("fixed", "Resolve") } else { ("active", "Open again") };
                (form(source, pull, "status", &html! {
                    input type="hidden" name="thread" value=(thread.id);
                    input type="hidden" name="status" value=(status);
                    div.actions { button.plain aria-label={ (text) " thread " (thread.id) } { (text) } }
                }))
            }
        }
    }
}

fn actions(source: &Source<'_>, pull: &PullRequest) -> Markup {
    let directory = source.app.state.directory();
    let target = Target::Ref(&source.repo, &pull.target);
    let may_complete =
        authorize(&directory, &source.ctx.principal, Permission::GenericContribute, target).is_ok();
    html! {
        @if pull.status == PullStatus::Active && pull.queued.is_none() {
            @if may_complete && !pull.is_draft {
                section.card aria-labelledby="complete" {
                    h2 #complete { "Complete" }
                    (form(source, pull, "complete", &html! {
                        input type="hidden" name="tip" value=(pull.merge.source);
                        label for="strategy" { "Merge type" }
                        select #strategy name="strategy" { @for (strategy, text) in STRATEGIES { option value=(strategy.name()) { (text) } } }
                        label for="message" { "Message" }
                        textarea #message name="message" rows="3" placeholder={ "Merged PR " (pull.id) ": " (pull.title) } {}
                        label { input type="checkbox" name="delete"; " Delete the source branch afterwards" }
                        label { input type="checkbox" name="auto"; " As soon as all policies are met" }
                        div.actions { button { "Complete" } }
                    }))
                }
            }
            div.actions {
                (form(source, pull, if pull.is_draft { "publish" } else { "draft" }, &html! {
                    button.plain { @if pull.is_draft { "Publish" } @else { "Mark as draft" } }
                }))
                (form(source, pull, "abandon", &html! { button.plain { "Abandon" } }))
            }
        }
        @if pull.status == PullStatus::Abandoned {
            (form(source, pull, "reactivate", &html! { div.actions { button { "Reactivate" } } }))
        }
    }
}
