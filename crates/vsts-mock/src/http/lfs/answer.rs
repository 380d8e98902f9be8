//! Answers of Git LFS: its media type, and its form of errors.

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use lfs_wire::batch::MEDIA_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::Call;
use crate::app::App;
use crate::budget::NoRoom;
use crate::http::auth;
use crate::http::body::{self, BodyError};
use crate::http::web;
use crate::limits::JSON_BODY_BYTES;
use crate::operations::lfs::LfsRefused;

/// The reason why a request gets no answer of its own.
#[derive(Debug)]
pub(super) enum Failure {
    Refused(LfsRefused),
    Status(StatusCode, String),
    /// The credentials are wrong; the response has the status and the headers that say so.
    SignIn(Box<Response>),
}

impl From<LfsRefused> for Failure {
    fn from(refused: LfsRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<NoRoom> for Failure {
    fn from(error: NoRoom) -> Self {
        Self::Refused(error.into())
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::Status(error.status(), error.to_string())
    }
}

impl Failure {
    pub(super) fn status(status: StatusCode, message: &str) -> Self {
        Self::Status(status, message.to_owned())
    }

    pub(super) fn response(self, app: &App) -> Response {
        let (status, message) = match self {
            Self::Refused(refused) => {
                let status =
                    StatusCode::from_u16(refused.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                (status, refused.to_string())
            }
            Self::Status(status, message) => (status, message),
            Self::SignIn(response) => return as_lfs(*response, "TF400813: The credentials are not valid."),
        };
        if status == StatusCode::UNAUTHORIZED {
            return as_lfs(auth::challenge(app, &message), &message);
        }
        json(status, &json!({ "message": message }))
    }
}

/// Gives a response that asks for credentials, or for patience, Git LFS's form.
fn as_lfs(response: Response, message: &str) -> Response {
    let (parts, _) = response.into_parts();
    let mut answer = json(parts.status, &json!({ "message": message }));
    let content_type = answer.headers().get(CONTENT_TYPE).cloned();
    *answer.headers_mut() = parts.headers;
    if let Some(content_type) = content_type {
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    if parts.status == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert("lfs-authenticate", HeaderValue::from_static("Basic realm=\"Git LFS\""));
    }
    answer
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = web::json(status, value);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Refuses a request for JSON whose client takes another kind, or sends another kind.
pub(super) fn check_json(request: &Request<Body>) -> Result<(), Failure> {
    let headers = request.headers();
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut accepted = accepted.flat_map(|value| value.split(',')).map(media_type).peekable();
    let takes = |kind: String| [MEDIA_TYPE, "application/*", "*/*"].contains(&kind.as_str());
    if accepted.peek().is_some() && !accepted.any(takes) {
        let message =
            format!("The answer is {MEDIA_TYPE}, which the header Accept of the request does not have.");
        return Err(Failure::Status(StatusCode::NOT_ACCEPTABLE, message));
    }
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(media_type);
    if request.method() != Method::GET && sent.as_deref() != Some(MEDIA_TYPE) {
        let message = format!("The request's content type has to be {MEDIA_TYPE}.");
        return Err(Failure::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok(())
}

/// The media type in a header's value, without parameters.
fn media_type(value: &str) -> String {
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

impl Call<'_> {
    /// Reads the JSON of a request.
    pub(super) async fn body<T: DeserializeOwned>(&self, request: Request<Body>) -> Result<T, Failure> {
        let whole = body::read(&self.app.budget, request.into_body(), JSON_BODY_BYTES).await?;
        let read = serde_json::from_slice(&whole);
        read.map_err(|error| LfsRefused::Invalid(format!("The request is not understood: {error}")).into())
    }
}
