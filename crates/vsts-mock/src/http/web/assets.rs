//! The stylesheet, the script and the icon: served under names that change with what is in them, to be kept for a year.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use maud::{Markup, PreEscaped};
use sha2::{Digest as _, Sha256};

use super::{gzip, protect, text};

const ICON: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\"><rect width=\"24\" height=\"24\" rx=\"5\" \
                    fill=\"#0b5cad\"/><path d=\"M8 6v12M8 14a7 7 0 0 0 7-5\" fill=\"none\" stroke=\"#fff\" stroke-width=\"2\"/><circle \
                    cx=\"8\" cy=\"6\" r=\"2.4\" fill=\"#fff\"/><circle cx=\"8\" cy=\"18\" r=\"2.4\" fill=\"#fff\"/><circle cx=\"15.5\" \
                    cy=\"8\" r=\"2.4\" fill=\"#9fd0ff\"/></svg>";

/// One file.
struct Asset {
    address: String,
    kind: &'static str,
    plain: &'static [u8],
    packed: Option<Vec<u8>>,
}

impl Asset {
    fn new(stem: &str, extension: &str, kind: &'static str, plain: &'static str) -> Self {
        let digest = Sha256::digest(plain.as_bytes());
        let hash = super::guard::hex(&digest[..6]);
        let address = format!("/_assets/{stem}-{hash}.{extension}");
        Self { address, kind, plain: plain.as_bytes(), packed: gzip(plain.as_bytes()) }
    }
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("style", "css", "text/css; charset=utf-8", include_str!("style.css")));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("script", "js", "text/javascript; charset=utf-8", include_str!("script.js")));
static MARK: LazyLock<Asset> = LazyLock::new(|| Asset::new("mark", "svg", "image/svg+xml", ICON));

pub(crate) fn style_address() -> &'static str {
    &STYLE.address
}

pub(crate) fn script_address() -> &'static str {
    &SCRIPT.address
}

pub(crate) fn icon_address() -> &'static str {
    &MARK.address
}

/// The icon, in a page.
pub(crate) fn mark() -> Markup {
    PreEscaped(ICON.replacen("<svg ", "<svg aria-hidden=\"true\" width=\"24\" height=\"24\" ", 1))
}

/// The file of that name, if that is its name still.
pub(crate) fn serve(name: &str, headers: &HeaderMap) -> Response {
    let asset =
        [&*STYLE, &*SCRIPT, &*MARK].into_iter().find(|asset| asset.address.ends_with(&format!("/{name}")));
    let Some(asset) = asset else { return text(StatusCode::NOT_FOUND, "There is no such file.") };
    let takes_gzip = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let takes_gzip = takes_gzip.is_some_and(|value| value.contains("gzip"));
    let mut response = text(StatusCode::OK, "");
    let out = response.headers_mut();
    protect(out);
    out.insert(CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    out.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    out.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    match asset.packed.as_ref().filter(|_| takes_gzip) {
        Some(packed) => {
            out.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::from(packed.clone());
        }
        None => *response.body_mut() = Body::from(asset.plain),
    }
    response
}
