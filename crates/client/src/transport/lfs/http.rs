//! Git LFS over HTTP and HTTPS: the batch API below the repository's URL, and the transfers that it names.
//!
//! - Our own credentials go to the batch API, which is at the remote's own origin, and to a transfer there that brings no
//!   credentials of its own. A transfer at another host gets what its action says and nothing else.
//! - A redirect to another origin is followed without any header, and for downloads alone.
//! - No configuration that comes with a repository's content is read: the server is the remote.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};

use azml_core::large::Pointer;
use azml_core::remote_url::{RemoteUrl, Scheme};
use git_wire::Service;
use git_wire::client::{TransportError, TransportErrorKind as Kind};
use lfs_wire::batch::{
    Action, Actions, Answer, Asked, BASIC, HASH_ALGORITHM, MEDIA_TYPE, Operation, Reference, Request,
};
use serde::Deserialize;
use serde_json::json;
use ureq::http::{HeaderName, Response, StatusCode, header};
use ureq::{Agent, Body, RequestBuilder, SendBody};
use url::Url;

use super::{Error, Planned, Timed};
use crate::credentials::Provider;
use crate::env::SystemPace;
use crate::limits;
use crate::transport::http::Http;
use crate::transport::{Remote, http_error};

/// Headers that the message itself needs, which no action decides.
const OF_THE_MESSAGE: [HeaderName; 5] =
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::EXPECT];

/// The Git LFS server of a remote.
pub struct Api {
    http: Http,
    /// The URL of its API.
    endpoint: String,
    /// Headers that an SSH server has told, with a credential among them.
    headers: BTreeMap<String, String>,
}

/// Transfers objects, from any thread.
#[derive(Clone)]
pub struct Transfers {
    agent: Agent,
    origin: url::Origin,
    /// The credential that the remote has taken, for transfers at its own origin.
    authorization: Option<String>,
}

/// The text of an error.
#[derive(Deserialize)]
struct Message {
    message: String,
}

impl Api {
    /// The server at a URL of its own.
    pub(super) fn at(http: Http) -> Self {
        let endpoint = http.base().as_str().trim_end_matches('/').to_owned();
        Self { http, endpoint, headers: BTreeMap::new() }
    }

    /// The server below a repository's URL.
    pub(super) fn of_repository(http: Http) -> Self {
        let base = http.base().as_str().trim_end_matches('/');
        let endpoint = format!("{}.git/info/lfs", base.strip_suffix(".git").unwrap_or(base));
        Self { http, endpoint, headers: BTreeMap::new() }
    }

    /// The server that `git-lfs-authenticate` has told of. It gets the credential that came with it and no other.
    pub fn told(answer: &[u8], remote: &Remote, service: Service) -> Result<Self, TransportError> {
        let strange = |why: String| {
            TransportError::new(Kind::Other, format!("{} tells no Git LFS server: {why}", remote.url()))
        };
        let action: Action = serde_json::from_slice(answer).map_err(|error| strange(error.to_string()))?;
        let url = RemoteUrl::parse(&action.href).map_err(|error| strange(error.to_string()))?;
        if !matches!(url.scheme(), Scheme::Http | Scheme::Https) {
            return Err(strange("its URL is none of HTTP".to_owned()));
        }
        let http = Http::new(&url, &url, service, Provider::new(), &remote.options)?;
        Ok(Self { headers: action.header, ..Self::at(http) })
    }

