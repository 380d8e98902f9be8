//! The names that the server's certificates are good for.
//!
//! A certificate may say `*.visualstudio.com`, but clients take no `*.localhost`: a wildcard has to stand above two
//! labels. An account's host below a short name is therefore named in full, in a certificate for whoever asks for it.

use std::net::IpAddr;

use url::Host;

use crate::service_hosts::CERTIFICATE_NAMES;

/// This computer's names.
const LOCAL: [&str; 4] = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/// The names of one server.
#[derive(Debug)]
pub(super) struct Names {
    /// In every certificate.
    fixed: Vec<String>,
    /// The suffixes of accounts' hosts, each with its dot.
    suffixes: Vec<String>,
}

impl Names {
    /// This computer's names, the service's, the address that is listened on, and the host of the URL that clients use.
    pub(super) fn new(bound: IpAddr, external_url: Option<&str>) -> Self {
        let mut fixed: Vec<String> =
            LOCAL.iter().chain(&CERTIFICATE_NAMES).map(|&name| name.to_owned()).collect();
        let mut suffixes = vec![".localhost".to_owned()];
        if !bound.is_unspecified() {
            fixed.push(bound.to_string());
        }
        let external = external_url.and_then(|url| url::Url::parse(url).ok());
        match external.as_ref().and_then(url::Url::host) {
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                fixed.extend([name.to_owned(), format!("*.{name}")]);
                suffixes.push(format!(".{name}"));
            }
            Some(Host::Ipv4(address)) => fixed.push(address.to_string()),
            Some(Host::Ipv6(address)) => fixed.push(address.to_string()),
            None => {}
        }
        let mut seen = std::collections::HashSet::new();
        fixed.retain(|name| seen.insert(name.clone()));
        Self { fixed, suffixes }
    }

    /// The name to put into the certificate of a client that asks for `asked`, beside the fixed ones.
    pub(super) fn extra(&self, asked: Option<&str>) -> Option<String> {
        let asked = asked?.to_ascii_lowercase();
        let label = self.suffixes.iter().find_map(|suffix| asked.strip_suffix(suffix.as_str()))?;
        let is_label =
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_label.then_some(asked)
    }

    /// All names of a certificate.
    pub(super) fn all(&self, extra: Option<&str>) -> Vec<String> {
        self.fixed.iter().cloned().chain(extra.map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_and_the_external_host_are_named() {
        let local: IpAddr = "127.0.0.1".parse().expect("an address");
        let usual = [&LOCAL[..], &CERTIFICATE_NAMES[..]].concat();
        assert_eq!(Names::new(local, None).all(None), usual);
        let rows: [(&str, &str, &[&str]); 4] = [
            ("0.0.0.0", "https://git.example:8443/x", &["git.example", "*.git.example"]),
            ("192.0.2.7", "http://192.0.2.8", &["192.0.2.7", "192.0.2.8"]),
            ("::1", "https://[2001:db8::1]/", &["2001:db8::1"]),
            ("127.0.0.1", "https://localhost:1/", &[]),
        ];
        for (bound, external, more) in rows {
            let names = Names::new(bound.parse().expect("an address"), Some(external));
            assert_eq!(names.all(None), [&usual[..], more].concat(), "{external}");
        }
    }

    #[test]
    fn hosts_of_accounts_are_named_in_full_and_no_other() {
        let names = Names::new("127.0.0.1".parse().expect("an address"), Some("https://box:8443"));
        let rows = [
            (Some("Acme.localhost"), Some("acme.localhost")),
            (Some("acme.box"), Some("acme.box")),
            (Some("a.b.box"), None),
            (Some("acme.example.com"), None),
            (Some("localhost"), None),
            (None, None),
        ];
        for (asked, expected) in rows {
            assert_eq!(names.extra(asked).as_deref(), expected, "{asked:?}");
        }
    }
}
