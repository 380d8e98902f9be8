//! A form that a browser sent.

use axum::body::Body;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::failure::Failure;
use crate::app::App;
use crate::http::body;
use crate::limits::FORM_BYTES;

/// What was filled in.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Self, Failure> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Failure::Bad("That is not a form.".to_owned()));
        }
        let bytes = body::read(&app.budget, body, FORM_BYTES).await.map_err(Failure::Body)?;
        Ok(Self(url::form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// What stands in a field, without blanks around it; nothing if there is no such field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// What stands in a field, as it was typed.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Everything that was chosen in fields of one name.
    pub(super) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a box is ticked.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}
