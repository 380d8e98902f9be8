//! Users, tokens and SSH keys in the admin API.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, body, created, done, ok};
use crate::app::App;
use crate::directory::{SshKey, Token, User};
use crate::http::dates;
use crate::operations::administration;
use crate::registry::{KeyInput, Password, TokenInput, UserInput};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    email: Option<String>,
    password: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    value: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default, deserialize_with = "dates::optional")]
    expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
    key: String,
    #[serde(default, deserialize_with = "dates::optional")]
    expires: Option<Timestamp>,
}

fn user_json(user: &User) -> Value {
    json!({
        "id": user.id.to_string(),
        "name": user.name,
        "email": user.email,
        "hasPassword": user.password_hash.is_some(),
    })
}

fn token_json(app: &App, token: &Token) -> Value {
    json!({
        "id": token.id.to_string(),
        "name": token.name,
        "scopes": token.scopes,
        "accounts": token.accounts.iter().map(uuid::Uuid::to_string).collect::<Vec<_>>(),
        "session": token.is_session,
        "created": token.created,
        "expires": token.expires,
        "lastUsed": app.uses.last(token.id),
    })
}

fn key_json(app: &App, key: &SshKey) -> Value {
    json!({
        "id": key.id.to_string(),
        "name": key.name,
        "algorithm": key.algorithm,
        "fingerprint": key.fingerprint,
        "created": key.created,
        "expires": key.expires,
        "lastUsed": app.uses.last(key.id),
    })
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    let directory = app.state.directory();
    ok(&json!({ "users": directory.users.values().map(user_json).collect::<Vec<_>>() }))
}

pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Answer {
    let new: NewUser = body(&app, request).await?;
    let password = new.password.as_deref().map(Password::Plain);
    let input = UserInput { name: &new.name, email: new.email.as_deref(), password };
    administration::create_user(&app, &input).await?;
    created(&user_json(app.state.directory().find_user(&new.name)?))
}

pub(super) async fn show(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    ok(&user_json(app.state.directory().find_user(&user)?))
}

pub(super) async fn remove(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    administration::delete_user(&app, &user).await?;
    done()
}

pub(super) async fn list_tokens(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    let directory = app.state.directory();
    let user = directory.find_user(&user)?.id;
    let tokens: Vec<_> = directory
        .tokens
        .values()
        .filter(|token| token.user == user)
        .map(|token| token_json(&app, token))
        .collect();
    ok(&json!({ "tokens": tokens }))
}

pub(super) async fn create_token(
    State(app): State<Arc<App>>,
    Path(user): Path<String>,
    request: Request,
) -> Answer {
    let new: NewToken = body(&app, request).await?;
    let input = TokenInput {
        name: &new.name,
        value: new.value.as_deref(),
        scopes: &new.scopes,
        expires: new.expires,
        ..TokenInput::named()
    };
    let now = app.clock.now();
    let (id, value) = administration::change(&app, |change| change.create_token(&user, &input, now)).await?;
    created(
        &json!({ "id": id.to_string(), "name": new.name, "value": value.reveal(), "expires": new.expires }),
    )
}

pub(super) async fn remove_token(
    State(app): State<Arc<App>>,
    Path((user, token)): Path<(String, String)>,
) -> Answer {
    administration::change(&app, |change| change.delete_token(&user, &token)).await?;
    done()
}

pub(super) async fn list_keys(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    let directory = app.state.directory();
    let user = directory.find_user(&user)?.id;
    let mine = directory.keys.values().filter(|key| key.user == user);
    ok(&json!({ "keys": mine.map(|key| key_json(&app, key)).collect::<Vec<_>>() }))
}

pub(super) async fn create_key(
    State(app): State<Arc<App>>,
    Path(user): Path<String>,
    request: Request,
) -> Answer {
    let new: NewKey = body(&app, request).await?;
    let input = KeyInput { name: &new.name, key: &new.key, expires: new.expires, has_own_name: true };
    let now = app.clock.now();
    let id = administration::change(&app, |change| change.create_key(&user, &input, now)).await?;
    let directory = app.state.directory();
    created(&directory.keys.get(&id).map(|key| key_json(&app, key)).unwrap_or_default())
}

pub(super) async fn remove_key(
    State(app): State<Arc<App>>,
    Path((user, key)): Path<(String, String)>,
) -> Answer {
    administration::change(&app, |change| change.delete_key(&user, &key)).await?;
    done()
}
