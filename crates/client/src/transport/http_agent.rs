//! The HTTP client that conversations use: time-outs, proxies, certificates, no redirects of its own.

use std::path::Path;
use std::time::Duration;

use git_wire::client::{TransportError, TransportErrorKind as Kind};
use ureq::config::Config;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig};
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, ProxyProtocol};
use url::Url;

use super::TransportOptions;
use super::http_options::HttpOptions;

/// Hosts look for `git/` at the beginning, to tell Git's clients from browsers.
const USER_AGENT: &str = concat!("git/2.47.0 (azml/", env!("CARGO_PKG_VERSION"), ")");

/// The files in which systems keep the certificates that they trust.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub(super) fn new(
    url: &Url,
    http: &HttpOptions,
    options: &TransportOptions,
) -> Result<Agent, TransportError> {
    let mut config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(http.user_agent.as_deref().unwrap_or(USER_AGENT))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_per_read(Some(options.stall_timeout))
        .timeout_per_write(Some(options.stall_timeout))
        .max_idle_age(Duration::from_secs(10))
        .proxy(None);
    if url.scheme() == "https" || http.sets_tls {
        let mut tls = TlsConfig::builder().client_cert(client_certificate(http)?);
        tls = if http.no_verify { tls.disable_verification(true) } else { tls.root_certs(trusted(http)?) };
        config = config.tls_config(tls.build());
    }
    let Some(proxy) = &http.proxy else { return Ok(config.build().new_agent()) };
    let unusable = || TransportError::new(Kind::Refused, format!("the proxy {} can't be used", proxy.host));
    if url.scheme() == "http" && proxy.protocol == ProxyProtocol::Http {
        let (forward, resolver) = proxy.for_requests().ok_or_else(unusable)?;
        let connector = ().chain(TcpConnector::default()).chain(forward);
        return Ok(Agent::with_parts(config.build(), connector, resolver));
    }
    let tunnels = proxy.for_tunnels().map_err(|error| unusable().with_source(error))?;
    Ok(config.proxy(Some(tunnels)).build().new_agent())
}

/// The certificates of the file that the user names; else the system's; else Mozilla's, built in. Those of a folder come
/// on top.
fn trusted(http: &HttpOptions) -> Result<RootCerts, TransportError> {
    let mut found = match &http.ca_file {
        Some(file) => certificates(file)?,
        None => {
            SYSTEM_BUNDLES.iter().find_map(|bundle| certificates(Path::new(bundle)).ok()).unwrap_or_default()
        }
    };
    if let Some(folder) = &http.ca_folder {
        let unreadable = |error| {
            let message = format!("the certificates in '{}' can't be read", folder.display());
            TransportError::new(Kind::Tls, message).with_source(error)
        };
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            // Such a folder has other files, too.
            found.extend(certificates(&entry.map_err(unreadable)?.path()).unwrap_or_default());
        }
    }
    Ok(if found.is_empty() { RootCerts::WebPki } else { found.into() })
}

/// All certificates of a PEM file; none is an error.
fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, TransportError> {
    let items = read(file, "the certificates")?.into_iter();
    let found: Vec<_> = items
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if found.is_empty() {
        let message = format!("the certificates in '{}' are none", file.display());
        return Err(TransportError::new(Kind::Tls, message));
    }
    Ok(found)
}

/// The certificate and the key that say who the user is.
fn client_certificate(http: &HttpOptions) -> Result<Option<ClientCert>, TransportError> {
    let Some((file, key_file)) = &http.certificate else { return Ok(None) };
    let key_file = key_file.as_ref().unwrap_or(file);
    let key: Option<PrivateKey<'static>> =
        read(key_file, "the key")?.into_iter().find_map(|item| match item {
            PemItem::PrivateKey(key) => Some(key),
            _ => None,
        });
    let key = key.ok_or_else(|| {
        let message = format!("'{}' holds no key that is not encrypted", key_file.display());
        TransportError::new(Kind::Tls, message)
    })?;
    Ok(Some(ClientCert::new_with_certs(&certificates(file)?, key)))
}

fn read(file: &Path, what: &str) -> Result<Vec<PemItem<'static>>, TransportError> {
    let pem = azml_core::small_file::read(file).map_err(|error| {
        let message = format!("{what} in '{}' can't be read", file.display());
        TransportError::new(Kind::Tls, message).with_source(error)
    })?;
    Ok(ureq::tls::parse_pem(&pem).filter_map(Result::ok).collect())
}
