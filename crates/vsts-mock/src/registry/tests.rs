//! Permissions and groups as the pages and the REST API use them: set, shown, and there after a restart.

use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::access::{
    Permission, Permissions, Principal, Standing, Target, authorize_update, standing, subject, subjects,
};
use crate::directory::{Directory, GroupKind, Repo};
use crate::state::State;
use git_wire::UpdateKind;

/// acme with the projects iris and rose; alice owns it, carol contributes to iris, bob reads there.
async fn state(dir: &TempDir) -> (State, Repo) {
    let state = State::open(dir.path()).await.expect("it opens");
    let mut change = state.change().await.expect("a change");
    for name in ["alice", "bob", "carol", "dave"] {
        let input = UserInput { name, email: None, password: None };
        change.create_user(&input).await.expect("a user");
    }
    change.create_account("acme", Some("alice")).await.expect("an account");
    for project in ["iris", "rose"] {
        change.create_project("acme", project, "", Timestamp::UNIX_EPOCH).await.expect("a project");
    }
    for (kind, user) in [(GroupKind::Contributors, "carol"), (GroupKind::Readers, "bob")] {
        change.add_member("acme", Some("iris"), kind, user).await.expect("a member");
    }
    change.commit().await.expect("it is kept");
    let directory = state.directory();
    let repo = directory.repos.values().find(|repo| repo.name == "iris").expect("a repository").clone();
    (state, repo)
}

fn user(directory: &Directory, name: &str) -> Principal {
    let id = directory.user(name).expect("a user").id;
    Principal { user: Some(id), name: name.to_owned(), token: None, key: None, ceiling: Permissions::ALL }
}

fn pushes(directory: &Directory, name: &str, repo: &Repo, to: &str) -> bool {
    authorize_update(directory, &user(directory, name), repo, to, UpdateKind::FastForward).is_ok()
}

/// What a page shows of one permission: the label, and for what is inherited whose entry it is and where.
fn shown(directory: &Directory, who: Uuid, target: Target<'_>, permission: Permission) -> String {
    let standing = standing(directory, who, target, permission);
    match &standing {
        Standing::InheritedAllow(source) | Standing::InheritedDeny(source) => {
            let of = subject(directory, source.subject).expect("somebody's").name;
            let level = source.token.split('/').count();
            format!("{} from {of} at level {level}", standing.label())
        }
        _ => standing.label().to_owned(),
    }
}

#[tokio::test]
async fn a_page_of_permissions_shows_and_sets_them() {
    let dir = TempDir::new().expect("a folder");
    let (state, repo) = state(&dir).await;
    let directory = state.directory();
    let all = subjects(&directory, repo.account, Some(repo.project));
    let names: Vec<&str> = all.iter().map(|subject| subject.name.as_str()).collect();
    let expected = [
        "[acme]\\Project Collection Administrators",
        "[acme]\\Project Collection Valid Users",
        "[iris]\\Build Administrators",
        "[iris]\\Contributors",
        "[iris]\\iris Team",
        "[iris]\\Project Administrators",
        "[iris]\\Project Valid Users",
        "[iris]\\Readers",
        "alice",
        "bob",
        "carol",
    ];
    assert_eq!(names, expected, "groups first; who does not belong is not listed");

    let find = |name: &str| all.iter().find(|subject| subject.name.ends_with(name)).expect("listed").id;
    let (contributors, team, carol) = (find("\\Contributors"), find("iris Team"), find("carol"));
    let (here, master) = (Target::Repo(&repo), Target::Ref(&repo, "refs/heads/master"));
    let contribute = Permission::GenericContribute;
    for (who, expected) in [
        (contributors, "Inherited allow from [iris]\\Contributors at level 2"),
        (team, "Inherited allow from [iris]\\Contributors at level 2"),
        (carol, "Inherited allow from [iris]\\Contributors at level 2"),
        (find("bob"), "Not set"),
        (find("alice"), "Inherited allow from [acme]\\Project Collection Administrators at level 1"),
    ] {
        assert_eq!(shown(&directory, who, here, contribute), expected);
    }

    let set = async |target: Target<'_>, who: Uuid, wish: Wish| {
        let (account, at) = (target.account(), target.token());
        let mut change = state.change().await.expect("a change");
        change.set_permission(account, &at, who, contribute, wish).await.expect("it is set");
        change.commit().await.expect("it is kept");
        assert_eq!(state.reloaded().await.expect("readable"), *state.directory());
        state.directory()
    };
    let directory = set(master, contributors, Wish::Deny).await;
    assert_eq!(shown(&directory, contributors, master, contribute), "Deny");
    assert_eq!(
        shown(&directory, carol, master, contribute),
        "Inherited deny from [iris]\\Contributors at level 6"
    );
    assert!(!pushes(&directory, "carol", &repo, "refs/heads/master"));
    assert!(pushes(&directory, "carol", &repo, "refs/heads/side"));
    assert!(pushes(&directory, "alice", &repo, "refs/heads/master"), "administrators are not cut off");
    let directory = set(here, carol, Wish::Allow).await;
    assert_eq!(shown(&directory, carol, here, contribute), "Allow");
    assert!(!pushes(&directory, "carol", &repo, "refs/heads/master"), "the nearer entry decides");
    set(master, contributors, Wish::NotSet).await;
    let directory = set(here, carol, Wish::Deny).await;
    assert_eq!(shown(&directory, carol, master, contribute), "Inherited deny from carol at level 3");
    assert!(!pushes(&directory, "carol", &repo, "refs/heads/master"));
    let directory = set(here, carol, Wish::NotSet).await;
    assert_eq!(directory.entries_below(repo.account, &here.token()).count(), 0, "empty entries are gone");
    assert!(pushes(&directory, "carol", &repo, "refs/heads/master"));
}

