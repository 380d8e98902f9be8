//! Users, tokens and SSH keys, as calls.

use std::path::Path;

use jiff::Timestamp;

use super::{Admin, Result, sorted};
use crate::config::{GeneratedTokens, Origin, SeedKey, SeedToken, SeedUser, apply_user, line_of};
use crate::operations::administration;
use crate::registry::{KeyInput, RegistryError, TokenInput};

/// A token, without its value, which nobody knows any more.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TokenInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// The time at which it expires, if ever.
    pub expires: Option<Timestamp>,
    /// The time of its last use since the server started.
    pub last_used: Option<Timestamp>,
}

/// A registered SSH public key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct KeyInfo {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `ssh-ed25519` and so on.
    pub algorithm: String,
    /// `SHA256:…`, as ssh-keygen prints it.
    pub fingerprint: String,
    /// The time at which it expires, if ever.
    pub expires: Option<Timestamp>,
    /// The time of its last signature since the server started.
    pub last_used: Option<Timestamp>,
}

impl Admin<'_> {
    /// The users' names.
    pub fn users(&self) -> Vec<String> {
        sorted(self.app.state.directory().users.values().map(|user| &user.name))
    }

    /// Makes a user with their tokens and keys; gives the tokens that were generated, by name.
    pub async fn add_user(&self, user: &SeedUser) -> Result<Vec<(String, String)>> {
        let mut change = self.change().await;
        if change.directory.user(&user.name).is_some() {
            return Err(RegistryError::exists("user", &user.name));
        }
        let mut generated = GeneratedTokens::new();
        apply_user(&mut change, Path::new(""), user, Origin::Hand, self.app.clock.now(), &mut generated)
            .await?;
        change.commit().await?;
        Ok(generated.into_values().flatten().collect())
    }

    /// Removes a user and all that is theirs.
    pub async fn remove_user(&self, name: &str) -> Result<()> {
        administration::delete_user(self.app, name).await
    }

    /// A user's tokens.
    pub fn tokens(&self, user: &str) -> Result<Vec<TokenInfo>> {
        let directory = self.app.state.directory();
        let user = directory.find_user(user)?.id;
        let mine = directory.tokens.values().filter(|token| token.user == user);
        Ok(mine
            .map(|token| TokenInfo {
                id: token.id.to_string(),
                name: token.name.clone(),
                scopes: token.scopes.clone(),
                expires: token.expires,
                last_used: self.app.uses.last(token.id),
            })
            .collect())
    }

    /// Makes a token; gives its value.
    pub async fn add_token(&self, user: &str, token: &SeedToken) -> Result<String> {
        let input = TokenInput {
            name: &token.name,
            value: token.value.as_deref(),
            scopes: &token.scopes,
            expires: token.expires,
            ..TokenInput::named()
        };
        let now = self.app.clock.now();
        let (_, value) =
            administration::change(self.app, |change| change.create_token(user, &input, now)).await?;
        Ok(value.reveal().to_owned())
    }

    /// Revokes a token, by its name or id.
    pub async fn remove_token(&self, user: &str, token: &str) -> Result<()> {
        administration::change(self.app, |change| change.delete_token(user, token)).await
    }

    /// A user's SSH public keys.
    pub fn keys(&self, user: &str) -> Result<Vec<KeyInfo>> {
        let directory = self.app.state.directory();
        let user = directory.find_user(user)?.id;
        let mine = directory.keys.values().filter(|key| key.user == user);
        Ok(mine
            .map(|key| KeyInfo {
                id: key.id.to_string(),
                name: key.name.clone(),
                algorithm: key.algorithm.clone(),
                fingerprint: key.fingerprint.clone(),
                expires: key.expires,
                last_used: self.app.uses.last(key.id),
            })
            .collect())
    }

    /// Registers an SSH public key; gives its fingerprint.
    pub async fn add_key(&self, user: &str, key: &SeedKey) -> Result<String> {
        let line = line_of(key, Path::new(""))?;
        let input = KeyInput { name: &key.name, key: &line, expires: None, has_own_name: true };
        let now = self.app.clock.now();
        let id = administration::change(self.app, |change| change.create_key(user, &input, now)).await?;
        let fingerprint = self.app.state.directory().keys.get(&id).map(|key| key.fingerprint.clone());
        Ok(fingerprint.unwrap_or_default())
    }

    /// Takes a key out of the registry, by its name or id.
    pub async fn remove_key(&self, user: &str, key: &str) -> Result<()> {
        administration::change(self.app, |change| change.delete_key(user, key)).await
    }
}
