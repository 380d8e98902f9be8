//! Faults in the admin API.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde_json::json;

use super::{Answer, body, created, done, ok};
use crate::app::App;
use crate::faults::Fault;
use crate::registry::RegistryError;

pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    ok(&json!({ "faults": app.faults.all() }))
}

pub(super) async fn create(State(app): State<Arc<App>>, request: Request) -> Answer {
    let fault: Fault = body(&app, request).await?;
    let id = app.faults.add(fault).map_err(RegistryError::from)?;
    created(&json!({ "id": id }))
}

pub(super) async fn remove(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    if id.parse().is_ok_and(|id| app.faults.remove(id)) {
        return done();
    }
    Err(RegistryError::not_found("fault", &id).into())
}

pub(super) async fn clear(State(app): State<Arc<App>>) -> Answer {
    app.faults.clear();
    done()
}
