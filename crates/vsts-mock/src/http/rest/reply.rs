//! The answers of handlers, and the headers of the service that every answer carries.

use std::io::{self, Read as _};
use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE,
    LOCATION, ORIGIN, RETRY_AFTER,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use crate::access::Principal;
use crate::budget::{Budget, Permit};
use crate::directory::Directory;
use crate::http::web::stream;
use crate::http::web::{json as json_response, text};
use crate::limits::{ANSWER_BYTES, ANSWER_RESERVE_BYTES, BUDGET_WAIT, SMALL_ANSWER_BYTES};
use crate::operations::content::Blob;
use crate::operations::lfs::transfer::Content as LfsContent;
use crate::operations::work::Exceeded;
use crate::operations::zip::Zip;
use crate::registry::random_id;

/// The answer of a handler.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    content: Content,
    /// The token with which a list continues.
    continuation: Option<String>,
    /// The address of a resource that was created.
    location: Option<String>,
}

#[derive(Debug)]
enum Content {
    Json(Value),
    /// JSON that has been written already.
    Written(Vec<u8>, Option<Permit>),
    /// A body that is read while it is sent, and its length if that is known.
    Streamed {
        kind: &'static str,
        body: Body,
        length: Option<u64>,
        file_name: Option<String>,
    },
    Nothing,
}

pub(super) type Outcome = Result<Reply, Failure>;

impl Reply {
    pub(super) fn ok(value: Value) -> Self {
        Self::json(StatusCode::OK, value)
    }

    pub(super) fn json(status: StatusCode, value: Value) -> Self {
        Self::new(status, Content::Json(value))
    }

    fn new(status: StatusCode, content: Content) -> Self {
        Self { status, content, continuation: None, location: None }
    }

    /// Says where what was made is.
    pub(super) fn located(self, at: String) -> Self {
        Self { location: Some(at), ..self }
    }

    /// A list in the envelope of every list, each value written by `write`: what is long is never built as a whole tree
    /// of values first.
    pub(super) fn list<T>(
        values: &[T],
        write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let mut bytes = format!("{{\"count\":{},\"value\":", values.len()).into_bytes();
        write_array(&mut bytes, values, write)?;
        bytes.push(b'}');
        Ok(Self::written(bytes))
    }

    /// An object with an array in it, each value of that written by `write`.
    pub(super) fn with_array<T>(
        object: &Value,
        name: &str,
        values: &[T],
        write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), Failure>,
    ) -> Result<Self, Failure> {
        let mut bytes = object.to_string().into_bytes();
        bytes.pop();
        bytes.extend_from_slice(format!(",\"{name}\":").as_bytes());
        write_array(&mut bytes, values, write)?;
        bytes.push(b'}');
        Ok(Self::written(bytes))
    }

    /// JSON that has been written already.
    pub(super) fn written(bytes: Vec<u8>) -> Self {
        Self::new(StatusCode::OK, Content::Written(bytes, None))
    }

    /// An answer that has succeeded and has nothing to say.
    pub(super) fn emptied() -> Self {
        Self::new(StatusCode::OK, Content::Nothing)
    }

    pub(super) fn nothing() -> Self {
        Self::new(StatusCode::NO_CONTENT, Content::Nothing)
    }

    /// A file as it is; with a name it is there to be saved.
    pub(super) fn file(kind: &'static str, blob: Blob, file_name: Option<String>) -> Self {
        let length = Some(blob.size);
        Self::streamed(kind, stream::body(blob), length, file_name)
    }

    /// A large file that is not in Git.
    pub(super) fn large_file(content: LfsContent, file_name: Option<String>) -> Self {
        let body = stream::file(content.file, 0, content.size);
        Self::streamed("application/octet-stream", body, Some(content.size), file_name)
    }

    /// The same, with what of it was read before.
    pub(super) fn rest_of_file(
        kind: &'static str,
        start: Vec<u8>,
        blob: Blob,
        file_name: Option<String>,
    ) -> Self {
        let length = Some(blob.size);
        Self::streamed(kind, stream::body(io::Cursor::new(start).chain(blob)), length, file_name)
    }

    /// A zip file.
    pub(super) fn zip(zip: Zip, file_name: String) -> Self {
        Self::streamed("application/zip", stream::body(zip), None, Some(file_name))
    }

    fn streamed(kind: &'static str, body: Body, length: Option<u64>, file_name: Option<String>) -> Self {
        Self::new(StatusCode::OK, Content::Streamed { kind, body, length, file_name })
    }

    /// Takes a large answer's part of the server's memory, which is given back when the answer is sent.
    pub(super) async fn charged(mut self, memory: &Budget) -> Outcome {
        if let Content::Written(bytes, permit) = &mut self.content
            && bytes.len() > SMALL_ANSWER_BYTES
        {
            *permit = Some(memory.acquire(bytes.len() as u64).await?);
        }
        Ok(self)
    }

    pub(super) fn continued(mut self, at: Option<usize>) -> Self {
        self.continuation = at.map(|at| at.to_string());
        self
    }
}

/// Writes a value as JSON.
pub(super) fn write_json(bytes: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(bytes, value).map_err(|error| Failure::internal(&error))
}

