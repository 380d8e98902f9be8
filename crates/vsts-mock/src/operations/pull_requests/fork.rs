//! Pull requests from forks: the source branch is in another repository, whose commits come into this one before anything
//! is made of them. No ref leads to them until they are merged; maintenance drops no object.

use std::io::{BufReader, Seek as _};

use git_wire::pack::{self, CountOptions, IngestOptions, WriteOptions};
use gix::ObjectId;
use uuid::Uuid;

use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::tip;
use crate::access::{Permission, Target, authorize};
use crate::directory::{Directory, PullRequest, Repo};
use crate::limits::{FORK_DEPTH, FORK_HAVES};

/// The repository from which a chain of forks begins.
fn origin(directory: &Directory, repo: &Repo) -> Uuid {
    let parent = |id: &Uuid| directory.repos.get(id).and_then(|repo| repo.parent);
    let chain = std::iter::successors(Some(repo.id), parent);
    chain.take(FORK_DEPTH).last().unwrap_or(repo.id)
}

/// The forks, and what this is a fork of: the repositories from which a pull request may come, if the principal may read
/// them.
pub(crate) fn sources(ctx: &RepoContext, directory: &Directory) -> Vec<Repo> {
    let own = origin(directory, &ctx.repo);
    let is_one = |repo: &&Repo| {
        repo.account == ctx.repo.account && repo.id != ctx.repo.id && origin(directory, repo) == own
    };
    let may_read = |repo: &&Repo| {
        authorize(directory, &ctx.principal, Permission::GenericRead, Target::Repo(repo)).is_ok()
    };
    directory.repos.values().filter(is_one).filter(may_read).cloned().collect()
}

/// The fork that a new pull request names, if it names another repository than its own.
pub(super) fn named(ctx: &RepoContext, fork: Option<Uuid>) -> Result<Option<Uuid>, Refused> {
    let Some(id) = fork.filter(|id| *id != ctx.repo.id) else { return Ok(None) };
    let directory = &ctx.directory;
    let found = directory.repos.get(&id).filter(|repo| {
        authorize(directory, &ctx.principal, Permission::GenericRead, Target::Repo(repo)).is_ok()
    });
    let repo = found.ok_or_else(|| Refused::no_repository(&id.to_string()))?;
    if repo.account != ctx.repo.account || origin(directory, repo) != origin(directory, &ctx.repo) {
        return Err(Refused::Invalid(format!(
            "'{}' and '{}' are not forks of one repository.",
            repo.name, ctx.repo.name
        )));
    }
    Ok(Some(id))
}

/// The repository with the source branch; none if it is gone.
pub(crate) fn source_repo(ctx: &RepoContext, pull: &PullRequest) -> Option<Repo> {
    match pull.fork {
        Some(fork) => ctx.app.state.directory().repos.get(&fork).cloned(),
        None => Some(ctx.repo.clone()),
    }
}

/// The tip of a source branch, whose commits are in the repository of the pull request afterwards; none if it is gone.
pub(super) fn source_tip(
    ctx: &RepoContext,
    repository: &gix::Repository,
    fork: Option<Uuid>,
    branch: &str,
) -> Result<Option<ObjectId>, Refused> {
    let Some(fork) = fork else { return tip(repository, branch) };
    let Some(fork) = ctx.app.state.directory().repos.get(&fork).cloned() else { return Ok(None) };
    let source = ctx.app.state.open_repo(&fork)?.read();
    let Some(found) = tip(&source, branch)? else { return Ok(None) };
    if repository.try_find_header(found)?.is_none() {
        bring(ctx, &source, repository, found)?;
    }
    Ok(Some(found))
}

/// Copies what a commit reaches and the repository lacks.
fn bring(
    ctx: &RepoContext,
    source: &gix::Repository,
    repository: &gix::Repository,
    commit: ObjectId,
) -> Result<(), Refused> {
    let mut progress = |_| ctx.work.check().map_err(|error| std::io::Error::other(error.to_string()));
    let haves = shared(source, repository)?;
    let counted = pack::count(source, &[commit], &haves, &CountOptions::default(), &mut progress)?;
    let mut file = tempfile::tempfile().map_err(Refused::internal)?;
    pack::write(source, &counted, WriteOptions::default(), &mut file)?;
    file.rewind().map_err(Refused::internal)?;
    let options =
        IngestOptions { durable: ctx.app.is_durable, unpack_below: 100, ..IngestOptions::default() };
    pack::ingest(repository, &mut BufReader::new(file), &options, &mut |_| {})?.accept()?;
    Ok(())
}

/// Tips of either repository that both have.
fn shared(source: &gix::Repository, repository: &gix::Repository) -> Result<Vec<ObjectId>, Refused> {
    let mut both = Vec::new();
    for (one, other) in [(repository, source), (source, repository)] {
        let references = one.references()?;
        let branches = references.prefixed("refs/heads/")?;
        let tips = branches.filter_map(Result::ok).filter_map(|branch| branch.try_id().map(gix::Id::detach));
        for id in tips.take(FORK_HAVES) {
            if other.try_find_header(id)?.is_some() {
                both.push(id);
            }
        }
    }
    both.sort_unstable();
    both.dedup();
    Ok(both)
}
