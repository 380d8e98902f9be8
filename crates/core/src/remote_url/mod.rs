//! The URL that a project is pushed to: every form of URL that stock Git takes, parsed once and checked.
//!
//! No secret is ever printed, stored or logged: `Display`, `Debug` and [`RemoteUrl::as_str`] leave the password out,
//! and a user name too that looks like a token. A text that could be taken for a command or an option (`ext::…`,
//! `ssh://-oProxyCommand=…`) or that could forge a line (`%0a`, control bytes) is no URL.

mod parse;

use std::{fmt, path::PathBuf, str::FromStr};

/// A text that is no URL of a remote, and why.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
pub enum Error {
    /// Nothing was given.
    #[error("the remote's URL is empty")]
    Empty,
    /// It holds a control byte, plain or percent-encoded.
    #[error("the remote's URL holds a control character")]
    ControlCharacter,
    /// `<helper>::<address>`: it would run a program.
    #[error("remote helpers (`{helper}::…`) are not supported")]
    RemoteHelper {
        /// The helper's name.
        helper: String,
    },
    /// A scheme that is not spoken.
    #[error("the URL scheme `{scheme}` is not supported (http, https, ssh, git, file or a path are)")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// The host's name is missing or none.
    #[error("the remote's URL has no valid host name")]
    Host,
    /// The port is none.
    #[error("the remote's URL has no valid port")]
    Port,
    /// The path to the repository is missing.
    #[error("the remote's URL names no repository")]
    Path,
    /// User, host or path begins with `-`, and a program could take it for an option.
    #[error("the remote's URL holds a {part} that begins with `-`")]
    LooksLikeOption {
        /// The part's name.
        part: &'static str,
    },
}

/// The protocol of a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http://`
    Http,
    /// `https://`
    Https,
    /// `ssh://`, `git+ssh://` or `user@host:path`.
    Ssh,
    /// `git://`
    Git,
    /// `file://` or a path.
    File,
    /// One that means nothing until Git's `url.<base>.insteadOf` rewrites it.
    Other,
}

impl Scheme {
    /// As it is written before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Ssh => "ssh",
            Self::Git => "git",
            Self::File => "file",
            Self::Other => "",
        }
    }
}

/// User name and password as they stood in a URL, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The user name.
    pub user: String,
    /// The password, if one stood there.
    pub password: Option<String>,
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo").finish_non_exhaustive()
    }
}

/// A remote's URL.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    scheme: Scheme,
    userinfo: Option<UserInfo>,
    host: Option<String>,
    port: Option<u16>,
    path: String,
    /// The text without secrets, which may be printed, stored and given to Git.
    text: String,
    /// The text as it was given.
    given: String,
}

impl RemoteUrl {
    /// Reads a URL in any form that stock Git takes.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::parse(text)
    }

    /// Reads a text that Git's `url.<base>.insteadOf` may still rewrite, and that need not be a URL by itself.
    pub fn parse_rewritable(text: &str) -> Result<Self, Error> {
        parse::parse_rewritable(text)
    }

    /// Returns the protocol of the remote.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host's name or address, without brackets. `None` for a path.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The port, if one was written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path to the repository: as written for a host, percent-decoded for `file://`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The repository's folder, when it is on this computer.
    pub fn local_path(&self) -> Option<PathBuf> {
        (self.scheme == Scheme::File).then(|| PathBuf::from(&self.path))
    }

    /// User name and password, if they stood in the URL.
    pub fn userinfo(&self) -> Option<&UserInfo> {
        self.userinfo.as_ref()
    }

    /// The same URL without what must not be kept.
    #[must_use]
    pub fn without_secret(&self) -> Self {
        let userinfo = self
            .userinfo
            .as_ref()
            .filter(|info| !parse::is_token(self.scheme, &info.user))
            .map(|info| UserInfo { user: info.user.clone(), password: None });
        Self { userinfo, given: self.text.clone(), ..self.clone() }
    }

    /// The URL as it was given, secrets included: for rewriting it, and nothing else.
    pub fn expose(&self) -> &str {
        &self.given
    }

    /// The URL as it may be printed and stored: without a password.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for RemoteUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({})", self.text)
    }
}

#[cfg(test)]
mod tests;