    /// Asks what to do with objects; gives for each its actions, or why there are none.
    pub fn batch(
        &mut self,
        operation: Operation,
        pointers: &[Pointer],
        reference: &str,
    ) -> Result<Vec<Planned>, Error> {
        let objects = pointers
            .iter()
            .map(|pointer| Asked { oid: pointer.oid.to_string(), size: pointer.size.into() })
            .collect();
        let request = Request {
            operation,
            objects,
            transfers: vec![BASIC.to_owned()],
            reference: Some(Reference { name: reference.to_owned() }),
            hash_algo: Some(HASH_ALGORITHM.to_owned()),
        };
        let body = serde_json::to_vec(&request).map_err(|error| self.strange(&error))?;
        let url = format!("{}/objects/batch", self.endpoint);
        let mut response = self.http.post_json(&url, MEDIA_TYPE, &self.headers, &body)?;
        let status = response.status();
        if status != StatusCode::OK {
            let why = told(&mut response);
            let host = self.http.base().host_str().unwrap_or_default().to_owned();
            let has_none =
                matches!(status.as_u16(), 404 | 405 | 406 | 410 | 415 | 501) || status.is_redirection();
            return Err(if has_none {
                Error::NotThere { host, why }
            } else {
                let kind =
                    if status == StatusCode::UNAUTHORIZED { Kind::Unauthorized } else { Kind::Refused };
                TransportError::new(kind, format!("{host} refuses large files: {why}")).into()
            });
        }
        self.http.accepted();
        let answer = read(&mut response).map_err(|error| self.strange(&error))?;
        let answer: Answer = serde_json::from_slice(&answer).map_err(|error| self.strange(&error))?;
        if answer.transfer != BASIC && !answer.transfer.is_empty() {
            return Err(
                self.strange(&io::Error::other(format!("it wants the transfer `{}`", answer.transfer)))
            );
        }
        let mut found = Vec::new();
        for object in answer.objects {
            // What was not asked for is passed over.
            let is_it = |pointer: &&Pointer| pointer.oid.to_string() == object.oid;
            let Some(pointer) = pointers.iter().find(is_it) else { continue };
            let actions = match object.error {
                Some(error) => Err(format!("{} ({})", clean(&error.message), error.code)),
                None => Ok(object.actions.unwrap_or_default()),
            };
            found.push((*pointer, actions));
        }
        Ok(found)
    }

    /// For the transfers that actions name.
    pub fn transfers(&self) -> Transfers {
        Transfers {
            agent: self.http.agent().clone(),
            origin: self.http.base().origin(),
            authorization: self.http.authorization(),
        }
    }

    fn strange(&self, error: &dyn std::error::Error) -> Error {
        let host = self.http.base().host_str().unwrap_or_default();
        TransportError::new(Kind::Other, format!("{host} answers no Git LFS: {error}")).into()
    }
}

impl Transfers {
    /// Sends an object, which is opened if the server lacks it; afterwards the server has it whole.
    pub fn upload(
        &self,
        actions: &Actions,
        pointer: &Pointer,
        open: &dyn Fn() -> Result<File, String>,
    ) -> Result<(), String> {
        if let Some(action) = &actions.upload {
            let content = open()?;
            let url = target(action)?;
            let request =
                self.agent.put(url.as_str()).header(header::CONTENT_TYPE, "application/octet-stream");
            let request =
                self.with_headers(request, action, &url)?.header(header::CONTENT_LENGTH, pointer.size);
            let mut content = content.take(pointer.size);
            let answer = request.send(SendBody::from_reader(&mut content));
            expect_success(answer.map_err(|error| http_error::of_request(&url, error).to_string())?)?;
        }
        if let Some(action) = &actions.verify {
            let url = target(action)?;
            let body = json!({"oid": pointer.oid.to_string(), "size": pointer.size}).to_string();
            let request = self.agent.post(url.as_str()).header(header::CONTENT_TYPE, MEDIA_TYPE);
            let request = self.with_headers(request.header(header::ACCEPT, MEDIA_TYPE), action, &url)?;
            let answer = request.send(body.as_bytes());
            expect_success(answer.map_err(|error| http_error::of_request(&url, error).to_string())?)?;
        }
        Ok(())
    }

