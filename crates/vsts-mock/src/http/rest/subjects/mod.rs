//! Users and groups: `_apis/identities`, `_apis/graph` and `_apis/userentitlements`, three ways of looking at the same ones.
//!
//! Members of the account see its members, and the groups of the projects that they see. A hidden subject is
//! answered as absent. Changing a group takes an administrator of the project or the account that it belongs to, and
//! changes at once what its members may do.

pub(super) mod entitlements;
pub(super) mod graph;
pub(super) mod identities;
pub(super) mod lookup;
pub(super) mod members;
pub(super) mod memberships;
mod shapes;

use uuid::Uuid;

use super::Call;
use super::failure::Failure;
use crate::access::{Target, Use, authorize_use, can_see, sees_subject};
use crate::directory::subject::{self, Subject};
use crate::directory::{Account, Directory, Group};
use crate::operations::groups;
use crate::operations::refused::Refused;

/// Refuses a credential that is not good for users and groups, and an account that the caller may not know of.
pub(super) fn check(call: &Call<'_>) -> Result<(), Failure> {
    let directory = call.app.state.directory();
    authorize_use(&directory, &call.principal, Use::Subjects)?;
    call.account(&directory).map(|_| ())
}

fn no_subject(asked: &str) -> Failure {
    Refused::NoSubject { asked: asked.to_owned() }.into()
}

/// Finds the subject of a descriptor in the account, if the caller may know of it.
fn find(call: &Call<'_>, directory: &Directory, descriptor: &str) -> Result<Subject, Failure> {
    let account = call.account(directory)?;
    let found = subject::by_subject_descriptor(directory, descriptor);
    found.filter(|found| sees(call, directory, account, *found)).ok_or_else(|| no_subject(descriptor))
}

fn sees(call: &Call<'_>, directory: &Directory, account: &Account, found: Subject) -> bool {
    match found {
        Subject::User(id) | Subject::Group(id) => sees_subject(directory, &call.principal, account.id, id),
        Subject::Scope(place) if place == account.id => true,
        Subject::Scope(place) => directory.projects.get(&place).is_some_and(|project| {
            project.account == account.id && can_see(directory, &call.principal, Target::Project(project))
        }),
    }
}

/// The group that a descriptor names.
fn find_group<'w>(call: &Call<'_>, directory: &'w Directory, descriptor: &str) -> Result<&'w Group, Failure> {
    match find(call, directory, descriptor)? {
        Subject::Group(id) => directory.groups.get(&id).ok_or_else(|| no_subject(descriptor)),
        _ => Err(no_subject(descriptor)),
    }
}

/// Puts somebody into a group, or takes them out; whether they were not, or were, in it.
async fn change_member(call: &Call<'_>, member: Uuid, group: Uuid, joins: bool) -> Result<bool, Failure> {
    if joins {
        groups::join(call.app, &call.principal, member, group).await?;
        return Ok(true);
    }
    Ok(groups::leave(call.app, &call.principal, member, group).await?)
}
