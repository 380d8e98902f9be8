//! Users and their SSH keys.

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use super::RegistryError;
use crate::directory::{Account, Assignment, RefFavorite, RefLock, SshKey, Token, User, name};
use crate::identity::{password, ssh_key::PublicKey};
use crate::state::Change;

/// A user to make.
#[derive(Debug)]
pub(crate) struct UserInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) password: Option<Password<'a>>,
}

/// A password, or what is stored of it.
#[derive(Clone, Copy)]
pub(crate) enum Password<'a> {
    Plain(&'a str),
    Hashed(&'a str),
}

impl fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password]")
    }
}

/// A public key to register.
#[derive(Debug)]
pub(crate) struct KeyInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: &'a str,
    pub(crate) expires: Option<Timestamp>,
    /// True if no other key of the user may have the name.
    pub(crate) has_own_name: bool,
}

impl Change<'_> {
    /// Makes a user.
    pub(crate) async fn create_user(&mut self, input: &UserInput<'_>) -> Result<Uuid, RegistryError> {
        name::check_user(input.name)?;
        // Who signs in by a name or an e-mail address must be one.
        if self.directory.user_by_login(input.name).is_some() {
            return Err(RegistryError::exists("user", input.name));
        }
        self.directory.check_alike("user", name::USERS, input.name, None)?;
        if let Some(email) = input.email
            && email.chars().any(|c| c.is_control() || c == ':')
        {
            return Err(RegistryError::value("email", "may not contain control characters or a colon"));
        }
        if let Some(email) = input.email {
            name::check_look("e-mail", email)?;
        }
        if let Some(email) = input.email
            && self.directory.user_by_login(email).is_some()
        {
            return Err(RegistryError::value("email", "belongs to another user already"));
        }
        let user = User {
            id: self.fresh_id(&["user", input.name]),
            name: input.name.to_owned(),
            email: input.email.map(str::to_owned),
            password_hash: hash_password(input.password).await?,
        };
        let id = user.id;
        self.put(user);
        Ok(id)
    }

    /// Removes a user with their tokens, keys, memberships and access control entries.
    pub(crate) fn delete_user(&mut self, user_name: &str) -> Result<(), RegistryError> {
        let id = self.directory.find_user(user_name)?.id;
        let directory = &self.directory;
        let tokens: Vec<_> =
            directory.tokens.values().filter(|token| token.user == id).map(|one| one.id).collect();
        let keys: Vec<_> = directory.keys.values().filter(|key| key.user == id).map(|one| one.id).collect();
        let locks = directory.ref_locks.iter().filter(|(_, user)| **user == id);
        let locks: Vec<_> = locks.map(|(lock, _)| lock.clone()).collect();
        let roles = directory.experimentation.assignments.values().filter(|role| role.user == id);
        let roles: Vec<_> = roles.map(|one| one.id).collect();
        let owned = directory.accounts.values().filter(|account| account.owner == Some(id));
        for account in owned.cloned().collect::<Vec<_>>() {
            self.put(Account { owner: None, ..account });
        }
        self.remove_all::<Token>(tokens);
        self.remove_all::<SshKey>(keys);
        self.remove_all::<RefLock>(locks);
        self.remove_all::<RefFavorite>(self.directory.favorites_with(id));
        self.remove_all::<Assignment>(roles);
        self.forget_identities(&[id]);
        self.remove::<User>(&id);
        Ok(())
    }

    /// Registers a public key; a key belongs to one user, whom it identifies.
    pub(crate) fn create_key(
        &mut self,
        user_name: &str,
        input: &KeyInput<'_>,
        now: Timestamp,
    ) -> Result<Uuid, RegistryError> {
        let user = self.directory.find_user(user_name)?.id;
        name::check_display_name("key", input.name)?;
        let parsed = PublicKey::parse(input.key)?;
        if self.directory.key_by_blob(&parsed.blob).is_some() {
            return Err(RegistryError::value("key", "this key is registered already"));
        }
        if input.has_own_name
            && self.directory.keys.values().any(|key| key.user == user && key.name == input.name)
        {
            return Err(RegistryError::exists("key", input.name));
        }
        let key = SshKey {
            id: self.fresh_id(&["key", user_name, input.name, &parsed.fingerprint]),
            user,
            name: input.name.to_owned(),
            algorithm: parsed.algorithm.to_owned(),
            blob: parsed.blob,
            fingerprint: parsed.fingerprint,
            created: in_milliseconds(now),
            expires: input.expires.map(in_milliseconds),
        };
        let id = key.id;
        self.put(key);
        Ok(id)
    }

    /// Takes the user's public key of that id, or all of that name, out of the registry.
    pub(crate) fn delete_key(&mut self, user_name: &str, key_name: &str) -> Result<(), RegistryError> {
        let user = self.directory.find_user(user_name)?.id;
        let mine = self.directory.keys.values().filter(|key| key.user == user);
        let named = mine.filter(|key| key.name == key_name || key.id.to_string() == key_name);
        let ids: Vec<Uuid> = named.map(|key| key.id).collect();
        if ids.is_empty() {
            return Err(RegistryError::not_found("key", key_name));
        }
        self.remove_all::<SshKey>(ids);
        Ok(())
    }

    /// The id that follows from the path, or a random one where that is taken: by something that was renamed since.
    pub(super) fn fresh_id(&self, path: &[&str]) -> Uuid {
        let id = name::derive(path);
        let directory = &self.directory;
        let taken = directory.users.contains_key(&id)
            || directory.tokens.contains_key(&id)
            || directory.keys.contains_key(&id)
            || directory.accounts.contains_key(&id)
            || directory.projects.contains_key(&id)
            || directory.repos.contains_key(&id)
            || directory.deleted_repos.contains_key(&id)
            || directory.groups.contains_key(&id)
            || directory.experimentation.resources.contains_key(&id);
        if taken { super::random_id() } else { id }
    }
}

/// Stored times have milliseconds, so that a reloaded directory equals the one in memory.
pub(super) fn in_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

async fn hash_password(password: Option<Password<'_>>) -> Result<Option<String>, RegistryError> {
    let password = match password {
        None => return Ok(None),
        Some(Password::Hashed(hash)) => return Ok(Some(hash.to_owned())),
        Some(Password::Plain(password)) => password,
    };
    if password.is_empty() {
        return Err(RegistryError::value(
            "password",
            "may not be empty; leave it out for a user without one",
        ));
    }
    let password = password.to_owned();
    let hashed = tokio::task::spawn_blocking(move || password::hash(&password)).await;
    Ok(Some(hashed.expect("hashing does not panic")))
}
