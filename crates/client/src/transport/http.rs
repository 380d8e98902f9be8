//! Smart HTTP and HTTPS: `GET info/refs`, then one POST for each request.
//!
//! - Credentials are asked for when the server wants them (401), once, and go to the origin of the
//!   remote's own URL alone.
//! - Redirects are followed on the first request only, and only within the same origin or from
//!   http to https of the same host.
//! - What a server says in plain text (`TF401019: …`) becomes the error's message.
//! - Requests of unknown length are streamed in chunks; short ones are sent as a whole, so that
//!   they can be repeated.

use std::io::{self, Read};

use azml_core::remote_url::UserInfo;
use git_wire::Service;
use git_wire::client::{Connection, TransportError, TransportErrorKind as Kind};
use ureq::http::{Response, StatusCode, header};
use ureq::{AsSendBody, Body, SendBody};
use url::Url;

use super::http_error;
use crate::credentials::{Credential, Provider, Secret};

/// Requests up to this size are sent as a whole; longer ones in chunks.
const WHOLE_REQUEST: usize = 1 << 20;
/// So many redirects in a row are followed.
const MAX_REDIRECTS: usize = 5;
/// What a server may say in an error, at most.
const MAX_MESSAGE: u64 = 64 * 1024;

/// One conversation over HTTP.
pub(super) struct Http {
    agent: ureq::Agent,
    /// The repository's URL without user name, password, query or fragment.
    base: Url,
    user: Option<String>,
    password: Option<Secret>,
    service: Service,
    auth: Provider,
    credential: Option<Credential>,
    /// Whether the credential in use was accepted.
    is_proven: bool,
}

impl Http {
    pub(super) fn new(
        agent: ureq::Agent,
        mut base: Url,
        userinfo: Option<&UserInfo>,
        service: Service,
        auth: Provider,
    ) -> Self {
        let user = userinfo.map(|info| info.user.clone()).filter(|user| !user.is_empty());
        let password = userinfo.and_then(|info| info.password.clone()).map(Secret::new);
        let is_plain = base.set_username("").is_ok() && base.set_password(None).is_ok();
        debug_assert!(is_plain, "an http URL has a host, and so may lose its user");
        base.set_query(None);
        base.set_fragment(None);
        let credential = crate::credentials::Origin::of(&base).and_then(|origin| auth.proven(&origin));
        Self { agent, base, user, password, service, auth, is_proven: credential.is_some(), credential }
    }

    fn url(&self, tail: &str) -> String {
        format!("{}/{tail}", self.base.as_str().trim_end_matches('/'))
    }