/// Writes a JSON array, each of its values by `write`.
pub(super) fn write_array<T>(
    bytes: &mut Vec<u8>,
    values: &[T],
    mut write: impl FnMut(&mut Vec<u8>, &T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    bytes.push(b'[');
    let start = bytes.len();
    for (n, value) in values.iter().enumerate() {
        if n > 0 {
            bytes.push(b',');
        }
        write(bytes, value)?;
        if bytes.len() > ANSWER_BYTES {
            return Err(Exceeded::AnswerBytes.into());
        }
        if n == 0 {
            // The others will be about as long.
            let first = bytes.len() - start;
            bytes.reserve(first.saturating_mul(values.len()).min(ANSWER_RESERVE_BYTES));
        }
    }
    bytes.push(b']');
    Ok(())
}

/// The response for what a handler answers, in a version.
pub(super) fn respond(outcome: Outcome, version: &str) -> Response {
    let reply = match outcome {
        Ok(reply) => reply,
        Err(failure) => Reply::json(failure.status, failure.body()),
    };
    let json_kind = match version {
        "" => "application/json; charset=utf-8".to_owned(),
        version => format!("application/json; charset=utf-8; api-version={version}"),
    };
    let is_busy = reply.status == StatusCode::SERVICE_UNAVAILABLE;
    let mut response = match reply.content {
        Content::Json(value) => {
            let mut response = json_response(reply.status, &value);
            insert(response.headers_mut(), CONTENT_TYPE, &json_kind);
            response
        }
        Content::Written(bytes, permit) => {
            let mut response = text(reply.status, "");
            *response.body_mut() = match permit {
                Some(permit) => stream::held(bytes, permit),
                None => Body::from(bytes),
            };
            insert(response.headers_mut(), CONTENT_TYPE, &json_kind);
            response
        }
        Content::Streamed { kind, body, length, file_name } => {
            let mut response = text(reply.status, "");
            *response.body_mut() = body;
            if let Some(length) = length {
                response.headers_mut().insert(CONTENT_LENGTH, length.into());
            }
            insert(response.headers_mut(), CONTENT_TYPE, kind);
            if let Some(name) = file_name {
                // A name of any characters, and the same for those who know only ASCII.
                let plain: String = name
                    .chars()
                    .map(|c| if c.is_ascii_graphic() && !"\"\\%".contains(c) { c } else { '_' })
                    .collect();
                let exact = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
                let value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}");
                insert(response.headers_mut(), CONTENT_DISPOSITION, &value);
            }
            response
        }
        Content::Nothing => text(reply.status, ""),
    };
    if is_busy {
        response.headers_mut().insert(RETRY_AFTER, BUDGET_WAIT.as_secs().into());
    }
    if let Some(at) = reply.location {
        insert(response.headers_mut(), LOCATION, &at);
    }
    if let Some(at) = reply.continuation {
        insert(response.headers_mut(), HeaderName::from_static("x-ms-continuationtoken"), &at);
    }
    response
}

/// The process that answers, as the service's answers name it.
static PROCESS: LazyLock<String> = LazyLock::new(|| random_id().to_string());

/// The headers for scripts of other sites, which the service lets read its answers. They have to bring a token: a browser
/// has no credentials for the REST API of its own.
const CROSS_ORIGIN: [(HeaderName, &str); 5] = [
    (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (ACCESS_CONTROL_MAX_AGE, "3600"),
    (ACCESS_CONTROL_ALLOW_METHODS, "OPTIONS,GET,POST,PATCH,PUT,DELETE"),
    (ACCESS_CONTROL_EXPOSE_HEADERS, "ActivityId,X-TFS-Session,X-MS-ContinuationToken"),
    (ACCESS_CONTROL_ALLOW_HEADERS, "authorization,content-type,x-tfs-session,x-http-method-override"),
];

/// Adds what every answer carries. Clients take over the session that the answer names, so it is theirs.
pub(super) fn sign(
    response: &mut Response,
    request: &HeaderMap,
    directory: &Directory,
    principal: Option<&Principal>,
) {
    let activity = random_id().to_string();
    let session = request.get("x-tfs-session").and_then(|value| value.to_str().ok()).unwrap_or(&activity);
    let headers = response.headers_mut();
    for (name, value) in [
        ("activityid", activity.as_str()),
        ("x-vss-e2eid", &activity),
        ("x-tfs-session", session),
        ("x-tfs-processid", &PROCESS),
        ("pragma", "no-cache"),
        ("expires", "-1"),
        (
            "p3p",
            "CP=\"CAO DSP COR ADMa DEV CONo TELo CUR PSA PSD TAI IVDo OUR SAMi BUS DEM NAV STA UNI COM INT PHY ONL FIN PUR LOC CNT\"",
        ),
        ("x-frame-options", "SAMEORIGIN"),
        ("vary", "Accept-Encoding"),
    ] {
        insert(headers, HeaderName::from_static(name), value);
    }
    if request.contains_key(ORIGIN) {
        for (name, value) in CROSS_ORIGIN {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    let user = principal.and_then(|principal| directory.users.get(&principal.user?));
    if let Some(user) = user {
        let mail = user.email.as_deref().unwrap_or(&user.name);
        insert(headers, HeaderName::from_static("x-vss-userdata"), &format!("{}:{mail}", user.id));
    }
}

/// Inserts a header, unless its value cannot stand in one.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}
