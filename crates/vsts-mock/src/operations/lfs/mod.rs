//! Large files: Git LFS's objects and locks of a repository, without a word of HTTP or SSH.
//!
//! A repository has an object only after its own upload of the whole content, which was hashed here: that another repository
//! has it is told to nobody. Who may read the repository may download, who may push to it may upload and lock. Both are
//! asked when a transfer begins, and again when an upload is to count.

pub(crate) mod batch;
pub(crate) mod files;
pub(crate) mod garbage;
pub(crate) mod locks;
pub(crate) mod transfer;

use std::time::Duration;

use git_wire::Service;
use lfs_wire::Oid;
use lfs_wire::batch::Operation;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use uuid::Uuid;

use super::refused::excerpt;
use crate::access::{Permission, Principal, Refusal, Target, authorize, authorize_push};
use crate::app::App;
use crate::budget::NoRoom;
use crate::directory::{Directory, Repo};
use crate::disk_full;
use crate::hosting::{GitRefusal, Names, admit};
use crate::identity::grant::{Grant, Holder};
use crate::limits::{LFS_BATCH_OBJECTS, LFS_LOCKS, REF_NAME_BYTES};
use crate::state::{LfsKeepError, StateError};

/// Characters of a name that stand in a URL as they are.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The reason why a request about large files is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LfsRefused {
    #[error(transparent)]
    Git(#[from] GitRefusal),
    /// The request, or an object in it, makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The ids are of another hash algorithm.
    #[error("The server knows objects by SHA-256 alone, not by {}.", excerpt(.0))]
    Algorithm(String),
    #[error(
        "A request may ask about at most {LFS_BATCH_OBJECTS} objects. Ask about fewer: git config lfs.transfer.batchSize 100"
    )]
    TooMany,
    #[error("The repository does not have the object.")]
    NoObject,
    /// The content, or what is said about it, does not belong to the id.
    #[error("{0}")]
    Mismatch(&'static str),
    #[error("The file has more than {most} bytes, the most that this server takes of one (max_lfs_file).")]
    TooLarge { most: u64 },
    #[error(
        "The account {account} may have {quota} bytes of large files (lfs_quota), and this would be more."
    )]
    Quota { account: String, quota: u64 },
    #[error("{}", disk_full::MESSAGE)]
    DiskFull,
    #[error("There is no such lock.")]
    NoLock,
    #[error(
        "The lock belongs to {owner}. With --force it can be taken away by who may manage the repository's permissions."
    )]
    LockOfOther { owner: String },
    #[error("The repository may have at most {LFS_LOCKS} locks. Unlock some first.")]
    TooManyLocks,
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The server's own fault, which the log has.
    #[error("internal error")]
    Internal,
}

impl LfsRefused {
    /// The code that Git LFS has for it, which is HTTP's status.
    pub(crate) fn code(&self) -> u16 {
        match self {
            Self::Git(GitRefusal::Access(Refusal::SignInRequired | Refusal::Revoked { .. })) => 401,
            Self::Git(GitRefusal::Access(_)) | Self::LockOfOther { .. } => 403,
            Self::Git(GitRefusal::NoRepository { .. }) | Self::NoObject | Self::NoLock => 404,
            Self::Algorithm(_) => 409,
            Self::TooMany | Self::TooLarge { .. } => 413,
            Self::Git(
                GitRefusal::NameNotUtf8 | GitRefusal::NameTooLong | GitRefusal::Stale | GitRefusal::Fault(_),
            )
            | Self::Invalid(_)
            | Self::Mismatch(_)
            | Self::TooManyLocks => 422,
            Self::Internal => 500,
            Self::Git(GitRefusal::Busy(_)) | Self::NoRoom(_) => 503,
            Self::Quota { .. } | Self::DiskFull => 507,
        }
    }

    /// The server's own fault: the log has it, and the client learns only whether the disk is full.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "a request about large files failed");
        if disk_full::is_cause_of(error) { Self::DiskFull } else { Self::Internal }
    }

    fn of_access(refusal: Refusal, repo: &Repo) -> Self {
        Self::Git(GitRefusal::of(refusal, &repo.name))
    }
}

