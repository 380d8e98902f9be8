//! Permissions and groups as the pages and the REST API use them: set, shown, and there after a restart.

use std::task::Poll;

use jiff::Timestamp;
use proptest::prelude::*;
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
    let state = State::open(dir.path(), false).await.expect("it opens");
    let mut change = state.change().await;
    for name in ["alice", "bob", "carol", "dave"] {
        let input = UserInput { name, email: None, password: None };
        change.create_user(&input).await.expect("a user");
    }
    change.create_account("acme", Some("alice")).expect("an account");
    for project in ["iris", "rose"] {
        change.create_project("acme", project, "", Timestamp::UNIX_EPOCH).await.expect("a project");
    }
    for (kind, user) in [(GroupKind::Contributors, "carol"), (GroupKind::Readers, "bob")] {
        change.add_member("acme", Some("iris"), kind, user).expect("a member");
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

/// The text that a page shows of one permission: the label, and for what is inherited whose entry it is and where.
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
        let mut change = state.change().await;
        change.set_permission(account, &at, who, contribute, wish).expect("it is set");
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
    let mut change = state.change().await;
    let iris = Some(repo.project);
    let born =
        |directory: &Directory, kind| directory.group(repo.account, iris, kind).expect("born with it").id;
    let (team, contributors) =
        (born(&change.directory, GroupKind::Team), born(&change.directory, GroupKind::Contributors));
    let dave = change.directory.user("dave").expect("a user").id;
    assert!(!pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    change.join(dave, team).expect("a member");
    assert!(pushes(&change.directory, "dave", &repo, "refs/heads/x"), "the team contributes");
    assert!(change.leave_group(dave, team));

    let inner = change.create_custom_group(repo.account, iris, "inner", "").expect("a group");
    let outer = change.create_custom_group(repo.account, None, "outer", "").expect("a group");
    change.join(dave, outer).expect("a member");
    change.join(outer, inner).expect("nested");
    assert!(!pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    change.join(inner, contributors).expect("nested");
    assert!(pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    for (member, group, expected) in [
        (contributors, outer, "contains"),
        (inner, inner, "contains"),
        (dave, born(&change.directory, GroupKind::ProjectValidUsers), "follows"),
        (Uuid::from_u128(7), inner, "there is no"),
        (dave, Uuid::from_u128(7), "there is no"),
    ] {
        let error = change.join(member, group).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let taken = change.create_custom_group(repo.account, iris, "READERS", "");
    assert!(matches!(taken, Err(RegistryError::Exists { .. })));
    change.create_custom_group(repo.account, None, "Readers", "").expect("another place");
    change.update_group(inner, Some("within"), Some("for tests")).expect("renamed");
    assert!(change.update_group(contributors, Some("x"), None).is_err());
    assert!(change.delete_group(contributors).is_err());
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory());

    let mut change = state.change().await;
    let directory = &change.directory;
    let valid = directory.group(repo.account, None, GroupKind::CollectionValidUsers).expect("one").id;
    let names: Vec<&str> =
        directory.all_users_in(valid).iter().filter_map(|user| directory.identity_name(*user)).collect();
    assert_eq!(names.len(), 4, "{names:?}");
    change.delete_group(inner).expect("gone");
    assert!(!pushes(&change.directory, "dave", &repo, "refs/heads/x"));
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory());
}

#[tokio::test]
async fn a_list_can_cut_off_what_is_above_it_and_go_as_a_whole() {
    let dir = TempDir::new().expect("a folder");
    let (state, repo) = state(&dir).await;
    let mut change = state.change().await;
    let at = Target::Ref(&repo, "refs/heads/closed").token();
    let carol = change.directory.user("carol").expect("a user").id;
    change.set_inherits(repo.account, &at, false);
    assert!(!pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"), "nothing comes from above");
    assert!(pushes(&change.directory, "carol", &repo, "refs/heads/open"));
    let contribute = Permissions::from_iter([Permission::GenericContribute]);
    change.set_entry(repo.account, &at, carol, contribute, Permissions::NONE).expect("set");
    assert!(pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"));
    change.set_entry(repo.account, &at, carol, contribute, contribute).expect("set");
    assert!(!pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"), "a deny wins");
    assert!(change.set_entry(repo.account, &at, Uuid::from_u128(7), contribute, contribute).is_err());
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory());

    let mut change = state.change().await;
    let whole = Target::Repo(&repo).token();
    assert!(!change.remove_list(repo.account, &whole, false));
    assert!(change.remove_list(repo.account, &whole, true));
    assert!(change.directory.inherits(repo.account, &at));
    assert!(pushes(&change.directory, "carol", &repo, "refs/heads/closed/in"));
    change.set_inherits(repo.account, &at, false);
    // The project's groups have something to say elsewhere as well.
    let readers =
        change.directory.group(repo.account, Some(repo.project), GroupKind::Readers).expect("one").id;
    let outside = change.create_custom_group(repo.account, None, "outside", "").expect("a group");
    change.join(readers, outside).expect("nested");
    let rose = change.directory.project(repo.account, "rose").expect("a project").id;
    let rose = crate::access::token::project(rose);
    change.set_entry(repo.account, &rose, readers, contribute, Permissions::NONE).expect("set");
    change.delete_project("acme", "iris").expect("gone");
    change.commit().await.expect("it is kept");
    assert_eq!(state.reloaded().await.expect("readable"), *state.directory(), "its lists are gone with it");
}

/// Does something to one of a few things; most attempts are refused.
async fn attempt(change: &mut Change<'_>, (kind, one, other): (u8, usize, usize)) -> Option<()> {
    let user = ["alice", "bob", "carol", "dave"][one];
    let (project, name) = (["iris", "rose"][one % 2], ["a", "b", "c", "iris"][other]);
    let account = change.directory.account("acme")?.id;
    let now = Timestamp::UNIX_EPOCH;
    let within = change.directory.project(account, project).map(|project| project.id);
    let repo = |change: &Change<'_>| change.directory.repo(within?, name).cloned();
    let group = change.directory.groups.keys().nth(one * 3 + other).copied();
    match kind {
        0 => {
            _ = change
                .create_user(&UserInput { name: user, email: Some(name), password: None })
                .await
                .ok()?;
        }
        1 => change.delete_user(user).ok()?,
        2 => {
            let input = TokenInput { name, has_own_name: false, ..TokenInput::named() };
            change.create_token(user, &input, now).ok()?;
        }
        3 => change.delete_token(user, name).ok()?,
        4 => _ = change.create_project("acme", project, name, now).await.ok()?,
        5 => change.delete_project("acme", project).ok()?,
        6 => {
            let input = RepoInput { name, public: one == 1, import: None };
            change.create_repo("acme", project, &input).await.ok()?;
        }
        7 => change.delete_repo("acme", project, name).ok()?,
        8 => change.bin_repo(repo(change)?.id, within?, now).ok()?,
        9 => change.restore_repo(change.directory.deleted_repos.keys().nth(other).copied()?).ok()?,
        10 => change.purge_repo(change.directory.deleted_repos.keys().nth(other).copied()?).ok()?,
        11 => change.rename_repo(repo(change)?.id, user).ok()?,
        12 => {
            let input = ProjectInput { name: Some(name), ..ProjectInput::default() };
            change.update_project(within?, &input, now).ok()?;
        }
        13 => _ = change.create_custom_group(account, within, name, user).ok()?,
        14 => change.delete_group(group?).ok()?,
        15 => change.join(change.directory.user(user)?.id, group?).ok()?,
        16 => change.join(change.directory.groups.keys().nth(other)?.to_owned(), group?).ok()?,
        17 => change.own_branch(change.directory.user(user)?.id, &repo(change)?, "refs/heads/x"),
        18 => {
            change.lock_ref(
                repo(change)?.id,
                "refs/heads/x",
                change.directory.user(user).map(|user| user.id),
            );
        }
        19 => {
            let at = Target::Repo(&repo(change)?).token();
            change.set_inherits(account, &at, one % 2 == 0);
            change.set_permission(account, &at, group?, Permission::ForcePush, Wish::Deny).ok()?;
        }
        20 => {
            let (owners, contributors) = ([user.to_owned()], [user.to_owned()]);
            let input = WorkspaceInput { account: "lab", name, owners: &owners, contributors: &contributors };
            change.create_workspace(&input, now).ok()?;
        }
        21 => change
            .delete_resource(change.directory.experimentation.resources.keys().nth(other).copied()?)
            .ok()?,
        22 => change.delete_account("acme").ok()?,
        _ => clear(change),
    }
    Some(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_database_has_what_the_directory_has(
        steps in proptest::collection::vec((0..22_u8, 0..4_usize, 0..4_usize), 1..120),
        end in prop_oneof![4 => Just(None), 1 => (22..24_u8).prop_map(Some)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let dir = TempDir::new().expect("a folder");
            let (state, _) = state(&dir).await;
            let mut change = state.change().await;
            for (number, step) in steps.into_iter().chain(end.map(|kind| (kind, 0, 0))).enumerate() {
                attempt(&mut change, step).await;
                if number % 20 == 19 {
                    change.commit().await.expect("it is kept");
                    assert_eq!(state.reloaded().await.expect("readable"), *state.directory());
                    change = state.change().await;
                }
            }
            change.commit().await.expect("it is kept");
            assert_eq!(state.reloaded().await.expect("readable"), *state.directory());
        });
    }
}

/// Polls some work so often at most, and drops it then.
async fn polled(times: usize, work: impl Future) {
    let mut left = times;
    let gives_up = std::future::poll_fn(|cx| {
        left = left.saturating_sub(1);
        if left == 0 {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    tokio::select! {
        biased;
        _ = work => {}
        () = gives_up => {}
    }
}

/// A client that goes cancels its request, in the middle of a commit too.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_dropped_has_happened_as_a_whole_or_not_at_all() {
    let dir = TempDir::new().expect("a folder");
    let (state, _) = state(&dir).await;
    for turn in 1..100 {
        let mut change = state.change().await;
        let name = format!("p{turn}");
        let project =
            change.create_project("acme", &name, "", Timestamp::UNIX_EPOCH).await.expect("it is new");
        let id = change.directory.repo(project, &name).expect("its own").id;
        polled(turn * turn, change.commit()).await;
        // Whoever comes next waits for a commit that goes on.
        drop(state.change().await);
        let directory = state.directory();
        assert!(
            state.reloaded().await.expect("readable") == *directory,
            "{turn}: the database has another state"
        );
        assert_eq!(state.repo_path(id).exists(), directory.repos.contains_key(&id), "{turn}");
    }
}

/// An import goes on on its thread when its client has gone: nothing of it gets into what is made in its place.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_dropped_leaves_nothing() {
    let dir = TempDir::new().expect("a folder");
    let (state, _) = state(&dir).await;
    let source = |name: &str, objects: usize| {
        let path = dir.path().join(name);
        git_wire::Repository::create_bare(&path, "master").expect("a repository");
        std::fs::create_dir_all(path.join("objects/aa")).expect("a folder");
        for number in 0..objects {
            std::fs::write(path.join(format!("objects/aa/{name}{number:037}")), b"").expect("a file");
        }
        path
    };
    let (large, small) = (source("l", 500), source("s", 1));
    let input = |import| RepoInput { name: "imported", public: false, import: Some(import) };
    for turn in 1..8 {
        let mut change = state.change().await;
        polled(turn * turn * 20, change.create_repo("acme", "iris", &input(large.clone()))).await;
        drop(change);
        let mut change = state.change().await;
        let id = change.create_repo("acme", "iris", &input(small.clone())).await.expect("it is made");
        let objects = std::fs::read_dir(state.repo_path(id).join("objects/aa")).expect("a folder");
        assert_eq!(objects.count(), 1, "{turn}");
        drop(change);
        drop(state.change().await);
        assert!(!state.repo_path(id).exists(), "{turn}");
    }
}