    fn authorization(&self) -> Option<String> {
        use base64::Engine as _;
        let credential = self.credential.as_ref()?;
        let pair = format!("{}:{}", credential.user, credential.secret.expose());
        Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)))
    }

    /// After a 401: finds a credential that was not tried yet. `false`: there is none.
    fn find_credential(&mut self) -> Result<bool, TransportError> {
        if let Some(refused) = self.credential.take() {
            self.auth.reject(&self.base, &refused);
            let was_proven = std::mem::take(&mut self.is_proven);
            if !was_proven {
                return Ok(false);
            }
        }
        let found =
            self.auth.get(&self.base, self.user.as_deref(), self.password.as_ref()).map_err(|error| {
                TransportError::new(Kind::Unauthorized, format!("no credentials for {}: {error}", self.base))
                    .with_source(error)
            })?;
        self.credential = found;
        Ok(self.credential.is_some())
    }

    fn accepted(&mut self) {
        if let Some(credential) = &self.credential
            && !std::mem::replace(&mut self.is_proven, true)
        {
            self.auth.approve(&self.base, credential);
        }
    }

    fn get(&self, url: &str) -> Result<Response<Body>, TransportError> {
        let mut request =
            self.agent.get(url).header(header::ACCEPT, "*/*").header(header::PRAGMA, "no-cache");
        if self.service == Service::UploadPack {
            request = request.header("Git-Protocol", "version=2");
        }
        if let Some(authorization) = self.authorization() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.call().map_err(|error| http_error::of_request(&self.base, error))
    }

    fn post(&self, body: impl AsSendBody) -> Result<Response<Body>, TransportError> {
        let name = self.service.as_str();
        let mut request = self
            .agent
            .post(self.url(name))
            .header(header::CONTENT_TYPE, format!("application/x-{name}-request"))
            .header(header::ACCEPT, format!("application/x-{name}-result"));
        if self.service == Service::UploadPack {
            request = request.header("Git-Protocol", "version=2");
        }
        if let Some(authorization) = self.authorization() {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        request.send(body).map_err(|error| http_error::of_request(&self.base, error))
    }

    /// A stream of unknown length can't be sent twice: asks with an empty request whether credentials are wanted.
    fn probe(&mut self) -> Result<(), TransportError> {
        while self.post("0000")?.status() == StatusCode::UNAUTHORIZED {
            if !self.find_credential()? {
                break; // The request itself will meet the same answer, and tell it.
            }
        }
        Ok(())
    }

    /// Takes the place that a redirect of `info/refs` names, if it is one that may be followed.
    fn follow(&mut self, tail: &str, response: &Response<Body>) -> Result<(), TransportError> {
        let refused = |why: String| TransportError::new(Kind::Refused, why);
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let target = location.and_then(|location| Url::parse(&self.url(tail)).ok()?.join(location).ok());
        let Some(mut target) = target else {
            return Err(refused(format!("{} redirects to nowhere", self.base)));
        };
        let shown = http_error::without_secrets(&target);
        let is_upgrade = self.base.scheme() == "http"
            && target.scheme() == "https"
            && self.base.host() == target.host()
            && self.base.port().is_none()
            && target.port().is_none();
        if self.base.origin() != target.origin() && !is_upgrade {
            return Err(refused(format!(
                "{} redirects to another host ({shown}), which is not followed; if that is right, use that URL",
                self.base
            )));
        }
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let Some(new_path) = target.path().strip_suffix(path).filter(|_| target.query() == Some(query))
        else {
            return Err(TransportError::new(
                Kind::Unauthorized,
                format!(
                    "{} redirects to a page that is no Git repository ({shown}); it may want a sign-in",
                    self.base
                ),
            ));
        };
        let new_path = new_path.trim_end_matches('/').to_owned();
        target.set_path(&new_path);
        target.set_query(None);
        target.set_fragment(None);
        let is_plain = target.set_username("").is_ok() && target.set_password(None).is_ok();
        debug_assert!(is_plain, "an http URL has a host, and so may lose its user");
        self.base = target;
        Ok(())
    }

    /// The answer, if it is one to the question; else the error that it tells of.
    fn check(&self, mut response: Response<Body>, expected: &str) -> Result<Response<Body>, TransportError> {
        let status = response.status();
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type =
            content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
        if status == StatusCode::OK && content_type.eq_ignore_ascii_case(expected) {
            return Ok(response);
        }
        let mut body = Vec::new();
        if content_type.eq_ignore_ascii_case("text/plain") {
            // What came before the stream broke is still worth telling.
            if let Err(error) = response.body_mut().as_reader().take(MAX_MESSAGE).read_to_end(&mut body) {
                tracing::debug!(%error, "the error's text was cut off");
            }
        }
        let words = http_error::clean_message(&body);
        Err(http_error::of_status(&self.base, status, &content_type, words))
    }
}

impl Connection for Http {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        let name = self.service.as_str();
        let tail = format!("info/refs?service={name}");
        let mut redirects = 0;
        let response = loop {
            let response = self.get(&self.url(&tail))?;
            if response.status().is_redirection() && response.headers().contains_key(header::LOCATION) {
                redirects += 1;
                if redirects > MAX_REDIRECTS {
                    return Err(TransportError::new(
                        Kind::Refused,
                        format!("{} redirects in a circle", self.base),
                    ));
                }
                self.follow(&tail, &response)?;
            } else if response.status() != StatusCode::UNAUTHORIZED || !self.find_credential()? {
                break response;
            }
        };
        let response = self.check(response, &format!("application/x-{name}-advertisement"))?;
        self.accepted();
        Ok(Box::new(http_error::Body(response.into_body().into_reader())))
    }

    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        let expected = format!("application/x-{}-result", self.service.as_str());
        let mut start = Vec::new();
        request
            .take(WHOLE_REQUEST as u64 + 1)
            .read_to_end(&mut start)
            .map_err(|error| TransportError::from_io("making the request", error))?;
        let response = if start.len() <= WHOLE_REQUEST {
            loop {
                let response = self.post(&start)?;
                if response.status() != StatusCode::UNAUTHORIZED || !self.find_credential()? {
                    break response;
                }
            }
        } else {
            if self.credential.is_none() {
                self.probe()?;
            }
            let mut whole = io::Cursor::new(start).chain(request);
            self.post(SendBody::from_reader(&mut whole))?
        };
        let response = self.check(response, &expected)?;
        self.accepted();
        Ok(Box::new(http_error::Body(response.into_body().into_reader())))
    }

    fn is_stateless(&self) -> bool {
        true
    }
}
