//! The evaluator against a slow and obvious model: every bit by itself, memberships by brute force, levels by a table.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;

use super::evaluate::decide;
use git_wire::UpdateKind;

use super::*;
use crate::directory::{AccessEntry, CutOff, Entry, Group, GroupKind, Handle, Membership, User};

const ACCOUNT: Uuid = Uuid::from_u128(1);
const PROJECTS: [Uuid; 2] = [Uuid::from_u128(2), Uuid::from_u128(3)];
const REPOS: [Uuid; 2] = [Uuid::from_u128(4), Uuid::from_u128(5)];

/// The identities, the user first: who they are, and which project's (2 is the account).
const IDENTITIES: [(Option<GroupKind>, usize); 10] = [
    (None, 2),
    (Some(GroupKind::Readers), 0),
    (Some(GroupKind::Contributors), 0),
    (Some(GroupKind::ProjectAdministrators), 0),
    (Some(GroupKind::ProjectAdministrators), 1),
    (Some(GroupKind::CollectionAdministrators), 2),
    (Some(GroupKind::Custom), 0),
    (Some(GroupKind::Custom), 2),
    (Some(GroupKind::ProjectValidUsers), 0),
    (Some(GroupKind::CollectionValidUsers), 2),
];
/// The memberships that follow from the kinds of the groups.
const IMPLIED: [(usize, usize); 7] = [(1, 8), (2, 8), (3, 8), (6, 8), (8, 9), (5, 9), (7, 9)];
const IDENTITY_COUNT: usize = IDENTITIES.len();

/// The levels: the name of each, its parent, its project. Below each repository there are refs.
const LEVELS: [(&str, Option<usize>, Option<usize>); 10] = [
    ("collection", None, None),
    ("project", Some(0), Some(0)),
    ("repo", Some(1), Some(0)),
    ("refs/heads", Some(2), Some(0)),
    ("refs/heads/feature", Some(3), Some(0)),
    ("refs/heads/feature/x", Some(4), Some(0)),
    ("refs/heads/Feature", Some(3), Some(0)),
    ("project", Some(0), Some(1)),
    ("repo", Some(7), Some(1)),
    ("refs/heads/feature", Some(8), Some(1)),
];
const DEPTH: usize = LEVELS.len();
/// The levels at or below each repository that are branches.
const BRANCHES: [&[usize]; 2] = [&[3, 4, 5, 6], &[9]];
const REPO_LEVELS: [usize; 2] = [2, 8];

fn identity(number: usize) -> Uuid {
    Uuid::from_u128(100 + number as u128)
}

fn repo(project: usize) -> Repo {
    Repo {
        id: REPOS[project],
        account: ACCOUNT,
        project: PROJECTS[project],
        name: format!("repo-{project}"),
        public: false,
        parent: None,
        is_disabled: false,
        deleted: None,
        deleted_by: None,
        handle: Handle::default(),
    }
}

fn token_of(level: usize) -> String {
    match (LEVELS[level].0, LEVELS[level].2) {
        (_, None) => token::COLLECTION.to_owned(),
        ("project", Some(project)) => token::project(PROJECTS[project]),
        ("repo", Some(project)) => token::repository(PROJECTS[project], REPOS[project]),
        (name, Some(project)) => token::reference(PROJECTS[project], REPOS[project], name),
    }
}

/// Everything that is random about a directory.
#[derive(Clone, Debug)]
struct Random {
    /// (member, group), circles and all.
    memberships: BTreeSet<(usize, usize)>,
    /// (level, identity): what is allowed, what is denied.
    entries: BTreeMap<(usize, usize), (u32, u32)>,
    cut_off: BTreeSet<usize>,
}

fn random() -> impl Strategy<Value = Random> {
    let bits = || prop_oneof![Just(0), Just(2 | 4 | 16), 0_u32..0x1_0000];
    (
        proptest::collection::btree_set((0..8_usize, 1..8_usize), 0..6),
        proptest::collection::btree_map((0..DEPTH, 0..IDENTITY_COUNT), (bits(), bits()), 0..16),
        proptest::collection::btree_set(0..DEPTH, 0..3),
    )
        .prop_map(|(memberships, entries, cut_off)| Random { memberships, entries, cut_off })
}

