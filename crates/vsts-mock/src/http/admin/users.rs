//! Users, tokens and SSH keys in the admin API.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Failure, body, created, done, ok};
use crate::app::App;
use crate::directory::{Directory, SshKey, Token, User};
use crate::http::dates;
use crate::registry::{KeyInput, Password, RegistryError, TokenInput, UserInput};

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

fn find<'a>(directory: &'a Directory, name: &str) -> Result<&'a User, Failure> {
    directory.user(name).ok_or_else(|| RegistryError::not_found("user", name).into())
}

pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    let directory = app.state.directory();
    ok(&json!({ "users": directory.users.values().map(user_json).collect::<Vec<_>>() }))
}

pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Answer {
    let new: NewUser = body(&app, request).await?;
    let mut change = app.state.change().await;
    let password = new.password.as_deref().map(Password::Plain);
    let input = UserInput { name: &new.name, email: new.email.as_deref(), password };
    change.create_user(&input).await?;
    change.commit().await?;
    created(&user_json(find(&app.state.directory(), &new.name)?))
}

pub(super) async fn show(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    ok(&user_json(find(&app.state.directory(), &user)?))
}

pub(super) async fn remove(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    let mut change = app.state.change().await;
    let id = find(&change.directory, &user)?.id;
    change.delete_user(&user)?;
    change.commit().await?;
    app.sessions.end_all_of(id);
    done()
}

pub(super) async fn list_tokens(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    let directory = app.state.directory();
    let user = find(&directory, &user)?.id;
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
    let mut change = app.state.change().await;
    let input = TokenInput {
        name: &new.name,
        value: new.value.as_deref(),
        scopes: &new.scopes,
        expires: new.expires,
        ..TokenInput::named()
    };
    let (id, value) = change.create_token(&user, &input, app.clock.now())?;
    change.commit().await?;
    created(
        &json!({ "id": id.to_string(), "name": new.name, "value": value.reveal(), "expires": new.expires }),
    )
}

pub(super) async fn remove_token(
    State(app): State<Arc<App>>,
    Path((user, token)): Path<(String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.delete_token(&user, &token)?;
    change.commit().await?;
    done()
}

pub(super) async fn list_keys(State(app): State<Arc<App>>, Path(user): Path<String>) -> Answer {
    let directory = app.state.directory();
    let user = find(&directory, &user)?.id;
    ok(
        &json!({ "keys": directory.keys.values().filter(|key| key.user == user).map(|key| key_json(&app, key)).collect::<Vec<_>>() }),
    )
}

pub(super) async fn create_key(
    State(app): State<Arc<App>>,
    Path(user): Path<String>,
    request: Request,
) -> Answer {
    let new: NewKey = body(&app, request).await?;
    let mut change = app.state.change().await;
    let input = KeyInput { name: &new.name, key: &new.key, expires: new.expires, has_own_name: true };
    let id = change.create_key(&user, &input, app.clock.now())?;
    let answer = change.directory.keys.get(&id).map(|key| key_json(&app, key));
    change.commit().await?;
    created(&answer.unwrap_or_default())
}

pub(super) async fn remove_key(
    State(app): State<Arc<App>>,
    Path((user, key)): Path<(String, String)>,
) -> Answer {
    let mut change = app.state.change().await;
    change.delete_key(&user, &key)?;
    change.commit().await?;
    done()
}
