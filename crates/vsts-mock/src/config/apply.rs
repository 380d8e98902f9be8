//! Applies a seed to the state. What is there already stays as it is; a token, a key, a membership or an access control
//! entry of the seed that was taken away stays away until a reset.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;

use super::grants::{Grants, gives};
use super::seed::{Seed, SeedKey, SeedProject, SeedUser};
use super::work_items;
use crate::directory::{GroupKind, name};
use crate::identity::secret;
use crate::registry::{KeyInput, ListPath, Password, RegistryError, RepoInput, TokenInput, UserInput};
use crate::state::Change;

/// The values of the tokens that were generated: by user, by the token's name.
pub(crate) type GeneratedTokens = BTreeMap<String, BTreeMap<String, String>>;

/// The hashes of the seed's passwords, by user: to hash one takes as long as all the rest of a reset.
#[derive(Default)]
pub(crate) struct HashedPasswords(Mutex<BTreeMap<String, String>>);

impl HashedPasswords {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().expect("no thread panics while it holds the lock")
    }
}

/// The source of what is applied.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// The server's own seed: ids derive from it, and what was revoked stays revoked.
    Seed(&'a HashedPasswords),
    /// The program that runs the server, which says it once.
    Hand,
}

/// Makes what the seed has and the state lacks; gives the tokens it had to generate.
pub(crate) async fn apply(
    change: &mut Change<'_>,
    seed: &Seed,
    origin: Origin<'_>,
    now: Timestamp,
) -> Result<GeneratedTokens, RegistryError> {
    let mut generated = GeneratedTokens::new();
    let is_unknown = |user: &&SeedUser| change.directory.user(&user.name).is_none();
    let new_users = seed.users.iter().filter(is_unknown).map(|user| name::key(&user.name)).collect();
    let grants = Grants { is_seed: matches!(origin, Origin::Seed(_)), new_users: &new_users };
    for user in &seed.users {
        apply_user(change, &seed.base, user, origin, now, &mut generated).await?;
    }
    for account in &seed.accounts {
        let is_new = change.directory.account(&account.name).is_none();
        if is_new {
            change.create_account(&account.name, account.owner.as_deref())?;
            change.set_lfs_quota(&account.name, account.lfs_quota)?;
        }
        let path = ListPath { account: &account.name, project: None, repo: None, branch: None };
        let administrators = (GroupKind::CollectionAdministrators, account.administrators.as_slice());
        grants.members(change, path, is_new, &[administrators])?;
        grants.entries(change, path, is_new, &account.acl)?;
        for project in &account.projects {
            give_project(change, &seed.base, &account.name, project, grants, now).await?;
        }
    }
    for workspace in &seed.experimentation {
        change.create_workspace(&workspace.input(), now)?;
    }
    Ok(generated)
}

