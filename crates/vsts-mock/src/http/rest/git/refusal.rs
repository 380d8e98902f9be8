//! The statuses of refs that an update of several refs leaves as they are: one row for each reason.
//!
//! The text of `report-status`, which Git clients get over HTTP and SSH, is the reason's own
//! [`Display`](git_wire::RefRefusal).

use git_wire::RefRefusal;

use crate::access::{Permission, Refusal};
use crate::hosting::GitRefusal;

/// The status of a ref for a reason that has none of its own.
const REJECTED: &str = "rejectedByPlugin";
/// The status of a branch that takes pull requests alone.
const BY_POLICY: &str = "rejectedByPolicy";

/// The status of a ref in the answer to an update of refs, and the text with it.
pub(super) fn update_status(refusal: &RefRefusal) -> (&'static str, Option<String>) {
    let status = match refusal {
        RefRefusal::Stale | RefRefusal::Gone => "staleOldObjectId",
        RefRefusal::InvalidName => "invalidRefName",
        RefRefusal::MissingObjects | RefRefusal::NotACommit => "unresolvableToCommit",
        RefRefusal::NameConflict { .. } | RefRefusal::CaseConflict { .. } => "refNameConflict",
        RefRefusal::Rejected(_) => BY_POLICY,
        RefRefusal::Denied(denial) => denial.reason().map_or(REJECTED, denied_status),
        RefRefusal::NothingToDelete
        | RefRefusal::Hidden
        | RefRefusal::Duplicate
        | RefRefusal::Symbolic
        | RefRefusal::Unreadable
        | RefRefusal::Shallow
        | RefRefusal::CurrentBranch
        | RefRefusal::Locked
        | RefRefusal::DiskFull
        | RefRefusal::Order
        | RefRefusal::Atomic
        | RefRefusal::AtomicTransaction(_)
        | RefRefusal::Unpack(_) => REJECTED,
    };
    (status, [REJECTED, BY_POLICY].contains(&status).then(|| refusal.to_string()))
}

