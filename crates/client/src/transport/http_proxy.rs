//! Proxies: how they are named, for which hosts they are not meant, and how a plain `http://` request is sent to one.
//!
//! ureq reaches every host by `CONNECT`. Proxies commonly allow that for https alone, and take plain requests with the
//! whole URL in the first line, as curl sends them: [`Forward`] does that.

use std::io;

use percent_encoding::percent_decode_str;
use ureq::ProxyProtocol;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::credentials::Secret;
use crate::git_config::{Entry, Error};

/// A proxy as its URL names it.
#[derive(Debug, Clone)]
pub(super) struct Proxy {
    pub(super) protocol: ProxyProtocol,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
}

impl Proxy {
    /// Reads `[protocol://][user[:password]@]host[:port]`, where the protocol is http if none is named.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (protocol, rest) = text.split_once("://").unwrap_or(("http", text));
        let protocol = ProxyProtocol::try_from(protocol).ok()?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (userinfo, address) = match authority.rsplit_once('@') {
            Some((userinfo, address)) => (Some(userinfo), address),
            None => (None, authority),
        };
        let decode =
            |text: &str| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).ok();
        let (user, password) = match userinfo.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            Some((user, "")) if !userinfo.is_some_and(|info| info.contains(':')) => {
                (Some(decode(user)?), None)
            }
            Some((user, password)) => (Some(decode(user)?), Some(Secret::new(decode(password)?))),
            None => (None, None),
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (address, None),
        };
        (!host.is_empty()).then(|| Self { protocol, host: host.to_owned(), port, user, password })
    }

    /// The port: curl takes 1080 where none is named, and 443 for https.
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.protocol == ProxyProtocol::Https { 443 } else { 1080 })
    }

    /// Host and port, as they are written.
    pub(super) fn address(&self) -> String {
        self.port.map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host))
    }

    /// For ureq, which speaks `CONNECT` or SOCKS with it.
    pub(super) fn for_tunnels(&self) -> Result<ureq::Proxy, ureq::Error> {
        let mut proxy = ureq::Proxy::builder(self.protocol).host(&self.host).port(self.port());
        if let Some(user) = &self.user {
            proxy =
                proxy.username(user).password(self.password.as_ref().map_or("", |secret| secret.expose()));
        }
        proxy.build()
    }

    /// For plain requests: the connector and the resolver of an agent that sends them all to this proxy.
    pub(super) fn for_requests(&self) -> Option<(Forward, ToProxy)> {
        use base64::Engine as _;
        let address = format!("http://{}:{}/", self.host, self.port()).parse().ok()?;
        let authorization = self.user.as_ref().map(|user| {
            let pair = format!("{user}:{}", self.password.as_ref().map_or("", |secret| secret.expose()));
            Secret::new(base64::engine::general_purpose::STANDARD.encode(pair))
        });
        Some((Forward { authorization }, ToProxy { address, resolver: DefaultResolver::default() }))
    }
}

/// The proxy that a setting names; an empty value says that there is none.
pub(super) fn from_config(entry: &Entry) -> Result<Option<Proxy>, Error> {
    let text = entry.str()?;
    if text.is_empty() {
        return Ok(None);
    }
    Proxy::parse(text).map(Some).ok_or_else(|| entry.secret("it is not the URL of a proxy"))
}

