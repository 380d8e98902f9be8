//! Accounts, projects, repositories and members in the admin API.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Failure, body, created, done, ok};
use crate::app::App;
use crate::directory::{Account, Directory, GroupKind, Project, Repo};
use crate::registry::{RegistryError, RepoInput};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProject {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    readers: Vec<String>,
    #[serde(default)]
    contributors: Vec<String>,
    #[serde(default)]
    administrators: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRepo {
    name: String,
    import: Option<PathBuf>,
    #[serde(default)]
    public: bool,
}

fn members(
    directory: &Directory,
    account: &Account,
    project: Option<&Project>,
    kind: GroupKind,
) -> Vec<String> {
    let Some(group) = directory.group(account.id, project.map(|project| project.id), kind) else {
        return Vec::new();
    };
    let members = directory.joined(group.id).filter_map(|member| directory.users.get(&member));
    members.map(|user| user.name.clone()).collect()
}

fn account_json(directory: &Directory, account: &Account) -> Value {
    json!({
        "id": account.id.to_string(),
        "name": account.name,
        "owner": account.owner.and_then(|owner| directory.identity_name(owner)),
        "administrators": members(directory, account, None, GroupKind::CollectionAdministrators),
    })
}

fn project_json(directory: &Directory, account: &Account, project: &Project) -> Value {
    json!({
        "id": project.id.to_string(),
        "account": account.name,
        "name": project.name,
        "description": project.description,
        "created": project.created,
        "readers": members(directory, account, Some(project), GroupKind::Readers),
        "contributors": members(directory, account, Some(project), GroupKind::Contributors),
        "administrators": members(directory, account, Some(project), GroupKind::ProjectAdministrators),
    })
}

fn repo_json(app: &App, account: &Account, project: &Project, repo: &Repo) -> Value {
    let encode = |name: &str| {
        percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    json!({
        "id": repo.id.to_string(),
        "account": account.name,
        "project": project.name,
        "name": repo.name,
        "public": repo.public,
        "cloneUrl": format!("{}/{}/{}/_git/{}", app.base_url(), account.name, encode(&project.name), encode(&repo.name)),
        "path": app.state.repo_path(repo.id),
    })
}

fn find_account<'a>(directory: &'a Directory, name: &str) -> Result<&'a Account, Failure> {
    directory.account(name).ok_or_else(|| RegistryError::not_found("account", name).into())
}

fn find_project<'a>(directory: &'a Directory, account: &Account, name: &str) -> Result<&'a Project, Failure> {
    directory.project(account.id, name).ok_or_else(|| RegistryError::not_found("project", name).into())
}

fn find_group(name: &str) -> Result<GroupKind, Failure> {
    GroupKind::from_name(name).ok_or_else(|| RegistryError::not_found("group", name).into())
}

pub(super) async fn list_accounts(State(app): State<Arc<App>>) -> Answer {
    let directory = app.state.directory();
    let accounts: Vec<_> =
        directory.accounts.values().map(|account| account_json(&directory, account)).collect();
    ok(&json!({ "accounts": accounts }))
}

pub(super) async fn create_account(State(app): State<Arc<App>>, request: Request) -> Answer {
    let new: NewAccount = body(&app, request).await?;
    let mut change = app.state.change().await;
    change.create_account(&new.name, new.owner.as_deref())?;
    change.commit().await?;
    let directory = app.state.directory();
    created(&account_json(&directory, find_account(&directory, &new.name)?))
}

pub(super) async fn show_account(State(app): State<Arc<App>>, Path(account): Path<String>) -> Answer {
    let directory = app.state.directory();
    ok(&account_json(&directory, find_account(&directory, &account)?))
}

pub(super) async fn remove_account(State(app): State<Arc<App>>, Path(account): Path<String>) -> Answer {
    let mut change = app.state.change().await;
    change.delete_account(&account)?;
    change.commit().await?;
    done()
}

