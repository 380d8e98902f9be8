//! The permission bits of the `Git Repositories` security namespace.
//!
//! The numbers and names are the service's own; they are stored and travel over REST, so they never change.

use std::fmt;

/// One permission: one bit of the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// The umbrella of the time before permissions were split.
    Administer,
    /// Clone, fetch, browse.
    GenericRead,
    /// Push.
    GenericContribute,
    /// Rewrite history, delete branches and tags.
    ForcePush,
    /// Publish a new branch.
    CreateBranch,
    /// Publish a new tag.
    CreateTag,
    /// Write `refs/notes/`.
    ManageNote,
    /// Push past branch policies.
    PolicyExempt,
    /// Make a repository in a project.
    CreateRepository,
    /// Delete a repository.
    DeleteRepository,
    /// Rename a repository.
    RenameRepository,
    /// Change branch policies.
    EditPolicies,
    /// Unlock what somebody else locked.
    RemoveOthersLocks,
    /// Change access control.
    ManagePermissions,
    /// Work on pull requests.
    PullRequestContribute,
    /// Complete a pull request past its policies.
    PullRequestBypassPolicy,
}

impl Permission {
    /// Every permission, lowest bit first.
    pub const ALL: [Self; 16] = [
        Self::Administer,
        Self::GenericRead,
        Self::GenericContribute,
        Self::ForcePush,
        Self::CreateBranch,
        Self::CreateTag,
        Self::ManageNote,
        Self::PolicyExempt,
        Self::CreateRepository,
        Self::DeleteRepository,
        Self::RenameRepository,
        Self::EditPolicies,
        Self::RemoveOthersLocks,
        Self::ManagePermissions,
        Self::PullRequestContribute,
        Self::PullRequestBypassPolicy,
    ];

    /// The bit in an access control entry.
    pub fn bit(self) -> u32 {
        1 << (self as u32)
    }

    /// The name that the API and messages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Administer => "Administer",
            Self::GenericRead => "GenericRead",
            Self::GenericContribute => "GenericContribute",
            Self::ForcePush => "ForcePush",
            Self::CreateBranch => "CreateBranch",
            Self::CreateTag => "CreateTag",
            Self::ManageNote => "ManageNote",
            Self::PolicyExempt => "PolicyExempt",
            Self::CreateRepository => "CreateRepository",
            Self::DeleteRepository => "DeleteRepository",
            Self::RenameRepository => "RenameRepository",
            Self::EditPolicies => "EditPolicies",
            Self::RemoveOthersLocks => "RemoveOthersLocks",
            Self::ManagePermissions => "ManagePermissions",
            Self::PullRequestContribute => "PullRequestContribute",
            Self::PullRequestBypassPolicy => "PullRequestBypassPolicy",
        }
    }

    /// The name on pages.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Administer => "Administer",
            Self::GenericRead => "Read",
            Self::GenericContribute => "Contribute",
            Self::ForcePush => "Force push (rewrite history, delete branches and tags)",
            Self::CreateBranch => "Create branch",
            Self::CreateTag => "Create tag",
            Self::ManageNote => "Manage notes",
            Self::PolicyExempt => "Exempt from policy enforcement",
            Self::CreateRepository => "Create repository",
            Self::DeleteRepository => "Delete repository",
            Self::RenameRepository => "Rename repository",
            Self::EditPolicies => "Edit policies",
            Self::RemoveOthersLocks => "Remove others' locks",
            Self::ManagePermissions => "Manage permissions",
            Self::PullRequestContribute => "Contribute to pull requests",
            Self::PullRequestBypassPolicy => "Bypass policies when completing pull requests",
        }
    }

    /// The permission of that name, whatever its case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|permission| permission.name().eq_ignore_ascii_case(name))
    }
}

/// A set of permissions, as stored in an entry's `allow` or `deny`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Permissions(u32);

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self(0);
    /// Every permission there is.
    pub const ALL: Self = Self(0xffff);
    /// The permissions of Readers in a new project.
    pub const READERS: Self = Self(2 + 16384);
    /// The permissions of Contributors in a new project.
    pub const CONTRIBUTORS: Self = Self(2 + 4 + 16 + 32 + 64 + 16384);
    /// The permissions of the administrators' groups.
    pub const ADMINISTRATORS: Self = Self(Self::CONTRIBUTORS.0 + 256 + 512 + 1024 + 2048 + 4096 + 8192);

    /// The set with these bits; unknown bits are dropped.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The bits, as stored.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Returns whether the permission is in the set.
    pub fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the other's permissions.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of what is in it, lowest bit first.
    pub fn names(self) -> Vec<&'static str> {
        Permission::ALL.into_iter().filter(|p| self.contains(*p)).map(Permission::name).collect()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(iter: T) -> Self {
        Self(iter.into_iter().fold(0, |bits, permission| bits | permission.bit()))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_the_services_own() {
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768];
        assert_eq!(Permission::ALL.map(Permission::bit), expected);
        assert_eq!(Permissions::CONTRIBUTORS.bits(), 16502);
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        for permission in Permission::ALL {
            assert_eq!(Permission::from_name(&permission.name().to_lowercase()), Some(permission));
        }
        assert_eq!(Permission::from_name("Contribute"), None);
    }
}
