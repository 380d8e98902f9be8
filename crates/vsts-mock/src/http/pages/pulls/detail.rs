//! The page of a pull request: its overview with what is said about it, its files, its commits.

use maud::{Markup, html};

use super::super::parts::{ago, avatar, problem};
use super::super::refusal::{Refusal, refusable};
use super::super::source::Source;
use super::super::{Failure, Outcome, commits, work_items};
use super::view::View;
use super::{decide, files, page_of, source_name, state, state_class, thread};
use crate::access::subjects;
use crate::directory::pull_request::{MergeStatus, PullStatus};
use crate::limits::{COMPARED_COMMITS, REVIEWERS_OFFERED};
use crate::operations::pull_requests::{activity, find, iterations, policies, short, threads};

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

/// The page; `refusal` is a form that was refused.
pub(in super::super) fn show(source: &Source<'_>, id: &str, refusal: Option<&Refusal<'_>>) -> Outcome {
    let pull = find(source, id)?;
    let here = page_of(source, pull.id);
    let asked = source.ctx.ask("_a").unwrap_or("overview");
    let (part, _) = PARTS.into_iter().find(|(name, _)| *name == asked).unwrap_or(PARTS[0]);
    let view = View::new(source, &pull, part, refusal);
    let words = Refusal::words(refusal);
    let body = html! {
        div.page {
            h1 { (pull.id) ": " bdi { (pull.title) } }
            p.lead {
                span class={ "tag " (state_class(&pull)) } { (state(&pull)) } " "
                bdi { (view.name(pull.creator)) } " wants to take " bdi { (source_name(source, &pull)) } " into "
                bdi { (short(&pull.target)) } ", " (ago(source.ctx.now, pull.created))
            }
            (problem(words))
            nav.tabs aria-label="Pull request" { ul {
                @for (own, title) in PARTS {
                    li { a href={ (here) "?_a=" (own) } aria-current=[(own == part).then_some("page")] { (title) } }
                }
            } }
            @match part {
                "files" => { (files::show(&view)?) }
                "commits" => { (own_commits(&view)?) }
                _ => { (overview(&view)?) }
            }
        }
    };
    Ok(refusable(source.page(&pull.title, "pullrequests", &body), words))
}

fn own_commits(view: &View<'_>) -> Result<Markup, Failure> {
    let (source, merge) = (view.source, &view.pull.merge);
    let tips = (merge.source.as_str(), merge.target.as_str());
    let ids = iterations::commits(source, &source.repository, tips, (0, COMPARED_COMMITS))?;
    Ok(html! {
        @if ids.is_empty() { p.quiet { "There is no commit that the target lacks." } }
        @else { (commits::list(source, &ids)?) }
    })
}

fn overview(view: &View<'_>) -> Result<Markup, Failure> {
    let (source, pull) = (view.source, view.pull);
    let directory = source.app.state.directory();
    let is_active = pull.status == PullStatus::Active;
    let evaluated = if is_active {
        policies::evaluate(source, &source.repository, &directory, pull)?
    } else {
        Vec::new()
    };
    let (activities, all): (Vec<_>, Vec<_>) = threads::list(source, pull)
        .into_iter()
        .partition(|(_, comments)| activity::is_system(comments.first()));
    Ok(html! {
        @if let Some(description) = &pull.description {
            section.card aria-label="Description" { (view.text(description)) }
        }
        (merge(view))
        @if !evaluated.is_empty() {
            section.card aria-labelledby="policies" {
                h2 #policies { "Policies" }
                ul.plain-list { @for one in &evaluated {
                    li {
                        span class={ "tag " (if one.is_met() { "ok" } else { "" }) } { (one.evaluation.name()) } " " (one.demand)
                        @if !one.policy.is_blocking { " " span.tag { "optional" } }
                    }
                } }
            }
        }
        (work_items::linked(source.ctx, &source.account.name, &pull.work_items))
        (reviewers(view))
        section aria-labelledby="discussion" {
            h2 #discussion { "Comments" }
            @if all.iter().all(|(thread, _)| thread.is_deleted) { p.quiet { "Nobody has said anything." } }
            @for whole in all.iter().filter(|(thread, _)| !thread.is_deleted) { (thread::show(view, whole, true)) }
            @if view.may_work { (view.form("comment", &[], &html! {
                label for="content" { "A new comment" }
                textarea #content name="content" rows="4" required { (view.kept("comment", &[], "content")) }
                div.actions { button { "Comment" } }
            })) }
        }
        @if view.may_work { (decide::actions(view)) }
        @if !activities.is_empty() {
            section.card aria-labelledby="activity" {
                h2 #activity { "Activity" }
                ol.plain-list.break { @for (thread, comments) in &activities {
                    li {
                        @for comment in comments { bdi { (comment.content) } } " "
                        span.quiet { (ago(source.ctx.now, thread.published)) }
                    }
                } }
            }
        }
    })
}