pub(super) async fn add_account_member(
    State(app): State<Arc<App>>,
    Path((account, group, user)): Path<(String, String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.add_member(&account, None, find_group(&group)?, &user)?;
    change.commit().await?;
    done()
}

pub(super) async fn remove_account_member(
    State(app): State<Arc<App>>,
    Path((account, group, user)): Path<(String, String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.remove_member(&account, None, find_group(&group)?, &user)?;
    change.commit().await?;
    done()
}

pub(super) async fn list_projects(State(app): State<Arc<App>>, Path(account): Path<String>) -> Answer {
    let directory = app.state.directory();
    let account = find_account(&directory, &account)?;
    let projects: Vec<_> =
        directory.projects_of(account.id).map(|p| project_json(&directory, account, p)).collect();
    ok(&json!({ "projects": projects }))
}

pub(super) async fn create_project(
    State(app): State<Arc<App>>,
    Path(account): Path<String>,
    request: Request,
) -> Answer {
    let new: NewProject = body(&app, request).await?;
    let mut change = app.state.change().await;
    change.create_project(&account, &new.name, &new.description, app.clock.now()).await?;
    let groups = [
        (GroupKind::Readers, &new.readers),
        (GroupKind::Contributors, &new.contributors),
        (GroupKind::ProjectAdministrators, &new.administrators),
    ];
    for (kind, users) in groups {
        for user in users {
            change.add_member(&account, Some(&new.name), kind, user)?;
        }
    }
    change.commit().await?;
    let directory = app.state.directory();
    let account = find_account(&directory, &account)?;
    created(&project_json(&directory, account, find_project(&directory, account, &new.name)?))
}

pub(super) async fn show_project(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
) -> Answer {
    let directory = app.state.directory();
    let account = find_account(&directory, &account)?;
    ok(&project_json(&directory, account, find_project(&directory, account, &project)?))
}

pub(super) async fn remove_project(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.delete_project(&account, &project)?;
    change.commit().await?;
    done()
}

pub(super) async fn add_member(
    State(app): State<Arc<App>>,
    Path((account, project, group, user)): Path<(String, String, String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.add_member(&account, Some(&project), find_group(&group)?, &user)?;
    change.commit().await?;
    done()
}

pub(super) async fn remove_member(
    State(app): State<Arc<App>>,
    Path((account, project, group, user)): Path<(String, String, String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.remove_member(&account, Some(&project), find_group(&group)?, &user)?;
    change.commit().await?;
    done()
}

pub(super) async fn list_repos(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
) -> Answer {
    let directory = app.state.directory();
    let account = find_account(&directory, &account)?;
    let project = find_project(&directory, account, &project)?;
    let repos: Vec<_> =
        directory.repos_of(project.id).map(|repo| repo_json(&app, account, project, repo)).collect();
    ok(&json!({ "repos": repos }))
}

pub(super) async fn create_repo(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let new: NewRepo = body(&app, request).await?;
    let mut change = app.state.change().await;
    let input = RepoInput { name: &new.name, public: new.public, import: new.import };
    change.create_repo(&account, &project, &input).await?;
    change.commit().await?;
    repo_answer(&app, &account, &project, &new.name).and_then(|value| created(&value))
}

pub(super) async fn show_repo(
    State(app): State<Arc<App>>,
    Path((account, project, repo)): Path<(String, String, String)>,
) -> Answer {
    repo_answer(&app, &account, &project, &repo).and_then(|value| ok(&value))
}

fn repo_answer(app: &App, account: &str, project: &str, repo: &str) -> Result<Value, Failure> {
    let directory = app.state.directory();
    let account = find_account(&directory, account)?;
    let project = find_project(&directory, account, project)?;
    let found =
        directory.repo(project.id, repo).ok_or_else(|| RegistryError::not_found("repository", repo))?;
    Ok(repo_json(app, account, project, found))
}

pub(super) async fn remove_repo(
    State(app): State<Arc<App>>,
    Path((account, project, repo)): Path<(String, String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.delete_repo(&account, &project, &repo)?;
    change.commit().await?;
    done()
}
