//! Signing in, by password or, where the seed says so, as one of its users with a click; and signing out.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use maud::html;

use super::layout::{self, Page};
use super::parts::{avatar, problem};
use super::request_context::RequestContext;
use super::return_to::is_local;
use super::{Answer, Outcome, sign_in_problem};
use crate::http::auth;
use crate::http::web::form::Form;
use crate::identity::{Credential, Secret, SignInError};

pub(super) fn show(ctx: &RequestContext) -> Answer {
    let to = ctx.ask("to").unwrap_or("/");
    if ctx.has_session() {
        return Answer::go(if is_local(to) { to } else { "/" });
    }
    page(ctx, to, "", None).into()
}

pub(super) fn show_out(ctx: &RequestContext) -> Answer {
    if !ctx.has_session() {
        return Answer::go("/_signin");
    }
    let body = html! {
        div.narrow {
            h1 { "Sign out" }
            form method="post" action="/_signout" { (ctx.token()) button { "Sign out" } }
        }
    };
    Page::new("Sign out", Vec::new(), body).into()
}

fn page(ctx: &RequestContext, to: &str, login: &str, error: Option<&str>) -> Page {
    let demo = ctx.app.demo_users();
    let hidden = || html! { (ctx.token()) input type="hidden" name="to" value=(to); };
    let body = html! {
        div.narrow.card {
            h1 { "Sign in" }
            (problem(error))
            @if !demo.is_empty() {
                form.demo method="post" action="/_signin" {
                    (hidden())
                    p { "This is a demonstration. Be one of its people:" }
                    @for name in &demo {
                        button.person name="demo" value=(name) { (avatar(name)) span { "Continue as " (name) } }
                    }
                }
                p.or { span { "or with a password" } }
            }
            form method="post" action="/_signin" {
                (hidden())
                label for="login" { "User name or e-mail address" }
                input #login name="login" value=(login) autocomplete="username" autocapitalize="none" spellcheck="false" required
                    autofocus[demo.is_empty()];
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required;
                div.actions { button { "Sign in" } }
            }
        }
    };
    Page::new("Sign in", Vec::new(), body)
}

pub(super) async fn follow(ctx: &Arc<RequestContext>, form: &Form, peer: IpAddr) -> Outcome {
    let to = if is_local(form.get("to")) { form.get("to") } else { "/" };
    let again = |login: &str, error: String, status| -> Outcome {
        Ok(page(ctx, to, login, Some(&error)).with_status(status).into())
    };
    let demo = form.get("demo");
    if !demo.is_empty() {
        let is_one = ctx.app.demo_users().iter().any(|name| name == demo);
        return match ctx.directory.user(demo).filter(|_| is_one) {
            Some(user) => Ok(Answer::Redirect(to.to_owned(), Some(ctx.begin_session(user.id)))),
            None => again("", "There is no such user here.".to_owned(), StatusCode::BAD_REQUEST),
        };
    }
    let login = form.get("login");
    let credential =
        Credential::Basic { user: login.to_owned(), password: Secret::new(form.raw("password")) };
    let verdict = auth::verify(&ctx.app, ctx.directory.clone(), credential, peer).await;
    // A token in the place of the password could be worth less than the session that it would begin.
    let user = verdict.and_then(|principal| match principal.token {
        None => principal.user.ok_or(SignInError::Wrong),
        Some(_) => Err(SignInError::Wrong),
    });
    match user {
        Ok(user) => Ok(Answer::Redirect(to.to_owned(), Some(ctx.begin_session(user)))),
        Err(error @ SignInError::TooMany { retry_after }) => {
            let page = page(ctx, to, login, Some(&sign_in_problem(error)));
            let mut response = layout::respond(ctx, &page.with_status(StatusCode::TOO_MANY_REQUESTS));
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after));
            Ok(Answer::Other(response))
        }
        Err(error) => again(login, sign_in_problem(error), StatusCode::UNAUTHORIZED),
    }
}
