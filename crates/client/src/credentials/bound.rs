//! A token with the origins that it may be sent to.
//!
//! A token goes to an origin that its user has named, and to no other: neither to who asks for it nor to what a folder's
//! configuration calls its remote. And no token goes over plain HTTP to another computer, where anybody on the way can read it.

use std::fmt;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;

use super::{Origin, Secret};

/// The host of Azure DevOps, and what the hosts of VSTS end with: all by https.
const SERVICE_HOST: &str = "dev.azure.com";
const SERVICE_HOSTS: &str = ".visualstudio.com";

/// The origins that a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// These.
    Origins(Vec<Origin>),
    /// The service's own names: `https://*.visualstudio.com` and `https://dev.azure.com`.
    Service,
}

/// A token, and whom it is for.
#[derive(Clone, Debug)]
pub struct BoundToken {
    pub token: Secret,
    /// Its source, as its user knows it: `AZML_VSTS_TOKEN`.
    pub name: &'static str,
    /// The origins that it may be sent to.
    pub binding: Binding,
}

/// The reason why a credential that is there was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// It is for others.
    #[error("{name} is not sent to {origin}: it is for {binding}")]
    OtherOrigin {
        /// The token's source.
        name: &'static str,
        /// The origin that asked.
        origin: Origin,
        /// Whom it is for.
        binding: Binding,
    },
    /// Everybody on the way could read it.
    #[error("{name} is not sent to {origin}: that is not encrypted")]
    Unencrypted {
        /// The credential's source.
        name: &'static str,
        /// The origin that asked.
        origin: Origin,
    },
    /// The folder that names the remote is somebody else's.
    #[error("no credentials are sent to {origin}: {} belongs to another user", .folder.display())]
    ForeignFolder {
        folder: PathBuf,
        /// The origin that asked.
        origin: Origin,
    },
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origins(origins) => {
                let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
                f.write_str(&origins.join(", "))
            }
            Self::Service => write!(f, "https://*{SERVICE_HOSTS} and https://{SERVICE_HOST}"),
        }
    }
}

