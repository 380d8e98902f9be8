//! Smart HTTP and HTTPS: `GET info/refs`, then one POST for each request.
//!
//! - Credentials are looked for when the server wants them (401), and go to the origin of the remote's own URL alone; so
//!   do the headers `Authorization` and `Cookie` of Git's configuration.
//! - Redirects are followed on the first request only, and only within the same origin or from
//!   http to https of the same host.
//! - What a server says in plain text (`TF401019: …`) becomes the error's message.
//! - Requests of unknown length are streamed in chunks; short ones are sent as a whole, so that
//!   they can be repeated.

use std::collections::BTreeMap;
use std::io::{self, Read};

use azml_core::remote_url::RemoteUrl;
use git_wire::Service;
use git_wire::client::{Connection, TransportError, TransportErrorKind as Kind};
use ureq::http::{Response, StatusCode, header};
use ureq::{AsSendBody, Body, RequestBuilder, SendBody};
use url::Url;

use super::http_options::HttpOptions;
use super::{TransportOptions, http_agent, http_error};
use crate::credentials::{Attempts, Provider, Secret};
use crate::limits;

/// Requests up to this size are sent as a whole; longer ones in chunks.
const WHOLE_REQUEST: usize = 1 << 20;

/// One conversation over HTTP.
pub(in crate::transport) struct Http {
    agent: ureq::Agent,
    /// The repository's URL without user name, password, query or fragment.
    base: Url,
    /// As the user wrote it.
    remote: String,
    user: Option<String>,
    service: Service,
    options: TransportOptions,
    settings: HttpOptions,
    attempts: Attempts,
}

impl Http {
    /// For a URL, which `remote` is the user's way to write.
    pub(super) fn new(
        url: &RemoteUrl,
        remote: &RemoteUrl,
        service: Service,
        auth: Provider,
        options: &TransportOptions,
    ) -> Result<Self, TransportError> {
        let (base, user, password) = parts(url)?;
        let remote = remote.as_str().to_owned();
        let mut settings = options.http(&base, user.as_deref(), &remote, &auth)?;
        if auth.is_withheld() {
            settings.secret_headers.clear();
        }
        let agent = http_agent::new(&base, &settings, options)?;
        let attempts = Attempts::new(auth, &base, user.clone(), password, settings.has_authorization());
        Ok(Self { agent, base, remote, user, service, options: options.clone(), settings, attempts })
    }

    /// The repository's URL without user name, password, query or fragment.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The client for other requests to the host.
    pub(super) fn agent(&self) -> &ureq::Agent {
        &self.agent
    }

    /// The credential that the host has taken.
    pub(super) fn authorization(&self) -> Option<String> {
        self.attempts.authorization().map(|secret| secret.expose().to_owned())
    }

    /// The host has taken what was sent.
    pub(super) fn accepted(&mut self) {
        self.attempts.accepted();
    }

    /// Posts a JSON text to a URL of the same origin, with credentials if they are wanted.
    pub(super) fn post_json(
        &mut self,
        url: &str,
        media_type: &str,
        headers: &BTreeMap<String, String>,
        body: &[u8],
    ) -> Result<Response<Body>, TransportError> {
        loop {
            let request = self.agent.post(url).header(header::CONTENT_TYPE, media_type);
            let mut request = self.with_headers(request.header(header::ACCEPT, media_type));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let response = request.send(body).map_err(|error| http_error::of_request(&self.base, error))?;
            if response.status() != StatusCode::UNAUTHORIZED || !self.find_credential(&response)? {
                return Ok(response);
            }
        }
    }

    fn url(&self, tail: &str) -> String {
        format!("{}/{tail}", self.base.as_str().trim_end_matches('/'))
    }

    /// After a 401: finds a credential that was not tried yet. `false`: there is none.
    fn find_credential(&mut self, refusal: &Response<Body>) -> Result<bool, TransportError> {
        let challenges = refusal.headers().get_all(header::WWW_AUTHENTICATE).iter();
        let of_lfs = refusal.headers().get_all("LFS-Authenticate").iter();
        let challenges = challenges.chain(of_lfs).filter_map(|value| value.to_str().ok()).map(str::to_owned);
        let challenges: Vec<String> = challenges.collect();
        self.attempts.refused(&challenges).map_err(|error| {
            TransportError::new(Kind::Unauthorized, format!("no credentials for {}: {error}", self.base))
                .with_source(error)
        })
    }

