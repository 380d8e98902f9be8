//! A form that a browser sent.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use crate::budget::Budget;
use crate::http::body::{self, BodyError};
use crate::limits::FORM_BYTES;

/// The reason why a form cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormError {
    /// The body is of another type.
    #[error("The body must be a form.")]
    NotAForm,
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl FormError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotAForm => StatusCode::BAD_REQUEST,
            Self::Body(error) => error.status(),
        }
    }
}

/// The fields of a form, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form of at most [`FORM_BYTES`].
    pub(crate) async fn read(budget: &Budget, headers: &HeaderMap, body: Body) -> Result<Self, FormError> {
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.to_ascii_lowercase().starts_with("application/x-www-form-urlencoded") {
            return Err(FormError::NotAForm);
        }
        let bytes = body::read(budget, body, FORM_BYTES).await?;
        Ok(Self(url::form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// The value of a field, without blanks around it; empty if there is no such field.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value of a field, as it was typed, unless it is empty.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        Some(self.raw(name)).filter(|value| !value.is_empty())
    }

    /// The value of a field, as it was typed.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The values of all fields of one name.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns whether a box is ticked.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }
}
