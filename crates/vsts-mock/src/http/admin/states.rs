//! Saved states in the admin API: the whole state of the server under a name, and the way back to it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::{Answer, done, json_response, ok};
use crate::app::App;

pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    ok(&json!({ "snapshots": app.saved_states()? }))
}

pub(super) async fn save(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    let (saved, is_new) = app.save_state(&name).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let answer: Response = json_response(status, &saved);
    Ok(answer)
}

pub(super) async fn restore(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    let tokens = app.restore_state(&name).await?;
    ok(&json!({ "tokens": tokens }))
}

pub(super) async fn remove(State(app): State<Arc<App>>, Path(name): Path<String>) -> Answer {
    app.remove_state(&name).await?;
    done()
}
