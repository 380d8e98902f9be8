//! Making projects and repositories.

use std::sync::Arc;

use http::StatusCode;
use maud::html;

use super::home::{crumbs, find_account, find_project};
use super::layout::Page;
use super::parts::problem;
use super::visit::Visit;
use super::{Answer, Outcome, ignore};
use crate::access::{Permission, Target, authorize};
use crate::http::rest;
use crate::http::web::form::Form;
use crate::registry::{RegistryError, RepoInput};

/// Characters that a description may have.
const LONGEST_DESCRIPTION: usize = 1_000;

pub(super) fn show_project(visit: &Visit, account: &str) -> Outcome {
    project_page(visit, account, &Form::default(), None)
}

fn project_page(visit: &Visit, account: &str, form: &Form, error: Option<&str>) -> Outcome {
    let account = find_account(&visit.world, &visit.principal, account)?;
    authorize(&visit.world, &visit.principal, Permission::CreateRepository, Target::Account(account))?;
    let path = format!("{}/_new", visit.account_path(&account.name));
    let body = html! {
        div.narrow {
            h1 { "Create new project" }
            (problem(error))
            form.card method="post" action=(path) {
                (visit.token())
                label for="name" { "Project name" }
                input #name name="name" value=(form.get("name")) maxlength="64" autocomplete="off" spellcheck="false" required autofocus;
                label for="description" { "Description" }
                textarea #description name="description" rows="3" maxlength=(LONGEST_DESCRIPTION) { (form.get("description")) }
                fieldset {
                    legend { "Version control" }
                    div.choice { input #git type="radio" name="vc" value="git" checked; label for="git" { "Git" } }
                    p.hint { "Its first repository has the project's name." }
                }
                div.actions { button { "Create" } a href={ (visit.account_path(&account.name)) "/" } { "Cancel" } }
            }
        }
    };
    let mut way = crumbs(visit, account, None);
    way.push(("New project".to_owned(), path));
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(Page::new("Create new project", way, body).with_status(status).into())
}

pub(super) async fn project(visit: &Arc<Visit>, account: &str, form: &Form) -> Outcome {
    let mut change = visit.app.state.change().await?;
    let account = find_account(&change.world, &visit.principal, account)?.clone();
    authorize(&change.world, &visit.principal, Permission::CreateRepository, Target::Account(&account))?;
    let (name, description) = (form.get("name"), form.get("description"));
    let description: String = description.chars().take(LONGEST_DESCRIPTION).collect();
    let made = change.create_project(&account.name, name, &description, visit.now).await;
    if let Some(message) = refused(made.map(|_| ()))? {
        return project_page(visit, &account.name, form, Some(&message));
    }
    change.commit().await?;
    Ok(Answer::go(visit.repo_path(&account.name, name, name)))
}

pub(super) fn show_repo(visit: &Visit, account: &str, project: &str) -> Outcome {
    repo_page(visit, account, project, &Form::default(), None)
}

fn repo_page(visit: &Visit, account: &str, project: &str, form: &Form, error: Option<&str>) -> Outcome {
    let (account, project) = find_project(&visit.world, &visit.principal, account, project)?;
    authorize(&visit.world, &visit.principal, Permission::CreateRepository, Target::Project(project))?;
    let above = visit.project_path(&account.name, &project.name);
    let path = format!("{above}/_new");
    let body = html! {
        div.narrow {
            h1 { "Create a new repository" }
            (problem(error))
            form.card method="post" action=(path) {
                (visit.token())
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
    let mut way = crumbs(visit, account, Some(project));
    way.push(("New repository".to_owned(), path));
    let status = if error.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok(Page::new("Create a new repository", way, body).with_status(status).into())
}

pub(super) async fn repo(visit: &Arc<Visit>, account: &str, project: &str, form: &Form) -> Outcome {
    let mut change = visit.app.state.change().await?;
    let (account, project) = {
        let (account, project) = find_project(&change.world, &visit.principal, account, project)?;
        (account.clone(), project.clone())
    };
    authorize(&change.world, &visit.principal, Permission::CreateRepository, Target::Project(&project))?;
    let name = form.get("name");
    let input = RepoInput { name, public: false, import: None };
    let made = change.create_repo(&account.name, &project.name, &input).await;
    let id = match made {
        Ok(id) => id,
        Err(error) => {
            let message = refused(Err(error))?.unwrap_or_default();
            return repo_page(visit, &account.name, &project.name, form, Some(&message));
        }
    };
    change.commit().await?;
    let mut files: Vec<(&'static str, Vec<u8>)> = Vec::new();
    if let Some(text) = ignore::text(form.get("ignore")) {
        files.push((".gitignore", text.into()));
    }
    if form.has("readme") {
        files.push((
            "README.md",
            format!("# {name}\n\nSay here what this is, and how to use it.\n").into_bytes(),
        ));
    }
    if !files.is_empty() {
        let (app, principal) = (visit.app.clone(), visit.principal.clone());
        let begun = tokio::task::spawn_blocking(move || rest::first_commit(&app, &principal, id, &files));
        match begun.await {
            Ok(outcome) => outcome?,
            Err(join) => std::panic::resume_unwind(join.into_panic()),
        }
    }
    Ok(Answer::go(visit.repo_path(&account.name, &project.name, name)))
}

/// What a person can do something about, in words; the rest is a failure.
fn refused(outcome: Result<(), RegistryError>) -> Result<Option<String>, super::Failure> {
    match outcome.map_err(super::Failure::from) {
        Ok(()) => Ok(None),
        Err(super::Failure::Bad(message)) => Ok(Some(message)),
        Err(other) => Err(other),
    }
}
