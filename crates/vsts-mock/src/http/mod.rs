//! The HTTP front end: one router for Git, the REST API and the admin API.
//!
//! Every request is journalled, logged once when it has been answered (never with its credentials), and answered by one
//! of the modules here. A panic in one of them ends that request alone.

pub(crate) mod address;
mod admin;
mod arm;
mod auth;
mod body;
mod bridge;
mod dates;
mod faults;
mod git;
mod go_get;
mod host;
mod inside;
mod lfs;
mod oauth;
mod pages;
mod peer;
mod refusals;
mod rest;
mod serve;
mod stall;
mod web;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderValue, Request, StatusCode};

use crate::app::App;
use crate::directory::subject;
use crate::journal::{Event, shown};
use crate::service_hosts;
use address::Address;
use peer::Journalled;
pub(crate) use rest::keep_telling;
pub(crate) use serve::listen;
use web::text;

/// Everything that is answered over HTTP.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new().nest("/_mock", admin::router(app.clone())).fallback(dispatch).with_state(app)
}

async fn dispatch(State(app): State<Arc<App>>, request: Request<Body>) -> Response {
    let started = app.clock.now();
    let (method, path) = (shown(request.method().as_str()), shown(request.uri().path()));
    let seq = app.journal.add(
        started,
        Event::Request {
            method: method.clone(),
            path: path.clone(),
            service: None,
            user: None,
            status: None,
            milliseconds: None,
            unknown: false,
        },
    );
    let mut journalled = Journalled::default();
    let response = match faults::meet(&app, request).await {
        Ok((request, cut)) => {
            cut.apply(inside::answered(&app, Box::pin(answer(&app, request, &mut journalled))).await)
        }
        Err(response) => response,
    };
    let took = app.clock.now().as_millisecond() - started.as_millisecond();
    let answered = response.status().as_u16();
    tracing::info!(
        method,
        path,
        status = answered,
        ms = took,
        user = journalled.user.as_deref(),
        service = journalled.service,
        "request"
    );
    app.journal.amend(seq, |entry| {
        if let Event::Request { service, user, status, milliseconds, unknown, .. } = &mut entry.event {
            *service = journalled.service.map(str::to_owned);
            *user = journalled.user;
            *status = Some(answered);
            *milliseconds = Some(took);
            *unknown = journalled.unknown;
        }
    });
    response
}

async fn answer(app: &Arc<App>, request: Request<Body>, journalled: &mut Journalled) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    if let Some(response) = go_get::answer(&request, app.base_url()) {
        return response;
    }
    match address::parse(host, request.uri().path(), app.own_host()) {
        Address::Git(address) if address.lfs().is_some() => {
            lfs::serve(app, &address, request, journalled).await
        }
        Address::Git(address) if address.is_info() => rest::info(app, address, request, journalled).await,
        Address::Git(address)
            if let Some(route) = pages::Route::of_git(&address)
                && (route.is_for_all() || pages::is_by_browser(&request)) =>
        {
            pages::serve(app, route, request, journalled).await
        }
        Address::Git(address) => git::serve(app, address, request, journalled).await,
        Address::Rest { account, project, rest } => {
            rest::serve(app, account, project, rest, request, journalled).await
        }
        // Clients find an organisation's tenant by asking the part of the service that has its users.
        Address::Other if host.is_some_and(service_hosts::is_users) => tenant(),
        Address::Other if arm::is_one(request.uri().path()) => arm::serve(app, request, journalled).await,
        Address::Other if let Some(endpoint) = oauth::endpoint(request.uri().path()) => {
            oauth::serve(app, endpoint, request, journalled).await
        }
        Address::Other
            if let Some(route) = pages::Route::of_path(
                address::account_of_host(host, app.own_host()),
                request.uri().path(),
            ) && (route.is_for_all() || pages::is_by_browser(&request)) =>
        {
            pages::serve(app, route, request, journalled).await
        }
        Address::Other if request.uri().path() == "/" && !host::is_own(app, request.headers()) => {
            host::misdirected()
        }
        Address::Other if request.uri().path() == "/" => text(StatusCode::OK, &front_page(app)),
        Address::Other => {
            journalled.unknown = true;
            text(StatusCode::NOT_FOUND, "There is nothing at this address.")
        }
    }
}

/// The service answers this way for any organisation; the header is what counts.
fn tenant() -> Response {
    let mut response = text(StatusCode::NOT_FOUND, "There is nothing at this address.");
    if let Ok(id) = HeaderValue::from_str(&subject::tenant().to_string()) {
        response.headers_mut().insert("x-vss-resourcetenant", id);
    }
    response
}

fn front_page(app: &App) -> String {
    let base = app.base_url();
    format!(
        "vsts-mock {}\n\nClone:  git clone {base}/ACCOUNT/PROJECT/_git/REPO\nLogin:  azml login --service {base}\nHealth: {base}/_mock/health\n\
         Admin:  {base}/_mock/openapi.json\n",
        env!("CARGO_PKG_VERSION")
    )
}

#[cfg(test)]
mod tests;
