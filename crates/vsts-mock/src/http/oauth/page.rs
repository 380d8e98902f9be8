//! The page where a user lets a program sign in: first the code, then who asks, with the user's name and password.
//!
//! It needs no script and sets no cookie. The form that lets a program in carries the user's password itself, so that
//! another site cannot make a browser send it; and what comes from another site is turned away besides. A token in the
//! place of the password is not taken: it could be worth less than the session it would make.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use sha2::{Digest as _, Sha256};

use super::no_store;
use crate::access::Principal;
use crate::app::App;
use crate::http::auth;
use crate::http::peer::{Journalled, Peer};
use crate::http::web::form::Form;
use crate::http::web::guard::is_from_elsewhere;
use crate::http::web::{protect, text};
use crate::identity::device::{Asker, Verdict};
use crate::identity::{Credential, Secret, SignInError};

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem}\
label{display:block;margin:.8rem 0 .2rem}input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}\
button{font:inherit;padding:.5rem 1rem;margin:1rem .5rem 0 0}.error{border-left:4px solid #b00020;padding-left:.6rem}\
@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#eee}}";

const NO_SUCH_CODE: &str =
    "That code is not one, has been used, or has expired. Ask the program for a new one.";
const WRONG: &str = "The user name or the password is wrong.";

pub(super) async fn serve(app: &Arc<App>, request: Request<Body>, journalled: &mut Journalled) -> Response {
    match *request.method() {
        Method::GET | Method::HEAD => return ask_for_code(StatusCode::OK, None),
        Method::POST => {}
        _ => return text(StatusCode::METHOD_NOT_ALLOWED, "GET and POST"),
    }
    if is_from_elsewhere(request.headers()) {
        return text(StatusCode::FORBIDDEN, "This form was sent by another site.");
    }
    let peer = Peer::of(&request).0.ip();
    let (parts, body) = request.into_parts();
    let form = match Form::read(&app.budget, &parts.headers, body).await {
        Ok(form) => form,
        Err(error) => return text(error.status(), &error.to_string()),
    };
    let now = app.clock.now();
    if let Err(error) = app.authenticator.may_try(peer, now) {
        return wait(error);
    }
    let code = form.value("user_code").unwrap_or_default();
    let Some(asker) = app.device_codes.asker(code, now) else {
        app.authenticator.failed(peer, now);
        return ask_for_code(StatusCode::BAD_REQUEST, Some(NO_SUCH_CODE));
    };
    match form.value("action") {
        Some("allow") => {}
        Some("deny") => {
            app.device_codes.decide(code, Verdict::Declined, now);
            let said = "<h1>Refused</h1><p>The program is not signed in. You may close this page.</p>";
            return page(StatusCode::OK, said);
        }
        _ => return ask_who(StatusCode::OK, code, &asker, None),
    }
    let principal = match sign_in(app, &form, peer).await {
        Ok(principal) => principal,
        Err(error @ SignInError::TooMany { .. }) => return wait(error),
        Err(_) => return ask_who(StatusCode::UNAUTHORIZED, code, &asker, Some(WRONG)),
    };
    journalled.user = Some(principal.name.clone());
    let decision = principal.user.map_or(Verdict::Declined, Verdict::Allowed);
    if !app.device_codes.decide(code, decision, now) {
        return ask_for_code(StatusCode::BAD_REQUEST, Some(NO_SUCH_CODE));
    }
    let name = escape(&principal.name);
    let said = format!(
        "<h1>Signed in</h1><p>The program is signed in as <strong>{name}</strong>. You may close this page.</p>"
    );
    page(StatusCode::OK, &said)
}

/// By name and password; nothing else will do.
async fn sign_in(app: &Arc<App>, form: &Form, peer: IpAddr) -> Result<Principal, SignInError> {
    let (Some(user), Some(password)) = (form.value("login"), form.value("password")) else {
        return Err(SignInError::Wrong);
    };
    let credential = Credential::Basic { user: user.to_owned(), password: Secret::new(password) };
    let principal = auth::verify(app, app.state.directory(), credential, peer).await?;
    if principal.token.is_some() { Err(SignInError::Wrong) } else { Ok(principal) }
}

fn ask_for_code(status: StatusCode, error: Option<&str>) -> Response {
    let error = problem(error);
    page(
        status,
        &format!(
            "<h1>Sign in on another device</h1>{error}<form method=\"post\" action=\"/devicelogin\">\
             <label for=\"code\">The code that the program shows</label>\
             <input id=\"code\" name=\"user_code\" autocomplete=\"off\" autocapitalize=\"characters\" required autofocus>\
             <button>Continue</button></form>"
        ),
    )
}

fn ask_who(status: StatusCode, code: &str, asker: &Asker, error: Option<&str>) -> Response {
    let (code, address, error) = (escape(code), asker.address, problem(error));
    let device = if asker.device.is_empty() {
        String::new()
    } else {
        format!(" that calls its computer <strong>{}</strong>", escape(&asker.device))
    };
    page(
        status,
        &format!(
            "<h1>Let a program sign in as you?</h1>{error}<p>A program at <strong>{address}</strong>{device} asks to act as \
             you. Allow it only if you have just started it yourself.</p>\
             <form method=\"post\" action=\"/devicelogin\"><input type=\"hidden\" name=\"user_code\" value=\"{code}\">\
             <label for=\"login\">User name or e-mail address</label>\
             <input id=\"login\" name=\"login\" autocomplete=\"username\" required autofocus>\
             <label for=\"password\">Password</label>\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
             <button name=\"action\" value=\"allow\">Sign in and allow</button>\
             <button name=\"action\" value=\"deny\" formnovalidate>Refuse</button></form>"
        ),
    )
}

fn problem(error: Option<&str>) -> String {
    error.map(|error| format!("<p class=\"error\" role=\"alert\">{}</p>", escape(error))).unwrap_or_default()
}

fn wait(error: SignInError) -> Response {
    let mut response = page(
        StatusCode::TOO_MANY_REQUESTS,
        &format!("<h1>Too many attempts</h1><p>{}</p>", escape(&error.to_string())),
    );
    if let SignInError::TooMany { retry_after } = error {
        response.headers_mut().insert(http::header::RETRY_AFTER, HeaderValue::from(retry_after));
    }
    response
}

fn page(status: StatusCode, body: &str) -> Response {
    let whole = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Sign in</title><style>{STYLE}</style><main>{body}</main></html>\n"
    );
    let mut response = no_store(text(status, &whole));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        STANDARD.encode(Sha256::digest(STYLE))
    );
    protect(headers);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_str(&policy).expect("ASCII alone"));
    response
}

fn escape(foreign: &str) -> String {
    let mut safe = String::with_capacity(foreign.len());
    for c in foreign.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
