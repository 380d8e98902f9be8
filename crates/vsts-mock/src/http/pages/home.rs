//! The ways down to a repository: accounts, an account's projects, a project's repositories. Who may not see something
//! is not shown it, and its page is not there.

use maud::{Markup, html};

use super::Outcome;
use super::failure::Failure;
use super::find::{crumbs, find_account, find_project};
use super::layout::Page;
use super::parts::{ago, count};
use super::request_context::RequestContext;
use super::source;
use super::work_items;
use crate::access::{Permission, Principal, Target, Viewer, authorize, authorize_work_reading};
use crate::directory::{Account, Directory, Project, Repo, name};
use crate::operations::projects;

/// More projects, or repositories, than that on one page are filtered rather than listed.
const MOST: usize = 200;
/// So many are listed without a filter.
const FEW: usize = 6;

/// The repositories of a project that may be read, the default one first.
pub(super) fn repos_seen<'w>(
    directory: &'w Directory,
    principal: &Principal,
    project: &Project,
) -> Vec<&'w Repo> {
    let viewer = Viewer::new(directory, principal);
    let mut seen: Vec<_> = directory.repos_of(project.id).filter(|repo| viewer.may_read(repo)).collect();
    seen.sort_by_cached_key(|repo| (!repo.name.eq_ignore_ascii_case(&project.name), name::key(&repo.name)));
    seen
}

/// All accounts with their projects.
pub(super) fn accounts(ctx: &RequestContext) -> Outcome {
    if ctx.principal.is_anonymous() {
        return Err(Failure::SignIn);
    }
    let (directory, principal) = (&*ctx.directory, &ctx.principal);
    let viewer = Viewer::new(directory, principal);
    let mut accounts: Vec<_> =
        directory.accounts.values().filter(|one| viewer.sees(Target::Account(one))).collect();
    accounts.sort_by_cached_key(|account| name::key(&account.name));
    let body = html! {
        div.page {
            h1 { "Your projects" }
            @if accounts.is_empty() {
                div.card.quiet {
                    p { "No account has you as a member yet. Ask somebody who administers one." }
                }
            }
            @for account in accounts {
                @let projects = projects::list(directory, principal, account);
                section aria-labelledby={ "a-" (account.id) } {
                    div.head {
                        h2 id={ "a-" (account.id) } {
                            a href={ (ctx.account_path(&account.name)) "/" } { bdi { (account.name) } }
                        }
                        (new_project(ctx, account, &format!("New project in {}", account.name)))
                    }
                    (project_cards(ctx, account, &projects))
                }
            }
        }
    };
    Ok(Page::new("Your projects", Vec::new(), body).into())
}

fn new_project(ctx: &RequestContext, account: &Account, label: &str) -> Markup {
    let may =
        authorize(&ctx.directory, &ctx.principal, Permission::CreateRepository, Target::Account(account));
    html! { @if may.is_ok() {
        a.button href={ (ctx.account_path(&account.name)) "/_new" } aria-label=(label) { "New project" }
    } }
}

fn project_cards(ctx: &RequestContext, account: &Account, projects: &[&Project]) -> Markup {
    let directory = &*ctx.directory;
    let viewer = Viewer::new(directory, &ctx.principal);
    html! {
        @if projects.is_empty() { div.card.quiet { p { "There is no project in it that you may see." } } }
        ul.cards {
            @for project in projects.iter().take(MOST) {
                @let repos = directory.repos_of(project.id).filter(|repo| viewer.may_read(repo)).count();
                li.card {
                    h3 { a href=(ctx.project_path(&account.name, &project.name)) { bdi { (project.name) } } }
                    @if !project.description.is_empty() { p { bdi { (project.description) } } }
                    p.quiet { (count(repos, "repository", "repositories")) " · changed " (ago(ctx.now, project.updated)) }
                }
            }
        }
        @if projects.len() > MOST { p.cut { "Only the first " (MOST) " of " (projects.len()) " projects are listed. Use the filter." } }
    }
}

