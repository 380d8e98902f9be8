//! Accounts, projects, repositories and members in the admin API.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Failure, Place, body, created, done, ok};
use crate::app::App;
use crate::directory::{Account, Directory, GroupKind, Project, Repo};
use crate::limits::bytes_if_any;
use crate::operations::administration;
use crate::registry::RepoInput;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    name: String,
    owner: Option<String>,
    #[serde(default, deserialize_with = "bytes_if_any")]
    lfs_quota: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountUpdate {
    #[serde(default, deserialize_with = "bytes_if_any")]
    lfs_quota: Option<u64>,
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
        "lfs_quota": account.lfs_quota,
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

pub(super) async fn list_accounts(State(app): State<Arc<App>>) -> Answer {
    let directory = app.state.directory();
    let accounts: Vec<_> =
        directory.accounts.values().map(|account| account_json(&directory, account)).collect();
    ok(&json!({ "accounts": accounts }))
}

pub(super) async fn create_account(State(app): State<Arc<App>>, request: Request) -> Answer {
    let new: NewAccount = body(&app, request).await?;
    administration::change(&app, |change| {
        change.create_account(&new.name, new.owner.as_deref())?;
        change.set_lfs_quota(&new.name, new.lfs_quota)
    })
    .await?;
    let directory = app.state.directory();
    created(&account_json(&directory, directory.find_account(&new.name)?))
}

pub(super) async fn show_account(State(app): State<Arc<App>>, Path(account): Path<String>) -> Answer {
    let directory = app.state.directory();
    ok(&account_json(&directory, directory.find_account(&account)?))
}

pub(super) async fn update_account(
    State(app): State<Arc<App>>,
    Path(account): Path<String>,
    request: Request,
) -> Answer {
    let update: AccountUpdate = body(&app, request).await?;
    administration::change(&app, |change| change.set_lfs_quota(&account, update.lfs_quota)).await?;
    let directory = app.state.directory();
    ok(&account_json(&directory, directory.find_account(&account)?))
}

pub(super) async fn remove_account(State(app): State<Arc<App>>, Path(account): Path<String>) -> Answer {
    administration::change(&app, |change| change.delete_account(&account)).await?;
    done()
}

pub(super) async fn add_member(State(app): State<Arc<App>>, Path(place): Path<Place>) -> Answer {
    administration::set_member(&app, place.path(), &place.group, &place.user, true).await?;
    done()
}

pub(super) async fn remove_member(State(app): State<Arc<App>>, Path(place): Path<Place>) -> Answer {
    administration::set_member(&app, place.path(), &place.group, &place.user, false).await?;
    done()
}

pub(super) async fn list_projects(State(app): State<Arc<App>>, Path(account): Path<String>) -> Answer {
    let directory = app.state.directory();
    let account = directory.find_account(&account)?;
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
    let members = [
        (GroupKind::Readers, new.readers.as_slice()),
        (GroupKind::Contributors, &new.contributors),
        (GroupKind::ProjectAdministrators, &new.administrators),
    ];
    administration::create_project(&app, &account, &new.name, &new.description, &members).await?;
    created(&project_answer(&app, &account, &new.name)?)
}

pub(super) async fn show_project(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
) -> Answer {
    ok(&project_answer(&app, &account, &project)?)
}

fn project_answer(app: &App, account: &str, project: &str) -> Result<Value, Failure> {
    let directory = app.state.directory();
    let found = directory.find_project(account, project)?;
    Ok(project_json(&directory, directory.find_account(account)?, found))
}

pub(super) async fn remove_project(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
) -> Answer {
    administration::change(&app, |change| change.delete_project(&account, &project)).await?;
    done()
}

pub(super) async fn list_repos(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
) -> Answer {
    let directory = app.state.directory();
    let project = directory.find_project(&account, &project)?;
    let account = directory.find_account(&account)?;
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
    let input = RepoInput { name: &new.name, public: new.public, import: new.import };
    administration::create_repo(&app, &account, &project, &input).await?;
    created(&repo_answer(&app, &account, &project, &new.name)?)
}

pub(super) async fn show_repo(
    State(app): State<Arc<App>>,
    Path((account, project, repo)): Path<(String, String, String)>,
) -> Answer {
    ok(&repo_answer(&app, &account, &project, &repo)?)
}

fn repo_answer(app: &App, account: &str, project: &str, repo: &str) -> Result<Value, Failure> {
    let directory = app.state.directory();
    let found = directory.find_repo(account, project, repo)?;
    Ok(repo_json(app, directory.find_account(account)?, directory.find_project(account, project)?, found))
}

pub(super) async fn remove_repo(
    State(app): State<Arc<App>>,
    Path((account, project, repo)): Path<(String, String, String)>,
) -> Answer {
    administration::change(&app, |change| change.delete_repo(&account, &project, &repo)).await?;
    done()
}
