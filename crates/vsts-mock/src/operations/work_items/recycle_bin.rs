//! The recycle bins of projects: work items go there first, come back, or go for good.

use super::super::refused::Refused;
use super::super::scope::Scope;
use super::{find, find_any, project, stamp};
use crate::access::{Refusal, administers, authorize_work_writing};
use crate::app::App;
use crate::directory::{Directory, WorkItem};
use crate::registry::WorkItemError;

/// The deleted items of the project that a request names, or of all projects that the caller reads.
pub(crate) fn list(directory: &Directory, scope: Scope<'_>) -> Result<Vec<WorkItem>, Refused> {
    let account = scope.account(directory)?.id;
    let asked = project(directory, scope)?.map(|project| project.id);
    let all = directory.work.of_account(account);
    let is_binned = |item: &&WorkItem| {
        item.deletion.is_some_and(|deletion| !deletion.is_final) && asked.is_none_or(|id| id == item.project)
    };
    let seen = all.map(AsRef::as_ref).filter(is_binned);
    Ok(seen.filter(|item| find_any(directory, scope, &item.id.to_string()).is_ok()).cloned().collect())
}

/// The deleted item of that number.
pub(crate) fn one<'d>(directory: &'d Directory, scope: Scope<'_>, id: &str) -> Result<&'d WorkItem, Refused> {
    let (item, _) = find_any(directory, scope, id)?;
    let is_binned = item.deletion.is_some_and(|deletion| !deletion.is_final);
    if is_binned { Ok(item) } else { Err(WorkItemError::no_item(id).into()) }
}

/// Puts an item into the recycle bin.
pub(crate) async fn bin(app: &App, scope: Scope<'_>, id: &str) -> Result<WorkItem, Refused> {
    let mut change = app.state.change().await;
    let (item, project) = find(&change.directory, scope, id)?;
    authorize_work_writing(&change.directory, scope.principal, project)?;
    let item = item.clone();
    let binned = change.bin_work_item(&item, stamp(app, scope));
    change.commit().await?;
    Ok(binned)
}

/// Takes an item out of the recycle bin.
pub(crate) async fn restore(app: &App, scope: Scope<'_>, id: &str) -> Result<WorkItem, Refused> {
    let mut change = app.state.change().await;
    let item = one(&change.directory, scope, id)?.clone();
    check(&change.directory, scope, &item)?;
    let restored = change.restore_work_item(&item, stamp(app, scope))?;
    change.commit().await?;
    Ok(restored)
}

/// Removes an item for good, out of the recycle bin or past it; only administrators of the project do.
pub(crate) async fn destroy(app: &App, scope: Scope<'_>, id: &str, is_binned: bool) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let item =
        if is_binned { one(&change.directory, scope, id)? } else { find(&change.directory, scope, id)?.0 };
    let item = item.clone();
    check(&change.directory, scope, &item)?;
    if !administers(&change.directory, scope.principal, item.account, Some(item.project)) {
        return Err(Refusal::WorkItems.into());
    }
    change.destroy_work_item(&item, stamp(app, scope));
    Ok(change.commit().await?)
}

fn check(directory: &Directory, scope: Scope<'_>, item: &WorkItem) -> Result<(), Refused> {
    let project = directory.projects.get(&item.project);
    let project = project.ok_or_else(|| WorkItemError::no_item(&item.id))?;
    Ok(authorize_work_writing(directory, scope.principal, project)?)
}