/// Makes what a user of the seed has and the state lacks.
pub(crate) async fn apply_user(
    change: &mut Change<'_>,
    base: &Path,
    user: &SeedUser,
    origin: Origin<'_>,
    now: Timestamp,
    generated: &mut GeneratedTokens,
) -> Result<(), RegistryError> {
    let is_new = change.directory.user(&user.name).is_none();
    if is_new {
        let known = match origin {
            Origin::Seed(hashed) => hashed.all().get(&user.name).cloned(),
            Origin::Hand => None,
        };
        let password = known.as_deref().map(Password::Hashed);
        let password = password.or_else(|| user.password.as_deref().map(Password::Plain));
        let input = UserInput { name: &user.name, email: user.email.as_deref(), password };
        let id = change.create_user(&input).await?;
        let stored = change.directory.users.get(&id).and_then(|user| user.password_hash.clone());
        if let (Origin::Seed(hashed), Some(stored)) = (origin, stored) {
            hashed.all().insert(user.name.clone(), stored);
        }
    }
    for token in &user.tokens {
        let input = TokenInput {
            name: &token.name,
            value: token.value.as_deref(),
            scopes: &token.scopes,
            expires: token.expires,
            has_derived_id: matches!(origin, Origin::Seed(_)),
            ..TokenInput::named()
        };
        let hash = token.value.as_deref().map(secret::hash).unwrap_or_default();
        let mark = name::derive(&["seeded", "token", &user.name, &token.name, &hash]);
        if matches!(origin, Origin::Seed(_)) && !gives(change, mark, is_new) {
            continue;
        }
        match change.create_token(&user.name, &input, now) {
            Ok((_, value)) if token.value.is_none() => {
                let mine = generated.entry(user.name.clone()).or_default();
                mine.insert(token.name.clone(), value.reveal().to_owned());
            }
            Ok(_) | Err(RegistryError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    for key in &user.ssh_keys {
        let line = line_of(key, base)?;
        let mark = name::derive(&["seeded", "key", &user.name, &key.name, &line]);
        if matches!(origin, Origin::Seed(_)) && !gives(change, mark, is_new) {
            continue;
        }
        let owner = change.directory.user(&user.name).map(|user| user.id);
        if change.directory.keys.values().any(|known| Some(known.user) == owner && known.name == key.name) {
            continue;
        }
        change.create_key(
            &user.name,
            &KeyInput { expires: None, has_own_name: true, name: &key.name, key: &line },
            now,
        )?;
    }
    Ok(())
}

/// The key's line, read from its file if it is in one; `base` is where relative paths start.
pub(crate) fn line_of(key: &SeedKey, base: &Path) -> Result<String, RegistryError> {
    match (&key.key, &key.file) {
        (Some(line), None) => Ok(line.clone()),
        (None, Some(file)) => {
            let path = base.join(file);
            std::fs::read_to_string(&path).map_err(|error| {
                RegistryError::value(
                    "file",
                    format!("cannot read the public key {}: {error}", path.display()),
                )
            })
        }
        _ => Err(RegistryError::value(
            "ssh_keys",
            format!("the key {:?} needs either `key` or `file`", key.name),
        )),
    }
}

/// Makes what a project that the program describes has and the state lacks.
pub(crate) async fn apply_project(
    change: &mut Change<'_>,
    base: &Path,
    account: &str,
    project: &SeedProject,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let grants = Grants { is_seed: false, new_users: &BTreeSet::new() };
    give_project(change, base, account, project, grants, now).await
}

async fn give_project(
    change: &mut Change<'_>,
    base: &Path,
    account: &str,
    project: &SeedProject,
    grants: Grants<'_>,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let is_new = change
        .directory
        .account(account)
        .is_some_and(|a| change.directory.project(a.id, &project.name).is_none());
    if is_new {
        change.create_project(account, &project.name, &project.description, now).await?;
    }
    let members = [
        (GroupKind::Readers, project.readers.as_slice()),
        (GroupKind::Contributors, project.contributors.as_slice()),
        (GroupKind::ProjectAdministrators, project.administrators.as_slice()),
    ];
    let path = ListPath { account, project: Some(&project.name), repo: None, branch: None };
    grants.members(change, path, is_new, &members)?;
    grants.entries(change, path, is_new, &project.acl)?;
    for repo in &project.repos {
        let import = repo.import.as_ref().map(|path| base.join(path));
        let found = change
            .directory
            .account(account)
            .and_then(|account| change.directory.project(account.id, &project.name))
            .and_then(|project| change.directory.repo(project.id, &repo.name))
            .map(|repo| repo.id);
        let is_new_repo = is_new || found.is_none();
        match (found, import) {
            (None, import) => {
                let input = RepoInput { name: &repo.name, public: repo.public, import };
                change.create_repo(account, &project.name, &input).await?;
            }
            (Some(id), Some(import)) if is_new => change.import_into(id, &repo.name, import).await?,
            (Some(_), _) => {}
        }
        if is_new && repo.public {
            change.publish_repo(account, &project.name, &repo.name)?;
        }
        let path = ListPath { repo: Some(&repo.name), ..path };
        grants.entries(change, path, is_new_repo, &repo.acl)?;
    }
    work_items::give(change, account, project, grants.is_seed, now)
}
