//! The host names of the service that is imitated, and how each one names an account.
//!
//! | host | account |
//! | --- | --- |
//! | `dev.azure.com`, and `vssps.`, `vsaex.`, `almsearch.`, `vsrm.` … before it | the first segment of the path |
//! | `acme.visualstudio.com`, `acme.vssps.visualstudio.com` … | the first label |
//! | `app.vssps.visualstudio.com` | none: profiles and lists of accounts |
//!
//! A name below `.localhost`, or below the server's own name, names an account as `visualstudio.com` does. Clients of the
//! service reach a server under these names by a proxy ([`intercept`](crate::intercept)), by a hosts file, or by a `Host`
//! header.

/// Suffixes of hosts whose first label is an account.
const ACCOUNT_SUFFIXES: [&str; 2] = [".visualstudio.com", ".localhost"];
/// The labels that may stand between an account's name and such a suffix: the parts of the service for users and groups,
/// entitlements, extensions, search and releases. One server answers for all of them.
const PARTS: [&str; 6] = [".vssps", ".vsaex", ".vsspsext", ".extmgmt", ".almsearch", ".vsrm"];
/// The host that has the account in the path. Its parts have the same label before it.
const ORGANISATIONS: &str = "dev.azure.com";
/// The part of it that has the users.
const USERS: &str = "vssps.dev.azure.com";
/// The host that belongs to no account.
const DEPLOYMENT: &str = "app.vssps.visualstudio.com";
/// The names that a certificate needs in order to be good for all hosts of the service; a wildcard stands for one label.
pub(crate) const CERTIFICATE_NAMES: [&str; 9] = [
    "dev.azure.com",
    "*.dev.azure.com",
    "*.visualstudio.com",
    "*.vssps.visualstudio.com",
    "*.vsaex.visualstudio.com",
    "*.almsearch.visualstudio.com",
    "*.vsrm.visualstudio.com",
    "*.vsspsext.visualstudio.com",
    "*.extmgmt.visualstudio.com",
];

/// A `Host` header or a URL's authority without its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Returns whether a name, without a port, is one of the service's.
pub(crate) fn is_of_service(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    CERTIFICATE_NAMES.iter().any(|known| match known.strip_prefix('*') {
        Some(suffix) => {
            name.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.'))
        }
        None => name == *known,
    })
}

/// Returns whether a `Host` header names the part of the service that belongs to no account.
pub(crate) fn is_deployment(host: &str) -> bool {
    without_port(host).eq_ignore_ascii_case(DEPLOYMENT)
}

/// Returns whether a `Host` header names the part of the service that has an organisation's users.
pub(crate) fn is_users(host: &str) -> bool {
    without_port(host).eq_ignore_ascii_case(USERS)
}

/// The account in a `Host` header, if it is a host of one account. `own_host` is the server's own name.
pub(crate) fn account(host: &str, own_host: Option<&str>) -> Option<String> {
    let name = without_port(host).to_ascii_lowercase();
    if name == DEPLOYMENT {
        return None;
    }
    let own = own_host.filter(|own| own.contains('.') && own.parse::<std::net::IpAddr>().is_err());
    let own = own.map(|own| format!(".{}", own.to_ascii_lowercase()));
    let label = ACCOUNT_SUFFIXES
        .iter()
        .copied()
        .chain(own.as_deref())
        .find_map(|suffix| name.strip_suffix(suffix))?;
    let label = PARTS.iter().find_map(|part| label.strip_suffix(part)).unwrap_or(label);
    let is_label =
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_label.then(|| label.to_owned())
}

/// The authority of the URLs that answers have, if the `Host` header is `dev.azure.com`, a part of it, or the part of the
/// service that belongs to no account: `dev.azure.com` with the same port.
pub(crate) fn organisations(host: &str) -> Option<String> {
    let name = without_port(host);
    let port = &host[name.len()..];
    let name = name.to_ascii_lowercase();
    let is_one = name == ORGANISATIONS
        || name == DEPLOYMENT
        || name.strip_suffix(ORGANISATIONS).is_some_and(|part| part.len() > 1 && part.ends_with('.'));
    is_one.then(|| format!("{ORGANISATIONS}{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_the_service_are_known() {
        let rows = [
            ("dev.azure.com", true),
            ("DEV.azure.com", true),
            ("vssps.dev.azure.com", true),
            ("vsrm.dev.azure.com", true),
            ("acme.visualstudio.com", true),
            ("acme.vssps.visualstudio.com", true),
            ("app.vssps.visualstudio.com", true),
            ("visualstudio.com", false),
            ("a.b.dev.azure.com", false),
            ("azure.com", false),
            ("management.azure.com", false),
            (".dev.azure.com", false),
            ("evildev.azure.com", false),
            ("dev.azure.com.evil.example", false),
            ("localhost", false),
        ];
        for (name, expected) in rows {
            assert_eq!(is_of_service(name), expected, "{name}");
        }
    }

    #[test]
    fn accounts_stand_in_the_first_label() {
        let rows = [
            ("acme.visualstudio.com", Some("acme")),
            ("ACME.visualstudio.com:443", Some("acme")),
            ("acme.vssps.visualstudio.com", Some("acme")),
            ("acme.almsearch.visualstudio.com", Some("acme")),
            ("acme.localhost:8080", Some("acme")),
            ("acme.git.example", Some("acme")),
            ("app.vssps.visualstudio.com", None),
            ("dev.azure.com", None),
            ("vssps.dev.azure.com", None),
            ("a.b.visualstudio.com", None),
            ("127.0.0.1:80", None),
        ];
        for (host, expected) in rows {
            assert_eq!(account(host, Some("git.example")).as_deref(), expected, "{host}");
        }
        assert!(is_deployment("App.vssps.visualstudio.com:443"));
    }

    #[test]
    fn the_parts_of_an_organisation_share_its_urls() {
        let rows = [
            ("dev.azure.com", Some("dev.azure.com")),
            ("vssps.dev.azure.com:8443", Some("dev.azure.com:8443")),
            ("acme.visualstudio.com", None),
            ("app.vssps.visualstudio.com", Some("dev.azure.com")),
            ("evildev.azure.com", None),
            ("127.0.0.1:80", None),
        ];
        for (host, expected) in rows {
            assert_eq!(organisations(host).as_deref(), expected, "{host}");
        }
    }
}
