//! One request for a page: who asks, how, and what the page needs to know to be made.

use std::collections::HashMap;
use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, COOKIE, HOST};
use http::request::Parts;
use jiff::Timestamp;
use maud::{Markup, html};

use crate::access::{Permissions, Principal};
use crate::app::App;
use crate::directory::Directory;
use crate::http::address::account_of_host;
use crate::http::web::{encode, guard};
use crate::identity::{Secret, secret};
use crate::operations::scope::Scope;
use crate::operations::work::Work;

/// A request for a page.
pub(super) struct RequestContext {
    pub(super) app: Arc<App>,
    /// The picture that the whole page is made from.
    pub(super) directory: Arc<Directory>,
    pub(super) principal: Principal,
    pub(super) now: Timestamp,
    /// The secret in the browser's cookie: the session's, or that of a request without a session.
    secret: Secret,
    session: Option<Secret>,
    /// The browser keeps nothing yet.
    is_new: bool,
    is_secure: bool,
    host: String,
    /// The account in the host's name.
    host_account: Option<String>,
    /// The request's own path and query.
    pub(super) here: String,
    pub(super) query: HashMap<String, String>,
    pub(super) takes_gzip: bool,
    /// The bound on the work for this request.
    pub(super) work: Arc<Work>,
}

impl RequestContext {
    /// Reads what the browser shows. `known` is who showed a credential of another kind.
    pub(super) fn of(app: &Arc<App>, parts: &Parts, known: Option<Principal>) -> Self {
        let (directory, now) = (app.state.directory(), app.clock.now());
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cookies = text(COOKIE);
        let is_secure = app.base_url().starts_with("https://");
        let cookie = |kind: &str| {
            let name = cookie_name(app, kind);
            let found = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
            found.into_iter().find(|(key, _)| *key == name).map(|(_, value)| Secret::new(value))
        };
        let session = cookie("session").filter(|secret| !secret.is_empty());
        let user = session.as_ref().and_then(|secret| app.sessions.user(secret.reveal(), now));
        let user = user.and_then(|user| directory.users.get(&user));
        let principal = known.unwrap_or_else(|| match user {
            Some(user) => Principal {
                user: Some(user.id),
                name: user.name.clone(),
                token: None,
                key: None,
                ceiling: Permissions::ALL,
            },
            None => Principal::anonymous(),
        });
        let session = session.filter(|_| user.is_some());
        let visit = cookie("visit").filter(|secret| secret.reveal().len() == secret::mint().reveal().len());
        let is_new = session.is_none() && visit.is_none();
        let kept = session.clone().or(visit).unwrap_or_else(secret::mint);
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Self {
            work: Work::new(),
            app: app.clone(),
            directory,
            principal,
            now,
            secret: kept,
            session,
            is_new,
            is_secure,
            host: text(HOST).to_owned(),
            host_account: account_of_host(Some(text(HOST)), app.own_host()),
            here: parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            query: query.into_owned().filter(|(_, value)| !value.is_empty()).collect(),
            takes_gzip: text(ACCEPT_ENCODING)
                .split(',')
                .any(|one| one.split(';').next().is_some_and(|name| name.trim() == "gzip")),
        }
    }

    /// The visitor, and the account and project of an address.
    pub(super) fn scope<'a>(&'a self, account: &'a str, project: Option<&'a str>) -> Scope<'a> {
        Scope { principal: &self.principal, account, project }
    }

    /// A value of the query that says something.
    pub(super) fn ask(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A number in the query.
    pub(super) fn ask_number(&self, name: &str) -> usize {
        self.ask(name).and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The name of who is signed in.
    pub(super) fn user(&self) -> Option<&str> {
        (!self.principal.is_anonymous()).then_some(self.principal.name.as_str())
    }

    /// Returns whether the visitor is signed in to the pages, and not by a credential of a program.
    pub(super) fn has_session(&self) -> bool {
        self.session.is_some()
    }

    /// The hidden field that every form has.
    pub(super) fn token(&self) -> Markup {
        html! { input type="hidden" name="_token" value=(guard::token(self.secret.reveal())); }
    }

    /// Returns whether a form has come from a page made for this browser.
    pub(super) fn holds(&self, token: &str) -> bool {
        !self.is_new && guard::holds(self.secret.reveal(), token)
    }

    /// The path of an account: on its own host, the root.
    pub(super) fn account_path(&self, account: &str) -> String {
        match &self.host_account {
            Some(own) if own.eq_ignore_ascii_case(account) => String::new(),
            _ => format!("/{}", encode(account)),
        }
    }

    /// The path of a project.
    pub(super) fn project_path(&self, account: &str, project: &str) -> String {
        format!("{}/{}", self.account_path(account), encode(project))
    }

    /// The path of a repository.
    pub(super) fn repo_path(&self, account: &str, project: &str, repo: &str) -> String {
        format!("{}/_git/{}", self.project_path(account, project), encode(repo))
    }

    /// The URL that Git clients are given, in the form in which the visitor came: the short one for a project's default
    /// repository.
    pub(super) fn clone_url(&self, account: &str, project: &str, repo: &str) -> String {
        let account = if self.host_account.is_some() {
            let scheme = if self.is_secure { "https" } else { "http" };
            format!("{scheme}://{}", self.host)
        } else {
            format!("{}/{}", self.app.base_url(), encode(account))
        };
        if project.eq_ignore_ascii_case(repo) {
            format!("{account}/_git/{}", encode(repo))
        } else {
            format!("{account}/{}/_git/{}", encode(project), encode(repo))
        }
    }

    /// The same for SSH, where it is served.
    pub(super) fn ssh_url(&self, account: &str, project: &str, repo: &str) -> Option<String> {
        let address = self.app.ssh_address.get()?;
        Some(format!("ssh://{}@{address}/{}/_ssh/{}", encode(account), encode(project), encode(repo)))
    }

    /// The cookie that a browser has to keep so that the forms of the page are accepted.
    pub(super) fn visit_cookie(&self) -> Option<String> {
        self.is_new.then(|| self.cookie("visit", self.secret.reveal(), "Strict", None))
    }

    /// Begins a session of a user; the cookie to set.
    pub(super) fn begin_session(&self, user: uuid::Uuid) -> String {
        let secret = self.app.sessions.begin(user, self.now);
        self.cookie("session", secret.reveal(), "Lax", None)
    }

    /// Ends the session; the cookie that takes it away.
    pub(super) fn end_session(&self) -> String {
        if let Some(secret) = &self.session {
            self.app.sessions.end(secret.reveal());
        }
        self.cookie("session", "", "Lax", Some(0))
    }

    fn cookie(&self, kind: &str, value: &str, same_site: &str, max_age: Option<u32>) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let age = max_age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
        let name = cookie_name(&self.app, kind);
        format!("{name}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}")
    }
}

/// Cookies don't know ports, and several servers may be on one computer: the name does.
fn cookie_name(app: &App, kind: &str) -> String {
    let authority = app.base_url().split("://").nth(1).unwrap_or_default();
    let port = authority.rsplit(':').next().filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    match (app.base_url().starts_with("https://"), port) {
        (true, port) => {
            format!("__Host-vsts-{kind}{}", port.map(|port| format!("-{port}")).unwrap_or_default())
        }
        (false, Some(port)) => format!("vsts-{kind}-{port}"),
        (false, None) => format!("vsts-{kind}"),
    }
}
