//! Settings of HTTP for one URL, from the user's Git configuration and environment: whom to trust, through which proxy to
//! go, what to send along.

use std::path::{Path, PathBuf};

use azml_core::small_file;
use bstr::ByteSlice as _;
use ureq::http::{HeaderName, HeaderValue, header};
use url::Url;

use super::http_proxy::{self, Proxy};
use crate::env::{
    ALL_PROXY, ALL_PROXY_UPPER, Env, GIT_HTTP_USER_AGENT, GIT_SSL_CAINFO, GIT_SSL_CAPATH, GIT_SSL_CERT,
    GIT_SSL_KEY, GIT_SSL_NO_VERIFY, HTTP_PROXY, HTTPS_PROXY, HTTPS_PROXY_UPPER, NO_PROXY, NO_PROXY_UPPER,
    SSL_CERT_FILE,
};
use crate::git_config::{Entry, Error, GitConfig, NormalUrl};
use crate::limits;

/// The environment's settings of HTTP; most of them go before Git's configuration.
#[derive(Debug, Clone, Default)]
pub struct HttpVariables {
    ca_file: Option<PathBuf>,
    ca_folder: Option<PathBuf>,
    system_ca_file: Option<PathBuf>,
    no_verify: bool,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    user_agent: Option<String>,
    http_proxy: Option<String>,
    https_proxy: Option<String>,
    all_proxy: Option<String>,
    no_proxy: Option<String>,
}

impl HttpVariables {
    /// Reads them. An upper-case `HTTP_PROXY` does not count, as for curl: a web server sets it from a request's header.
    pub fn of(env: &Env) -> Self {
        let path = |name| env.get(name).map(|file| env.cwd.join(file));
        let first = |names: &[&str]| names.iter().find_map(|name| env.text(name)).map(str::to_owned);
        Self {
            ca_file: path(GIT_SSL_CAINFO),
            ca_folder: path(GIT_SSL_CAPATH),
            system_ca_file: path(SSL_CERT_FILE),
            no_verify: env.has(GIT_SSL_NO_VERIFY),
            certificate: path(GIT_SSL_CERT),
            key: path(GIT_SSL_KEY),
            user_agent: first(&[GIT_HTTP_USER_AGENT]),
            http_proxy: first(&[HTTP_PROXY]),
            https_proxy: first(&[HTTPS_PROXY, HTTPS_PROXY_UPPER]),
            all_proxy: first(&[ALL_PROXY, ALL_PROXY_UPPER]),
            no_proxy: first(&[NO_PROXY, NO_PROXY_UPPER]),
        }
    }

    /// The proxy that the environment names for a URL. A loopback address is never reached through it.
    fn proxy(&self, url: &Url) -> Option<&str> {
        if url.host_str().is_some_and(is_loopback) {
            return None;
        }
        let own = if url.scheme() == "https" { &self.https_proxy } else { &self.http_proxy };
        own.as_ref().or(self.all_proxy.as_ref()).map(String::as_str)
    }
}

/// The options for HTTP with the host of one URL.
#[derive(Debug, Clone, Default)]
pub(super) struct HttpOptions {
    /// A file of PEM certificates to trust in place of the system's.
    pub(super) ca_file: Option<PathBuf>,
    /// A folder of PEM certificates to trust as well.
    pub(super) ca_folder: Option<PathBuf>,
    /// True if any certificate will do.
    pub(super) no_verify: bool,
    /// The user's own certificate, and its key if that is in another file.
    pub(super) certificate: Option<(PathBuf, Option<PathBuf>)>,
    /// True if anything of the above was set.
    pub(super) sets_tls: bool,
    pub(super) proxy: Option<Proxy>,
    pub(super) user_agent: Option<String>,
    pub(super) follows_redirects: bool,
    /// Headers to send along, `Authorization` and `Cookie` apart.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The headers to send along that are credentials: they go to the URL's own origin alone.
    pub(super) secret_headers: Vec<(HeaderName, HeaderValue)>,
}

