//! Pull requests: a list of them, a form for a new one, and the page of each.

mod detail;
mod follow;

use maud::{Markup, html};

use super::parts::{PAGE, ago, avatar, pages, problem};
use super::source::Source;
use super::{Answer, Failure, Outcome, Page, empty};
use crate::access::Permission;
use crate::directory::PullRequest;
use crate::directory::pull_request::{MergeStatus, PullStatus};
use crate::operations::pull_requests::list::{self, Criteria};
use crate::operations::pull_requests::short;
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
                    th scope="col" { "Pull request" } th scope="col" { "By" } th scope="col" { "Into" } th scope="col" { "State" } th scope="col" { "When" }
                } }
                tbody { @for pull in &found {
                    tr {
                        th scope="row" { a href=(page_of(source, pull.id)) { (pull.id) ": " bdi { (pull.title) } } }
                        td { span.person { (avatar(&name(pull.creator))) bdi { (name(pull.creator)) } } }
                        td { bdi { (short(&pull.target)) } }
                        td { span.tag { (state(pull)) } }
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

/// The form for a new pull request; `refused` is what was wrong with it.
pub(super) fn new(source: &Source<'_>, refused: Option<&str>) -> Outcome {
    source.authorize(Permission::PullRequestContribute)?;
    let Some(default) = source.default_branch()? else { return Ok(empty::show(source)) };
    let branches = source.branches()?;
    let ask = |name: &str| source.ctx.ask(name).unwrap_or_default().to_owned();
    let select = |id: &str, label: &str, chosen: &str| -> Markup {
        html! {
            label for=(id) { (label) }
            select id=(id) name=(id) required {
                @for branch in branches.iter().take(OFFERED) {
                    option value=(branch.name) selected[branch.name == chosen] { (branch.name) }
                }
            }
        }
    };
    let target = if ask("target").is_empty() { default.name.clone() } else { ask("target") };
    let other = branches.iter().find(|branch| branch.name != target).map(|branch| branch.name.clone());
    let chosen = if ask("source").is_empty() { other.unwrap_or_default() } else { ask("source") };
    let body = html! {
        div.page.narrowed {
            h1 { "New pull request" }
            (problem(refused))
            form.card method="post" action=(source.path("pullrequestcreate")) {
                (source.ctx.token())
                (select("source", "Take the commits of", &chosen))
                (select("target", "into", &target))
                label for="title" { "Title" }
                input #title name="title" maxlength="400" autocomplete="off" required;
                label for="description" { "Description" }
                textarea #description name="description" rows="6" maxlength="4000" {}
                label { input type="checkbox" name="draft"; " It is a draft" }
                div.actions { button { "Create" } }
            }
        }
    };
    Ok(refusable(source.page("New pull request", "pullrequests", &body), refused))
}

/// The answer with a page, which has its own status if a form was refused.
fn refusable(page: Page, refused: Option<&str>) -> Answer {
    let page = if refused.is_some() { page.with_status(http::StatusCode::BAD_REQUEST) } else { page };
    page.into()
}

/// The words of a refusal that a page shows above its form; other failures have pages of their own.
fn words(failure: Failure) -> Result<String, Failure> {
    match failure {
        Failure::Bad(message) | Failure::Forbidden(message) => Ok(message),
        other => Err(other),
    }
}
