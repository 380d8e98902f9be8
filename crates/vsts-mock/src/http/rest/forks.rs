//! Forks: which repository a new one is made from, and which ones were made from one.

use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Failure, shown};
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::access::{Permission, Target, authorize};
use crate::world::{Account, Project, Repo, World, name};

/// The repository that a body asks to be forked, and the one ref that the query asks for.
pub(super) fn wanted(
    call: &Call<'_>,
    world: &World,
    body: &Value,
    into: &Project,
) -> Result<Option<(Repo, Option<String>)>, Failure> {
    let parent = &body["parentRepository"];
    if parent.is_null() {
        return match call.query.get("sourceRef") {
            None => Ok(None),
            Some(_) => Err(Failure::missing("parentRepository")),
        };
    }
    let account = call.account(world)?;
    let asked = parent["id"].as_str().or_else(|| parent["name"].as_str());
    let asked = asked.ok_or_else(|| Failure::missing("parentRepository.id"))?;
    let project = parent["project"]["id"].as_str().or_else(|| parent["project"]["name"].as_str());
    let found = match (Uuid::parse_str(asked), project) {
        (Ok(id), None) => world.repos.get(&id).filter(|repo| repo.account == account.id),
        (_, Some(project)) => world.repo(call.project(world, project)?.id, asked),
        (Err(_), None) => world.repo(into.id, asked),
    };
    let may_read =
        |repo: &&Repo| authorize(world, &call.principal, Permission::GenericRead, Target::Repo(repo)).is_ok();
    let repo = found.filter(may_read).ok_or_else(|| Failure::no_repo(asked))?;
    let only = call
        .query
        .get("sourceRef")
        .map(|only| if only.starts_with("refs/") { only.to_owned() } else { format!("refs/heads/{only}") });
    if let Some(only) = &only {
        let opened = call.app.state.open_repo(repo);
        let repository = opened.map_err(|error| Failure::internal(&error))?.to_gix();
        if repository.try_find_reference(only.as_str()).ok().flatten().is_none() {
            let message = format!(
                "TF401175:The version descriptor <Branch: {} > could not be resolved to a version in the repository {}",
                shown(only.strip_prefix("refs/heads/").unwrap_or(only)),
                repo.name
            );
            return Err(Failure::not_found("GitUnresolvableToCommitException", message));
        }
    }
    Ok(Some((repo.clone(), only)))
}

/// The repository that one was forked from, if it is still there for the caller.
pub(super) fn parent(call: &Call<'_>, world: &World, account: &Account, repo: &Repo) -> Option<Value> {
    let parent = world.repos.get(&repo.parent?)?;
    authorize(world, &call.principal, Permission::GenericRead, Target::Repo(parent)).ok()?;
    reference(call, world, account, parent)
}

/// A repository, where another one names it.
fn reference(call: &Call<'_>, world: &World, account: &Account, repo: &Repo) -> Option<Value> {
    let whole = call.repo_json(account, world.projects.get(&repo.project)?, repo);
    let mut value = json!({});
    for field in ["id", "name", "isFork", "url", "project", "remoteUrl", "sshUrl"] {
        if !whole[field].is_null() {
            value[field] = whole[field].clone();
        }
    }
    value["collection"] = shape::collection(&call.base(account), account);
    Some(value)
}

/// The forks of a repository that the caller may read.
pub(super) fn list(call: &Call<'_>, asked: &str) -> Outcome {
    let world = call.app.state.world();
    let (account, _, parent) = call.repo(&world, asked)?;
    let mut found: Vec<&Repo> = world
        .repos
        .values()
        .filter(|repo| repo.parent == Some(parent.id))
        .filter(|repo| {
            authorize(&world, &call.principal, Permission::GenericRead, Target::Repo(repo)).is_ok()
        })
        .collect();
    found.sort_by_key(|repo| name::key(&repo.name));
    let shown: Vec<Value> =
        found.into_iter().filter_map(|repo| reference(call, &world, account, repo)).collect();
    Ok(Reply::ok(shape::list(shown.into_iter())))
}
