//! Users, their tokens and their SSH keys.

use jiff::Timestamp;
use uuid::Uuid;

use super::{RegistryError, run};
use crate::identity::secret::{self, Secret};
use crate::identity::{password, ssh_key::PublicKey};
use crate::state::Change;
use crate::world::{SshKey, Token, User, name};

/// The scopes that a token may have. Others are stored by the service too, but mean nothing here.
const SCOPE_PREFIX: &str = "vso.";
const FULL_SCOPE: &str = "app_token";
const SHORTEST_TOKEN: usize = 6;
const LONGEST_TOKEN: usize = 1024;

/// A user to make.
#[derive(Debug)]
pub(crate) struct UserInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
}

/// A token to make; without a value one is minted, without scopes it may do everything.
#[derive(Debug)]
pub(crate) struct TokenInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<&'a str>,
    pub(crate) scopes: &'a [String],
    pub(crate) accounts: &'a [Uuid],
    pub(crate) expires: Option<Timestamp>,
    pub(crate) is_session: bool,
    /// Whether no other token of the user may have the name.
    pub(crate) has_own_name: bool,
    /// Whether the same input gives the same id; else no other token ever has had it.
    pub(crate) has_derived_id: bool,
}

impl TokenInput<'_> {
    /// What a token of the seed begins with.
    pub(crate) fn seeded() -> Self {
        Self { has_derived_id: true, ..Self::named() }
    }

    /// What a token made at run time under a name of its own begins with.
    pub(crate) fn named() -> Self {
        Self {
            name: "",
            value: None,
            scopes: &[],
            accounts: &[],
            expires: None,
            is_session: false,
            has_own_name: true,
            has_derived_id: false,
        }
    }
}

/// A public key to register.
#[derive(Debug)]
pub(crate) struct KeyInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: &'a str,
    pub(crate) expires: Option<Timestamp>,
    /// Whether no other key of the user may have the name.
    pub(crate) has_own_name: bool,
}