/// Returns whether a list as in `no_proxy` holds a host: `*`, or names and addresses between commas or blanks, which stand for
/// what is below them, too.
pub(super) fn is_excluded(list: &str, host: &str) -> bool {
    let bare = |text: &str| {
        text.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
    };
    if list.trim() == "*" {
        return true;
    }
    let host = bare(host);
    let address: Option<std::net::IpAddr> = host.parse().ok();
    list.split([',', ' ', '\t']).map(|item| bare(item.trim_start_matches('.'))).any(|item| {
        if let Some(address) = address {
            return is_in_network(&item, address);
        }
        let below = host.strip_suffix(&item).filter(|_| !item.is_empty());
        below.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Returns whether an address is the one that is written, or in the network that is (`10.0.0.0/8`).
fn is_in_network(item: &str, address: std::net::IpAddr) -> bool {
    use std::net::IpAddr;
    let (network, bits) = match item.split_once('/') {
        Some((network, bits)) => (network, bits.parse().ok()),
        None => (item, Some(128_u32)),
    };
    let (Ok(network), Some(bits)) = (network.parse::<IpAddr>(), bits) else { return false };
    let same = |one: u128, other: u128, width: u32| {
        let shift = width.saturating_sub(bits);
        shift >= width || one >> shift == other >> shift
    };
    match (network, address) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        _ => false,
    }
}

/// Takes every name for the proxy's: it is the proxy that looks names up.
#[derive(Debug)]
pub(super) struct ToProxy {
    address: Uri,
    resolver: DefaultResolver,
}

impl Resolver for ToProxy {
    fn resolve(
        &self,
        _: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.resolver.resolve(&self.address, config, timeout)
    }
}

/// Makes a connection to the proxy one for plain requests.
#[derive(Debug)]
pub(super) struct Forward {
    authorization: Option<Secret>,
}

impl<In: Transport> Connector<In> for Forward {
    type Out = Forwarded<In>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let authority = details.uri.authority().map(ToString::to_string).unwrap_or_default();
        let target = format!("http://{authority}");
        let authorization = self.authorization.clone();
        Ok(chained.map(|inner| Forwarded { inner, target, authorization, is_at_start: true }))
    }
}

/// A connection to a proxy. Each request's first line gets the whole URL.
#[derive(Debug)]
pub(super) struct Forwarded<In> {
    inner: In,
    target: String,
    authorization: Option<Secret>,
    /// True if what is sent next is the head of a request: the last one was answered.
    is_at_start: bool,
}

impl<In: Transport> Transport for Forwarded<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if !std::mem::take(&mut self.is_at_start) {
            return self.inner.transmit_output(amount, timeout);
        }
        let authorization = self.authorization.as_ref();
        let authorization = authorization
            .map(|secret| format!("Proxy-Authorization: Basic {}\r\n", secret.expose()))
            .unwrap_or_default();
        let output = self.inner.buffers().output();
        let head = output[..amount].to_vec();
        let path = head.iter().position(|byte| *byte == b' ').map(|at| at + 1);
        let fields = head.windows(2).position(|pair| pair == b"\r\n").map(|at| at + 2);
        let (Some(path), Some(fields)) = (path, fields) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a request without a first line").into());
        };
        let parts: [&[u8]; 5] = [
            &head[..path],
            self.target.as_bytes(),
            &head[path..fields],
            authorization.as_bytes(),
            &head[fields..],
        ];
        let whole = parts.concat();
        let Some(room) = output.get_mut(..whole.len()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a request with too many headers").into());
        };
        room.copy_from_slice(&whole);
        self.inner.transmit_output(whole.len(), timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.is_at_start = true;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_curl_does() {
        for (text, expected) in [
            ("proxy.corp:3128", Some("http proxy.corp 3128 - -")),
            ("proxy.corp", Some("http proxy.corp 1080 - -")),
            ("http://al%40x:p%3Aw@proxy:80/", Some("http proxy 80 al@x p:w")),
            ("https://al@proxy", Some("https proxy 443 al -")),
            ("socks5h://[::1]:9050", Some("socks5h [::1] 9050 - -")),
            ("ftp://proxy", None),
            ("http://", None),
            ("proxy:port", None),
        ] {
            let shown = Proxy::parse(text).map(|proxy| {
                let password = proxy.password.as_ref().map_or("-", |secret| secret.expose());
                let user = proxy.user.as_deref().unwrap_or("-");
                let protocol = proxy.protocol.to_string().to_lowercase();
                format!("{protocol} {} {} {user} {password}", proxy.host, proxy.port())
            });
            assert_eq!(shown.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn hosts_are_excluded_as_by_curl() {
        for (list, host, expected) in [
            ("*", "h", true),
            ("example.com", "example.com", true),
            (".example.com", "git.Example.com", true),
            ("example.com", "notexample.com", false),
            ("a, b c", "b", true),
            ("", "h", false),
            (",", "h", false),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("0.0.1", "127.0.0.1", false),
            ("::1", "[::1]", true),
        ] {
            assert_eq!(is_excluded(list, host), expected, "{list} {host}");
        }
    }
}
