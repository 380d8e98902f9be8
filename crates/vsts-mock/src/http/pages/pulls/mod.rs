//! Pull requests: a list of them, a form for a new one, and the page of each.

mod decide;
mod detail;
mod files;
mod follow;
mod thread;
mod view;

use maud::{Markup, html};

use super::parts::{PAGE, ago, avatar, pages, problem};
use super::refusal::{Refusal, refusable};
use super::source::{Named, Source};
use super::{Answer, Outcome, empty};
use crate::access::{Permission, Target, authorize};
use crate::directory::PullRequest;
use crate::directory::pull_request::{MergeStatus, PullStatus};
use crate::limits::FORKS_OFFERED;
use crate::operations::pull_requests::list::{self, Criteria};
use crate::operations::pull_requests::{fork, short};
use crate::operations::refs;
pub(super) use detail::show;
pub(super) use follow::{follow, follow_new};

/// Branches that the form for a new pull request offers.
const OFFERED: usize = 200;

/// The lists, by their names in the address.
const LISTS: [(&str, &str, PullStatus); 3] = [
    ("active", "Active", PullStatus::Active),
    ("completed", "Completed", PullStatus::Completed),
    ("abandoned", "Abandoned", PullStatus::Abandoned),
];

/// The state of a pull request in one or two words.
fn state(pull: &PullRequest) -> &'static str {
    match (pull.status, pull.merge.status) {
        (PullStatus::Completed, _) => "completed",
        (PullStatus::Abandoned, _) => "abandoned",
        (PullStatus::Active, _) if pull.queued.is_some() => "completing",
        (PullStatus::Active, MergeStatus::Conflicts) => "conflicts",
        (PullStatus::Active, _) if pull.is_draft => "draft",
        (PullStatus::Active, _) => "active",
    }
}

/// The colour of that.
fn state_class(pull: &PullRequest) -> &'static str {
    match (pull.status, pull.merge.status) {
        (PullStatus::Completed, _) => "ok",
        (PullStatus::Active, MergeStatus::Conflicts | MergeStatus::Failure) if pull.queued.is_none() => "bad",
        _ => "",
    }
}

/// The source branch, behind the name of the fork that it is in.
fn source_name(source: &Source<'_>, pull: &PullRequest) -> String {
    let branch = short(&pull.source);
    let Some(id) = pull.fork else { return branch.to_owned() };
    let directory = source.app.state.directory();
    let fork = directory.repos.get(&id);
    let permission = Permission::GenericRead;
    let seen = fork
        .filter(|fork| authorize(&directory, &source.ctx.principal, permission, Target::Repo(fork)).is_ok());
    format!("{}:{branch}", seen.map_or("another repository", |fork| fork.name.as_str()))
}

/// The list of pull requests.
pub(super) fn list(source: &Source<'_>) -> Answer {
    let ctx = source.ctx;
    source.runtime.block_on(source.app.merge_queue.settled(source.repo.id));
    let directory = source.app.state.directory();
    let (asked, _, status) =
        LISTS.into_iter().find(|(name, ..)| ctx.ask("list") == Some(name)).unwrap_or(LISTS[0]);
    let skip = ctx.ask_number("skip");
    let criteria = Criteria { status: Some(status), ..Criteria::default() };
    let mut found = list::select(&directory, &[&source.repo], &criteria, (skip, PAGE + 1));
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let address = format!("{}?list={asked}", source.path("pullrequests"));
    let name = |id| directory.identity_name(id).unwrap_or("Anonymous").to_owned();
    let body = html! {
        div.page {
            div.head {
                h1 { "Pull requests" }
                @if source.may(Permission::PullRequestContribute) {
                    div.actions { a.button href=(source.path("pullrequestcreate")) { "New pull request" } }
                }
            }
            nav.tabs aria-label="Lists" { ul {
                @for (own, title, _) in LISTS {
                    li { a href={ (source.path("pullrequests")) "?list=" (own) } aria-current=[(own == asked).then_some("page")] { (title) } }
                }
            } }
            @if found.is_empty() { div.card.quiet { p { "There is none." } } }
            @else { div.wide { table {
                thead { tr {
                    th scope="col" { "Pull request" } th scope="col" { "By" } th scope="col" { "From" } th scope="col" { "Into" } th scope="col" { "State" } th scope="col" { "When" }
                } }
                tbody { @for pull in &found {
                    tr {
                        th scope="row" { a href=(page_of(source, pull.id)) { (pull.id) ": " bdi { (pull.title) } } }
                        td { span.person { (avatar(&name(pull.creator))) bdi { (name(pull.creator)) } } }
                        td { bdi { (source_name(source, pull)) } }
                        td { bdi { (short(&pull.target)) } }
                        td { span class={ "tag " (state_class(pull)) } { (state(pull)) } }
                        td.when { (ago(ctx.now, pull.created)) }
                    }
                } }
            } } }
            (pages(&address, skip, has_more, "Newer", "Older"))
        }
    };
    source.page("Pull requests", "pullrequests", &body).into()
}

