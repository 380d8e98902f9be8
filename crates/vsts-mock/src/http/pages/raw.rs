//! A file as it is. Text is text and pictures are pictures; nothing else is shown by a browser, whatever it holds.

use std::io::{self, Read};

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::source::Source;
use super::{Answer, Failure, Outcome};
use crate::http::web::encode;
use crate::http::web::stream;
use crate::http::web::{protect, text};
use crate::limits::BINARY_CHECK_BYTES;
use crate::operations::items::is_binary;
use crate::operations::lfs::files;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let missing = || Failure::absent("There is no such file in this version.");
    let version = source.version(&["version"])?.ok_or_else(missing)?;
    let path = source.asked_path();
    let entry = source.entry(version.commit, &path)?.filter(|entry| entry.mode.is_blob_or_symlink());
    let entry = entry.ok_or_else(missing)?;
    let mut content = source.content(entry.id)?;
    let mut start = content.start(BINARY_CHECK_BYTES)?;
    let mut length = content.size;
    let mut rest: Box<dyn Read + Send> = Box::new(content);
    if let Some(large) = files::pointer(length, &start).and_then(|pointer| files::content(source, &pointer)) {
        (start, length) = (Vec::new(), large.size);
        rest = Box::new(large.file.take(length));
        let read = rest.by_ref().take(BINARY_CHECK_BYTES as u64).read_to_end(&mut start);
        read.map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "a large file can't be read");
            Failure::Internal
        })?;
    }
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let (kind, is_shown) = match extension.as_deref() {
        Some("png") => ("image/png", true),
        Some("jpg" | "jpeg") => ("image/jpeg", true),
        Some("gif") => ("image/gif", true),
        Some("webp") => ("image/webp", true),
        _ if is_binary(&start) => ("application/octet-stream", false),
        _ => ("text/plain; charset=utf-8", true),
    };
    let name = path.rsplit('/').next().unwrap_or("file");
    let is_shown = is_shown && source.ctx.ask("download").is_none();
    let body = stream::body(io::Cursor::new(start).chain(rest));
    Ok(Answer::Other(file(body, Some(length), kind, name, !is_shown)))
}

/// A file as a response: to be shown, or to be kept under a name.
pub(super) fn file(
    body: Body,
    length: Option<u64>,
    kind: &'static str,
    name: &str,
    is_kept: bool,
) -> Response {
    let mut response = text(StatusCode::OK, "");
    let headers = response.headers_mut();
    protect(headers);
    // A document of its own has nothing to load and nothing to run.
    headers.insert("content-security-policy", HeaderValue::from_static("default-src 'none'; sandbox"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let way = if is_kept { "attachment" } else { "inline" };
    if let Ok(value) = HeaderValue::from_str(&format!("{way}; filename*=UTF-8''{}", encode(name))) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, length.into());
    }
    *response.body_mut() = body;
    response
}
