//! The HTTP client that conversations use: time-outs, trusted certificates, no redirects of its own.

use std::path::Path;
use std::time::Duration;

use azml_core::remote_url::{RemoteUrl, Scheme};
use git_wire::client::{TransportError, TransportErrorKind as Kind};
use ureq::config::Config;
use ureq::tls::{PemItem, RootCerts, TlsConfig};

use super::TransportOptions;

/// Hosts look for `git/` at the beginning, to tell Git's clients from browsers.
const USER_AGENT: &str = concat!("git/2.47.0 (azml/", env!("CARGO_PKG_VERSION"), ")");

/// Where systems keep the certificates they trust, as one file.
const SYSTEM_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub(super) fn new(url: &RemoteUrl, options: &TransportOptions) -> Result<ureq::Agent, TransportError> {
    let mut config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(USER_AGENT)
        .timeout_connect(Some(options.connect_timeout))
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_per_read(Some(options.stall_timeout))
        .timeout_per_write(Some(options.stall_timeout))
        .max_idle_age(Duration::from_secs(10));
    if url.host().is_some_and(is_loopback) {
        config = config.proxy(None);
    }
    let is_told = options.ca_file.is_some() || options.system_ca_file.is_some() || options.verify.is_some();
    // A redirect may lead from http to https, and what the user set counts there, too.
    if url.scheme() == Scheme::Https || is_told {
        let tls = TlsConfig::builder();
        config = config.tls_config(if options.verify == Some(false) {
            tls.disable_verification(true).build()
        } else {
            tls.root_certs(trusted(options)?).build()
        });
    }
    Ok(config.build().new_agent())
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// The certificates of the file that the user names; else the system's; else Mozilla's, built in.
fn trusted(options: &TransportOptions) -> Result<RootCerts, TransportError> {
    if let Some(file) = options.ca_file.as_ref().or(options.system_ca_file.as_ref()) {
        let named = |why: &str| {
            TransportError::new(Kind::Tls, format!("the certificates in '{}' {why}", file.display()))
        };
        let certificates = read(file).map_err(|error| named("can't be read").with_source(error))?;
        return if certificates.is_empty() { Err(named("are none")) } else { Ok(certificates.into()) };
    }
    for bundle in SYSTEM_BUNDLES {
        if let Ok(certificates) = read(Path::new(bundle))
            && !certificates.is_empty()
        {
            return Ok(certificates.into());
        }
    }
    Ok(RootCerts::WebPki)
}

fn read(file: &Path) -> std::io::Result<Vec<ureq::tls::Certificate<'static>>> {
    let pem = std::fs::read(file)?;
    Ok(ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect())
}