    /// Begins to receive an object from byte `have` on; gives the byte that the answer begins with, and the answer.
    pub fn download(
        &self,
        action: &Action,
        pointer: &Pointer,
        have: u64,
    ) -> Result<(u64, impl io::Read + use<>), String> {
        let mut url = target(action)?;
        let first = url.origin();
        for _ in 0..=limits::REDIRECTS {
            let mut request = self.agent.get(url.as_str());
            if url.origin() == first {
                request = self.with_headers(request, action, &url)?;
            }
            if have > 0 {
                request =
                    request.header(header::RANGE, format!("bytes={have}-{}", pointer.size.saturating_sub(1)));
            }
            let response = request.call().map_err(|error| http_error::of_request(&url, error).to_string())?;
            if response.status().is_redirection()
                && let Some(location) = response.headers().get(header::LOCATION)
            {
                let location = location.to_str().ok().and_then(|location| url.join(location).ok());
                let next = location.filter(|next| matches!(next.scheme(), "http" | "https"));
                let next = next.ok_or_else(|| "a redirect leads nowhere".to_owned())?;
                if url.scheme() == "https" && next.scheme() == "http" {
                    return Err("a redirect leads from https to http".to_owned());
                }
                url = next;
                continue;
            }
            let is_rest = response.status() == StatusCode::PARTIAL_CONTENT && begins_at(&response, have);
            let start = if is_rest { have } else { 0 };
            if !is_rest && response.status() != StatusCode::OK {
                let error = expect_success(response).err();
                return Err(error.unwrap_or_else(|| "the answer is none to the question".to_owned()));
            }
            return Ok((start, http_error::Body(response.into_body().into_reader())));
        }
        Err("redirects in a circle".to_owned())
    }

    /// The headers of an action; our own credential only at our own origin, where the action brings none.
    fn with_headers<B>(
        &self,
        mut request: RequestBuilder<B>,
        action: &Action,
        url: &Url,
    ) -> Result<RequestBuilder<B>, String> {
        let mut is_authorized = false;
        for (name, value) in &action.header {
            let name =
                HeaderName::try_from(name.as_str()).map_err(|_| "an action has a header with no name")?;
            if OF_THE_MESSAGE.contains(&name) {
                continue;
            }
            is_authorized |= name == header::AUTHORIZATION;
            request = request.header(name, value);
        }
        match &self.authorization {
            Some(own) if !is_authorized && url.origin() == self.origin => {
                Ok(request.header(header::AUTHORIZATION, own))
            }
            _ => Ok(request),
        }
    }
}

/// The URL of an action. Whatever a parser would pass over or take for a credential is none.
fn target(action: &Action) -> Result<Url, String> {
    let is_plain = |url: &Url| {
        matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none()
    };
    let href = Some(action.href.as_str()).filter(|href| !href.contains(|c: char| c.is_control() || c == ' '));
    let url = href.and_then(|href| Url::parse(href).ok()).filter(is_plain);
    url.ok_or_else(|| "an action has no plain http URL".to_owned())
}

/// Returns whether the answer begins at that byte of the object.
fn begins_at(response: &Response<Body>, have: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()) == Some(have)
}

fn expect_success(mut response: Response<Body>) -> Result<(), String> {
    if response.status().is_success() { Ok(()) } else { Err(told(&mut response)) }
}

/// The status of an answer, with the server's words.
fn told(response: &mut Response<Body>) -> String {
    let status = response.status();
    let body = read(response).unwrap_or_default();
    let words = match serde_json::from_slice::<Message>(&body) {
        Ok(told) => Some(clean(&told.message)),
        Err(_) => None,
    };
    match words.filter(|words| !words.is_empty()) {
        Some(words) => format!("{words} (HTTP {status})"),
        None => format!("HTTP {status}"),
    }
}

fn clean(text: &str) -> String {
    http_error::clean_message(text.as_bytes()).unwrap_or_default().replace('\n', " ")
}

fn read(response: &mut Response<Body>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let reader = response.body_mut().as_reader();
    Timed::new(http_error::Body(reader), &SystemPace).take(limits::LFS_ANSWER + 1).read_to_end(&mut body)?;
    if body.len() as u64 > limits::LFS_ANSWER {
        return Err(io::Error::other("the answer is too long"));
    }
    Ok(body)
}
