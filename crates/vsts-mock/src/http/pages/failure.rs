//! The reasons why a page is not shown. A page that the visitor may not see fails like one that does not exist.

use std::borrow::Cow;

use http::StatusCode;

use super::FormError;
use crate::access::Refusal;
use crate::disk_full;
use crate::http::body::BodyError;
use crate::http::refusals;
use crate::operations::refused::Refused;
use crate::registry::RegistryError;

/// The message for what does not exist or must not be seen.
pub(super) const ABSENT: &str = "It does not exist, or you may not see it.";

/// The reason why a page is not shown, or a form not followed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody is signed in, and this needs somebody.
    SignIn,
    /// It is not there, or may as well not be.
    Absent(String),
    /// It can be seen, but this may not be done.
    Forbidden(String),
    /// The request makes no sense, or cannot be done; the text says why.
    Bad(String),
    /// It would cost the server too much; the words name the bound.
    TooMuch(String),
    /// The request's body could not be read.
    Body(BodyError),
    /// There is no room for what was to be stored.
    DiskFull,
    /// There is no memory for it at the moment.
    Busy(String),
    /// The log says why.
    Internal,
}

impl Failure {
    pub(super) fn absent(what: &str) -> Self {
        Self::Absent(what.to_owned())
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Absent(_) => StatusCode::NOT_FOUND,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::TooMuch(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Body(error) => error.status(),
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The title of the page.
    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::SignIn => "Sign in",
            Self::Absent(_) => "Not found",
            Self::Forbidden(_) => "Not allowed",
            Self::Bad(_) | Self::Body(_) => "That can not be done",
            Self::TooMuch(_) => "Too much for one page",
            Self::DiskFull => "There is no room",
            Self::Busy(_) => "Busy at the moment",
            Self::Internal => "Something went wrong here",
        }
    }

    /// And then.
    pub(super) fn message(&self) -> Cow<'_, str> {
        match self {
            Self::SignIn => "This needs somebody who is signed in.".into(),
            Self::Absent(message)
            | Self::Forbidden(message)
            | Self::Bad(message)
            | Self::TooMuch(message)
            | Self::Busy(message) => message.into(),
            Self::Body(error) => error.to_string().into(),
            Self::DiskFull => disk_full::MESSAGE.into(),
            Self::Internal => "The server's log says what it was.".into(),
        }
    }
}

impl From<FormError> for Failure {
    fn from(error: FormError) -> Self {
        match error {
            FormError::NotAForm => Self::Bad("That is not a form.".to_owned()),
            FormError::Body(error) => Self::Body(error),
        }
    }
}

impl<E: Into<Refused>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: Refused = error.into();
        match &error {
            Refused::Access(Refusal::SignInRequired | Refusal::Revoked { .. }) => return Self::SignIn,
            Refused::Access(Refusal::Invisible)
            | Refused::NoAccount { .. }
            | Refused::NoProject { .. }
            | Refused::NoRepository { .. } => return Self::absent(ABSENT),
            Refused::NoRoom(_) | Refused::ServerBusy(_) => return Self::Busy(error.to_string()),
            _ => {}
        }
        let status = refusals::show(&error).status;
        let message = match error {
            Refused::Registry(error @ RegistryError::NotFound { .. }) => error.in_one_line(),
            Refused::Registry(error) => sentence(&error.in_one_line()),
            other => other.to_string(),
        };
        match status {
            StatusCode::NOT_FOUND => Self::Absent(message),
            StatusCode::FORBIDDEN => Self::Forbidden(message),
            StatusCode::UNPROCESSABLE_ENTITY => Self::TooMuch(message),
            StatusCode::INSUFFICIENT_STORAGE => Self::DiskFull,
            status if status.is_server_error() => Self::Internal,
            _ => Self::Bad(message),
        }
    }
}

/// A message as a sentence.
pub(super) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let end = if message.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
