//! A repository's settings: its name, its default branch, and its end. Each is shown to who may change it.

use std::sync::Arc;

use http::StatusCode;
use maud::html;

use super::parts::problem;
use super::request_context::RequestContext;
use super::route::RepoNames;
use super::source::Source;
use super::{Answer, Failure, Outcome};
use crate::access::Permission;
use crate::http::web::form::Form;
use crate::operations::repositories::{self, RepositoryUpdate};

/// The page; `refused` is what was wrong with a form.
pub(super) fn show(source: &Source<'_>, refused: Option<&str>) -> Outcome {
    let may_rename = source.may(Permission::RenameRepository);
    let may_delete = source.may(Permission::DeleteRepository);
    let may_permit = source.may(Permission::ManagePermissions);
    if !may_rename && !may_delete && !may_permit {
        source.authorize(Permission::RenameRepository)?;
    }
    let here = source.path("settings");
    let (branches, default) = (source.branches()?, source.default_branch()?);
    let name = source.repo.name.as_str();
    let body = html! {
        div.page.narrowed {
            h1 { "Settings" }
            (problem(refused))
            @if may_permit {
                section.card aria-labelledby="who" {
                    h2 #who { "Who may do what" }
                    p { "Permissions of users and groups in this repository, and where each of them comes from." }
                    div.actions { a.button href=(source.path("permissions")) { "Permissions" } }
                }
            }
            @if may_rename {
                section.card aria-labelledby="rename" {
                    h2 #rename { "Name" }
                    form method="post" action=(here) {
                        (source.ctx.token())
                        label for="name" { "Repository name" }
                        input #name name="name" value=(name) maxlength="64" autocomplete="off" spellcheck="false" required;
                        p.hint { "Its addresses change with it; those who have cloned it need the new one." }
                        div.actions { button name="do" value="rename" { "Rename" } }
                    }
                }
                section.card aria-labelledby="branch" {
                    h2 #branch { "Default branch" }
                    @if branches.is_empty() { p.quiet { "The repository is empty." } }
                    @else {
                        form method="post" action=(here) {
                            (source.ctx.token())
                            label for="default" { "What is shown and cloned first" }
                            select #default name="default" {
                                @for branch in &branches {
                                    option selected[default.as_ref().is_some_and(|one| one.name == branch.name)] { (branch.name) }
                                }
                            }
                            div.actions { button name="do" value="default" { "Change" } }
                        }
                    }
                }
            }
            @if may_delete {
                section.card.danger aria-labelledby="delete" {
                    h2 #delete { "Delete this repository" }
                    form method="post" action=(here) {
                        (source.ctx.token())
                        label for="confirm" { "Its name, so that it is no mistake" }
                        input #confirm name="confirm" autocomplete="off" spellcheck="false" required aria-describedby="bin";
                        p.hint #bin { "It goes into the project's recycle bin, from where the REST API can bring it back." }
                        div.actions { button.danger name="do" value="delete" { "Delete" } }
                    }
                }
            }
        }
    };
    let mut page = source.page("Settings", "settings", &body);
    if refused.is_some() {
        page = page.with_status(StatusCode::BAD_REQUEST);
    }
    Ok(page.into())
}

pub(super) async fn follow(ctx: &Arc<RequestContext>, names: &RepoNames, form: &Form) -> Outcome {
    let outcome = change(ctx, names, form).await;
    match outcome {
        Err(Failure::Bad(message)) => {
            let (ctx, names, work) = (ctx.clone(), names.clone(), ctx.work.clone());
            work.run(move || show(&Source::open(&ctx, &names)?, Some(&message))).await
        }
        other => other,
    }
}

async fn change(ctx: &Arc<RequestContext>, names: &RepoNames, form: &Form) -> Outcome {
    let (name, here) = {
        let source = Source::open(ctx, names)?;
        if form.get("do") == "delete" && form.get("confirm") != source.repo.name {
            source.authorize(Permission::DeleteRepository)?;
            return Err(Failure::Bad("That is not the repository's name: nothing was deleted.".to_owned()));
        }
        (source.repo.name.clone(), source.path("settings"))
    };
    let scope = ctx.scope(&names.account, Some(&names.project));
    match form.get("do") {
        "rename" => {
            let new = form.get("name");
            let update = RepositoryUpdate { name: Some(new), ..RepositoryUpdate::default() };
            repositories::update(&ctx.app, scope, &name, &update).await?;
            Ok(Answer::go(format!("{}/settings", ctx.repo_path(&names.account, &names.project, new))))
        }
        "default" => {
            let branch = Some(form.get("default"));
            let update = RepositoryUpdate { default_branch: branch, ..RepositoryUpdate::default() };
            repositories::update(&ctx.app, scope, &name, &update).await?;
            Ok(Answer::go(here))
        }
        "delete" => {
            repositories::delete(&ctx.app, scope, &name).await?;
            Ok(Answer::go(ctx.project_path(&names.account, &names.project)))
        }
        _ => Err(Failure::Bad("That is no change that this page makes.".to_owned())),
    }
}
