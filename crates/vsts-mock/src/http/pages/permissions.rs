//! The permissions page of a repository: what each user and group may do, set here or inherited, and where that
//! comes from; and the form to set it, for those who may.

use std::sync::Arc;

use http::StatusCode;
use maud::{Markup, html};
use uuid::Uuid;

use super::parts::problem;
use super::request_context::RequestContext;
use super::route::RepoNames;
use super::source::Source as RepoSource;
use super::{Answer, Failure, Outcome};
use crate::access::{
    Permission, Source, Standing, Subject, Target, Viewer, authorize_acl, authorize_acl_reading, standing,
    subject, subjects, token,
};
use crate::directory::{Directory, Entry};
use crate::http::web::form::Form;
use crate::operations::permissions;
use crate::operations::refused::Refused;
use crate::registry::Wish;

/// The permissions on a repository: all but the legacy ones, and those on what is created in a project.
fn listed() -> impl Iterator<Item = Permission> {
    let left_out = [Permission::Administer, Permission::CreateRepository];
    Permission::ALL.into_iter().filter(move |one| !left_out.contains(one))
}

const WISHES: [(&str, &str, Wish); 3] =
    [("unset", "Not set", Wish::NotSet), ("allow", "Allow", Wish::Allow), ("deny", "Deny", Wish::Deny)];

/// The page; `refused` is what was wrong with a form.
pub(super) fn show(repo_ctx: &RepoSource<'_>, refused: Option<&str>) -> Outcome {
    let (ctx, repo) = (repo_ctx.ctx, &repo_ctx.repo);
    let directory = &*ctx.directory;
    authorize_acl_reading(&Viewer::new(directory, &ctx.principal), Target::Repo(repo))?;
    let may_set = authorize_acl(directory, &ctx.principal, Target::Repo(repo)).is_ok();
    let mut all = subjects(directory, repo.account, Some(repo.project));
    let added = ctx.ask("add").filter(|_| may_set).map(|name| (name, directory.user_by_login(name)));
    let asked = ctx.ask("subject").and_then(|id| Uuid::parse_str(id).ok());
    let asked = added.and_then(|(_, user)| user).map(|user| user.id).or(asked);
    // Who may give permissions may give them to somebody who has none yet.
    let new =
        asked.filter(|id| may_set && directory.users.contains_key(id) && all.iter().all(|one| one.id != *id));
    all.extend(new.and_then(|id| subject(directory, id)));
    let chosen = all.iter().find(|one| Some(one.id) == asked).or(all.first());
    let nobody =
        added.filter(|(_, user)| user.is_none()).map(|(name, _)| format!("There is no user {name:?}."));
    let here = repo_ctx.path("permissions");
    let body = html! {
        div.page {
            h1 { "Permissions" }
            p.lead {
                "What is said here comes before what is said for the project, and that before the account. On one level, a deny \
                 beats every allow."
            }
            (problem(refused.or(nobody.as_deref())))
            div.sided {
                div {
                    nav.side aria-label="Users and groups" {
                        @for (is_group, label) in [(true, "Groups"), (false, "Users")] {
                            p.label.quiet { (label) }
                            ul {
                                @for one in all.iter().filter(|one| one.is_group == is_group) {
                                    @let is_here = chosen.is_some_and(|chosen| chosen.id == one.id);
                                    li {
                                        a href={ (here) "?subject=" (one.id) } aria-current=[is_here.then_some("page")] {
                                            bdi.break { (one.name) }
                                        }
                                    }
                                }
                            }
                        }
                    }
                    @if may_set {
                        form method="get" action=(here) {
                            label for="add" { "Add a user" }
                            input #add name="add" autocomplete="off" autocapitalize="none" spellcheck="false" required;
                            div.actions { button.plain { "Add" } }
                        }
                    }
                }
                @if let Some(chosen) = chosen { (grid(repo_ctx, chosen, &here, may_set)) }
            }
        }
    };
    let mut page = repo_ctx.page("Permissions", "settings", &body);
    page.crumbs.push(("Permissions".to_owned(), here));
    if refused.is_some() {
        page = page.with_status(StatusCode::BAD_REQUEST);
    }
    Ok(page.into())
}

