//! The user's own tokens and SSH public keys: `_apis/Token/SessionTokens`, for keys with `isPublic=true`.
//!
//! A token's value is in the answer to its creation and nowhere else. Who signs in with a token needs one that is good
//! for everything, or for tokens (`vso.tokens`), and gives no scope away that it does not have itself.

use axum::body::Body;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::query::date;
use super::{Answer, Call, Failure, models, read, shape};
use crate::access::{Target, Use, authorize_use, can_see};
use crate::registry::{KeyInput, RegistryError, TokenInput};
use crate::world::{SshKey, Token, World, name};

/// How long a token lives that was made without an end.
pub(super) const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(365 * 24);
/// What has no end says this: the service's dates are never absent.
pub(super) const FOREVER: &str = "9999-12-31T23:59:59.9999999Z";
const NOBODY: Uuid = Uuid::nil();

impl Call<'_> {
    pub(super) fn may_use_tokens(&self, world: &World) -> Result<Uuid, Failure> {
        let user = self.principal.user.unwrap_or_default();
        let verdict = authorize_use(world, &self.principal, Use::Tokens);
        verdict.map(|()| user).map_err(|refusal| {
            Failure::new(StatusCode::FORBIDDEN, "AccessCheckException", refusal.to_string())
        })
    }

    pub(super) fn session_tokens(&self, query: &str) -> Answer {
        let world = self.app.state.world();
        let user = self.may_use_tokens(&world)?;
        let values: Vec<Value> = if says_public(query) {
            let mut mine: Vec<_> = world.keys.values().filter(|key| key.user == user).collect();
            mine.sort_by_key(|key| (key.created, key.id));
            mine.into_iter().map(|key| key_json(key, self.app.clock.now())).collect()
        } else {
            let mut mine: Vec<_> = world.tokens.values().filter(|token| token.user == user).collect();
            mine.sort_by_key(|token| (token.created, token.id));
            mine.into_iter().map(|token| token_json(token, None, self.app.clock.now())).collect()
        };
        Ok((StatusCode::OK, shape::list(values.into_iter())))
    }

    pub(super) fn session_token(&self, id: &str) -> Answer {
        let world = self.app.state.world();
        let user = self.may_use_tokens(&world)?;
        let now = self.app.clock.now();
        let id = Uuid::parse_str(id).map_err(|_| no_token(id))?;
        let token = world.tokens.get(&id).filter(|token| token.user == user);
        let key = world.keys.get(&id).filter(|key| key.user == user);
        let shown =
            token.map(|token| token_json(token, None, now)).or_else(|| key.map(|key| key_json(key, now)));
        Ok((StatusCode::OK, shown.ok_or_else(|| no_token(&id.to_string()))?))
    }

    pub(super) async fn create_session_token(&self, query: &str, body: Body) -> Answer {
        let body = read(self.app, body, &models::SESSION_TOKEN).await?;
        let now = self.app.clock.now();
        let display = body["displayName"].as_str().filter(|name| !name.trim().is_empty());
        let display = display.ok_or_else(|| Failure::bad("A value is required for displayName."))?;
        let expires = match &body["validTo"] {
            Value::Null => None,
            Value::String(text) => {
                let time = date("validTo", text)?;
                if time <= now {
                    return Err(Failure::bad("validTo has to be in the future."));
                }
                Some(time)
            }
            _ => return Err(Failure::bad("validTo has to be a string.")),
        };
        let mut change = self.app.state.change().await.map_err(RegistryError::from)?;
        let user = self.may_use_tokens(&change.world)?;
        let user_name = change.world.users.get(&user).map(|user| user.name.clone()).unwrap_or_default();
        let answer = if says_public(query) || body["isPublic"].as_bool() == Some(true) {
            self.may_give_away(&change.world, &["app_token"])?;
            let line = body["publicData"].as_str();
            let line =
                line.ok_or_else(|| Failure::bad("A value is required for publicData: a public key's line."))?;
            if let Some(why) = self.app.profile.refuses_key(line) {
                return Err(Failure::bad(why));
            }
            let input = KeyInput { name: display, key: line, expires, has_own_name: false };
            let id = change.create_key(&user_name, &input, now).await?;
            change.world.keys.get(&id).map(|key| key_json(key, now))
        } else {
            let scope = body["scope"].as_str().unwrap_or("app_token");
            let scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
            let asked: Vec<&str> = scopes.iter().map(String::as_str).collect();
            self.may_give_away(&change.world, &asked)?;
            let accounts = self.target_accounts(&change.world, &body["targetAccounts"])?;
            let expires = expires.or_else(|| now.saturating_add(DEFAULT_LIFE).ok());
            let input = TokenInput {
                name: display,
                scopes: &scopes,
                accounts: &accounts,
                expires,
                has_own_name: false,
                ..TokenInput::named()
            };
            let (id, value) = change.create_token(&user_name, &input, now).await?;
            change.world.tokens.get(&id).map(|token| token_json(token, Some(value.reveal()), now))
        };
        change.commit().await.map_err(RegistryError::from)?;
        Ok((StatusCode::OK, answer.unwrap_or_default()))
    }

    /// Revokes a token or takes a key out of the registry; open connections of either end with it.
    pub(super) async fn delete_session_token(&self, id: &str) -> Answer {
        let mut change = self.app.state.change().await.map_err(RegistryError::from)?;
        let user = self.may_use_tokens(&change.world)?;
        let user_name = change.world.users.get(&user).map(|user| user.name.clone()).unwrap_or_default();
        let id = Uuid::parse_str(id).map_err(|_| no_token(id))?;
        if change.world.tokens.get(&id).is_some_and(|token| token.user == user) {
            change.delete_token(&user_name, &id.to_string()).await?;
        } else if change.world.keys.get(&id).is_some_and(|key| key.user == user) {
            change.delete_key(&user_name, &id.to_string()).await?;
        } else {
            return Err(no_token(&id.to_string()));
        }
        change.commit().await.map_err(RegistryError::from)?;
        Ok((StatusCode::NO_CONTENT, Value::Null))
    }

    /// Whether the credential at hand is worth these scopes; and good for all accounts if it makes anything at all.
    pub(super) fn may_give_away(&self, world: &World, asked: &[&str]) -> Result<(), Failure> {
        let Some(token) = self.principal.token.and_then(|token| world.tokens.get(&token)) else {
            return Ok(());
        };
        let has = |scope: &str| token.scopes.iter().any(|own| own == scope || own == "app_token");
        if token.accounts.is_empty() && asked.iter().all(|scope| has(scope)) {
            return Ok(());
        }
        let message = "TF400813: An access token cannot make what may do more than it may do itself.";
        Err(Failure::new(StatusCode::FORBIDDEN, "AccessCheckException", message))
    }

    fn target_accounts(&self, world: &World, given: &Value) -> Result<Vec<Uuid>, Failure> {
        let list = match given {
            Value::Null => return Ok(Vec::new()),
            Value::Array(list) => list,
            _ => return Err(Failure::bad("targetAccounts has to be a list of accounts' ids.")),
        };
        let known = |value: &Value| {
            let id = Uuid::parse_str(value.as_str()?).ok()?;
            let account = world.accounts.get(&id)?;
            can_see(world, &self.principal, Target::Account(account)).then_some(id)
        };
        let all: Option<Vec<Uuid>> = list.iter().map(known).collect();
        all.ok_or_else(|| {
            Failure::bad("targetAccounts names an account that does not exist, or that you may not see.")
        })
    }
}