fn reviewers(view: &View<'_>) -> Markup {
    let (source, pull) = (view.source, view.pull);
    let directory = source.app.state.directory();
    let word = |wanted: i64| VOTES.iter().find(|(vote, _)| *vote == wanted).map_or("", |(_, text)| text);
    let own =
        pull.reviewers.iter().find(|one| Some(one.id) == source.ctx.principal.user).map_or(0, |one| one.vote);
    let mut others = subjects(&directory, source.repo.account, Some(source.repo.project));
    others.retain(|other| pull.reviewers.iter().all(|one| one.id != other.id));
    html! {
        section.card aria-labelledby="reviewers" {
            h2 #reviewers { "Reviewers" }
            @if pull.reviewers.is_empty() { p.quiet { "Nobody yet." } }
            @else { ul.plain-list { @for one in &pull.reviewers {
                @let name = view.name(one.id);
                li {
                    span.person { (avatar(&name)) bdi { (name) } } " "
                    span class={ "tag " (vote_class(one.vote)) } { (word(one.vote)) }
                    @if one.is_required { " " span.tag { "required" } }
                    @if one.has_declined { " " span.tag { "declined" } }
                }
            } } }
            @if !pull.labels.is_empty() {
                p { "Labels: " @for label in &pull.labels { span.tag { (label.name) } " " } }
            }
            @if view.may_work && pull.status == PullStatus::Active {
                (view.form("vote", &[], &html! { div.row {
                    label for="vote" { "Your vote" }
                    select #vote name="vote" { @for (vote, text) in VOTES { option value=(vote) selected[vote == own] { (text) } } }
                    button { "Vote" }
                } }))
                (view.form("reviewer", &[], &html! { div.row {
                    label for="reviewer" { "Ask somebody" }
                    select #reviewer name="reviewer" {
                        @for other in others.iter().take(REVIEWERS_OFFERED) { option value=(other.id) { (other.name) } }
                    }
                    button.plain { "Add reviewer" }
                } }))
            }
        }
    }
}

fn vote_class(vote: i64) -> &'static str {
    match vote {
        1.. => "ok",
        0 => "",
        _ => "bad",
    }
}

/// The state of its merge, and how it ended.
fn merge(view: &View<'_>) -> Markup {
    let (source, pull) = (view.source, view.pull);
    let message = pull.merge.message.as_deref().filter(|message| !message.is_empty());
    let by = pull.closed_by.map(|id| view.name(id));
    let commit = pull.merge.commit.as_deref().and_then(|id| gix::ObjectId::from_hex(id.as_bytes()).ok());
    html! {
        @match pull.status {
            PullStatus::Completed => {
                div.card.done {
                    "Completed" @if let Some(by) = by { " by " bdi { (by) } }
                    @if let Some(closed) = pull.closed { ", " (ago(source.ctx.now, closed)) }
                    @if let Some(commit) = commit { ": " a href=(source.commit_path(commit)) { code { (commit.to_hex_with_len(8)) } } }
                }
            }
            PullStatus::Abandoned => {
                p.note { "Abandoned" @if let Some(by) = by { " by " bdi { (by) } } @if let Some(closed) = pull.closed { ", " (ago(source.ctx.now, closed)) } }
            }
            PullStatus::Active if pull.queued.is_some() => { p.note role="status" { "Its completion is in the queue." } }
            PullStatus::Active => {
                @match pull.merge.status {
                    MergeStatus::Conflicts => {
                        section.card.danger aria-labelledby="conflicts" {
                            h2 #conflicts { "Conflicts" }
                            p { "Both branches have changed the same places of these files. Merge the target into the source, and push it." }
                            ul { @for file in &pull.merge.conflicts { li { code { bdi { (file) } } } } }
                        }
                    }
                    MergeStatus::Succeeded => { p.note { "It can be merged without conflicts." } }
                    MergeStatus::Queued => { p.note { "Its merge is in the queue." } }
                    MergeStatus::Failure | MergeStatus::RejectedByPolicy => { p.problem { "It could not be merged. " (message.unwrap_or_default()) } }
                }
            }
        }
    }
}
