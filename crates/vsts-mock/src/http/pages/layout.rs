//! The frame of all pages: the document around them, the bar at the top, and the headers that keep them safe.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, SET_COOKIE, VARY};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};

use super::Answer;
use super::failure::Failure;
use super::request_context::RequestContext;
use crate::http::web::{assets, gzip, protect, text};
use crate::limits::BUDGET_WAIT;

/// Pages of fewer bytes go out as they are.
const WORTH_PACKING: usize = 1024;

/// A page, before the document is put around it.
pub(super) struct Page {
    pub(super) status: StatusCode,
    /// In the window's title bar, before the server's name.
    pub(super) title: String,
    /// The way here: names and addresses, from the top.
    pub(super) crumbs: Vec<(String, String)>,
    pub(super) body: Markup,
}

impl Page {
    pub(super) fn new(title: impl Into<String>, crumbs: Vec<(String, String)>, body: Markup) -> Self {
        Self { status: StatusCode::OK, title: title.into(), crumbs, body }
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl From<Page> for Answer {
    fn from(page: Page) -> Self {
        Self::Page(Box::new(page))
    }
}

/// The page that tells a failure.
pub(super) fn failed(failure: &Failure) -> Page {
    let body = html! {
        div.narrow {
            p.big aria-hidden="true" { (failure.status().as_u16()) }
            h1 { (failure.title()) }
            p { (failure.message()) }
            p { a.button href="/" { "Go to the start page" } }
        }
    };
    Page::new(failure.title(), Vec::new(), body).with_status(failure.status())
}

/// The whole document, as a response.
pub(super) fn respond(ctx: &RequestContext, page: &Page) -> Response {
    let status = page.status;
    let whole = document(ctx, page).into_string();
    let mut response = text(status, "");
    let headers = response.headers_mut();
    protect(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("Cookie, Accept-Encoding"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, BUDGET_WAIT.as_secs().into());
    }
    if let Some(cookie) = ctx.visit_cookie().and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
        headers.append(SET_COOKIE, cookie);
    }
    let packed = (ctx.takes_gzip && whole.len() >= WORTH_PACKING).then(|| gzip(whole.as_bytes())).flatten();
    match packed {
        Some(packed) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            *response.body_mut() = Body::from(packed);
        }
        None => *response.body_mut() = Body::from(whole),
    }
    response
}

fn document(ctx: &RequestContext, page: &Page) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.title) " · vsts-mock" }
                link rel="stylesheet" href=(assets::style_address());
                link rel="icon" href=(assets::icon_address()) type="image/svg+xml";
                script src=(assets::script_address()) defer {}
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                (bar(ctx, &page.crumbs))
                @if let Some(words) = ctx.app.faults.maintenance(path_of(&ctx.here)) {
                    p.problem role="status" { (words) }
                }
                main #main tabindex="-1" { (page.body) }
            }
        }
    }
}

/// The path of an address, without its query.
fn path_of(address: &str) -> &str {
    address.split('?').next().unwrap_or_default()
}

fn bar(ctx: &RequestContext, crumbs: &[(String, String)]) -> Markup {
    html! {
        header.bar {
            a.mark href="/" aria-label="vsts-mock, start page" { (assets::mark()) span { "vsts-mock" } }
            nav.crumbs aria-label="Breadcrumb" {
                @if !crumbs.is_empty() {
                    ol {
                        @for (position, (name, address)) in crumbs.iter().enumerate() {
                            li {
                                a href=(address) aria-current=[(position + 1 == crumbs.len()).then_some("location")] {
                                    bdi { (name) }
                                }
                            }
                        }
                    }
                }
            }
            @match ctx.user() {
                Some(user) => { (menu(ctx, user)) }
                None => { a.signin href=(super::return_to::sign_in_address(&ctx.here)) { "Sign in" } }
            }
        }
    }
}

/// The avatar and what is under it.
fn menu(ctx: &RequestContext, user: &str) -> Markup {
    html! {
        details.menu {
            summary aria-label={ "Account menu of " (user) } { (super::parts::avatar(user)) }
            div {
                p { "Signed in as " strong { bdi { (user) } } }
                ul {
                    li { a href="/_details/security/keys" { "Security" } }
                    li { a href="/" { "All accounts" } }
                }
                @if ctx.has_session() {
                    form method="post" action="/_signout" {
                        (ctx.token())
                        button.plain { "Sign out" }
                    }
                }
            }
        }
    }
}