/// Whether the request is about keys.
fn says_public(query: &str) -> bool {
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| name.eq_ignore_ascii_case("isPublic") && value.eq_ignore_ascii_case("true"))
}

pub(super) fn no_token(id: &str) -> Failure {
    let id: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
    Failure::new(
        StatusCode::NOT_FOUND,
        "SessionTokenNotFoundException",
        format!("There is no token or key of yours with the id {id}."),
    )
}

fn token_json(token: &Token, value: Option<&str>, now: Timestamp) -> Value {
    let accounts: Vec<String> = token.accounts.iter().map(Uuid::to_string).collect();
    let mut shown = common(token.id, token.user, &token.name, token.created, token.expires, now);
    shown["scope"] = token.scopes.join(" ").into();
    shown["targetAccounts"] = accounts.into();
    shown["token"] = value.into();
    shown["isPublic"] = false.into();
    shown
}

fn key_json(key: &SshKey, now: Timestamp) -> Value {
    let mut shown = common(key.id, key.user, &key.name, key.created, key.expires, now);
    shown["scope"] = "app_token".into();
    shown["isPublic"] = true.into();
    shown["publicData"] = format!("{} {}", key.algorithm, key.blob).into();
    shown
}

fn common(
    id: Uuid,
    user: Uuid,
    display: &str,
    created: Timestamp,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Value {
    let access = name::derive(&["access", &id.to_string()]);
    json!({
        "clientId": NOBODY.to_string(),
        "accessId": access.to_string(),
        "authorizationId": id.to_string(),
        "hostAuthorizationId": NOBODY.to_string(),
        "userId": user.to_string(),
        "validFrom": created,
        "validTo": expires.map_or_else(|| FOREVER.to_owned(), |time| time.to_string()),
        "displayName": display,
        "scope": null,
        "targetAccounts": [],
        "token": null,
        "alternateToken": null,
        "isValid": expires.is_none_or(|expires| now < expires),
        "isPublic": false,
        "publicData": null,
        "source": null,
    })
}