/// One subject's permissions.
fn grid(repo_ctx: &RepoSource<'_>, chosen: &Subject, here: &str, may_set: bool) -> Markup {
    let (directory, repo) = (&*repo_ctx.ctx.directory, &repo_ctx.repo);
    let target = Target::Repo(repo);
    let own = own_entry(directory, repo_ctx, chosen.id);
    html! {
        form method="post" action={ (here) "?subject=" (chosen.id) } {
            h2 { bdi { (chosen.name) } }
            (repo_ctx.ctx.token())
            input type="hidden" name="subject" value=(chosen.id);
            div.wide { table.grid {
                thead { tr {
                    th scope="col" { "Permission" } th scope="col" { "In the end" } th scope="col" { "Comes from" }
                    @if may_set { th scope="col" { "Set here" } }
                } }
                tbody {
                    @for permission in listed() {
                        @let found = standing(directory, chosen.id, target, permission);
                        tr {
                            th scope="row" id={ "p-" (permission.name()) } { (permission.display_name()) }
                            td { (verdict(&found)) }
                            td.quiet { (origin(directory, repo_ctx, chosen, &found)) }
                            @if may_set { td {
                                select name=(permission.name()) aria-labelledby={ "p-" (permission.name()) } {
                                    @for (value, label, wish) in WISHES {
                                        option value=(value) selected[wish == Wish::of(own, permission)] { (label) }
                                    }
                                }
                            } }
                        }
                    }
                }
            } }
            @if may_set { div.actions { button { "Save changes" } } }
        }
    }
}

fn own_entry(directory: &Directory, repo_ctx: &RepoSource<'_>, subject: Uuid) -> Entry {
    let at = token::repository(repo_ctx.repo.project, repo_ctx.repo.id);
    let entries = directory.entries_at(repo_ctx.repo.account, &at);
    entries.and_then(|entries| entries.get(&subject)).copied().unwrap_or_default()
}

fn verdict(found: &Standing) -> Markup {
    let (class, sign) = match found {
        Standing::NotSet => ("quiet", "○"),
        Standing::Allow | Standing::InheritedAllow(_) => ("plus", "✓"),
        Standing::Deny | Standing::InheritedDeny(_) => ("minus", "✕"),
    };
    html! { span class=(class) { span aria-hidden="true" { (sign) " " } (found.label()) } }
}

/// The text for the source of a permission.
fn origin(directory: &Directory, repo_ctx: &RepoSource<'_>, chosen: &Subject, found: &Standing) -> Markup {
    match found {
        Standing::NotSet => html! { "nothing, which means no" },
        Standing::Allow | Standing::Deny => html! { "set here" },
        Standing::InheritedAllow(source) | Standing::InheritedDeny(source) => {
            html! { (whose(directory, chosen, source)) (level(repo_ctx, source)) }
        }
    }
}

fn whose(directory: &Directory, chosen: &Subject, source: &Source) -> Markup {
    if source.subject == chosen.id {
        return html! {};
    }
    html! { @if let Some(one) = subject(directory, source.subject) { bdi { (one.name) } ", " } }
}

fn level(repo_ctx: &RepoSource<'_>, source: &Source) -> Markup {
    if source.token == token::COLLECTION {
        html! { "the account " bdi { (repo_ctx.account.name) } }
    } else if source.token == token::project(repo_ctx.project.id) {
        html! { "the project " bdi { (repo_ctx.project.name) } }
    } else {
        html! { "this repository" }
    }
}

pub(super) async fn follow(ctx: &Arc<RequestContext>, names: &RepoNames, form: &Form) -> Outcome {
    let (repo, here) = {
        let repo_ctx = RepoSource::open(ctx, names)?;
        (repo_ctx.repo.id, repo_ctx.path("permissions"))
    };
    let missing = || Failure::absent("There is no such user or group.");
    let chosen = Uuid::parse_str(form.get("subject")).map_err(|_| missing())?;
    let wish = |permission: Permission| {
        let asked = WISHES.iter().find(|(value, ..)| *value == form.get(permission.name()));
        asked.map(|(.., wish)| (permission, *wish))
    };
    let wishes: Vec<_> = listed().filter_map(wish).collect();
    let set = permissions::set_permissions(&ctx.app, &ctx.principal, repo, chosen, &wishes).await;
    set.map_err(|error| match error {
        Refused::NoSubject { .. } => missing(),
        other => other.into(),
    })?;
    Ok(Answer::go(format!("{here}?subject={chosen}")))
}
