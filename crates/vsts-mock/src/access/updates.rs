//! Pushes and what they change: which rights each change of a ref takes, and who holds a lock.

use git_wire::UpdateKind;
use git_wire::pack::ObjectRules;

use super::evaluate::{self, Setting};
use super::{Permission, Principal, Refusal, Target, Viewer, authorize, token, too_narrow};
use crate::directory::policy_kind::PolicyKind;
use crate::directory::{Directory, PolicyConfiguration, Repo};

/// Decides whether a push to the repository may begin: what it changes is asked ref by ref, with [`authorize_update`].
pub(crate) fn authorize_push(
    directory: &Directory,
    principal: &Principal,
    repo: &Repo,
) -> Result<(), Refusal> {
    let permission = Permission::GenericContribute;
    match authorize(directory, principal, permission, Target::Repo(repo)) {
        Err(refusal @ Refusal::Lacks { .. }) => {
            let Some(identities) =
                Viewer::new(directory, principal).identities(repo.account, Some(repo.project))
            else {
                return Err(refusal);
            };
            let below = token::repository(repo.project, repo.id);
            let somewhere = directory.entries_below(repo.account, &below).any(|(at, identity, entry)| {
                identities.contains(identity)
                    && entry.allow.contains(permission)
                    && evaluate::setting(directory, &identities, repo.account, at, permission)
                        == Setting::Allowed
            });
            match (somewhere, principal.ceiling.contains(permission)) {
                (true, true) => Ok(()),
                (true, false) => Err(too_narrow(principal, permission, Target::Repo(repo))),
                (false, _) => Err(refusal),
            }
        }
        verdict => verdict,
    }
}

/// Decides whether one ref may be changed in that way.
pub(crate) fn authorize_update(
    directory: &Directory,
    principal: &Principal,
    repo: &Repo,
    name: &str,
    kind: UpdateKind,
) -> Result<(), Refusal> {
    if name.starts_with("refs/pull/") {
        return Err(Refusal::ServerOwned);
    }
    for permission in needed_for(name, kind) {
        authorize(directory, principal, *permission, Target::Ref(repo, name))?;
    }
    match directory.lock_of(repo.id, name) {
        Some(owner) if principal.user != Some(owner) => {
            let by = directory.identity_name(owner).unwrap_or_default().to_owned();
            Err(Refusal::Locked { name: name.to_owned(), by })
        }
        _ => Ok(()),
    }
}

/// Decides whether a branch may be changed without a pull request.
pub(crate) fn authorize_direct_push(
    directory: &Directory,
    principal: &Principal,
    repo: &Repo,
    name: &str,
    default_branch: Option<&str>,
) -> Result<(), Refusal> {
    let mut policies = directory.pulls.policies_of(repo.account, repo.project);
    let is_protected = policies.any(|policy| {
        policy.is_enabled
            && policy.is_blocking
            && PolicyKind::of(policy.kind).is_some_and(PolicyKind::is_of_branches)
            && policy.scopes.iter().any(|scope| scope.covers(repo.id, name, default_branch))
    });
    let permission = Permission::PolicyExempt;
    if !is_protected || authorize(directory, principal, permission, Target::Ref(repo, name)).is_ok() {
        Ok(())
    } else {
        Err(Refusal::Protected)
    }
}

/// The rules for the objects of every push to the repository, which its policies make: of several limits the smallest.
pub(crate) fn object_rules(directory: &Directory, repo: &Repo) -> ObjectRules {
    let mut rules = ObjectRules::default();
    let policies = directory.pulls.policies_of(repo.account, repo.project);
    let is_here = |policy: &&PolicyConfiguration| {
        policy.is_enabled
            && policy.is_blocking
            && policy.scopes.iter().any(|scope| scope.repo.is_none_or(|own| own == repo.id))
    };
    for policy in policies.filter(is_here) {
        match PolicyKind::of(policy.kind) {
            Some(PolicyKind::FileSize) => {
                let limit = policy.settings["maximumGitBlobSizeInBytes"].as_u64();
                if let Some(limit) =
                    limit.filter(|limit| rules.max_file_bytes.is_none_or(|known| *limit < known))
                {
                    rules.max_file_bytes = Some(limit);
                    rules.counts_compressed = policy.settings["useUncompressedSize"] != true;
                }
            }
            Some(PolicyKind::CaseEnforcement) => {
                rules.refuses_case_clashes |= policy.settings["enforceConsistentCase"] == true;
            }
            _ => {}
        }
    }
    rules
}

/// Decides whether a ref may be locked, or let go: one's own lock by who may write it, another's with a right of its own.
pub(crate) fn authorize_lock(
    directory: &Directory,
    principal: &Principal,
    repo: &Repo,
    name: &str,
) -> Result<(), Refusal> {
    let permission = match directory.lock_of(repo.id, name) {
        Some(owner) if principal.user != Some(owner) => Permission::RemoveOthersLocks,
        _ => Permission::GenericContribute,
    };
    authorize(directory, principal, permission, Target::Ref(repo, name))
}

/// Returns whether the creator of a branch is given `ForcePush` on it, as the service does: only somebody to whom it is not
/// denied already, since the entry at the branch would beat every denial above it.
pub(crate) fn creator_may_own(directory: &Directory, principal: &Principal, repo: &Repo, name: &str) -> bool {
    let target = Target::Ref(repo, name);
    name.starts_with("refs/heads/")
        && Viewer::new(directory, principal).identities(repo.account, Some(repo.project)).is_some_and(
            |identities| {
                evaluate::setting(
                    directory,
                    &identities,
                    repo.account,
                    &target.token(),
                    Permission::ForcePush,
                ) == Setting::Unset
            },
        )
}

fn needed_for(name: &str, kind: UpdateKind) -> &'static [Permission] {
    use Permission::{CreateBranch, CreateTag, ForcePush, GenericContribute, ManageNote};
    let rewrites = matches!(kind, UpdateKind::Rewrite | UpdateKind::Delete);
    if name.starts_with("refs/notes/") {
        if rewrites { &[ManageNote, ForcePush] } else { &[ManageNote] }
    } else if rewrites {
        &[GenericContribute, ForcePush]
    } else if kind == UpdateKind::FastForward {
        &[GenericContribute]
    } else if name.starts_with("refs/tags/") {
        &[CreateTag]
    } else {
        &[GenericContribute, CreateBranch]
    }
}