impl Random {
    fn directory(&self) -> Directory {
        let mut directory = Directory::default();
        directory.put(Account { id: ACCOUNT, name: "acme".to_owned(), owner: None, lfs_quota: None });
        for (number, id) in PROJECTS.into_iter().enumerate() {
            directory.put(Project {
                id,
                account: ACCOUNT,
                name: format!("project-{number}"),
                description: String::new(),
                process: "agile".to_owned(),
                revision: 1,
                created: Timestamp::UNIX_EPOCH,
                updated: Timestamp::UNIX_EPOCH,
            });
            directory.put(repo(number));
        }
        for (number, (kind, scope)) in IDENTITIES.into_iter().enumerate() {
            let (id, name) = (identity(number), format!("identity-{number}"));
            match kind {
                None => directory.put(User { id, name, email: None, password_hash: None }),
                Some(kind) => {
                    let project = PROJECTS.get(scope).copied();
                    let description = String::new();
                    directory.put(Group { id, account: ACCOUNT, project, kind, name, description });
                }
            }
        }
        for (member, group) in &self.memberships {
            directory.put(Membership { member: identity(*member), group: identity(*group) });
        }
        for ((level, who), (allow, deny)) in &self.entries {
            let entry = Entry {
                allow: Permissions::from_bits(*allow),
                deny: Permissions::from_bits(*deny),
                automatic: false,
            };
            directory.put(AccessEntry::new(ACCOUNT, &token_of(*level), identity(*who), entry));
        }
        for level in &self.cut_off {
            directory.put(CutOff { account: ACCOUNT, token: token_of(*level) });
        }
        directory
    }

    /// The memberships, direct or not, by trying every way until nothing new comes of it.
    fn closure(&self) -> [[bool; IDENTITY_COUNT]; IDENTITY_COUNT] {
        let mut is_in = [[false; IDENTITY_COUNT]; IDENTITY_COUNT];
        for (member, group) in self.memberships.iter().chain(&IMPLIED) {
            is_in[*member][*group] = true;
        }
        for _ in 0..IDENTITY_COUNT {
            for a in 0..IDENTITY_COUNT {
                for b in 0..IDENTITY_COUNT {
                    for c in 0..IDENTITY_COUNT {
                        is_in[a][c] |= is_in[a][b] && is_in[b][c];
                    }
                }
            }
        }
        is_in
    }

    /// Decides a bit for somebody at a level: yes or no and at which level, or nothing.
    fn decide(&self, who: usize, level: usize, bit: u32) -> Option<(bool, usize)> {
        let is_in = self.closure();
        let mine = |other: usize| other == who || is_in[who][other];
        let administers = |other: usize| match IDENTITIES[other] {
            (Some(GroupKind::CollectionAdministrators), _) => true,
            (Some(GroupKind::ProjectAdministrators), project) => Some(project) == LEVELS[level].2,
            _ => false,
        };
        let is_administrator = (0..IDENTITY_COUNT).any(|other| mine(other) && administers(other));
        let mut here = Some(level);
        while let Some(at) = here {
            let says = |other: usize| self.entries.get(&(at, other)).copied().unwrap_or_default();
            let counts = |other: usize| !is_administrator || other == who || administers(other);
            if (0..IDENTITY_COUNT).any(|other| mine(other) && says(other).1 & bit != 0 && counts(other)) {
                return Some((false, at));
            }
            if (0..IDENTITY_COUNT).any(|other| mine(other) && says(other).0 & bit != 0) {
                return Some((true, at));
            }
            here = if self.cut_off.contains(&at) { None } else { LEVELS[at].1 };
        }
        None
    }

    fn allows(&self, level: usize, permission: Permission) -> bool {
        self.decide(0, level, permission.bit()).is_some_and(|(is_allowed, _)| is_allowed)
    }
}

fn subject_zero() -> Principal {
    Principal {
        user: Some(identity(0)),
        name: "identity-0".to_owned(),
        token: None,
        key: None,
        ceiling: Permissions::ALL,
    }
}

