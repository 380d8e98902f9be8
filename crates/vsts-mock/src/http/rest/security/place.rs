//! The tokens of the namespace of Git repositories, as clients write them: what each is about.
//!
//! `repoV2`, `repoV2/{project}`, `repoV2/{project}/{repository}` and `…/refs/…` below it, by ids, in any case, with a
//! slash at the end or without.

use uuid::Uuid;

use super::super::Call;
use super::super::failure::{Failure, shown};
use crate::access::{Refusal, Target, authorize_acl, token};
use crate::world::{Account, Project, Repo, World};

/// The longest ref name the service takes.
const LONGEST_REF_NAME: usize = 400;

/// What a token is about, if it is there.
#[derive(Debug)]
pub(super) enum Place<'w> {
    Account(&'w Account),
    Project(&'w Project),
    Repo(&'w Repo),
    Ref(&'w Repo, String),
}

impl Place<'_> {
    pub(super) fn target(&self) -> Target<'_> {
        match self {
            Self::Account(account) => Target::Account(account),
            Self::Project(project) => Target::Project(project),
            Self::Repo(repo) => Target::Repo(repo),
            Self::Ref(repo, name) => Target::Ref(repo, name),
        }
    }
}

/// Reads a token of an account; `None` for one that is about nothing that is there.
pub(super) fn parse<'w>(
    world: &'w World,
    account: &'w Account,
    text: &str,
) -> Result<Option<Place<'w>>, Failure> {
    let malformed = || Failure::bad(format!("{:?} is not a token of this namespace.", shown(text)));
    let lower = text.trim().to_lowercase();
    let mut segments = lower.split('/').filter(|segment| !segment.is_empty());
    if segments.next() != Some(token::COLLECTION) {
        return Err(malformed());
    }
    let Some(project) = segments.next() else { return Ok(Some(Place::Account(account))) };
    let project = Uuid::parse_str(project).map_err(|_| malformed())?;
    let project = world.projects.get(&project).filter(|project| project.account == account.id);
    let Some(repo) = segments.next() else { return Ok(project.map(Place::Project)) };
    let repo = Uuid::parse_str(repo).map_err(|_| malformed())?;
    let repo = world.repos.get(&repo).filter(|repo| Some(repo.project) == project.map(|project| project.id));
    let rest: Vec<&str> = segments.collect();
    match rest.first() {
        None => return Ok(repo.map(Place::Repo)),
        Some(first) if *first != "refs" => return Err(malformed()),
        Some(_) => {}
    }
    let name = token::reference_name(&format!("x/{}", rest.join("/")), "x").ok_or_else(malformed)?;
    let is_name = name == "refs" || gix::refs::FullName::try_from(name.as_str()).is_ok();
    if !is_name || name.len() > LONGEST_REF_NAME {
        return Err(malformed());
    }
    Ok(repo.map(|repo| Place::Ref(repo, name)))
}

/// What a token is about, if the caller may change the entries that hang there.
pub(super) fn to_change<'w>(
    call: &Call<'_>,
    world: &'w World,
    account: &'w Account,
    text: &str,
) -> Result<Place<'w>, Failure> {
    let absent = || {
        Failure::not_found(
            "SecurityTokenNotFoundException",
            format!(
                "What the token {} is about does not exist, or you do not have permissions for it.",
                shown(text)
            ),
        )
    };
    let place = parse(world, account, text)?.ok_or_else(absent)?;
    match authorize_acl(world, &call.principal, place.target()) {
        Ok(()) => Ok(place),
        Err(Refusal::Invisible) => Err(absent()),
        Err(refusal) => Err(refusal.into()),
    }
}

/// A token as the service shows it.
pub(super) fn show(canonical: &str) -> String {
    let rest = canonical.strip_prefix(token::COLLECTION).unwrap_or(canonical);
    format!("repoV2{rest}/")
}
