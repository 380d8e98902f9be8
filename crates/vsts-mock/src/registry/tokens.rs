//! Users' tokens: made, changed, revoked.

use jiff::Timestamp;
use uuid::Uuid;

use super::RegistryError;
use super::users::in_milliseconds;
use crate::directory::{Token, name};
use crate::identity::secret::{self, Secret};
use crate::limits::{LONGEST_TOKEN, SHORTEST_TOKEN};
use crate::state::Change;

/// The scopes that a token may have. Others are stored by the service too, but mean nothing here.
const SCOPE_PREFIX: &str = "vso.";
const FULL_SCOPE: &str = "app_token";

/// A token to make; without a value one is minted, without scopes it may do everything.
#[derive(Debug)]
pub(crate) struct TokenInput<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: Option<&'a str>,
    pub(crate) scopes: &'a [String],
    pub(crate) accounts: &'a [Uuid],
    pub(crate) expires: Option<Timestamp>,
    pub(crate) is_session: bool,
    /// True if no other token of the user may have the name.
    pub(crate) has_own_name: bool,
    /// True if the same input gives the same id; else no other token ever has had it.
    pub(crate) has_derived_id: bool,
}

impl TokenInput<'_> {
    /// The defaults of a token with a name of its own.
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

/// The changes of a token; a field that is `None` stays.
#[derive(Debug, Default)]
pub(crate) struct TokenUpdate<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) scopes: Option<&'a [String]>,
    pub(crate) accounts: Option<&'a [Uuid]>,
    pub(crate) expires: Option<Timestamp>,
}

impl Change<'_> {
    /// Makes a token and gives its value, which nobody can ask for again.
    pub(crate) fn create_token(
        &mut self,
        user_name: &str,
        input: &TokenInput<'_>,
        now: Timestamp,
    ) -> Result<(Uuid, Secret), RegistryError> {
        let user = self.directory.find_user(user_name)?.id;
        name::check_display_name("token", input.name)?;
        if input.has_own_name
            && self.directory.tokens.values().any(|token| token.user == user && token.name == input.name)
        {
            return Err(RegistryError::exists("token", input.name));
        }
        check_scopes(input.scopes)?;
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
        if self.directory.token_by_hash(&hash).is_some() {
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
        self.put(token);
        Ok((id, value))
    }

    /// Revokes the user's token of that id, or all of that name.
    pub(crate) fn delete_token(&mut self, user_name: &str, token_name: &str) -> Result<(), RegistryError> {
        let user = self.directory.find_user(user_name)?.id;
        let mine = self.directory.tokens.values().filter(|token| token.user == user);
        let named = mine.filter(|token| token.name == token_name || token.id.to_string() == token_name);
        let ids: Vec<Uuid> = named.map(|token| token.id).collect();
        if ids.is_empty() {
            return Err(RegistryError::not_found("token", token_name));
        }
        self.remove_all::<Token>(ids);
        Ok(())
    }

    /// Changes a token; its value stays.
    pub(crate) fn update_token(&mut self, id: Uuid, update: &TokenUpdate<'_>) -> Result<(), RegistryError> {
        let found = self.directory.tokens.get(&id);
        let mut token = found.ok_or_else(|| RegistryError::not_found("token", &id.to_string()))?.clone();
        if let Some(new) = update.name {
            name::check_display_name("token", new)?;
            new.clone_into(&mut token.name);
        }
        if let Some(scopes) = update.scopes {
            check_scopes(scopes)?;
            scopes.clone_into(&mut token.scopes);
        }
        if let Some(accounts) = update.accounts {
            accounts.clone_into(&mut token.accounts);
        }
        if let Some(expires) = update.expires {
            token.expires = Some(in_milliseconds(expires));
        }
        self.put(token);
        Ok(())
    }
}

fn check_scopes(scopes: &[String]) -> Result<(), RegistryError> {
    for scope in scopes {
        let known = scope.starts_with(SCOPE_PREFIX) || scope == FULL_SCOPE;
        if !known || scope.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(RegistryError::value(
                "scopes",
                format!("{scope:?} is not a scope; say vso.code, vso.code_write, vso.code_full"),
            ));
        }
    }
    Ok(())
}