proptest! {
    #[test]
    fn the_evaluator_decides_as_the_obvious_model(random in random(), who in 0..IDENTITY_COUNT, level in 0..DEPTH) {
        let directory = random.directory();
        let project = LEVELS[level].2.map(|project| PROJECTS[project]);
        let identities = evaluate::Identities::of_subject(&directory, identity(who), ACCOUNT, project);
        for permission in Permission::ALL {
            let at = token_of(level);
            let found = decide(&directory, &identities, ACCOUNT, &at, permission);
            let expected = random.decide(who, level, permission.bit());
            let found = found.map(|decision| (decision.is_allowed, decision.at.to_owned()));
            let expected = expected.map(|(is_allowed, level)| (is_allowed, token_of(level)));
            prop_assert_eq!(found, expected, "{:?}", permission);
        }
    }

    #[test]
    fn what_is_shown_is_what_is_decided(random in random(), who in 0..IDENTITY_COUNT, level in 0..DEPTH) {
        let directory = random.directory();
        let project = LEVELS[level].2;
        let effect = effect(&directory, identity(who), ACCOUNT, project.map(|one| PROJECTS[one]), &token_of(level));
        let (account, repos) = (directory.accounts[&ACCOUNT].clone(), [repo(0), repo(1)]);
        let target = match (LEVELS[level].0, project) {
            (_, None) => Target::Account(&account),
            ("project", Some(project)) => Target::Project(&directory.projects[&PROJECTS[project]]),
            ("repo", Some(project)) => Target::Repo(&repos[project]),
            (name, Some(project)) => Target::Ref(&repos[project], name),
        };
        let (mine_allowed, mine_denied) = random.entries.get(&(level, who)).copied().unwrap_or_default();
        for permission in Permission::ALL {
            let bit = permission.bit();
            let decided = random.decide(who, level, bit);
            let (is_allowed, at) = (decided.map(|one| one.0), decided.map(|one| one.1));
            prop_assert_eq!(effect.allow.contains(permission), is_allowed == Some(true));
            prop_assert_eq!(effect.deny.contains(permission), is_allowed == Some(false));
            let above = at.is_some_and(|at| at != level);
            prop_assert_eq!(effect.inherited_allow.contains(permission), above && is_allowed == Some(true));
            prop_assert_eq!(effect.inherited_deny.contains(permission), above && is_allowed == Some(false));
            let expected = match (mine_denied & bit != 0, mine_allowed & bit != 0, is_allowed) {
                (true, ..) => "Deny",
                (_, true, _) => "Allow",
                (_, _, Some(true)) => "Inherited allow",
                (_, _, Some(false)) => "Inherited deny",
                _ => "Not set",
            };
            let found = standing(&directory, identity(who), target, permission);
            prop_assert_eq!(found.label(), expected);
            if let Standing::InheritedAllow(source) | Standing::InheritedDeny(source) = found {
                prop_assert_eq!(Some(source.token), at.map(token_of));
            }
        }
    }

    #[test]
    fn actions_take_what_the_table_says(random in random()) {
        let directory = random.directory();
        let user = subject_zero();
        let is_in = random.closure();
        for (project, level) in REPO_LEVELS.into_iter().enumerate() {
            let repo = repo(project);
            let reads = random.allows(level, Permission::GenericRead);
            prop_assert_eq!(can_see(&directory, &user, Target::Repo(&repo)), reads);
            let belongs = (0..IDENTITY_COUNT).any(|group| {
                is_in[0][group]
                    && (IDENTITIES[group].1 == project
                        || IDENTITIES[group].0 == Some(GroupKind::CollectionAdministrators))
            });
            let found = &directory.projects[&PROJECTS[project]];
            prop_assert_eq!(can_see(&directory, &user, Target::Project(found)), belongs || reads);
            let contributes = |level: usize| random.allows(level, Permission::GenericContribute);
            let somewhere = contributes(level) || BRANCHES[project].iter().any(|branch| contributes(*branch));
            prop_assert_eq!(authorize_push(&directory, &user, &repo).is_ok(), reads && somewhere);
            for branch in BRANCHES[project] {
                let name = LEVELS[*branch].0;
                let may = |kind| authorize_update(&directory, &user, &repo, name, kind).is_ok();
                let has = |permission| random.allows(*branch, permission);
                let writes = reads && contributes(*branch);
                prop_assert_eq!(may(UpdateKind::FastForward), writes);
                prop_assert_eq!(may(UpdateKind::Create), writes && has(Permission::CreateBranch));
                prop_assert_eq!(may(UpdateKind::Rewrite), writes && has(Permission::ForcePush));
                prop_assert_eq!(may(UpdateKind::Delete), writes && has(Permission::ForcePush));
                let is_administrator = is_in[0][5];
                let manages = is_administrator || (reads && has(Permission::ManagePermissions));
                prop_assert_eq!(authorize_acl(&directory, &user, Target::Ref(&repo, name)).is_ok(), manages);
            }
        }
    }
}
