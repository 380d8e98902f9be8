//! The pages: what a person sees of the server in a browser.
//!
//! Made here as a whole, without scripts; one stylesheet, and one script that makes small things easier. One file a page.
//! Nothing changes by GET. A form needs the token that its page gave it, and has to come from a page of this host.
//! [`crate::access`] decides what may be seen and done, as for every other front end.

mod archive;
mod blob;
mod branches;
mod colours;
mod commit;
mod commits;
mod compare;
mod create;
mod diff;
mod diff_view;
mod empty;
mod failure;
mod files;
mod find;
mod home;
mod ignore;
mod keys;
mod layout;
mod markdown;
mod names;
mod parts;
mod permissions;
mod pulls;
mod raw;
mod refusal;
mod request_context;
mod return_to;
mod route;
mod security;
mod settings;
mod sign_in;
mod snapshots;
mod source;
mod tags;
mod tokens;
mod work_items;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, AUTHORIZATION, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

use super::peer::{Journalled, Peer};
use super::web::form::{Form, FormError};
use super::web::{assets, guard, protect, text};
use super::{auth, host};
use crate::app::App;
use crate::identity::SignInError;
use failure::Failure;
use layout::Page;
use request_context::RequestContext;
use route::RepoPage;
pub(super) use route::Route;

/// The answer to a request for a page.
enum Answer {
    Page(Box<Page>),
    /// Another page, and a cookie to keep.
    Redirect(String, Option<String>),
    /// Something that is no page.
    Other(Response),
}

type Outcome = Result<Answer, Failure>;

impl Answer {
    fn go(to: impl Into<String>) -> Self {
        Self::Redirect(to.into(), None)
    }
}