    /// A request with what goes with each: the protocol's version, the user's own headers, the credential.
    fn with_headers<B>(&self, mut request: RequestBuilder<B>) -> RequestBuilder<B> {
        if self.service == Service::UploadPack {
            request = request.header("Git-Protocol", "version=2");
        }
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        let authorization = self.attempts.authorization();
        for (name, value) in &self.settings.secret_headers {
            if authorization.is_none() || *name != header::AUTHORIZATION {
                request = request.header(name, value);
            }
        }
        match authorization {
            Some(authorization) => request.header(header::AUTHORIZATION, authorization.expose()),
            None => request,
        }
    }

    fn get(&self, url: &str) -> Result<Response<Body>, TransportError> {
        let request = self.agent.get(url).header(header::ACCEPT, "*/*").header(header::PRAGMA, "no-cache");
        self.with_headers(request).call().map_err(|error| http_error::of_request(&self.base, error))
    }

    fn post(&self, body: impl AsSendBody) -> Result<Response<Body>, TransportError> {
        let name = self.service.as_str();
        let request = self
            .agent
            .post(self.url(name))
            .header(header::CONTENT_TYPE, format!("application/x-{name}-request"))
            .header(header::ACCEPT, format!("application/x-{name}-result"));
        self.with_headers(request).send(body).map_err(|error| http_error::of_request(&self.base, error))
    }

    /// A stream of unknown length can't be sent twice: asks with an empty request whether credentials are wanted.
    fn probe(&mut self) -> Result<(), TransportError> {
        loop {
            let response = self.post("0000")?;
            // Without another credential the request itself will meet the same answer, and tell it.
            if response.status() != StatusCode::UNAUTHORIZED || !self.find_credential(&response)? {
                return Ok(());
            }
        }
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
        if !self.settings.follows_redirects {
            let why = format!("{} redirects to {shown}, and http.followRedirects is false", self.base);
            return Err(refused(why));
        }
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
        if is_upgrade {
            let user = self.user.as_deref();
            let http = self.options.http(&target, user, &self.remote, self.attempts.provider())?;
            self.settings = HttpOptions { secret_headers: Vec::new(), ..http };
            self.agent = http_agent::new(&target, &self.settings, &self.options)?;
        }
        self.attempts.move_to(&target);
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
            if let Err(error) =
                response.body_mut().as_reader().take(limits::ERROR_TEXT).read_to_end(&mut body)
            {
                tracing::debug!(%error, "the error's text was cut off");
            }
        }
        let words = http_error::clean_message(&body).or_else(|| {
            let challenges = response.headers().get_all(header::WWW_AUTHENTICATE).iter();
            http_error::unknown_schemes(&self.base, challenges.filter_map(|value| value.to_str().ok()))
        });
        let error = http_error::of_status(&self.base, status, &content_type, words);
        Err(match self.attempts.withheld() {
            Some(why) if error.kind == Kind::Unauthorized => error.with_source(why.clone()),
            _ => error,
        })
    }
}

/// The URL without what must not be shown, and user name and password of it.
pub(super) fn parts(url: &RemoteUrl) -> Result<(Url, Option<String>, Option<Secret>), TransportError> {
    let mut base = Url::parse(url.as_str())
        .map_err(|error| TransportError::new(Kind::Refused, format!("{url} is no URL")).with_source(error))?;
    let user = url.userinfo().map(|info| info.user.clone()).filter(|user| !user.is_empty());
    let password = url.userinfo().and_then(|info| info.password.clone()).map(Secret::new);
    let is_plain = base.set_username("").is_ok() && base.set_password(None).is_ok();
    debug_assert!(is_plain, "an http URL has a host, and so may lose its user");
    base.set_query(None);
    base.set_fragment(None);
    Ok((base, user, password))
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
                if redirects > limits::REDIRECTS {
                    return Err(TransportError::new(
                        Kind::Refused,
                        format!("{} redirects in a circle", self.base),
                    ));
                }
                self.follow(&tail, &response)?;
            } else if response.status() != StatusCode::UNAUTHORIZED || !self.find_credential(&response)? {
                break response;
            }
        };
        let response = self.check(response, &format!("application/x-{name}-advertisement"))?;
        self.attempts.accepted();
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
                if response.status() != StatusCode::UNAUTHORIZED || !self.find_credential(&response)? {
                    break response;
                }
            }
        } else {
            if self.attempts.authorization().is_none() {
                self.probe()?;
            }
            let mut whole = io::Cursor::new(start).chain(request);
            self.post(SendBody::from_reader(&mut whole))?
        };
        let response = self.check(response, &expected)?;
        self.attempts.accepted();
        Ok(Box::new(http_error::Body(response.into_body().into_reader())))
    }

    fn is_stateless(&self) -> bool {
        true
    }
}
