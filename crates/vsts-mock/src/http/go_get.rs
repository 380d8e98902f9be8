//! `?go-get=1`: the page by which the go command finds the repository of an import path (`go help importpath`).
//!
//! It repeats the asked address and says nothing else, so that it goes to anybody: the repository itself asks for credentials.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use maud::{DOCTYPE, html};

use super::web::{protect, text};

/// The answer, if the go command asks about a repository or about a package in it.
pub(super) fn answer(request: &Request<Body>, base_url: &str) -> Option<Response> {
    let is_asked = request.method() == Method::GET
        && request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "go-get=1"));
    let host = request.headers().get(HOST)?.to_str().ok().filter(|_| is_asked)?;
    let root = root(request.uri().path())?;
    let scheme = base_url.split("://").next()?;
    let content = format!("{host}{root} git {scheme}://{host}{root}");
    let page = html! { (DOCTYPE) html { head { meta name="go-import" content=(content); } body {} } };
    let mut response = text(StatusCode::OK, &page.into_string());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    protect(response.headers_mut());
    Some(response)
}

/// The beginning of a path up to the repository's name.
fn root(path: &str) -> Option<&str> {
    let marker = path.to_ascii_lowercase().find("/_git/")?;
    let name = marker + "/_git/".len();
    let end = path[name..].find('/').map_or(path.len(), |length| name + length);
    (end > name).then(|| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_ends_with_the_repository() {
        let rows = [
            ("/acme/iris/_git/extra", Some("/acme/iris/_git/extra")),
            ("/acme/iris/_git/extra.git/pkg/sub", Some("/acme/iris/_git/extra.git")),
            ("/acme/_GIT/iris/", Some("/acme/_GIT/iris")),
            ("/acme/iris/_git/", None),
            ("/acme/iris", None),
        ];
        for (path, expected) in rows {
            assert_eq!(root(path), expected, "{path}");
        }
    }
}
