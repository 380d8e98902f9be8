//! Decides about work items: who belongs to a project reads them, who contributes to it writes them.
//!
//! Git's access control entries count for nothing here. Of a token, the scopes for work say whether it reads or writes.

use super::roles::{Use, authorize_use};
use super::{Principal, Refusal, Viewer, administers};
use crate::directory::{Directory, GroupKind, Project};

/// The groups of a project whose members write its work items; those who administer it do as well.
const WRITERS: [GroupKind; 2] = [GroupKind::Contributors, GroupKind::Team];

/// Decides whether the principal may read the work items of a project.
pub(crate) fn authorize_work_reading(
    directory: &Directory,
    principal: &Principal,
    project: &Project,
) -> Result<(), Refusal> {
    authorize_use(directory, principal, Use::Work)?;
    if reads_work(&Viewer::new(directory, principal), project) { Ok(()) } else { Err(Refusal::Invisible) }
}

/// Returns whether somebody who may read work items reads those of a project.
pub(crate) fn reads_work(viewer: &Viewer<'_>, project: &Project) -> bool {
    viewer.belongs_to(project.account, Some(project.id))
}

/// Decides whether the principal may make, change and delete the work items of a project.
pub(crate) fn authorize_work_writing(
    directory: &Directory,
    principal: &Principal,
    project: &Project,
) -> Result<(), Refusal> {
    authorize_work_reading(directory, principal, project)?;
    authorize_use(directory, principal, Use::WorkWrite)?;
    let groups = principal.user.map(|user| directory.all_containers_of(user)).unwrap_or_default();
    let contributes = WRITERS.into_iter().any(|kind| {
        let group = directory.group(project.account, Some(project.id), kind);
        group.is_some_and(|group| groups.contains(&group.id))
    });
    if contributes || administers(directory, principal, project.account, Some(project.id)) {
        Ok(())
    } else {
        Err(Refusal::WorkItems)
    }
}