impl HttpOptions {
    /// Reads the settings for `url`, whose user name is `user`. `remote` is how the user wrote the URL: a remote of that URL may
    /// have its own proxy.
    pub(super) fn new(
        config: &GitConfig,
        variables: &HttpVariables,
        url: &Url,
        user: Option<&str>,
        remote: &str,
    ) -> Result<Self, Error> {
        let mut full = url.clone();
        if let Some(user) = user {
            // It can fail only for a URL without a host.
            let _ = full.set_username(user);
        }
        let normal = NormalUrl::parse(full.as_str().as_bytes());
        let all = |name: &str| config.for_url("http", name, normal.as_ref());
        let last = |name: &str| all(name).last().copied();
        let path = |name: &str| last(name).map(|entry| config.path(entry)).transpose().map(Option::flatten);
        let boolean = |name: &str| last(name).map(Entry::boolean).transpose();

        let ca_file = variables.ca_file.clone().map_or_else(|| path("sslcainfo"), |file| Ok(Some(file)))?;
        let ca_folder =
            variables.ca_folder.clone().map_or_else(|| path("sslcapath"), |folder| Ok(Some(folder)))?;
        let no_verify = variables.no_verify || boolean("sslverify")? == Some(false);
        let certificate =
            variables.certificate.clone().map_or_else(|| path("sslcert"), |file| Ok(Some(file)))?;
        let key = variables.key.clone().map_or_else(|| path("sslkey"), |file| Ok(Some(file)))?;
        let ca_file = ca_file.or_else(|| variables.system_ca_file.clone());
        let sets_tls = ca_file.is_some() || ca_folder.is_some() || no_verify || certificate.is_some();

        // A pin that is passed over would let in a server that the user has ruled out.
        if let Some(pin) = last("pinnedpubkey").filter(|_| url.scheme() == "https") {
            return Err(pin.unsupported());
        }
        let of_remote = config
            .remote_with_url(remote)
            .and_then(|name| config.of_remote(name, "proxy"))
            .or_else(|| last("proxy"));
        let proxy = match of_remote {
            Some(entry) => http_proxy::from_config(entry)?,
            None => match variables.proxy(url) {
                Some(text) => Some(Proxy::parse(text).ok_or_else(|| Error::Environment {
                    variable: "http_proxy, https_proxy or all_proxy".to_owned(),
                    why: "is not the URL of a proxy",
                })?),
                None => None,
            },
        };
        let host = url.host_str().unwrap_or_default();
        let is_excluded =
            variables.no_proxy.as_deref().is_some_and(|list| http_proxy::is_excluded(list, host));
        let (mut headers, mut secret_headers) = (Vec::new(), Vec::new());
        for (name, value) in extra_headers(&all("extraheader"))? {
            let is_secret = matches!(name, header::AUTHORIZATION | header::COOKIE);
            if is_secret { &mut secret_headers } else { &mut headers }.push((name, value));
        }
        if let Some(file) = path("cookiefile")?
            && let Some(cookies) = cookies(&file, url)
        {
            secret_headers.push((header::COOKIE, cookies));
        }
        let user_agent = match (&variables.user_agent, last("useragent")) {
            (Some(agent), _) => Some(agent.clone()),
            (None, Some(entry)) => Some(entry.str()?.to_owned()),
            (None, None) => None,
        };
        // `initial`, the default, and true are the same here: only the first request meets redirects.
        let follows_redirects = match last("followredirects") {
            Some(entry) if entry.text()? == "initial" => true,
            Some(entry) => entry.boolean()?,
            None => true,
        };
        Ok(Self {
            ca_file,
            ca_folder,
            no_verify,
            certificate: certificate.map(|file| (file, key)),
            sets_tls,
            proxy: proxy.filter(|_| !is_excluded),
            user_agent,
            follows_redirects,
            headers,
            secret_headers,
        })
    }

    /// Returns whether an extra header says who the user is.
    pub(super) fn has_authorization(&self) -> bool {
        self.secret_headers.iter().any(|(name, _)| *name == header::AUTHORIZATION)
    }
}

/// The headers, as curl reads them: `Name: value`, or `Name;` for one without value. `Name:` takes away one of curl's
/// own, of which azml sends none. An empty entry takes back all before it.
fn extra_headers(entries: &[&Entry]) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
    let mut found = Vec::new();
    for entry in entries {
        let line = entry.text()?;
        if line.is_empty() {
            found.clear();
            continue;
        }
        let bad = || entry.secret("it is no header");
        let (name, value) = match line.split_once_str(":") {
            Some((name, value)) => (name, value.trim()),
            None => (line.strip_suffix(b";").ok_or_else(bad)?, &b""[..]),
        };
        if value.is_empty() && line.contains(&b':') {
            continue;
        }
        let name = HeaderName::from_bytes(name.trim()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_bytes(value).map_err(|_| bad())?;
        value.set_sensitive(true);
        found.push((name, value));
    }
    Ok(found)
}

/// The cookies for a URL that are in a file of Netscape's format. A file that is not there holds none.
fn cookies(file: &Path, url: &Url) -> Option<HeaderValue> {
    let text = small_file::read_at_most(file, limits::COOKIE_FILE).ok()?;
    let host = url.host_str()?.to_ascii_lowercase();
    let pairs = text.to_str().ok()?.lines().filter_map(|line| {
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        let fields: Vec<&str> = line.split('\t').collect();
        let [domain, below, path, secure, _expires, name, value] = fields[..] else { return None };
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        let is_below = || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
        let is_host = host == domain || below.eq_ignore_ascii_case("TRUE") && is_below();
        let rest = url.path().strip_prefix(path.trim_end_matches('/'));
        let is_path = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_safe = !secure.eq_ignore_ascii_case("TRUE") || url.scheme() == "https";
        (!line.starts_with('#') && is_host && is_path && is_safe).then(|| format!("{name}={value}"))
    });
    let pairs = pairs.collect::<Vec<_>>().join("; ");
    let mut value = HeaderValue::from_str(&pairs).ok().filter(|value| !value.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}
