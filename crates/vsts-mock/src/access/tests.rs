//! The table of roles and actions, and the rules one by one.

use std::collections::BTreeMap;

use git_wire::UpdateKind;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::directory::{AccessEntry, Entry, Group, GroupKind, Handle, Membership, User};

const ACCOUNT: Uuid = Uuid::from_u128(1);
const PROJECT: Uuid = Uuid::from_u128(2);
const REPO: Uuid = Uuid::from_u128(3);
const USER: Uuid = Uuid::from_u128(10);
const GROUPS: [(Uuid, GroupKind); 4] = [
    (Uuid::from_u128(20), GroupKind::Readers),
    (Uuid::from_u128(21), GroupKind::Contributors),
    (Uuid::from_u128(22), GroupKind::ProjectAdministrators),
    (Uuid::from_u128(23), GroupKind::CollectionAdministrators),
];

fn repo() -> Repo {
    Repo {
        id: REPO,
        account: ACCOUNT,
        project: PROJECT,
        name: "iris".to_owned(),
        public: false,
        parent: None,
        is_disabled: false,
        deleted: None,
        deleted_by: None,
        handle: Handle::default(),
    }
}

/// One account, project and repository, with the groups and their default grants.
fn directory() -> Directory {
    let mut directory = Directory::default();
    directory.put(Account { id: ACCOUNT, name: "acme".to_owned(), owner: None, lfs_quota: None });
    directory.put(Project {
        id: PROJECT,
        account: ACCOUNT,
        name: "iris".to_owned(),
        description: String::new(),
        process: crate::registry::DEFAULT_PROCESS.to_owned(),
        revision: 1,
        created: Timestamp::UNIX_EPOCH,
        updated: Timestamp::UNIX_EPOCH,
    });
    directory.put(repo());
    for (id, kind) in GROUPS {
        let is_of_account = kind == GroupKind::CollectionAdministrators;
        let project = (!is_of_account).then_some(PROJECT);
        let (name, description) = (kind.name().to_owned(), String::new());
        directory.put(Group { id, account: ACCOUNT, project, kind, name, description });
        let at = if is_of_account { token::COLLECTION.to_owned() } else { token::project(PROJECT) };
        directory.put(AccessEntry::new(
            ACCOUNT,
            &at,
            id,
            Entry { allow: kind.default_grant(), ..Entry::default() },
        ));
    }
    directory
}

fn join(directory: &mut Directory, name: &str, kind: Option<GroupKind>) -> Principal {
    let id = if name == "subject" { USER } else { crate::directory::name::derive(&["user", name]) };
    directory.put(User { id, name: name.to_owned(), email: None, password_hash: None });
    let group = GROUPS.iter().find(|(_, of)| Some(*of) == kind);
    if let Some((group, _)) = group {
        directory.put(Membership { member: id, group: *group });
    }
    Principal { user: Some(id), name: name.to_owned(), token: None, key: None, ceiling: Permissions::ALL }
}

#[test]
fn roles_and_actions() {
    use UpdateKind::{Create, Delete, FastForward, Rewrite};
    let mut directory = directory();
    let mut role = |name, kind| join(&mut directory, name, kind);
    let roles = [
        role("outsider", None),
        role("reader", Some(GroupKind::Readers)),
        role("contributor", Some(GroupKind::Contributors)),
        role("project administrator", Some(GroupKind::ProjectAdministrators)),
        role("collection administrator", Some(GroupKind::CollectionAdministrators)),
        Principal::anonymous(),
    ];
    let repo = repo();
    let project = directory.projects[&PROJECT].clone();
    let account = directory.accounts[&ACCOUNT].clone();
    type Action<'a> = Box<dyn Fn(&Principal) -> Result<(), Refusal> + 'a>;
    let update = |name: &'static str, kind: UpdateKind| -> Action<'_> {
        let (directory, repo) = (&directory, &repo);
        Box::new(move |principal: &Principal| authorize_update(directory, principal, repo, name, kind))
    };
    let may = |permission, target| -> Action<'_> {
        let directory = &directory;
        Box::new(move |principal: &Principal| authorize(directory, principal, permission, target))
    };
    // y: allowed, n: lacks a permission, -: it does not exist, s: sign in first.
    let rows: Vec<(&str, Action<'_>, &str)> = vec![
        ("fetch", may(Permission::GenericRead, Target::Repo(&repo)), "-yyyys"),
        ("open a push", Box::new(|p: &Principal| authorize_push(&directory, p, &repo)), "-nyyys"),
        ("push to a branch", update("refs/heads/master", FastForward), "-nyyys"),
        ("create a branch", update("refs/heads/new", Create), "-nyyys"),
        ("create a tag", update("refs/tags/v1", Create), "-nyyys"),
        ("write a note", update("refs/notes/commits", Create), "-nyyys"),
        ("rewrite a branch", update("refs/heads/master", Rewrite), "-nnnns"),
        ("delete a branch", update("refs/heads/master", Delete), "-nnnns"),
        ("delete a tag", update("refs/tags/v1", Delete), "-nnnns"),
        ("write another ref", update("refs/azureml/runs/x", Create), "-nyyys"),
        ("create a repository", may(Permission::CreateRepository, Target::Project(&project)), "-nnyys"),
        ("delete a repository", may(Permission::DeleteRepository, Target::Repo(&repo)), "-nnyys"),
        ("change access", may(Permission::ManagePermissions, Target::Repo(&repo)), "-nnyys"),
        ("create a project", may(Permission::CreateRepository, Target::Account(&account)), "-nnnys"),
    ];
    for (action, ask, expected) in rows {
        let verdicts: String = roles
            .iter()
            .map(|role| match ask(role) {
                Ok(()) => 'y',
                Err(Refusal::Lacks { .. }) => 'n',
                Err(Refusal::Invisible) => '-',
                Err(Refusal::SignInRequired) => 's',
                Err(other) => panic!("{action}: {other}"),
            })
            .collect();
        assert_eq!(verdicts, expected, "{action}");
    }
    let all_refused = roles
        .iter()
        .all(|role| authorize_update(&directory, role, &repo, "refs/pull/1/merge", Create).is_err());
    assert!(all_refused);
}

