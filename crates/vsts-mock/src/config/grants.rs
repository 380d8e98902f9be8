//! Memberships and access control entries of a seed: given once, so that what was taken away since stays away.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::seed::SeedEntry;
use crate::directory::{GroupKind, Seeded, name};
use crate::registry::{EntryInput, ListPath, RegistryError};
use crate::state::Change;

/// The way in which members and entries are given: by the program at any time, by the seed once.
#[derive(Clone, Copy)]
pub(super) struct Grants<'a> {
    pub(super) is_seed: bool,
    /// The names of users that are new.
    pub(super) new_users: &'a BTreeSet<String>,
}

impl Grants<'_> {
    /// Returns whether it is to be given now: by the seed once, and anew where the path or the user is new.
    fn gives(self, change: &mut Change<'_>, what: &[&str], is_new_place: bool, user: Option<&str>) -> bool {
        if !self.is_seed {
            return true;
        }
        let mark = name::derive(&[&["seeded"], what].concat());
        let is_new_user = user.is_some_and(|user| self.new_users.contains(&name::key(user)));
        gives(change, mark, is_new_place || is_new_user)
    }

    /// Puts users into groups of the path.
    pub(super) fn members(
        self,
        change: &mut Change<'_>,
        path: ListPath<'_>,
        is_new: bool,
        members: &[(GroupKind, &[String])],
    ) -> Result<(), RegistryError> {
        for (kind, users) in members {
            for user in *users {
                let project = path.project.unwrap_or_default();
                let what = ["member", path.account, project, kind.name(), user];
                if self.gives(change, &what, is_new, Some(user)) {
                    change.add_member(path.account, path.project, *kind, user)?;
                }
            }
        }
        Ok(())
    }

    /// Sets access control entries of the path.
    pub(super) fn entries(
        self,
        change: &mut Change<'_>,
        path: ListPath<'_>,
        is_new: bool,
        entries: &[SeedEntry],
    ) -> Result<(), RegistryError> {
        for entry in entries {
            let (user, group) = (entry.user.as_deref(), entry.group.as_deref());
            let (allow, deny) = (entry.allow.join(","), entry.deny.join(","));
            let text = |text: Option<&'_ str>| text.unwrap_or_default().to_owned();
            let (project, repo, branch) =
                (text(path.project), text(path.repo), text(entry.branch.as_deref()));
            let (user_name, group_name) = (text(user), text(group));
            let what =
                ["entry", path.account, &project, &repo, &user_name, &group_name, &allow, &deny, &branch];
            if self.gives(change, &what, is_new, user) {
                apply_entry(change, path, entry)?;
            }
        }
        Ok(())
    }
}

/// Returns whether the seed gives the thing with that mark: once, and anew only to a user who is new.
pub(super) fn gives(change: &mut Change<'_>, mark: Uuid, is_new: bool) -> bool {
    let is_first = !change.directory.seeded.contains(&mark);
    if is_first {
        change.put(Seeded { mark });
    }
    is_first || is_new
}

/// Sets an access control entry of the seed.
pub(crate) fn apply_entry(
    change: &mut Change<'_>,
    path: ListPath<'_>,
    entry: &SeedEntry,
) -> Result<(), RegistryError> {
    let input = EntryInput {
        user: entry.user.as_deref(),
        group: entry.group.as_deref(),
        allow: &entry.allow,
        deny: &entry.deny,
    };
    change.set_acl(ListPath { branch: entry.branch.as_deref(), ..path }, &input)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::{HashedPasswords, Origin, Seed, apply};
    use crate::directory::Directory;
    use crate::state::State;

    const SEED: &str = r#"
        [[users]]
        name = "carol"
        [[accounts]]
        name = "acme"
        [[accounts.projects]]
        name = "iris"
        contributors = ["carol"]
        [[accounts.projects.acl]]
        user = "carol"
        deny = ["ForcePush"]
    "#;

    /// Carol's memberships and entries.
    fn hers(directory: &Directory) -> (usize, usize) {
        let carol = directory.user("carol").expect("a user").id;
        let account = directory.account("acme").expect("an account").id;
        let entries =
            directory.entries_below(account, "repov2").filter(|(_, identity, _)| *identity == carol);
        (directory.containers_of(carol).len(), entries.count())
    }

    #[tokio::test]
    async fn what_was_taken_away_stays_away_unless_the_user_is_new() {
        let dir = tempfile::TempDir::new().expect("a folder");
        let state = State::open(dir.path(), false).await.expect("it opens");
        let hashed = HashedPasswords::default();
        let start = async |text: &str| {
            let seed = Seed::parse(text).expect("a seed");
            let mut change = state.change().await;
            let origin = Origin::Seed(&hashed);
            apply(&mut change, &seed, origin, Timestamp::UNIX_EPOCH).await.expect("it is applied");
            change.commit().await.expect("it is kept");
            hers(&state.directory())
        };
        assert_eq!(start(SEED).await, (1, 1));
        let mut change = state.change().await;
        let (carol, account) = (
            change.directory.user("carol").expect("a user").id,
            change.directory.account("acme").expect("one").id,
        );
        let at = crate::access::token::project(change.directory.project(account, "iris").expect("one").id);
        for group in change.directory.containers_of(carol) {
            assert!(change.leave_group(carol, group));
        }
        let none = crate::access::Permissions::NONE;
        change.set_entry(account, &at, carol, none, none).expect("it is set");
        change.commit().await.expect("it is kept");
        assert_eq!(start(SEED).await, (0, 0));
        let more = SEED.replace("ForcePush", "CreateTag");
        assert_eq!(start(&more).await, (0, 1), "what is new in the seed is given");
        let mut change = state.change().await;
        change.delete_user("carol").expect("gone");
        change.commit().await.expect("it is kept");
        assert_eq!(start(SEED).await, (1, 1), "she is another one");
        assert_eq!(state.reloaded().await.expect("readable"), *state.directory());
    }
}