/// One account.
pub(super) fn account(ctx: &RequestContext, asked: &str) -> Outcome {
    let (directory, principal) = (&*ctx.directory, &ctx.principal);
    let account = find_account(directory, principal, asked)?;
    let all = projects::list(directory, principal, account);
    let filter = ctx.ask("filter").unwrap_or_default();
    let wanted = name::key(filter);
    let shown: Vec<_> =
        all.iter().copied().filter(|project| name::key(&project.name).contains(&wanted)).collect();
    let path = ctx.account_path(&account.name);
    let body = html! {
        div.page {
            div.head { h1 { bdi { (account.name) } } (new_project(ctx, account, "New project")) }
            @if all.len() > FEW || !filter.is_empty() {
                form.row method="get" action={ (path) "/" } role="search" {
                    label for="filter" { "Filter projects" }
                    input #filter name="filter" value=(filter) type="search";
                    button.plain { "Filter" }
                }
            }
            h2.sr { "Projects" }
            (project_cards(ctx, account, &shown))
        }
    };
    Ok(Page::new(&account.name, crumbs(ctx, account, None), body).into())
}

/// One project.
pub(super) fn project(ctx: &RequestContext, account: &str, asked: &str) -> Outcome {
    let (directory, principal) = (&*ctx.directory, &ctx.principal);
    let (account, project) = find_project(directory, principal, account, asked)?;
    let filter = ctx.ask("filter").unwrap_or_default();
    let wanted = name::key(filter);
    let is_wanted = |repo: &&Repo| name::key(&repo.name).contains(&wanted);
    let all = repos_seen(directory, principal, project);
    let number = all.len();
    let repos: Vec<&Repo> = all.into_iter().filter(is_wanted).collect();
    let viewer = Viewer::new(directory, principal);
    let is_disabled = |repo: &&Repo| repo.is_disabled && viewer.lists(repo);
    let mut disabled: Vec<&Repo> =
        directory.repos_of(project.id).filter(is_disabled).filter(is_wanted).collect();
    disabled.sort_by_cached_key(|repo| name::key(&repo.name));
    let path = ctx.project_path(&account.name, &project.name);
    let has_work = authorize_work_reading(directory, principal, project).is_ok();
    let may_create =
        authorize(directory, principal, Permission::CreateRepository, Target::Project(project)).is_ok();
    let body = html! {
        div.page {
            div.head {
                h1 { bdi { (project.name) } }
                div.actions {
                    @if has_work { a.button.plain href=(work_items::list_of(ctx, &account.name, &project.name)) { "Work items" } }
                    @if may_create { a.button href={ (path) "/_new" } { "New repository" } }
                }
            }
            @if !project.description.is_empty() { p.lead { bdi { (project.description) } } }
            h2 { "Repositories" }
            @if number > FEW || !filter.is_empty() {
                form.row method="get" action=(path) role="search" {
                    label for="filter" { "Filter repositories" }
                    input #filter name="filter" value=(filter) type="search";
                    button.plain { "Filter" }
                }
            }
            @if repos.is_empty() && disabled.is_empty() { div.card.quiet { p { "There is no repository in it that you may read." } } }
            @else {
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Name" } th scope="col" { "Branches" } th scope="col" { "Last change" }
                    } }
                    tbody {
                        @for repo in repos.iter().take(MOST) {
                            @let summary = source::summary(ctx, repo);
                            tr {
                                th scope="row" {
                                    a href=(ctx.repo_path(&account.name, &project.name, &repo.name)) { bdi { (repo.name) } }
                                    @if repo.public { " " span.tag { "public" } }
                                }
                                td {
                                    @match summary.branches {
                                        0 => span.quiet { "empty" },
                                        number => { (number) }
                                    }
                                    @if summary.histories > 0 {
                                        " " span.tag.run { (count(summary.histories, "run history", "run histories")) }
                                    }
                                }
                                td { @if let Some(time) = summary.changed { (ago(ctx.now, time)) } @else { span.quiet { "never" } } }
                            }
                        }
                        @for repo in disabled.iter().take(MOST) {
                            tr {
                                th scope="row" { bdi { (repo.name) } " " span.tag { "disabled" } }
                                td {}
                                td {}
                            }
                        }
                    }
                } }
                @if repos.len() > MOST {
                    p.cut { "Only the first " (MOST) " of " (repos.len()) " repositories are listed. Use the filter." }
                }
            }
        }
    };
    Ok(Page::new(&project.name, crumbs(ctx, account, Some(project)), body).into())
}
