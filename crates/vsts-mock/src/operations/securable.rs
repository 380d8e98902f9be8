//! The tokens of the namespace of Git repositories, as clients write them, and the account, project, repository or ref that
//! each names.
//!
//! `repoV2`, `repoV2/{project}`, `repoV2/{project}/{repository}` and `…/refs/…` below it, by ids, in any case, with a
//! slash at the end or without.

use uuid::Uuid;

use super::refused::{Refused, excerpt};
use super::scope::Scope;
use crate::access::{Refusal, Target, authorize_acl, token};
use crate::directory::{Account, Directory, Project, Repo};
use crate::limits::REF_NAME_BYTES;

/// A thing that has an access control list.
#[derive(Debug)]
pub(crate) enum Securable<'w> {
    Account(&'w Account),
    Project(&'w Project),
    Repo(&'w Repo),
    Ref(&'w Repo, String),
}

impl Securable<'_> {
    pub(crate) fn target(&self) -> Target<'_> {
        match self {
            Self::Account(account) => Target::Account(account),
            Self::Project(project) => Target::Project(project),
            Self::Repo(repo) => Target::Repo(repo),
            Self::Ref(repo, name) => Target::Ref(repo, name),
        }
    }
}

/// Reads a token of an account; `None` for one that is about nothing that is there.
pub(crate) fn parse<'w>(
    directory: &'w Directory,
    account: &'w Account,
    text: &str,
) -> Result<Option<Securable<'w>>, Refused> {
    let malformed = || Refused::Invalid(format!("{:?} is not a token of this namespace.", excerpt(text)));
    let lower = text.trim().to_lowercase();
    let mut segments = lower.split('/').filter(|segment| !segment.is_empty());
    if segments.next() != Some(token::COLLECTION) {
        return Err(malformed());
    }
    let Some(project) = segments.next() else { return Ok(Some(Securable::Account(account))) };
    let project = Uuid::parse_str(project).map_err(|_| malformed())?;
    let project = directory.projects.get(&project).filter(|project| project.account == account.id);
    let Some(repo) = segments.next() else { return Ok(project.map(Securable::Project)) };
    let repo = Uuid::parse_str(repo).map_err(|_| malformed())?;
    let repo =
        directory.repos.get(&repo).filter(|repo| Some(repo.project) == project.map(|project| project.id));
    let rest: Vec<&str> = segments.collect();
    match rest.first() {
        None => return Ok(repo.map(Securable::Repo)),
        Some(first) if *first != "refs" => return Err(malformed()),
        Some(_) => {}
    }
    let name = token::reference_name(&format!("x/{}", rest.join("/")), "x").ok_or_else(malformed)?;
    let is_name = name == "refs" || gix::refs::FullName::try_from(name.as_str()).is_ok();
    if !is_name || name.len() > REF_NAME_BYTES {
        return Err(malformed());
    }
    Ok(repo.map(|repo| Securable::Ref(repo, name)))
}

/// The thing that a token names, if the principal may change its list.
pub(super) fn to_change<'w>(
    scope: Scope<'_>,
    directory: &'w Directory,
    text: &str,
) -> Result<(&'w Account, Securable<'w>), Refused> {
    let account = scope.account(directory)?;
    let absent = || Refused::NoSecurityToken { token: text.to_owned() };
    let found = parse(directory, account, text)?.ok_or_else(absent)?;
    match authorize_acl(directory, scope.principal, found.target()) {
        Ok(()) => Ok((account, found)),
        Err(Refusal::Invisible) => Err(absent()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// A token as the service shows it.
pub(crate) fn show(canonical: &str) -> String {
    let rest = canonical.strip_prefix(token::COLLECTION).unwrap_or(canonical);
    format!("repoV2{rest}/")
}
