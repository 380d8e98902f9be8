//! Making projects and repositories.

use std::sync::Arc;

use http::StatusCode;
use maud::html;

use super::find::{crumbs, find_account, find_project};
use super::layout::Page;
use super::parts::problem;
use super::request_context::RequestContext;
use super::{Answer, Failure, Outcome, ignore};
use crate::access::{Permission, Target, authorize};
use crate::http::web::form::Form;
use crate::limits::{DESCRIPTION_CHARS, FIRST_FILES_ROOM};
use crate::operations::context::RepoContext;
use crate::operations::first_commit;
use crate::operations::projects::{self, NewProject};
use crate::operations::repositories::{self, NewRepository};

pub(super) fn show_project(ctx: &RequestContext, account: &str) -> Outcome {
    project_page(ctx, account, &Form::default(), None)
}

fn project_page(ctx: &RequestContext, account: &str, form: &Form, error: Option<&str>) -> Outcome {
    let account = find_account(&ctx.directory, &ctx.principal, account)?;
    authorize(&ctx.directory, &ctx.principal, Permission::CreateRepository, Target::Account(account))?;
    let path = format!("{}/_new", ctx.account_path(&account.name));
    let body = html! {
        div.narrow {
            h1 { "Create new project" }
            (problem(error))
            form.card method="post" action=(path) {
                (ctx.token())
                label for="name" { "Project name" }
                input #name name="name" value=(form.get("name")) maxlength="64" autocomplete="off" spellcheck="false" required autofocus;
                label for="description" { "Description" }
                textarea #description name="description" rows="3" maxlength=(DESCRIPTION_CHARS) { (form.get("description")) }
                fieldset {
                    legend { "Version control" }
                    div.choice { input #git type="radio" name="vc" value="git" checked; label for="git" { "Git" } }
                    p.hint { "Its first repository has the project's name." }
                }
                div.actions { button { "Create" } a href={ (ctx.account_path(&account.name)) "/" } { "Cancel" } }
            }
        }
    };
    let mut way = crumbs(ctx, account, None);
    way.push(("New project".to_owned(), path));
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(Page::new("Create new project", way, body).with_status(status).into())
}

pub(super) async fn project(ctx: &Arc<RequestContext>, account: &str, form: &Form) -> Outcome {
    let name = form.get("name");
    let description = form.get("description").chars().take(DESCRIPTION_CHARS).collect();
    let new = NewProject { name: name.to_owned(), description, process: None };
    match projects::create(&ctx.app, ctx.scope(account, None), &new).await.map_err(Failure::from) {
        Ok(_) => Ok(Answer::go(ctx.repo_path(account, name, name))),
        Err(Failure::Bad(message)) => project_page(ctx, account, form, Some(&message)),
        Err(other) => Err(other),
    }
}

pub(super) fn show_repo(ctx: &RequestContext, account: &str, project: &str) -> Outcome {
    repo_page(ctx, account, project, &Form::default(), None)
}

fn repo_page(
    ctx: &RequestContext,
    account: &str,
    project: &str,
    form: &Form,
    error: Option<&str>,
) -> Outcome {
    let (account, project) = find_project(&ctx.directory, &ctx.principal, account, project)?;
    authorize(&ctx.directory, &ctx.principal, Permission::CreateRepository, Target::Project(project))?;
    let above = ctx.project_path(&account.name, &project.name);
    let path = format!("{above}/_new");
    let body = html! {
        div.narrow {
            h1 { "Create a new repository" }
            (problem(error))
            form.card method="post" action=(path) {
                (ctx.token())
                fieldset {
                    legend { "Type" }
                    div.choice { input #git type="radio" name="type" value="git" checked; label for="git" { "Git" } }
                }
                label for="name" { "Repository name" }
                input #name name="name" value=(form.get("name")) maxlength="64" autocomplete="off" spellcheck="false" required autofocus;
                div.choice {
                    input #readme type="checkbox" name="readme" checked[form.has("readme")];
                    label for="readme" { "Add a README to describe your repository" }
                }
                label for="ignore" { "Add a .gitignore" }
                select #ignore name="ignore" {
                    option value="" { "None" }
                    @for name in ignore::NAMES { option selected[form.get("ignore") == *name] { (name) } }
                }
                p.hint { "A project of Azure ML needs an empty repository: leave both out." }
                div.actions { button { "Create" } a href=(above) { "Cancel" } }
            }
        }
    };
    let mut way = crumbs(ctx, account, Some(project));
    way.push(("New repository".to_owned(), path));
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(Page::new("Create a new repository", way, body).with_status(status).into())
}

pub(super) async fn repo(ctx: &Arc<RequestContext>, account: &str, project: &str, form: &Form) -> Outcome {
    let name = form.get("name");
    let mut files: Vec<(&'static str, Vec<u8>)> = Vec::new();
    if let Some(text) = ignore::text(form.get("ignore")) {
        files.push((".gitignore", text.into()));
    }
    if form.has("readme") {
        let text = format!("# {name}\n\nSay here what this is, and how to use it.\n");
        files.push(("README.md", text.into_bytes()));
    }
    if !files.is_empty() && !ctx.app.state.has_room(FIRST_FILES_ROOM) {
        return Err(Failure::DiskFull);
    }
    let new = NewRepository { project, name, fork_of: None };
    let scope = ctx.scope(account, Some(project));
    let repo = match repositories::create(&ctx.app, scope, &new).await.map_err(Failure::from) {
        Ok(repo) => repo,
        Err(Failure::Bad(message)) => return repo_page(ctx, account, project, form, Some(&message)),
        Err(other) => return Err(other),
    };
    if !files.is_empty() {
        let (directory, work) = (ctx.app.state.directory(), ctx.work.clone());
        let id = repo.id.to_string();
        let made = RepoContext::new(&ctx.app, directory, &ctx.principal, repo, work.clone());
        if let Err(refused) = work.run(move || first_commit::commit(&made, &files)).await {
            // Without the files that were asked for, it is not there at all.
            let mut change = ctx.app.state.change().await;
            change.delete_repo(account, project, &id)?;
            change.commit().await?;
            return Err(refused.into());
        }
    }
    Ok(Answer::go(ctx.repo_path(account, project, name)))
}
