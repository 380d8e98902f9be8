//! Contents of objects: out, as a whole or in part; in; and the confirmation after that.
//!
//! An upload is hashed and written piece by piece as it comes.

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_RANGE, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use lfs_wire::Oid;
use lfs_wire::batch::{Asked, Operation};
use serde_json::json;

use super::Call;
use super::answer::{Failure, json as answer};
use super::range::{Part, part};
use crate::http::web::stream::{self, NotReceived};
use crate::http::web::text;
use crate::limits::LFS_PIECE_BYTES;
use crate::operations::lfs::{LfsRefused, transfer};
use crate::state::Receiving;

pub(super) async fn serve(call: &Call<'_>, oid: Oid, request: Request<Body>) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    if head.method == Method::PUT {
        take(call, oid, &head.headers, body).await
    } else {
        give(call, oid, &head.method, &head.headers).await
    }
}

/// Sends a content.
async fn give(call: &Call<'_>, oid: Oid, method: &Method, headers: &HeaderMap) -> Result<Response, Failure> {
    let content = transfer::open(call.app, &call.principal, &call.repo, oid).await?;
    let (size, tag) = (content.size, format!("\"{oid}\""));
    let wanted = match headers.get(IF_RANGE) {
        Some(other) if other.as_bytes() != tag.as_bytes() => Part::Whole,
        _ => headers
            .get(RANGE)
            .and_then(|value| value.to_str().ok())
            .map_or(Part::Whole, |text| part(text, size)),
    };
    let (status, start, length, range) = match wanted {
        Part::Whole => (StatusCode::OK, 0, size, None),
        Part::Some { start, last } => (
            StatusCode::PARTIAL_CONTENT,
            start,
            last - start + 1,
            Some(format!("bytes {start}-{last}/{size}")),
        ),
        Part::None => (StatusCode::RANGE_NOT_SATISFIABLE, 0, 0, Some(format!("bytes */{size}"))),
    };
    let mut response = text(status, "");
    let headers = response.headers_mut();
    describe(headers, length, &tag);
    if let Some(range) = range.and_then(|range| HeaderValue::from_str(&range).ok()) {
        headers.insert(CONTENT_RANGE, range);
    }
    if *method != Method::HEAD && length > 0 {
        *response.body_mut() = stream::file(content.file, start, length);
    }
    Ok(response)
}

fn describe(headers: &mut HeaderMap, length: u64, tag: &str) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, length.into());
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(ETAG, tag);
    }
}

/// Receives a content.
async fn take(call: &Call<'_>, oid: Oid, headers: &HeaderMap, body: Body) -> Result<Response, Failure> {
    let app = call.app;
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        let message = "A content is sent as it is, without an encoding.";
        return Err(Failure::status(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let announced = body.size_hint().exact();
    let other_size =
        || LfsRefused::Mismatch("The content has another size than its object. Nothing was stored.");
    let size = match (call.granted_size(), announced) {
        (Some(granted), Some(announced)) if granted != announced => return Err(other_size().into()),
        (granted, announced) => granted.or(announced),
    };
    if let Some(size) = size {
        transfer::check_size(app, size)?;
        if !app.state.has_room(size) {
            return Err(LfsRefused::DiskFull.into());
        }
    }
    let most = size.unwrap_or(app.limits().max_lfs_file);
    let _memory = app.budget.acquire(2 * LFS_PIECE_BYTES as u64).await?;
    let receiving = receive(call, body, most).await?;
    if size.is_some_and(|size| size != receiving.size()) {
        return Err(other_size().into());
    }
    let finishing = stream::in_turn(move || transfer::finish(receiving, oid)).await;
    let received = finishing.map_err(|error| LfsRefused::internal(&error))??;
    transfer::keep(app, &call.principal, &call.repo, received).await?;
    Ok(answer(StatusCode::OK, &json!({})))
}

/// Writes a body of at most so many bytes.
async fn receive(call: &Call<'_>, body: Body, most: u64) -> Result<Receiving, Failure> {
    let (app, is_limit) = (call.app.clone(), most == call.app.limits().max_lfs_file);
    let begun = stream::in_turn(move || transfer::begin(&app)).await;
    let begun = begun.map_err(|error| LfsRefused::internal(&error))??;
    let write = move |receiving: &mut Receiving, piece: &[u8]| {
        if receiving.size().saturating_add(piece.len() as u64) > most {
            let too_many = "The content has more bytes than its object. Nothing was stored.";
            let refused =
                if is_limit { LfsRefused::TooLarge { most } } else { LfsRefused::Mismatch(too_many) };
            return Err(Failure::from(refused));
        }
        Ok(receiving.write(piece).map_err(|error| LfsRefused::internal(&error))?)
    };
    stream::receive(body, begun, write).await.map_err(|error| match error {
        NotReceived::Body(error) => error.into(),
        NotReceived::Io(error) => LfsRefused::internal(&error).into(),
        NotReceived::Refused(failure) => failure,
    })
}

/// Confirms an upload.
pub(super) async fn verify(call: &Call<'_>, request: Request<Body>) -> Result<Response, Failure> {
    let asked: Asked = call.body(request).await?;
    let (oid, size) = asked.checked().map_err(|error| LfsRefused::Invalid(error.to_string()))?;
    call.check_grant(Operation::Upload, Some(oid))?;
    transfer::verify(call.app, &call.repo, oid, size).await?;
    Ok(answer(StatusCode::OK, &json!({})))
}
