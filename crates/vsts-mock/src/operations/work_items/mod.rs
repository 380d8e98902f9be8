//! Work items: found, made, changed, deleted, commented on, and queried for.

pub(crate) mod comments;
pub(crate) mod history;
pub(crate) mod recycle_bin;
mod search;

use std::sync::Arc;

use jiff::Timestamp;

use self::search::Asker;
use super::refused::Refused;
use super::scope::Scope;
use super::work::Work;
use crate::access::{
    Target, Use, Viewer, authorize_use, authorize_work_reading, authorize_work_writing, can_see, reads_work,
};
use crate::app::App;
use crate::directory::work_item::wiql::Wiql;
use crate::directory::work_item::{ARTIFACT, RelationTarget, pull_request_of};
use crate::directory::{Directory, Project, WorkItem};
use crate::registry::WorkItemError;
use crate::registry::work_items::{Stamp, Step};

/// The project that a request names, if its work items may be read.
pub(crate) fn project<'d>(
    directory: &'d Directory,
    scope: Scope<'_>,
) -> Result<Option<&'d Project>, Refused> {
    authorize_use(directory, scope.principal, Use::Work)?;
    let Some(name) = scope.project else { return Ok(None) };
    let found = scope.named_project(directory, name)?;
    let absent = |_| Refused::NoProject { name: name.to_owned() };
    authorize_work_reading(directory, scope.principal, found).map_err(absent)?;
    Ok(Some(found))
}

/// The work item of that number, if the caller may read it, with its project.
pub(crate) fn find<'d>(
    directory: &'d Directory,
    scope: Scope<'_>,
    id: &str,
) -> Result<(&'d WorkItem, &'d Project), Refused> {
    let (item, project) = find_any(directory, scope, id)?;
    if item.deletion.is_some() {
        return Err(WorkItemError::no_item(id).into());
    }
    Ok((item, project))
}

/// The same, whether it is in the recycle bin or not.
fn find_any<'d>(
    directory: &'d Directory,
    scope: Scope<'_>,
    id: &str,
) -> Result<(&'d WorkItem, &'d Project), Refused> {
    let account = scope.account(directory)?.id;
    let asked = project(directory, scope)?;
    let absent = || WorkItemError::no_item(id);
    let item = id.parse().ok().and_then(|id| directory.work.get(account, id)).ok_or_else(absent)?;
    let own = directory.projects.get(&item.project).ok_or_else(absent)?;
    if asked.is_some_and(|asked| asked.id != own.id) {
        return Err(absent().into());
    }
    authorize_work_reading(directory, scope.principal, own).map_err(|_| absent())?;
    Ok((item, own))
}

/// An item as it was at a time; none if it was not there yet.
pub(crate) fn at<'d>(directory: &'d Directory, item: &'d WorkItem, time: Timestamp) -> Option<&'d WorkItem> {
    if item.changed <= time {
        return Some(item);
    }
    directory.work.revisions_of(item).rev().find(|earlier| earlier.changed <= time)
}

fn stamp(app: &App, scope: Scope<'_>) -> Stamp {
    Stamp::new(scope.principal.user.unwrap_or_default(), app.clock.now())
}

/// Makes a work item; only tries to if nothing is to be kept.
pub(crate) async fn create(
    app: &App,
    scope: Scope<'_>,
    kind: &str,
    steps: &[Step],
    is_kept: bool,
) -> Result<WorkItem, Refused> {
    let mut change = app.state.change().await;
    let name = scope.project.unwrap_or_default();
    let found = project(&change.directory, scope)?.cloned();
    let project = found.ok_or_else(|| Refused::NoProject { name: name.to_owned() })?;
    authorize_work_writing(&change.directory, scope.principal, &project)?;
    check_links(&change.directory, scope, steps)?;
    let made = change.create_work_item(&project, kind, steps, stamp(app, scope))?;
    if is_kept {
        change.commit().await?;
    }
    Ok(made)
}

/// Changes a work item; only tries to if nothing is to be kept.
pub(crate) async fn update(
    app: &App,
    scope: Scope<'_>,
    id: &str,
    steps: &[Step],
    is_kept: bool,
) -> Result<WorkItem, Refused> {
    let mut change = app.state.change().await;
    let (item, project) = find(&change.directory, scope, id)?;
    authorize_work_writing(&change.directory, scope.principal, project)?;
    check_links(&change.directory, scope, steps)?;
    let item = item.clone();
    let changed = change.update_work_item(&item, steps, stamp(app, scope))?;
    if is_kept {
        change.commit().await?;
    }
    Ok(changed)
}

/// Refuses links to what the caller may not know of.
fn check_links(directory: &Directory, scope: Scope<'_>, steps: &[Step]) -> Result<(), Refused> {
    let account = scope.account(directory)?.id;
    for step in steps {
        let Step::Link(new) = step else { continue };
        match &new.target {
            RelationTarget::Item(id) => {
                let everywhere = Scope { project: None, ..scope };
                find(directory, everywhere, &id.to_string())?;
            }
            RelationTarget::Url(url) if new.kind.eq_ignore_ascii_case(ARTIFACT) => {
                let pull = pull_request_of(url)
                    .and_then(|(repo, id)| directory.pulls.get(account, id).filter(|pull| pull.repo == repo));
                let repo = pull.and_then(|pull| directory.repos.get(&pull.repo));
                if repo.is_some_and(|repo| !can_see(directory, scope.principal, Target::Repo(repo))) {
                    return Err(Refused::NoPullRequest);
                }
            }
            RelationTarget::Url(_) => {}
        }
    }
    Ok(())
}

/// A work item with its project.
pub(crate) type Placed = (Arc<WorkItem>, Arc<Project>);

/// The work items of the account that the caller may read and that are not deleted, with their projects.
pub(crate) fn readable(directory: &Directory, scope: Scope<'_>) -> Result<Vec<Placed>, Refused> {
    let account = scope.account(directory)?.id;
    authorize_use(directory, scope.principal, Use::Work)?;
    let viewer = Viewer::new(directory, scope.principal);
    let seen = directory.projects_of(account).filter(|project| reads_work(&viewer, project));
    let mut all = Vec::new();
    for project in seen {
        let shared = Arc::new(project.clone());
        let own = directory.work.of_project(account, project.id);
        all.extend(own.filter(|item| item.deletion.is_none()).map(|item| (item.clone(), shared.clone())));
    }
    Ok(all)
}

/// Runs a query over the work items that the caller may read. Blocks.
pub(crate) fn query(
    app: &App,
    directory: &Directory,
    scope: Scope<'_>,
    query: &Wiql,
    with_times: bool,
    work: &Work,
) -> Result<Vec<i64>, Refused> {
    let asker = Asker {
        directory,
        user: scope.principal.user,
        project: project(directory, scope)?,
        now: app.clock.now(),
        with_times,
        work,
    };
    search::run(query, &asker, readable(directory, scope)?.into_iter())
}