#[tokio::test]
async fn groups_are_nested_and_what_they_give_is_real() {
    let dir = TempDir::new().expect("a folder");
    let (state, repo) = state(&dir).await;
    let mut change = state.change().await.expect("a change");
    let iris = Some(repo.project);
    let born =
        |directory: &Directory, kind| directory.group(repo.account, iris, kind).expect("born with it").id;
    let (team, contributors) =
        (born(&change.directory, GroupKind::Team), born(&change.directory, GroupKind::Contributors));
    let dave = change.directory.user("dave").expect("a user").id;
    assert!(!pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    change.join(dave, team).await.expect("a member");
    assert!(pushes(&change.directory, "dave", &repo, "refs/heads/x"), "the team contributes");
    assert!(change.leave_group(dave, team).await.expect("it works"));

    let inner = change.create_custom_group(repo.account, iris, "inner", "").await.expect("a group");
    let outer = change.create_custom_group(repo.account, None, "outer", "").await.expect("a group");
    change.join(dave, outer).await.expect("a member");
    change.join(outer, inner).await.expect("nested");
    assert!(!pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    change.join(inner, contributors).await.expect("nested");
    assert!(pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    for (member, group, expected) in [
        (contributors, outer, "contains"),
        (inner, inner, "contains"),
        (dave, born(&change.directory, GroupKind::ProjectValidUsers), "follows"),
        (Uuid::from_u128(7), inner, "there is no"),
        (dave, Uuid::from_u128(7), "there is no"),
    ] {
        let error = change.join(member, group).await.expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let taken = change.create_custom_group(repo.account, iris, "READERS", "").await;
    assert!(matches!(taken, Err(RegistryError::Exists { .. })));
    change.create_custom_group(repo.account, None, "Readers", "").await.expect("another place");
    change.update_group(inner, Some("within"), Some("for tests")).await.expect("renamed");
    assert!(change.update_group(contributors, Some("x"), None).await.is_err());
    assert!(change.delete_group(contributors).await.is_err());
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory());

    let mut change = state.change().await.expect("a change");
    let directory = &change.directory;
    let valid = directory.group(repo.account, None, GroupKind::CollectionValidUsers).expect("one").id;
    let names: Vec<&str> =
        directory.all_users_in(valid).iter().filter_map(|user| directory.identity_name(*user)).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    change.delete_group(inner).await.expect("gone");
    assert!(!pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory());
}

#[tokio::test]
async fn a_list_can_cut_off_what_is_above_it_and_go_as_a_whole() {
    let dir = TempDir::new().expect("a folder");
    let (state, repo) = state(&dir).await;
    let mut change = state.change().await.expect("a change");
    let at = Target::Ref(&repo, "refs/heads/closed").token();
    let carol = change.directory.user("carol").expect("a user").id;
    change.set_inherits(repo.account, &at, false).await.expect("set");
    assert!(!pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"), "nothing comes from above");
    assert!(pushes(&change.directory, "carol", &repo, "refs/heads/open"));
    let contribute = Permissions::from_iter([Permission::GenericContribute]);
    change.set_entry(repo.account, &at, carol, contribute, Permissions::NONE).await.expect("set");
    assert!(pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"));
    change.set_entry(repo.account, &at, carol, contribute, contribute).await.expect("set");
    assert!(!pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"), "a deny wins");
    assert!(change.set_entry(repo.account, &at, Uuid::from_u128(7), contribute, contribute).await.is_err());
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory());

    let mut change = state.change().await.expect("a change");
    let whole = Target::Repo(&repo).token();
    assert!(!change.remove_list(repo.account, &whole, false).await.expect("it works"));
    assert!(change.remove_list(repo.account, &whole, true).await.expect("it works"));
    assert!(change.directory.inherits(repo.account, &at));
    assert!(pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"));
    change.set_inherits(repo.account, &at, false).await.expect("set");
    // The project's groups have something to say elsewhere as well.
    let readers =
        change.directory.group(repo.account, Some(repo.project), GroupKind::Readers).expect("one").id;
    let outside = change.create_custom_group(repo.account, None, "outside", "").await.expect("a group");
    change.join(readers, outside).await.expect("nested");
    let rose = change.directory.project(repo.account, "rose").expect("a project").id;
    let rose = crate::access::token::project(rose);
    change.set_entry(repo.account, &rose, readers, contribute, Permissions::NONE).await.expect("set");
    change.delete_project("acme", "iris").await.expect("gone");
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory(), "its lists are gone with it");
}