impl From<StateError> for LfsRefused {
    fn from(error: StateError) -> Self {
        Self::internal(&error)
    }
}

/// The address of Git LFS's API for a repository, without a slash at the end. It begins as the server's other URLs do.
pub(crate) fn address(app: &App, repo: &Repo) -> String {
    let directory = app.state.directory();
    let encode = |name: &str| utf8_percent_encode(name, PLAIN).to_string();
    let account =
        directory.accounts.get(&repo.account).map(|account| encode(&account.name)).unwrap_or_default();
    let project =
        directory.projects.get(&repo.project).map(|project| encode(&project.name)).unwrap_or_default();
    format!("{}/{account}/{project}/_git/{}/info/lfs", app.base_url(), encode(&repo.name))
}

/// The value of an `Authorization` header that is good for an operation in a repository, of one object or of all, for some
/// time.
pub(crate) fn authorization(
    app: &App,
    holder: &Holder,
    repo: &Repo,
    operation: Operation,
    object: Option<(Oid, u64)>,
    time: Duration,
) -> String {
    let (holder, expires) = (holder.clone(), app.clock.now() + time);
    let grant = app.grant_key.sign(&Grant { operation, repo: repo.id, object, holder, expires });
    format!("Bearer {}", grant.reveal())
}

/// Finds a repository by the names in an address, if the principal may do with it what the operation does. Clients add
/// `.git` to its name.
pub(crate) fn find(
    directory: &Directory,
    principal: &Principal,
    names: Names<'_>,
    operation: Operation,
) -> Result<Repo, LfsRefused> {
    let service = match operation {
        Operation::Upload => Service::ReceivePack,
        Operation::Download => Service::UploadPack,
    };
    let found = admit(directory, principal, names, service);
    let is_absent =
        matches!(found, Err(GitRefusal::NoRepository { .. } | GitRefusal::Access(Refusal::SignInRequired)));
    let Some(repo) = names.repo.strip_suffix(".git").filter(|_| is_absent) else { return Ok(found?) };
    let project = if names.project == names.repo { repo } else { names.project };
    Ok(admit(directory, principal, Names { project, repo, ..names }, service)?)
}

/// Asks again whether the principal may do with a repository what the operation does.
pub(crate) fn check(
    directory: &Directory,
    principal: &Principal,
    repo: Uuid,
    operation: Operation,
) -> Result<Repo, LfsRefused> {
    let gone = || GitRefusal::NoRepository { name: repo.to_string() };
    let repo = directory.repos.get(&repo).ok_or_else(gone)?;
    let verdict = match operation {
        Operation::Upload => authorize_push(directory, principal, repo),
        Operation::Download => authorize(directory, principal, Permission::GenericRead, Target::Repo(repo)),
    };
    verdict.map_err(|refusal| LfsRefused::of_access(refusal, repo))?;
    Ok(repo.clone())
}

/// Asks whether the principal may push to the ref that a request names, if it names one.
fn check_ref(
    directory: &Directory,
    principal: &Principal,
    repo: &Repo,
    name: &str,
) -> Result<(), LfsRefused> {
    if name.len() > REF_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(LfsRefused::Invalid(format!(
            "The ref's name may have at most {REF_NAME_BYTES} bytes of text."
        )));
    }
    if name.is_empty() {
        return Ok(());
    }
    authorize(directory, principal, Permission::GenericContribute, Target::Ref(repo, name))
        .map_err(|refusal| LfsRefused::of_access(refusal, repo))
}

/// Shows why an account or a repository does not get an object.
fn not_kept(app: &App, repo: &Repo, error: LfsKeepError) -> LfsRefused {
    match error {
        LfsKeepError::NoRepository => GitRefusal::NoRepository { name: repo.name.clone() }.into(),
        LfsKeepError::Quota { quota } => over_quota(app, repo, quota),
        error => LfsRefused::internal(&error),
    }
}

fn over_quota(app: &App, repo: &Repo, quota: u64) -> LfsRefused {
    let directory = app.state.directory();
    let account =
        directory.accounts.get(&repo.account).map(|account| account.name.clone()).unwrap_or_default();
    LfsRefused::Quota { account, quota }
}