/// The address of the page of a pull request.
fn page_of(source: &Source<'_>, id: i64) -> String {
    source.path(&format!("pullrequest/{id}"))
}

/// The form for a new pull request; `refusal` is one that was refused.
pub(super) fn new(source: &Source<'_>, refusal: Option<&Refusal<'_>>) -> Outcome {
    source.authorize(Permission::PullRequestContribute)?;
    let Some(default) = source.default_branch()? else { return Ok(empty::show(source)) };
    let branches = source.branches()?;
    let kept = |name: &str| Refusal::kept(refusal, name).to_owned();
    let ask = |name: &str| {
        let kept = kept(name);
        if kept.is_empty() { source.ctx.ask(name).unwrap_or_default().to_owned() } else { kept }
    };
    let own: Vec<String> = branches.iter().take(OFFERED).map(|branch| branch.name.clone()).collect();
    let of_forks = branches_of_forks(source);
    let select = |id: &str, label: &str, chosen: &str, forks: &[(String, Vec<String>)]| -> Markup {
        let options = |branches: &[String], fork: &str| {
            html! { @for branch in branches {
                @let value = format!("{fork}{branch}");
                option value=(value) selected[value == chosen] { (value) }
            } }
        };
        html! {
            label for=(id) { (label) }
            select id=(id) name=(id) required {
                (options(&own, ""))
                @for (fork, branches) in forks { optgroup label={ "Fork " (fork) } { (options(branches, &format!("{fork}:"))) } }
            }
        }
    };
    let target = if ask("target").is_empty() { default.name.clone() } else { ask("target") };
    let other = branches.iter().find(|branch| branch.name != target).map(|branch| branch.name.clone());
    let chosen = if ask("source").is_empty() { other.unwrap_or_default() } else { ask("source") };
    let body = html! {
        div.page.narrowed {
            h1 { "New pull request" }
            (problem(Refusal::words(refusal)))
            form.card method="post" action=(source.path("pullrequestcreate")) {
                (source.ctx.token())
                (select("source", "Take the commits of", &chosen, &of_forks))
                (select("target", "into", &target, &[]))
                label for="title" { "Title" }
                input #title name="title" maxlength="400" autocomplete="off" required value=(kept("title"));
                label for="description" { "Description" }
                textarea #description name="description" rows="6" maxlength="4000" { (kept("description")) }
                div.choice { input #draft type="checkbox" name="draft" checked[!kept("draft").is_empty()]; label for="draft" { "It is a draft" } }
                div.actions { button { "Create" } }
            }
        }
    };
    Ok(refusable(source.page("New pull request", "pullrequests", &body), Refusal::words(refusal)))
}

/// The branches of the forks that the visitor may read, by the names of the forks.
fn branches_of_forks(source: &Source<'_>) -> Vec<(String, Vec<String>)> {
    let directory = source.app.state.directory();
    let mut all = Vec::new();
    for fork in fork::sources(source, &directory).into_iter().take(FORKS_OFFERED) {
        let Ok(repository) = source.app.state.open_repo(&fork) else { continue };
        let Ok(branches) = refs::branches(&repository.read(), &source.work) else { continue };
        let short = branches.into_iter().map(Named::from).map(|branch| branch.name);
        all.push((fork.name, short.take(OFFERED).collect()));
    }
    all
}