impl Change<'_> {
    /// Makes a user.
    pub(crate) async fn create_user(&mut self, input: &UserInput<'_>) -> Result<Uuid, RegistryError> {
        name::check_user(input.name)?;
        if self.world.user(input.name).is_some() {
            return Err(RegistryError::exists("user", input.name));
        }
        if let Some(email) = input.email
            && email.chars().any(|c| c.is_control() || c == ':')
        {
            return Err(RegistryError::value("email", "may not contain control characters or a colon"));
        }
        if let Some(email) = input.email
            && self
                .world
                .users
                .values()
                .any(|user| user.email.as_deref().is_some_and(|other| other.eq_ignore_ascii_case(email)))
        {
            return Err(RegistryError::value("email", "belongs to another user already"));
        }
        let user = User {
            id: self.fresh_id(&["user", input.name]),
            name: input.name.to_owned(),
            email: input.email.map(str::to_owned),
            password_hash: hash_password(input.password).await?,
        };
        run!(
            self,
            "INSERT INTO users (id, name, name_key, email, password_hash) VALUES ($1, $2, $3, $4, $5)",
            user.id.to_string(),
            user.name.clone(),
            name::key(&user.name),
            user.email.clone(),
            user.password_hash.clone(),
        );
        let id = user.id;
        self.world.insert_user(user);
        Ok(id)
    }

    /// Removes a user with their tokens, keys, memberships and access control entries.
    pub(crate) async fn delete_user(&mut self, user_name: &str) -> Result<(), RegistryError> {
        let id = self.user_id(user_name)?;
        run!(self, "DELETE FROM access_entries WHERE identity_id = $1", id.to_string());
        run!(self, "DELETE FROM memberships WHERE member_id = $1", id.to_string());
        run!(self, "DELETE FROM ref_locks WHERE user_id = $1", id.to_string());
        run!(self, "DELETE FROM users WHERE id = $1", id.to_string());
        self.world.remove_user(id);
        Ok(())
    }

    /// Makes a token and gives its value, which nobody can ask for again.
    pub(crate) async fn create_token(
        &mut self,
        user_name: &str,
        input: &TokenInput<'_>,
        now: Timestamp,
    ) -> Result<(Uuid, Secret), RegistryError> {
        let user = self.user_id(user_name)?;
        name::check_display_name("token", input.name)?;
        if input.has_own_name
            && self.world.tokens.values().any(|token| token.user == user && token.name == input.name)
        {
            return Err(RegistryError::exists("token", input.name));
        }
        for scope in input.scopes {
            let known = scope.starts_with(SCOPE_PREFIX) || scope == FULL_SCOPE;
            if !known || scope.chars().any(|c| c.is_whitespace() || c.is_control()) {
                return Err(RegistryError::value(
                    "scopes",
                    format!("{scope:?} is not a scope; say vso.code, vso.code_write, vso.code_full"),
                ));
            }
        }
        let value = match input.value {
            Some(value) if value.len() < SHORTEST_TOKEN || value.len() > LONGEST_TOKEN => {
                return Err(RegistryError::value(
                    "value",
                    format!("a token has {SHORTEST_TOKEN} to {LONGEST_TOKEN} characters"),
                ));
            }
            Some(value) if !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return Err(RegistryError::value("value", "a token has printable ASCII characters alone"));
            }
            Some(value) => Secret::new(value),
            None => secret::mint(),
        };
        let hash = secret::hash(value.reveal());
        if self.world.token_by_hash(&hash).is_some() {
            return Err(RegistryError::value("value", "another token has this value"));
        }
        let scopes =
            if input.scopes.is_empty() { vec![FULL_SCOPE.to_owned()] } else { input.scopes.to_vec() };
        // With the value in it: a token made anew under an old name must not have the old one's id, by which open
        // connections know it.
        let id = if input.has_derived_id {
            self.fresh_id(&["token", user_name, input.name, &hash])
        } else {
            super::random_id()
        };
        let token = Token {
            id,
            user,
            name: input.name.to_owned(),
            hash,
            scopes,
            accounts: input.accounts.to_vec(),
            is_session: input.is_session,
            created: in_milliseconds(now),
            expires: input.expires.map(in_milliseconds),
        };
        run!(
            self,
            "INSERT INTO tokens (id, user_id, name, hash, scopes, accounts, is_session, created_ms, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            token.id.to_string(),
            user.to_string(),
            token.name.clone(),
            token.hash.clone(),
            token.scopes.join(" "),
            token.accounts.iter().map(Uuid::to_string).collect::<Vec<_>>().join(" "),
            i64::from(token.is_session),
            token.created.as_millisecond(),
            token.expires.map(Timestamp::as_millisecond),
        );
        self.world.insert_token(token);
        Ok((id, value))
    }

    /// Revokes the user's token of that id, or all of that name.
    pub(crate) async fn delete_token(
        &mut self,
        user_name: &str,
        token_name: &str,
    ) -> Result<(), RegistryError> {
        let user = self.user_id(user_name)?;
        let mine = self.world.tokens.values().filter(|token| token.user == user);
        let named = mine.filter(|token| token.name == token_name || token.id.to_string() == token_name);
        let ids: Vec<Uuid> = named.map(|token| token.id).collect();
        if ids.is_empty() {
            return Err(RegistryError::not_found("token", token_name));
        }
        for id in ids {
            run!(self, "DELETE FROM tokens WHERE id = $1", id.to_string());
            self.world.remove_token(id);
        }
        Ok(())
    }

    /// Registers a public key; a key belongs to one user, whom it identifies.
    pub(crate) async fn create_key(
        &mut self,
        user_name: &str,
        input: &KeyInput<'_>,
        now: Timestamp,
    ) -> Result<Uuid, RegistryError> {
        let user = self.user_id(user_name)?;
        name::check_display_name("key", input.name)?;
        let parsed = PublicKey::parse(input.key)?;
        if self.world.key_by_blob(&parsed.blob).is_some() {
            return Err(RegistryError::value("key", "this key is registered already"));
        }
        if input.has_own_name
            && self.world.keys.values().any(|key| key.user == user && key.name == input.name)
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
        run!(
            self,
            "INSERT INTO ssh_keys (id, user_id, name, algorithm, key_blob, fingerprint, created_ms, expires_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            key.id.to_string(),
            user.to_string(),
            key.name.clone(),
            key.algorithm.clone(),
            key.blob.clone(),
            key.fingerprint.clone(),
            key.created.as_millisecond(),
            key.expires.map(Timestamp::as_millisecond),
        );
        let id = key.id;
        self.world.insert_key(key);
        Ok(id)
    }

    /// Takes the user's public key of that id, or all of that name, out of the registry.
    pub(crate) async fn delete_key(&mut self, user_name: &str, key_name: &str) -> Result<(), RegistryError> {
        let user = self.user_id(user_name)?;
        let mine = self.world.keys.values().filter(|key| key.user == user);
        let named = mine.filter(|key| key.name == key_name || key.id.to_string() == key_name);
        let ids: Vec<Uuid> = named.map(|key| key.id).collect();
        if ids.is_empty() {
            return Err(RegistryError::not_found("key", key_name));
        }
        for id in ids {
            run!(self, "DELETE FROM ssh_keys WHERE id = $1", id.to_string());
            self.world.remove_key(id);
        }
        Ok(())
    }

    pub(super) fn user_id(&self, user_name: &str) -> Result<Uuid, RegistryError> {
        self.world
            .user(user_name)
            .map(|user| user.id)
            .ok_or_else(|| RegistryError::not_found("user", user_name))
    }

    /// The id that follows from the path, or a random one where that is taken: by something that was renamed since.
    pub(super) fn fresh_id(&self, path: &[&str]) -> Uuid {
        let id = name::derive(path);
        let world = &self.world;
        let taken = world.users.contains_key(&id)
            || world.tokens.contains_key(&id)
            || world.keys.contains_key(&id)
            || world.accounts.contains_key(&id)
            || world.projects.contains_key(&id)
            || world.repos.contains_key(&id)
            || world.deleted_repos.contains_key(&id)
            || world.groups.contains_key(&id)
            || world.experimentation.resources.contains_key(&id);
        if taken { super::random_id() } else { id }
    }
}

/// Stored times have milliseconds, so that a reloaded world equals the one in memory.
pub(super) fn in_milliseconds(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

async fn hash_password(password: Option<&str>) -> Result<Option<String>, RegistryError> {
    let Some(password) = password else { return Ok(None) };
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
