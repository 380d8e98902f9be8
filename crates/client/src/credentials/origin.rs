//! The origin of a URL.

use std::fmt;

/// Scheme, host and port: what a secret belongs to, and the farthest it may travel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin of an http or https URL; `None` for anything else.
    pub fn parse(url: &str) -> Option<Self> {
        Self::of(&url::Url::parse(url).ok()?)
    }

    pub(crate) fn of(url: &url::Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Self { scheme: url.scheme().to_owned(), host: url.host_str()?.to_owned(), port: url.port() })
    }

    pub(super) fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host's name or address alone.
    pub(super) fn name(&self) -> &str {
        &self.host
    }

    /// The port, if it is not the scheme's own.
    pub(super) fn port(&self) -> Option<u16> {
        self.port
    }

    /// The host with its port, if that is not the scheme's own.
    pub fn host(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host())
    }
}