#[test]
fn a_branch_can_be_opened_and_closed_on_its_own() {
    let mut directory = directory();
    let reader = join(&mut directory, "reader", Some(GroupKind::Readers));
    let contributor = join(&mut directory, "contributor", Some(GroupKind::Contributors));
    let contribute = Permissions::from_iter([Permission::GenericContribute]);
    let feature = token::reference(PROJECT, REPO, "refs/heads/feature");
    let master = token::reference(PROJECT, REPO, "refs/heads/master");
    let (reader_id, contributor_id) = (reader.user.expect("a user"), contributor.user.expect("a user"));
    directory.put(AccessEntry::new(
        ACCOUNT,
        &feature,
        reader_id,
        Entry { allow: contribute, ..Entry::default() },
    ));
    directory.put(AccessEntry::new(
        ACCOUNT,
        &master,
        contributor_id,
        Entry { deny: contribute, ..Entry::default() },
    ));
    let push = |principal: &Principal, name| {
        authorize_update(&directory, principal, &repo(), name, UpdateKind::FastForward).is_ok()
    };
    assert!(authorize_push(&directory, &reader, &repo()).is_ok(), "one branch is enough to open a push");
    assert!(push(&reader, "refs/heads/feature/x"), "a folder's entry is inherited");
    assert!(!push(&reader, "refs/heads/features"), "a name that only begins alike is another one");
    assert!(!push(&reader, "refs/heads/master"));
    assert!(push(&contributor, "refs/heads/feature/x"));
    let refusal =
        authorize_update(&directory, &contributor, &repo(), "refs/heads/master", UpdateKind::FastForward);
    assert_eq!(
        refusal.expect_err("denied").to_string(),
        "TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: identity \
         'contributor', scope 'branch'."
    );
}

#[test]
fn the_creator_of_a_branch_owns_it_unless_force_push_is_denied() {
    let mut directory = directory();
    let contributor = join(&mut directory, "contributor", Some(GroupKind::Contributors));
    assert!(creator_may_own(&directory, &contributor, &repo(), "refs/heads/mine"));
    assert!(!creator_may_own(&directory, &contributor, &repo(), "refs/tags/v1"));
    let deny = Permissions::from_iter([Permission::ForcePush]);
    let at = token::repository(PROJECT, REPO);
    directory.put(AccessEntry::new(ACCOUNT, &at, GROUPS[1].0, Entry { deny, ..Entry::default() }));
    assert!(!creator_may_own(&directory, &contributor, &repo(), "refs/heads/mine"));
}

#[test]
fn a_token_narrows_what_its_user_may() {
    let mut directory = directory();
    let user = join(&mut directory, "user", Some(GroupKind::ProjectAdministrators));
    let with = |scope: &str| Principal { ceiling: ceiling_of(&[scope.to_owned()]), ..user.clone() };
    let rows = [
        ("vso.code", true, false, false),
        ("vso.code_write", true, true, false),
        ("vso.code_manage", true, true, true),
        ("vso.code_full", true, true, true),
        ("app_token", true, true, true),
        ("vso.work", false, false, false),
    ];
    let repo = repo();
    for (scope, reads, pushes, deletes) in rows {
        let principal = with(scope);
        let may = |permission| authorize(&directory, &principal, permission, Target::Repo(&repo));
        assert_eq!(may(Permission::GenericRead).is_ok(), reads, "{scope}");
        assert_eq!(authorize_push(&directory, &principal, &repo).is_ok(), pushes, "{scope}");
        assert_eq!(may(Permission::DeleteRepository).is_ok(), deletes, "{scope}");
    }
    let refused = authorize_push(&directory, &with("vso.code"), &repo).expect_err("a reading token");
    assert!(matches!(refused, Refusal::TokenScope { .. }) && refused.to_string().starts_with("TF401027: "));
}

