//! Projects: listed, created, changed, deleted; at once, or as jobs whose progress clients ask for.

use std::sync::Arc;

use uuid::Uuid;

use super::refused::Refused;
use super::scope::Scope;
use crate::access::{Permission, Principal, Target, Viewer};
use crate::app::App;
use crate::directory::{Account, Directory, Project, name};
use crate::jobs::Progress;
use crate::registry::{DEFAULT_PROCESS, ProjectInput, RegistryError, random_id};

/// A project to create.
#[derive(Clone, Debug)]
pub(crate) struct NewProject {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) process: Option<&'static str>,
}

/// The projects of the account that the principal may know of, by name.
pub(crate) fn list<'w>(
    directory: &'w Directory,
    principal: &Principal,
    account: &Account,
) -> Vec<&'w Project> {
    let viewer = Viewer::new(directory, principal);
    let all = directory.projects_of(account.id);
    let mut seen: Vec<_> = all.filter(|project| viewer.sees(Target::Project(project))).collect();
    seen.sort_by_cached_key(|project| name::key(&project.name));
    seen
}

/// Creates a project with its first repository.
pub(crate) async fn create(app: &App, scope: Scope<'_>, new: &NewProject) -> Result<Uuid, Refused> {
    let account = may_create(&app.state.directory(), scope, new)?.name;
    Ok(write_new(app, &account, new).await?)
}

/// Begins to create a project; the id is the job's.
pub(crate) fn begin_create(app: &Arc<App>, scope: Scope<'_>, new: NewProject) -> Result<Uuid, Refused> {
    let account = may_create(&app.state.directory(), scope, &new)?;
    let exists = RegistryError::exists("project", &new.name);
    let id = reserve(app, account.id, Some(name::key(&new.name))).ok_or(exists)?;
    // A job that held the name and ended after the first look has committed its project by now.
    if let Err(refused) = may_create(&app.state.directory(), scope, &new) {
        app.jobs.forget(id);
        return Err(refused);
    }
    let shared = app.clone();
    start(app, id, async move { write_new(&shared, &account.name, &new).await.map(|_| ()) });
    Ok(id)
}

fn may_create(directory: &Directory, scope: Scope<'_>, new: &NewProject) -> Result<Account, Refused> {
    let account = scope.account(directory)?;
    scope.authorize(directory, Permission::CreateRepository, Target::Account(account))?;
    name::check_project(&new.name).map_err(RegistryError::from)?;
    if directory.project(account.id, &new.name).is_some() {
        return Err(RegistryError::exists("project", &new.name).into());
    }
    directory.check_alike("project", account.id, &new.name, None).map_err(RegistryError::from)?;
    Ok(account.clone())
}

async fn write_new(app: &App, account: &str, new: &NewProject) -> Result<Uuid, RegistryError> {
    let mut change = app.state.change().await;
    let now = app.clock.now();
    let id = change.create_project(account, &new.name, &new.description, now).await?;
    if new.process.is_some_and(|process| process != DEFAULT_PROCESS) {
        let input = ProjectInput { process: new.process, ..ProjectInput::default() };
        change.update_project(id, &input, now)?;
    }
    change.commit().await?;
    Ok(id)
}

/// Begins to change a project; what is `None` stays. The id is the job's.
pub(crate) fn begin_update(
    app: &Arc<App>,
    scope: Scope<'_>,
    asked: &str,
    new: Option<String>,
    description: Option<String>,
) -> Result<Uuid, Refused> {
    let directory = app.state.directory();
    let project = scope.named_project(&directory, asked)?;
    scope.authorize(&directory, Permission::RenameRepository, Target::Project(project))?;
    if let Some(new) = &new {
        name::check_project(new).map_err(RegistryError::from)?;
        if directory.project(project.account, new).is_some_and(|other| other.id != project.id) {
            return Err(RegistryError::exists("project", new).into());
        }
        let alike = directory.check_alike("project", project.account, new, Some(&project.name));
        alike.map_err(RegistryError::from)?;
    }
    let (shared, id) = (app.clone(), project.id);
    let work = async move {
        let mut change = shared.state.change().await;
        let input = ProjectInput { name: new.as_deref(), description: description.as_deref(), process: None };
        change.update_project(id, &input, shared.clock.now())?;
        Ok(change.commit().await?)
    };
    begin(app, project.account, work)
}

/// Begins to delete a project with all repositories in it. The id is the job's.
pub(crate) fn begin_delete(app: &Arc<App>, scope: Scope<'_>, asked: &str) -> Result<Uuid, Refused> {
    let directory = app.state.directory();
    let account = scope.account(&directory)?;
    let project = scope.named_project(&directory, asked)?;
    scope.authorize(&directory, Permission::DeleteRepository, Target::Project(project))?;
    let (shared, owner, id) = (app.clone(), account.name.clone(), project.id.to_string());
    let work = async move {
        let mut change = shared.state.change().await;
        change.delete_project(&owner, &id)?;
        Ok(change.commit().await?)
    };
    begin(app, account.id, work)
}

/// Begins a job that continues after the request; the id is the job's.
fn begin(
    app: &Arc<App>,
    account: Uuid,
    work: impl Future<Output = Result<(), RegistryError>> + Send + 'static,
) -> Result<Uuid, Refused> {
    let id = reserve(app, account, None).ok_or(Refused::Busy("It is being worked on."))?;
    start(app, id, work);
    Ok(id)
}

/// Adds a job that has not started; `None` if another one is about to create the same name.
fn reserve(app: &App, account: Uuid, name: Option<String>) -> Option<Uuid> {
    let id = random_id();
    app.jobs.add(id, account, name).map(|_| id)
}

/// Starts a job that was added.
fn start(app: &Arc<App>, id: Uuid, work: impl Future<Output = Result<(), RegistryError>> + Send + 'static) {
    let (app, inside) = (app.clone(), app.gate.again());
    tokio::spawn(async move {
        let _inside = inside;
        app.jobs.set(id, Progress::Running);
        let progress = match work.await {
            Ok(()) => Progress::Succeeded,
            Err(error) => Progress::Failed(error.in_one_line()),
        };
        app.jobs.set(id, progress);
    });
}
