//! The server's clock, which tests move.

use std::sync::Arc;

use axum::extract::{Request, State};
use serde::Deserialize;
use serde_json::json;

use super::{Answer, body, ok};
use crate::app::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    #[serde(default)]
    ahead: u32,
}

pub(super) async fn show(State(app): State<Arc<App>>) -> Answer {
    ok(&json!({ "now": app.clock.now(), "ahead": app.clock.ahead() }))
}

pub(super) async fn set(State(app): State<Arc<App>>, request: Request) -> Answer {
    let setting: Setting = body(&app, request).await?;
    app.clock.set_ahead(setting.ahead);
    show(State(app)).await
}
