//! Accounts and projects that a visitor may know of, and the way to them.

use super::failure::{ABSENT, Failure};
use super::request_context::RequestContext;
use crate::access::Principal;
use crate::directory::{Account, Directory, Project};
use crate::operations::scope::Scope;

/// The account, if the visitor may know of it.
pub(super) fn find_account<'w>(
    directory: &'w Directory,
    principal: &Principal,
    name: &str,
) -> Result<&'w Account, Failure> {
    let scope = Scope { principal, account: name, project: None };
    scope.account(directory).map_err(|_| absent(principal))
}

/// The project, with its account, if the visitor may know of it.
pub(super) fn find_project<'w>(
    directory: &'w Directory,
    principal: &Principal,
    account: &str,
    name: &str,
) -> Result<(&'w Account, &'w Project), Failure> {
    let scope = Scope { principal, account, project: None };
    let found =
        scope.account(directory).and_then(|account| Ok((account, scope.named_project(directory, name)?)));
    found.map_err(|_| absent(principal))
}

/// The failure for a page that a visitor may see once signed in, and for everybody else.
pub(super) fn absent(principal: &Principal) -> Failure {
    if principal.is_anonymous() { Failure::SignIn } else { Failure::absent(ABSENT) }
}

/// The way to an account, and on to a project.
pub(super) fn crumbs(
    ctx: &RequestContext,
    account: &Account,
    project: Option<&Project>,
) -> Vec<(String, String)> {
    let mut crumbs = vec![(account.name.clone(), format!("{}/", ctx.account_path(&account.name)))];
    if let Some(project) = project {
        crumbs.push((project.name.clone(), ctx.project_path(&account.name, &project.name)));
    }
    crumbs
}
