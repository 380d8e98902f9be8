//! Brings a seed into the state. What is there already stays as it is; a token or a key of the seed that was revoked
//! stays revoked until a reset.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;

use super::seed::{Seed, SeedEntry, SeedKey, SeedProject, SeedUser};
use crate::identity::secret;
use crate::registry::{
    EntryInput, KeyInput, Password, Place, RegistryError, RepoInput, TokenInput, UserInput, WorkspaceInput,
};
use crate::state::Change;
use crate::world::{GroupKind, name};

/// The values of the tokens that were generated: by user, by the token's name.
pub(crate) type GeneratedTokens = BTreeMap<String, BTreeMap<String, String>>;

/// What is stored of the seed's passwords, by user: to hash one takes as long as all the rest of a reset.
#[derive(Default)]
pub(crate) struct HashedPasswords(Mutex<BTreeMap<String, String>>);

impl HashedPasswords {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().expect("no thread panics while it holds the lock")
    }
}

/// Makes what the seed has and the state lacks; gives the tokens it had to generate.
pub(crate) async fn apply(
    change: &mut Change<'_>,
    seed: &Seed,
    hashed: &HashedPasswords,
    now: Timestamp,
) -> Result<GeneratedTokens, RegistryError> {
    let mut generated = GeneratedTokens::new();
    for user in &seed.users {
        apply_user(change, seed, user, hashed, now, &mut generated).await?;
    }
    for account in &seed.accounts {
        if change.world.account(&account.name).is_none() {
            change.create_account(&account.name, account.owner.as_deref()).await?;
        }
        for user in &account.administrators {
            change.add_member(&account.name, None, GroupKind::CollectionAdministrators, user).await?;
        }
        let place = Place { account: &account.name, project: None, repo: None, branch: None };
        apply_entries(change, place, &account.acl).await?;
        for project in &account.projects {
            apply_project(change, seed, &account.name, project, now).await?;
        }
    }
    for workspace in &seed.experimentation {
        let input = WorkspaceInput {
            account: &workspace.account,
            name: &workspace.workspace,
            owners: &workspace.owners,
            contributors: &workspace.contributors,
        };
        change.create_workspace(&input, now).await?;
    }
    Ok(generated)
}

async fn apply_user(
    change: &mut Change<'_>,
    seed: &Seed,
    user: &SeedUser,
    hashed: &HashedPasswords,
    now: Timestamp,
    generated: &mut GeneratedTokens,
) -> Result<(), RegistryError> {
    let is_new = change.world.user(&user.name).is_none();
    if is_new {
        let known = hashed.all().get(&user.name).cloned();
        let password = known.as_deref().map(Password::Hashed);
        let password = password.or_else(|| user.password.as_deref().map(Password::Plain));
        let input = UserInput { name: &user.name, email: user.email.as_deref(), password };
        let id = change.create_user(&input).await?;
        let stored = change.world.users.get(&id).and_then(|user| user.password_hash.clone());
        hashed.all().extend(stored.map(|stored| (user.name.clone(), stored)));
    }
    for token in &user.tokens {
        let input = TokenInput {
            name: &token.name,
            value: token.value.as_deref(),
            scopes: &token.scopes,
            expires: token.expires,
            ..TokenInput::seeded()
        };
        let hash = token.value.as_deref().map(secret::hash).unwrap_or_default();
        let mark = name::derive(&["seeded", "token", &user.name, &token.name, &hash]);
        if !is_new && change.world.seeded.contains(&mark) {
            continue;
        }
        change.note_seeded(mark).await?;
        match change.create_token(&user.name, &input, now).await {
            Ok((_, value)) if token.value.is_none() => {
                let mine = generated.entry(user.name.clone()).or_default();
                mine.insert(token.name.clone(), value.reveal().to_owned());
            }
            Ok(_) | Err(RegistryError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    for key in &user.ssh_keys {
        let line = line_of(key, seed)?;
        let mark = name::derive(&["seeded", "key", &user.name, &key.name, &line]);
        if !is_new && change.world.seeded.contains(&mark) {
            continue;
        }
        change.note_seeded(mark).await?;
        let owner = change.world.user(&user.name).map(|user| user.id);
        if change.world.keys.values().any(|known| Some(known.user) == owner && known.name == key.name) {
            continue;
        }
        change
            .create_key(
                &user.name,
                &KeyInput { expires: None, has_own_name: true, name: &key.name, key: &line },
                now,
            )
            .await?;
    }
    Ok(())
}

/// The key's line, read from its file if it is in one.
fn line_of(key: &SeedKey, seed: &Seed) -> Result<String, RegistryError> {
    match (&key.key, &key.file) {
        (Some(line), None) => Ok(line.clone()),
        (None, Some(file)) => {
            let path = seed.base.join(file);
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

async fn apply_project(
    change: &mut Change<'_>,
    seed: &Seed,
    account: &str,
    project: &SeedProject,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let is_new =
        change.world.account(account).is_some_and(|a| change.world.project(a.id, &project.name).is_none());
    if is_new {
        change.create_project(account, &project.name, &project.description, now).await?;
    }
    let members = [
        (GroupKind::Readers, &project.readers),
        (GroupKind::Contributors, &project.contributors),
        (GroupKind::ProjectAdministrators, &project.administrators),
    ];
    for (kind, users) in members {
        for user in users {
            change.add_member(account, Some(&project.name), kind, user).await?;
        }
    }
    let place = Place { account, project: Some(&project.name), repo: None, branch: None };
    apply_entries(change, place, &project.acl).await?;
    for repo in &project.repos {
        let import = repo.import.as_ref().map(|path| seed.base.join(path));
        let found = change
            .world
            .account(account)
            .and_then(|account| change.world.project(account.id, &project.name))
            .and_then(|project| change.world.repo(project.id, &repo.name))
            .map(|repo| repo.id);
        match (found, import) {
            (None, import) => {
                let input = RepoInput { name: &repo.name, public: repo.public, import };
                change.create_repo(account, &project.name, &input).await?;
            }
            (Some(id), Some(import)) if is_new => change.import_into(id, &repo.name, import).await?,
            (Some(_), _) => {}
        }
        if is_new && repo.public {
            change.publish_repo(account, &project.name, &repo.name).await?;
        }
        let place = Place { repo: Some(&repo.name), ..place };
        apply_entries(change, place, &repo.acl).await?;
    }
    Ok(())
}

async fn apply_entries(
    change: &mut Change<'_>,
    place: Place<'_>,
    entries: &[SeedEntry],
) -> Result<(), RegistryError> {
    for entry in entries {
        let input = EntryInput {
            user: entry.user.as_deref(),
            group: entry.group.as_deref(),
            allow: &entry.allow,
            deny: &entry.deny,
        };
        change.set_acl(Place { branch: entry.branch.as_deref(), ..place }, &input).await?;
    }
    Ok(())
}
