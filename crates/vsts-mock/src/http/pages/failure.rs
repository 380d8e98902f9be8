//! Why a page is not shown. What somebody may not see is told as what is not there.

use std::borrow::Cow;

use http::StatusCode;

use super::FormError;
use crate::access::Refusal;
use crate::budget::NoRoom;
use crate::disk_full;
use crate::http::body::BodyError;
use crate::http::rest::Failure as RestFailure;
use crate::operations::content::ContentError;
use crate::operations::tree_walk::WalkError;
use crate::operations::work::Exceeded;
use crate::operations::zip::ZipError;
use crate::registry::RegistryError;
use crate::state::StateError;

/// Why a page is not shown, or a form not followed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody is signed in, and this needs somebody.
    SignIn,
    /// It is not there, or may as well not be.
    Absent(String),
    /// It can be seen, but this may not be done.
    Forbidden(String),
    /// What was sent makes no sense, or can not be done; the words say why.
    Bad(String),
    /// It would cost the server too much; the words name the bound.
    TooMuch(String),
    /// What was sent did not arrive.
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

    /// What a person reads first.
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

    /// Something failed that is nobody's business but the log's.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, "a page could not be made");
        if disk_full::is_cause_of(error) { Self::DiskFull } else { Self::Internal }
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

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::SignInRequired | Refusal::Revoked { .. } => Self::SignIn,
            Refusal::Invisible => Self::absent("It does not exist, or you may not see it."),
            other => Self::Forbidden(other.to_string()),
        }
    }
}

impl From<Exceeded> for Failure {
    fn from(exceeded: Exceeded) -> Self {
        Self::TooMuch(exceeded.to_string())
    }
}

impl From<WalkError> for Failure {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::Exceeded(exceeded) => exceeded.into(),
            WalkError::Git(error) => error.into(),
        }
    }
}

impl From<NoRoom> for Failure {
    fn from(no_room: NoRoom) -> Self {
        Self::Busy(no_room.to_string())
    }
}

impl From<ContentError> for Failure {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::NoRoom(no_room) => no_room.into(),
            ContentError::Stored(error) => Self::internal(&error),
        }
    }
}

impl From<ZipError> for Failure {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Exceeded(exceeded) => exceeded.into(),
            ZipError::Content(error) => error.into(),
            ZipError::Git(error) => error.into(),
        }
    }
}

impl From<gix::Error> for Failure {
    fn from(error: gix::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::internal(&error)
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Repository { .. } | RegistryError::State(_) => Self::internal(&error),
            RegistryError::NotFound { .. } => Self::Absent(error.in_one_line()),
            other => Self::Bad(sentence(&other.in_one_line())),
        }
    }
}

impl From<RestFailure> for Failure {
    fn from(failure: RestFailure) -> Self {
        match failure.status {
            StatusCode::NOT_FOUND => Self::Absent(failure.message),
            StatusCode::FORBIDDEN => Self::Forbidden(failure.message),
            StatusCode::UNPROCESSABLE_ENTITY => Self::TooMuch(failure.message),
            StatusCode::INSUFFICIENT_STORAGE => Self::DiskFull,
            StatusCode::SERVICE_UNAVAILABLE => Self::Busy(failure.message),
            status if status.is_server_error() => Self::Internal,
            _ => Self::Bad(failure.message),
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
