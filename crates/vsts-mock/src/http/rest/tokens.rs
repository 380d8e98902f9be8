//! The user's own tokens and SSH public keys: `_apis/Token/SessionTokens`, for keys with `isPublic=true`.
//!
//! A token's value is in the answer to its creation and nowhere else.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::query::date;
use super::reply::{Outcome, Reply};
use super::{Call, Failure, shape};
use crate::access::{Target, can_see};
use crate::directory::{Directory, SshKey, Token, name};
use crate::operations::refused::Refused;
use crate::operations::{keys, tokens};
use crate::registry::{KeyInput, TokenInput};

/// The end of a token that never expires: the service's dates are never absent.
pub(super) const FOREVER: &str = "9999-12-31T23:59:59.9999999Z";
const NOBODY: Uuid = Uuid::nil();

pub(super) fn list(call: &Call<'_>) -> Outcome {
    let (directory, now) = (call.app.state.directory(), call.app.clock.now());
    let values: Vec<Value> = if call.query.flag("isPublic") {
        keys::list(&directory, &call.principal)?.into_iter().map(|key| key_json(key, now)).collect()
    } else {
        let mine = tokens::list(&directory, &call.principal)?;
        mine.into_iter().map(|token| token_json(token, None, now)).collect()
    };
    Ok(Reply::ok(shape::list(values.into_iter())))
}

pub(super) fn show(call: &Call<'_>) -> Outcome {
    let id = call.part("authorizationId");
    let (directory, now) = (call.app.state.directory(), call.app.clock.now());
    let shown = match tokens::find(&directory, &call.principal, id) {
        Err(Refused::NoToken { .. }) => key_json(keys::find(&directory, &call.principal, id)?, now),
        token => token_json(token?, None, now),
    };
    Ok(Reply::ok(shown))
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
    let now = call.app.clock.now();
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
    let directory = call.app.state.directory();
    tokens::owner(&directory, &call.principal)?;
    let shown = if call.query.flag("isPublic") || body["isPublic"].as_bool() == Some(true) {
        let line = body["publicData"].as_str();
        let line =
            line.ok_or_else(|| Failure::bad("A value is required for publicData: a public key's line."))?;
        let input = KeyInput { name: display, key: line, expires, has_own_name: false };
        key_json(&keys::register(call.app, &call.principal, &input).await?, now)
    } else {
        let scope = body["scope"].as_str().unwrap_or("app_token");
        let scopes: Vec<String> = scope.split_whitespace().map(str::to_owned).collect();
        let input = TokenInput {
            name: display,
            scopes: &scopes,
            accounts: &target_accounts(call, &directory, &body["targetAccounts"])?,
            expires,
            has_own_name: false,
            ..TokenInput::named()
        };
        let (token, value) = tokens::create(call.app, &call.principal, input).await?;
        token_json(&token, Some(value.reveal()), now)
    };
    Ok(Reply::ok(shown))
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    let id = call.part("authorizationId");
    match tokens::revoke(call.app, &call.principal, id).await {
        Err(Refused::NoToken { .. }) => keys::remove(call.app, &call.principal, id).await?,
        revoked => revoked?,
    }
    Ok(Reply::nothing())
}

fn target_accounts(call: &Call<'_>, directory: &Directory, given: &Value) -> Result<Vec<Uuid>, Failure> {
    let list = match given {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return Err(Failure::bad("targetAccounts has to be a list of accounts' ids.")),
    };
    let known = |value: &Value| {
        let id = Uuid::parse_str(value.as_str()?).ok()?;
        let account = directory.accounts.get(&id)?;
        can_see(directory, &call.principal, Target::Account(account)).then_some(id)
    };
    let all: Option<Vec<Uuid>> = list.iter().map(known).collect();
    all.ok_or_else(|| {
        Failure::bad("targetAccounts names an account that does not exist, or that you may not see.")
    })
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
