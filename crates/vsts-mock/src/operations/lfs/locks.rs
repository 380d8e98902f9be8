//! Locks on paths: taken, listed, and given back.

use uuid::Uuid;

use super::{LfsRefused, check_ref};
use crate::access::{Permission, Principal, Target, authorize};
use crate::app::App;
use crate::directory::Repo;
use crate::limits::{CHANGED_PATH_BYTES, LFS_LOCKS, LFS_LOCKS_LISTED, LFS_MOST_LOCKS_LISTED};
use crate::state::{LfsLock, LfsLockFilter, Locking};

/// A lock, with the name of its owner.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) owner: String,
    pub(crate) is_ours: bool,
    /// As RFC 3339 has it.
    pub(crate) locked_at: String,
}

impl Lock {
    fn of(app: &App, principal: &Principal, lock: LfsLock) -> Self {
        let directory = app.state.directory();
        Self {
            id: lock.id.to_string(),
            path: lock.path,
            owner: directory.identity_name(lock.user).unwrap_or_default().to_owned(),
            is_ours: principal.user == Some(lock.user),
            locked_at: lock.locked.to_string(),
        }
    }
}

/// The locks to list, as a client asks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) path: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
    pub(crate) cursor: Option<&'a str>,
    pub(crate) limit: Option<usize>,
}

/// Locks a path, for somebody who may push; `Err` in the value has the lock that is in the way.
pub(crate) async fn lock(
    app: &App,
    principal: &Principal,
    repo: &Repo,
    path: &str,
    reference: Option<&str>,
) -> Result<Result<Lock, Lock>, LfsRefused> {
    if !is_path(path) {
        let message = format!(
            "The path of a lock leads to a file in the repository, without '.' and '..', in at most {CHANGED_PATH_BYTES} bytes."
        );
        return Err(LfsRefused::Invalid(message));
    }
    if let Some(name) = reference {
        check_ref(&app.state.directory(), principal, repo, name)?;
    }
    let user = principal.user.unwrap_or_default();
    let locking = app.state.lock_lfs_path(repo.id, path, user, app.clock.now(), LFS_LOCKS).await?;
    match locking {
        Locking::Locked(lock) => Ok(Ok(Lock::of(app, principal, lock))),
        Locking::Conflict(lock) => Ok(Err(Lock::of(app, principal, lock))),
        Locking::TooMany => Err(LfsRefused::TooManyLocks),
    }
}

/// Lists locks; with the cursor of the next page, if there is one.
pub(crate) async fn list(
    app: &App,
    principal: &Principal,
    repo: &Repo,
    wanted: Wanted<'_>,
) -> Result<(Vec<Lock>, Option<String>), LfsRefused> {
    let after = match wanted.cursor.filter(|cursor| !cursor.is_empty()) {
        None => None,
        Some(cursor) => Some(Uuid::parse_str(cursor).map_err(|_| no_cursor())?),
    };
    let id = match wanted.id.filter(|id| !id.is_empty()) {
        None => None,
        Some(id) => match Uuid::parse_str(id) {
            Ok(id) => Some(id),
            Err(_) => return Ok((Vec::new(), None)),
        },
    };
    let top = wanted.limit.filter(|limit| *limit > 0).unwrap_or(LFS_LOCKS_LISTED).min(LFS_MOST_LOCKS_LISTED);
    let filter = LfsLockFilter { path: wanted.path.filter(|path| !path.is_empty()), id, after };
    let (locks, has_more) = app.state.lfs_locks(repo.id, &filter, top).await?;
    let cursor = locks.last().filter(|_| has_more).map(|last| last.id.to_string());
    Ok((locks.into_iter().map(|lock| Lock::of(app, principal, lock)).collect(), cursor))
}

/// Gives a lock back: one's own, or with `force` another's, by who may manage the repository's permissions.
pub(crate) async fn unlock(
    app: &App,
    principal: &Principal,
    repo: &Repo,
    id: &str,
    force: bool,
) -> Result<Lock, LfsRefused> {
    let id = Uuid::parse_str(id).map_err(|_| LfsRefused::NoLock)?;
    let filter = LfsLockFilter { id: Some(id), ..LfsLockFilter::default() };
    let found = app.state.lfs_locks(repo.id, &filter, 1).await?.0.pop().ok_or(LfsRefused::NoLock)?;
    let lock = Lock::of(app, principal, found);
    if !lock.is_ours {
        if !force {
            return Err(LfsRefused::LockOfOther { owner: lock.owner });
        }
        authorize(&app.state.directory(), principal, Permission::ManagePermissions, Target::Repo(repo))
            .map_err(|refusal| LfsRefused::of_access(refusal, repo))?;
    }
    app.state.unlock_lfs_path(repo.id, id).await?;
    Ok(lock)
}

fn no_cursor() -> LfsRefused {
    LfsRefused::Invalid("The cursor is none that this server has given.".to_owned())
}

/// Returns whether a path stays in the repository.
fn is_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= CHANGED_PATH_BYTES
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_repository() {
        for path in ["a", "a/b.bin", "ä b/..c", "a\\b"] {
            assert!(is_path(path), "{path}");
        }
        let long = "x".repeat(CHANGED_PATH_BYTES + 1);
        for path in ["", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "./a", "a\nb", "a\0", &long] {
            assert!(!is_path(path), "{path:?}");
        }
    }
}