#[test]
fn a_token_may_be_for_security_or_for_users_and_groups_alone() {
    let mut directory = directory();
    let user = join(&mut directory, "user", Some(GroupKind::CollectionAdministrators));
    let account = directory.accounts[&ACCOUNT].clone();
    // What it may with entries, and with groups: read, write.
    let rows = [
        ("app_token", "rw", "rw"),
        ("vso.code_full", "rw", "--"),
        ("vso.code_write", "r-", "--"),
        ("vso.security_manage", "rw", "r-"),
        ("vso.graph", "--", "r-"),
        ("vso.graph_manage", "--", "rw"),
        ("vso.tokens", "--", "--"),
    ];
    for (number, (scope, entries, groups)) in rows.into_iter().enumerate() {
        let id = Uuid::from_u128(50 + number as u128);
        let scopes = vec![scope.to_owned()];
        let principal = Principal { token: Some(id), ceiling: ceiling_of(&scopes), ..user.clone() };
        directory.put(crate::directory::Token {
            id,
            user: user.user.expect("a user"),
            name: scope.to_owned(),
            hash: scope.to_owned(),
            scopes,
            accounts: vec![],
            is_session: false,
            created: Timestamp::UNIX_EPOCH,
            expires: None,
        });
        let target = Target::Account(&account);
        let letters = |read: bool, write: bool| {
            format!("{}{}", if read { 'r' } else { '-' }, if write { 'w' } else { '-' })
        };
        let reads = authorize_acl_reading(&Viewer::new(&directory, &principal), target).is_ok();
        assert_eq!(letters(reads, authorize_acl(&directory, &principal, target).is_ok()), entries, "{scope}");
        let reads = authorize_use(&directory, &principal, Use::Subjects).is_ok();
        let writes = authorize_group(&directory, &principal, ACCOUNT, None).is_ok();
        assert_eq!(letters(reads, writes), groups, "{scope}");
    }
}

#[test]
fn what_was_revoked_does_nothing_any_more() {
    let mut directory = directory();
    let user = join(&mut directory, "user", Some(GroupKind::Contributors));
    let revoked = Principal { token: Some(Uuid::from_u128(99)), ..user.clone() };
    let repo = repo();
    let read = |directory: &Directory, principal: &Principal| {
        authorize(directory, principal, Permission::GenericRead, Target::Repo(&repo))
    };
    assert!(read(&directory, &user).is_ok());
    assert!(matches!(read(&directory, &revoked), Err(Refusal::Revoked { .. })));
    directory.remove::<User>(&user.user.expect("a user"));
    assert!(matches!(read(&directory, &user), Err(Refusal::Revoked { .. })));
}

#[test]
fn everybody_reads_what_is_public_and_nobody_more() {
    let mut directory = directory();
    directory.put(Repo { public: true, ..repo() });
    let outsider = join(&mut directory, "outsider", None);
    let repo = directory.repos[&REPO].clone();
    for principal in [&outsider, &Principal::anonymous()] {
        assert!(authorize(&directory, principal, Permission::GenericRead, Target::Repo(&repo)).is_ok());
        assert!(authorize_push(&directory, principal, &repo).is_err());
    }
    assert_eq!(authorize_push(&directory, &Principal::anonymous(), &repo), Err(Refusal::SignInRequired));
}

proptest! {
    #[test]
    fn entries_are_merged_bit_by_bit(steps in proptest::collection::vec((0_u32..0x1_0000, 0_u32..0x1_0000), 0..5)) {
        let mut entry = Entry::default();
        let mut model: BTreeMap<u32, bool> = BTreeMap::new();
        for (allow, deny) in steps {
            (entry.allow, entry.deny) =
                merged(entry, Permissions::from_bits(allow), Permissions::from_bits(deny));
            for bit in Permission::ALL.map(Permission::bit) {
                if deny & bit != 0 {
                    model.insert(bit, false);
                } else if allow & bit != 0 {
                    model.insert(bit, true);
                }
            }
        }
        for permission in Permission::ALL {
            let says = model.get(&permission.bit()).copied();
            prop_assert_eq!(entry.allow.contains(permission), says == Some(true));
            prop_assert_eq!(entry.deny.contains(permission), says == Some(false));
        }
    }
}
