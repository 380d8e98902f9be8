//! Locks over HTTP.

use axum::body::Body;
use axum::response::Response;
use http::{Method, Request, StatusCode};
use lfs_wire::batch::Reference;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Failure, json as answer};
use super::{Call, Route};
use crate::operations::lfs::locks::{self, Lock, Wanted};

#[derive(Deserialize)]
struct NewLock {
    path: String,
    #[serde(rename = "ref")]
    reference: Option<Reference>,
}

#[derive(Deserialize)]
struct Verification {
    cursor: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct Unlocking {
    #[serde(default)]
    force: bool,
}

fn shown(lock: &Lock) -> Value {
    json!({ "id": lock.id, "path": lock.path, "locked_at": lock.locked_at, "owner": { "name": lock.owner } })
}

pub(super) async fn serve(
    call: &Call<'_>,
    route: Route<'_>,
    request: Request<Body>,
) -> Result<Response, Failure> {
    match route {
        Route::VerifyLocks => verify(call, request).await,
        Route::Unlock(id) => {
            let asked: Unlocking = call.body(request).await?;
            let lock = locks::unlock(call.app, &call.principal, &call.repo, id, asked.force).await?;
            Ok(answer(StatusCode::OK, &json!({ "lock": shown(&lock) })))
        }
        _ if request.method() == Method::POST => create(call, request).await,
        _ => list(call, request.uri().query().unwrap_or_default()).await,
    }
}

async fn create(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let new: NewLock = call.body(request).await?;
    let reference = new.reference.as_ref().map(|reference| reference.name.as_str());
    match locks::lock(call.app, &call.principal, &call.repo, &new.path, reference).await? {
        Ok(lock) => Ok(answer(StatusCode::CREATED, &json!({ "lock": shown(&lock) }))),
        Err(lock) => {
            let message = format!("The path is locked by {} already.", lock.owner);
            Ok(answer(StatusCode::CONFLICT, &json!({ "lock": shown(&lock), "message": message })))
        }
    }
}

async fn list(call: &Call<'_>, query: &str) -> Result<Response, Failure> {
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let limit = value("limit").and_then(|limit| limit.parse().ok());
    let wanted = Wanted { path: value("path"), id: value("id"), cursor: value("cursor"), limit };
    let (found, cursor) = locks::list(call.app, &call.principal, &call.repo, wanted).await?;
    let found: Vec<Value> = found.iter().map(shown).collect();
    Ok(answer(StatusCode::OK, &with_cursor(json!({ "locks": found }), cursor)))
}

async fn verify(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let asked: Verification = call.body(request).await?;
    let wanted = Wanted { cursor: asked.cursor.as_deref(), limit: asked.limit, ..Wanted::default() };
    let (found, cursor) = locks::list(call.app, &call.principal, &call.repo, wanted).await?;
    let of = |ours: bool| found.iter().filter(|lock| lock.is_ours == ours).map(shown).collect::<Vec<_>>();
    Ok(answer(StatusCode::OK, &with_cursor(json!({ "ours": of(true), "theirs": of(false) }), cursor)))
}

fn with_cursor(mut value: Value, cursor: Option<String>) -> Value {
    if let Some(cursor) = cursor {
        value["next_cursor"] = cursor.into();
    }
    value
}
