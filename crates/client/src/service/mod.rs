//! The client of the Experimentation service and of the accounts around it: signing in, the registry of projects, the
//! user's SSH keys.
//!
//! azml knows the service by its routes alone, which are those of Azure's Resource Manager and of Visual Studio Team
//! Services. A token goes to the origin that it was given for and nowhere else: redirects are not followed.

mod arm;
pub mod device;
mod error;
mod keys;

use std::io::Read as _;

use azml_core::remote_url::RemoteUrl;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::http::{Method, Request, StatusCode};
use url::Url;

pub use arm::{Filter, Found, Named};
pub use error::ServiceError;
pub use keys::SshKey;
pub(crate) use keys::fingerprint;

use crate::context::{Context, NamedBy};
use crate::credentials::{Login, Origin, Secret, Withheld};
use crate::error::{CommandError, ErrorKind};
use crate::{limits, transport};

const USER_AGENT: &str = concat!("azml/", env!("CARGO_PKG_VERSION"));

/// A service that can be asked, as somebody or as nobody.
pub struct Service {
    agent: ureq::Agent,
    /// Without user name, query and fragment, and without a slash at its end.
    base: Url,
    origin: Origin,
    authorization: Option<Secret>,
}

/// The signed-in user, as the service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The account name: often an e-mail address.
    pub account: String,
}

/// An answer: its status, and its body as JSON (null if there is none).
struct Answer {
    status: StatusCode,
    value: Value,
}

impl Service {
    /// The service at a URL, as nobody yet.
    pub fn at(ctx: &Context, url: &str) -> Result<Self, CommandError> {
        let usage = |why: &str| {
            CommandError::usage(format!("`{}` is no URL of a service: {why}", shown(url)))
                .hint("{azml} login --service https://HOST")
        };
        let text = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
        let mut base = Url::parse(&text).map_err(|error| usage(&error.to_string()))?;
        let origin = Origin::of(&base).ok_or_else(|| usage("it has to begin with https:// or http://"))?;
        if !base.username().is_empty() || base.password().is_some() {
            return Err(usage("credentials don't belong into a URL"));
        }
        base.set_query(None);
        base.set_fragment(None);
        // A path is wanted there, and any below the service has the same settings.
        let below = format!("{}/_apis", base.as_str().trim_end_matches('/'));
        let remote = ctx.remote_at(RemoteUrl::parse(&below)?, NamedBy::Service, None)?;
        let agent = remote.agent().map_err(|source| CommandError::from(ServiceError::from(source)))?;
        Ok(Self { agent, base, origin, authorization: None })
    }

    /// The service that the user is signed in to.
    pub fn signed_in(ctx: &Context) -> Result<Self, CommandError> {
        Self::if_signed_in(ctx)?.ok_or_else(|| {
            CommandError::new(ErrorKind::NotAllowed, "you are not signed in to an Experimentation service")
                .hint("{azml} login --service URL")
        })
    }

    /// The service that the user is signed in to, if they are.
    pub fn if_signed_in(ctx: &Context) -> Result<Option<Self>, CommandError> {
        let logins = ctx.logins();
        let Some(url) = logins.current().map_err(ServiceError::from)? else { return Ok(None) };
        let service = Self::at(ctx, &url)?;
        // Says so if the login is over.
        logins.get(&service.origin).map_err(ServiceError::from)?;
        let login = logins.login(&service.origin).map_err(ServiceError::from)?;
        Ok(login.map(|login| service.signed_in_with(&login)))
    }

    /// The same service, as whom a login is for.
    #[must_use]
    pub fn signed_in_with(mut self, login: &Login) -> Self {
        let token = login.token.expose();
        // Tokens that users make are taken as Basic everywhere; a session's is what Bearer is for.
        self.authorization = Some(Secret::new(if login.is_session {
            format!("Bearer {token}")
        } else {
            format!("Basic {}", STANDARD.encode(format!("{}:{token}", login.user)))
        }));
        self
    }

    /// Its location.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whom its tokens are for.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The signed-in user. It is an error if there is none.
    pub fn identity(&self) -> Result<Identity, ServiceError> {
        let answer = self.ask(Method::GET, "/_apis/connectionData", None, &[])?;
        let user = &answer.value["authenticatedUser"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let account = text(&user["properties"]["Account"]["$value"]).unwrap_or_default();
        let name = text(&user["customDisplayName"]).or_else(|| text(&user["providerDisplayName"]));
        let (Some(id), Some(name)) = (text(&user["id"]), name) else {
            return Err(self.malformed("who is signed in"));
        };
        if account == "Anonymous"
            || user["descriptor"].as_str().is_some_and(|d| d.starts_with("System:PublicAccess"))
        {
            return Err(ServiceError::Unauthorized { host: self.origin.host(), words: None });
        }
        Ok(Identity { id, name, account })
    }

    /// Asks, and takes every answer that is no success for an error.
    fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, ServiceError> {
        let body = body.map(|value| ("application/json; charset=utf-8", value.to_string()));
        let answer = self.send(method, path, body, headers)?;
        if answer.status.is_success() && answer.status != StatusCode::NON_AUTHORITATIVE_INFORMATION {
            Ok(answer)
        } else {
            Err(ServiceError::of_answer(&self.origin.host(), answer.status.as_u16(), &answer.value))
        }
    }

    /// Sends a request to a path of the service, and reads its answer whatever it is.
    fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, ServiceError> {
        // What is said to a service is who the user is.
        if !self.origin.is_protected() {
            let name = "a login";
            return Err(Withheld::Unencrypted { name, origin: self.origin.clone() }.into());
        }
        let url = format!("{}{path}", self.url());
        tracing::debug!(%method, url = url.split('?').next(), "asking the service");
        let mut request = Request::builder()
            .method(method)
            .uri(url)
            .header("User-Agent", USER_AGENT)
            .header("Accept", "application/json")
            .header("X-TFS-FedAuthRedirect", "Suppress");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.expose());
        }
        let sent = match body {
            Some((kind, text)) => {
                let request = request.header("Content-Type", kind).body(text);
                request.map(|request| self.agent.run(request))
            }
            None => request.body(()).map(|request| self.agent.run(request)),
        };
        let sent = sent.map_err(|_| self.malformed("how it may be asked"))?;
        let response = sent.map_err(|error| transport::request_failed(&self.base, error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        response
            .into_body()
            .into_reader()
            .take(limits::SERVICE_ANSWER)
            .read_to_end(&mut bytes)
            .map_err(|error| transport::request_failed(&self.base, error.into()))?;
        let text = String::from_utf8_lossy(&bytes);
        let value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or(Value::Null);
        if status.is_success() && value.is_null() && !text.trim().is_empty() {
            return Err(self.malformed("anything in JSON"));
        }
        Ok(Answer { status, value })
    }

    fn malformed(&self, what: &'static str) -> ServiceError {
        ServiceError::Malformed { host: self.origin.host(), what }
    }
}

/// A URL as it may be shown: without what could be a secret.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, host)) => {
            format!("{}…@{host}", before.split_once("://").map_or("", |(scheme, _)| scheme))
        }
        None => url.to_owned(),
    }
}