impl Binding {
    /// Reads a list of origins or URLs, separated by white space or commas; a word without a scheme is a host by https. An
    /// error is the word that is none of these.
    pub fn parse(list: &str) -> Result<Self, String> {
        let origin = |word: &str| {
            let url = if word.contains("://") { word.to_owned() } else { format!("https://{word}") };
            // The word itself may have a password in it, and is not repeated then.
            let shown =
                || if word.contains('@') { "a URL with a user name".to_owned() } else { word.to_owned() };
            Origin::parse(&url).filter(|_| !word.contains('@')).ok_or_else(shown)
        };
        let words = list.split([',', ' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        Ok(Self::Origins(words.map(origin).collect::<Result<_, _>>()?))
    }

    fn has(&self, origin: &Origin) -> bool {
        match self {
            Self::Origins(origins) => {
                origins.iter().any(|bound| bound == origin || origin.is_upgrade_of(bound))
            }
            Self::Service => {
                origin.scheme() == "https"
                    && origin.port().is_none()
                    && (origin.name() == SERVICE_HOST
                        || origin
                            .name()
                            .strip_suffix(SERVICE_HOSTS)
                            .is_some_and(|account| !account.is_empty()))
            }
        }
    }
}

impl BoundToken {
    /// Returns the token if it may be sent to `origin`.
    pub fn for_origin(&self, origin: &Origin) -> Result<&Secret, Withheld> {
        let name = self.name;
        if !self.binding.has(origin) {
            let binding = self.binding.clone();
            return Err(Withheld::OtherOrigin { name, origin: origin.clone(), binding });
        }
        if !origin.is_protected() {
            return Err(Withheld::Unencrypted { name, origin: origin.clone() });
        }
        Ok(&self.token)
    }
}

impl Origin {
    /// Returns whether nobody else can read what is sent there: it is encrypted, or does not leave this computer.
    pub fn is_protected(&self) -> bool {
        if self.scheme() == "https" {
            return true;
        }
        let bare = self.name().trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<std::net::IpAddr>() {
            return address.to_canonical().is_loopback();
        }
        // Not every system keeps names below `localhost` to itself.
        bare == "localhost"
            || (bare.ends_with(".localhost")
                && (bare, self.port().unwrap_or(80))
                    .to_socket_addrs()
                    .is_ok_and(|mut found| found.all(|address| address.ip().is_loopback())))
    }

    /// Returns whether it is the same host by https, each at its scheme's own port.
    fn is_upgrade_of(&self, other: &Self) -> bool {
        self.scheme() == "https"
            && other.scheme() == "http"
            && self.name() == other.name()
            && self.port().is_none()
            && other.port().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_whom_it_is_for_and_never_in_the_clear() {
        let bound = |list: &str| Binding::parse(list).unwrap();
        let (other, clear) = (Some("other"), Some("clear"));
        for (binding, origin, withheld) in [
            (Binding::Service, "https://acct.visualstudio.com/p/_git/r", None),
            (Binding::Service, "https://ACCT.VisualStudio.com:443/", None),
            (Binding::Service, "https://dev.azure.com/acct/p/_git/r", None),
            (Binding::Service, "http://acct.visualstudio.com/", other),
            (Binding::Service, "https://acct.visualstudio.com:8443/", other),
            (Binding::Service, "https://visualstudio.com.evil.example/", other),
            (Binding::Service, "https://evilvisualstudio.com/", other),
            (Binding::Service, "https://.visualstudio.com/", other),
            (Binding::Service, "https://dev.azure.com.evil.example/", other),
            (Binding::Service, "https://notdev.azure.com/", other),
            (Binding::Service, "https://dev.azure.com@evil.example/", other),
            (Binding::Service, "http://127.0.0.1:8080/", other),
            (bound("https://host"), "https://host/x", None),
            (bound("host"), "https://host/x", None),
            (bound("https://host/a/path?q=1"), "https://host/x", None),
            (bound("https://host:443"), "https://host", None),
            (bound("https://host"), "https://host:444", other),
            (bound("https://host"), "http://host", other),
            (bound("https://host"), "https://sub.host", other),
            (bound("https://host"), "https://host.evil", other),
            (bound("https://host"), "https://acct.visualstudio.com", other),
            (bound("http://host"), "http://host/", clear),
            (bound("http://host"), "https://host/", None),
            (bound("http://host:81"), "https://host:81/", other),
            (bound("http://127.0.0.1:8080"), "http://127.0.0.1:8080/x", None),
            (bound("http://127.0.0.1:8080"), "http://127.0.0.1:8081/x", other),
            (bound("http://[::1]:80, https://b"), "http://[::1]/x", None),
            (bound("https://a https://b"), "https://b/x", None),
            (bound("http://localhost"), "http://localhost/x", None),
            (bound("http://10.0.0.7"), "http://10.0.0.7/x", clear),
            (bound("http://127.0.0.1.evil.example"), "http://127.0.0.1.evil.example", clear),
            (bound("http://localhost.evil.example"), "http://localhost.evil.example", clear),
            (bound(""), "https://host", other),
        ] {
            let token = BoundToken { token: Secret::new("t"), name: "T", binding: binding.clone() };
            let found = token.for_origin(&Origin::parse(origin).unwrap()).err().map(|why| match why {
                Withheld::OtherOrigin { .. } => "other",
                Withheld::Unencrypted { .. } => "clear",
                Withheld::ForeignFolder { .. } => unreachable!("a token knows no folder"),
            });
            assert_eq!(found, withheld, "{binding} {origin}");
        }
        for bad in ["ftp://host", "https://me:secret@host", "http://"] {
            let told = Binding::parse(bad).unwrap_err();
            assert!(!told.contains("secret"), "{told}");
        }
    }
}