/// Returns whether the request is a browser's.
pub(super) fn is_by_browser(request: &Request<Body>) -> bool {
    wants_html(request.headers()) || *request.method() == Method::POST
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// Answers a request for a page.
pub(super) async fn serve(
    app: &Arc<App>,
    route: Route,
    request: Request<Body>,
    journalled: &mut Journalled,
) -> Response {
    journalled.service = Some("page");
    match &route {
        Route::Asset(name) => return assets::serve(name, request.headers()),
        Route::Robots => return text(StatusCode::OK, "User-agent: *\nDisallow: /\n"),
        _ => {}
    }
    if !host::is_own(app, request.headers()) {
        return host::misdirected();
    }
    let peer = Peer::of(&request).0.ip();
    let (parts, body) = request.into_parts();
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    // A program may show its credential, to read; who changes anything by a form has a session.
    let known = if is_read && parts.headers.contains_key(AUTHORIZATION) {
        match auth::sign_in(app, &parts.headers, peer).await {
            Ok(principal) => Some(principal),
            Err(error) => return auth::refuse(app, error),
        }
    } else {
        None
    };
    let ctx = Arc::new(RequestContext::of(app, &parts, known));
    journalled.user = ctx.user().map(str::to_owned);
    let outcome = if is_read {
        let (ctx, work) = (ctx.clone(), ctx.work.clone());
        work.run(move || show(&ctx, &route)).await
    } else if parts.method == Method::POST {
        follow(&ctx, route, &parts.headers, body, peer).await
    } else {
        return text(StatusCode::METHOD_NOT_ALLOWED, "GET and POST");
    };
    respond(&ctx, &parts.headers, outcome)
}

/// Makes a page. Blocks: call it where that is fine.
fn show(ctx: &RequestContext, route: &Route) -> Outcome {
    match route {
        Route::Home => home::accounts(ctx),
        Route::SignIn => Ok(sign_in::show(ctx)),
        Route::SignOut => Ok(sign_in::show_out(ctx)),
        Route::Keys => keys::show(ctx, None),
        Route::Tokens => tokens::show(ctx, None),
        Route::Account(account) => home::account(ctx, account),
        Route::NewProject(account) => create::show_project(ctx, account),
        Route::Project(account, project) => home::project(ctx, account, project),
        Route::NewRepo(account, project) => create::show_repo(ctx, account, project),
        Route::WorkItems(account, project, page) => work_items::show(ctx, account, project, page),
        Route::Repo(names, page) => {
            let source = source::Source::open(ctx, names)?;
            match page {
                RepoPage::Files => files::show(&source),
                RepoPage::Raw => raw::show(&source),
                RepoPage::Archive => archive::show(&source),
                RepoPage::Commits => commits::show(&source),
                RepoPage::Commit(id) => commit::show(&source, id),
                RepoPage::Branches => branches::show(&source),
                RepoPage::Tags => tags::show(&source),
                RepoPage::Compare => compare::show(&source),
                RepoPage::PullRequests => Ok(pulls::list(&source)),
                RepoPage::NewPullRequest => pulls::new(&source, None),
                RepoPage::PullRequest(id) => pulls::show(&source, id, None),
                RepoPage::Settings => settings::show(&source, None),
                RepoPage::Permissions => permissions::show(&source, None),
            }
        }
        Route::Asset(_) | Route::Robots => Err(Failure::absent("There is nothing at this address.")),
    }
}

/// Does what a form asks for.
async fn follow(
    ctx: &Arc<RequestContext>,
    route: Route,
    headers: &HeaderMap,
    body: Body,
    peer: std::net::IpAddr,
) -> Outcome {
    if guard::is_from_elsewhere(headers) {
        return Err(Failure::Forbidden("This form was sent by another site.".to_owned()));
    }
    let form = Form::read(&ctx.app.budget, headers, body).await?;
    if !ctx.holds(form.get("_token")) {
        let message =
            "This form is too old, or was not made for you. Go back, load the page again, and try again.";
        return Err(Failure::Forbidden(message.to_owned()));
    }
    if route == Route::SignIn {
        return sign_in::follow(ctx, &form, peer).await;
    }
    if !ctx.has_session() {
        return Err(Failure::SignIn);
    }
    match route {
        Route::SignOut => Ok(Answer::Redirect("/_signin".to_owned(), Some(ctx.end_session()))),
        Route::Keys => keys::follow(ctx, &form).await,
        Route::Tokens => tokens::follow(ctx, &form).await,
        Route::NewProject(account) => create::project(ctx, &account, &form).await,
        Route::NewRepo(account, project) => create::repo(ctx, &account, &project, &form).await,
        Route::WorkItems(account, project, page) => {
            work_items::follow(ctx, &account, &project, &page, &form).await
        }
        Route::Repo(names, RepoPage::NewPullRequest) => pulls::follow_new(ctx, &names, &form).await,
        Route::Repo(names, RepoPage::PullRequest(id)) => pulls::follow(ctx, &names, &id, &form).await,
        Route::Repo(names, RepoPage::Settings) => settings::follow(ctx, &names, &form).await,
        Route::Repo(names, RepoPage::Permissions) => permissions::follow(ctx, &names, &form).await,
        _ => Err(Failure::Bad("There is nothing to send to this page.".to_owned())),
    }
}

fn respond(ctx: &RequestContext, headers: &HeaderMap, outcome: Outcome) -> Response {
    match outcome {
        Ok(Answer::Page(page)) => layout::respond(ctx, &page),
        Ok(Answer::Redirect(to, cookie)) => redirect(&to, cookie.as_deref()),
        Ok(Answer::Other(response)) => response,
        Err(Failure::SignIn) if !wants_html(headers) => {
            auth::challenge(&ctx.app, "TF400813: Sign in to see this.")
        }
        Err(Failure::SignIn) => redirect(&return_to::sign_in_address(&ctx.here), None),
        Err(failure) => layout::respond(ctx, &layout::failed(&failure)),
    }
}

fn redirect(to: &str, cookie: Option<&str>) -> Response {
    let mut response = text(StatusCode::SEE_OTHER, "");
    let headers = response.headers_mut();
    protect(headers);
    match HeaderValue::from_str(to) {
        Ok(to) => headers.insert(LOCATION, to),
        Err(_) => headers.insert(LOCATION, HeaderValue::from_static("/")),
    };
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

/// The message for a failed sign-in.
fn sign_in_problem(error: SignInError) -> String {
    match error {
        SignInError::TooMany { retry_after } => {
            format!("Too many attempts. Try again in {retry_after} seconds.")
        }
        SignInError::Malformed | SignInError::Wrong | SignInError::Expired => {
            "The user name or the password is wrong.".to_owned()
        }
    }
}