fn denied_status(denial: &GitRefusal) -> &'static str {
    match denial {
        GitRefusal::NameTooLong => "invalidRefName",
        GitRefusal::Stale => "staleOldObjectId",
        GitRefusal::Access(Refusal::Locked { .. }) => "locked",
        GitRefusal::Access(Refusal::Protected) => BY_POLICY,
        GitRefusal::Access(Refusal::Lacks { permission, .. } | Refusal::TokenScope { permission, .. }) => {
            match permission {
                Permission::ForcePush => "forcePushRequired",
                Permission::GenericContribute => "writePermissionRequired",
                Permission::CreateBranch => "createBranchPermissionRequired",
                Permission::CreateTag => "createTagPermissionRequired",
                Permission::ManageNote => "manageNotePermissionRequired",
                _ => REJECTED,
            }
        }
        GitRefusal::Access(_)
        | GitRefusal::NoRepository { .. }
        | GitRefusal::NameNotUtf8
        | GitRefusal::Fault(_)
        | GitRefusal::Busy(_) => REJECTED,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use git_wire::{Denial, pack};

    use super::*;
    use crate::http::rest::failure::Failure;
    use crate::operations::push::ref_refused;

    fn full_disk() -> RefRefusal {
        let source = std::io::ErrorKind::StorageFull.into();
        RefRefusal::Unpack(Arc::new(pack::Error::Disk { what: "write", path: "x".into(), source }))
    }

    fn lacks(permission: Permission) -> RefRefusal {
        let identity = "Ann, who lacks Git 'ForcePush'".to_owned();
        denied(GitRefusal::Access(Refusal::Lacks { permission, identity, scope: "branch" }))
    }

    fn denied(denial: GitRefusal) -> RefRefusal {
        RefRefusal::Denied(Denial::new(denial))
    }

    /// The refusal, the beginning of its text in `report-status`, and what REST answers: the status of a ref among several;
    /// the HTTP status and key where the request has one ref.
    #[test]
    fn each_refusal_has_its_answer_at_each_front_end() {
        const STALE: (u16, &str) = (409, "GitReferenceStaleException");
        const DENIED: (u16, &str) = (403, "GitNeedsPermissionException");
        const PROTECTED: (u16, &str) = (403, "GitRefUpdateRejectedByPolicyException");
        const OTHER: (u16, &str) = (400, "GitReferenceUpdateException");
        let name = || bstr::BString::from("refs/heads/a");
        let (by, locked) = ("Bob".to_owned(), "refs/heads/a".to_owned());
        let gone = GitRefusal::NoRepository { name: "iris".to_owned() };
        for (refusal, text, status, answer) in [
            (RefRefusal::Stale, "failed to update ref: it has changed", "staleOldObjectId", STALE),
            (RefRefusal::Gone, "the ref does not exist", "staleOldObjectId", STALE),
            (RefRefusal::NothingToDelete, "deletion of a ref that does not exist", REJECTED, STALE),
            (RefRefusal::InvalidName, "funny refname", "invalidRefName", OTHER),
            (RefRefusal::MissingObjects, "missing necessary objects", "unresolvableToCommit", OTHER),
            (RefRefusal::NotACommit, "a branch can't point to anything", "unresolvableToCommit", OTHER),
            (
                RefRefusal::NameConflict { other: name(), name: name() },
                "'refs/heads/a' exists;",
                "refNameConflict",
                OTHER,
            ),
            (
                RefRefusal::CaseConflict { other: name(), name: name() },
                "'refs/heads/a' exists;",
                "refNameConflict",
                OTHER,
            ),
            (RefRefusal::CurrentBranch, "deletion of the current branch prohibited", REJECTED, OTHER),
            (RefRefusal::Locked, "failed to update ref: it can't be locked", REJECTED, OTHER),
            (full_disk(), "unpacker error", REJECTED, (507, "VssServiceException")),
            (
                RefRefusal::Unpack(Arc::new(pack::Error::Invalid(String::new()))),
                "unpacker error",
                REJECTED,
                OTHER,
            ),
            (lacks(Permission::ForcePush), "TF401027", "forcePushRequired", DENIED),
            (lacks(Permission::GenericContribute), "TF401027", "writePermissionRequired", DENIED),
            (lacks(Permission::CreateBranch), "TF401027", "createBranchPermissionRequired", DENIED),
            (lacks(Permission::CreateTag), "TF401027", "createTagPermissionRequired", DENIED),
            (lacks(Permission::ManageNote), "TF401027", "manageNotePermissionRequired", DENIED),
            (denied(GitRefusal::Access(Refusal::Locked { name: locked, by })), "TF402404", "locked", DENIED),
            (denied(GitRefusal::Access(Refusal::Protected)), "TF402455", BY_POLICY, PROTECTED),
            (denied(GitRefusal::Access(Refusal::ServerOwned)), "TF401027", REJECTED, DENIED),
            (denied(GitRefusal::NameTooLong), "a ref's name has at most 400", "invalidRefName", OTHER),
            (denied(GitRefusal::NameNotUtf8), "the ref's name is not UTF-8", REJECTED, OTHER),
            (denied(gone), "TF401019", REJECTED, (404, "GitRepositoryNotFoundException")),
        ] {
            assert!(refusal.to_string().starts_with(text), "{refusal}");
            let (found, message) = update_status(&refusal);
            assert_eq!(found, status, "{refusal}");
            assert_eq!(message.is_some(), [REJECTED, BY_POLICY].contains(&status), "{refusal}");
            let failure = Failure::from(ref_refused("refs/heads/a", &refusal));
            assert_eq!(
                (failure.status.as_u16(), failure.body()["typeKey"].as_str()),
                (answer.0, Some(answer.1)),
                "{refusal}"
            );
        }
    }
}
