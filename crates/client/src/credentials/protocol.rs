//! Git's protocol for credential helpers: what is asked, as lines of `key=value`, and what is answered.
//!
//! Both sides of it: what Git asks `azml credential`, and what azml asks the user's helpers. Keys that mean nothing here
//! are passed over, so that newer Gits may say more. What could forge a line is refused: a line end, a carriage return or
//! a NUL in a value, a line without `=`.

use std::io::{self, BufRead, Read as _};

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use url::Url;

use super::{Origin, Secret};

/// The longest line that Git's own helpers take.
const LONGEST_LINE: usize = 65_535;
/// The most lines that are read.
const MOST_LINES: usize = 1_000;

/// Why a description is refused. None shows a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// Standard input can't be read.
    #[error("can't read what Git says on standard input")]
    Read(#[source] io::Error),
    /// A line is too long, or there are too many.
    #[error("the credential's description is too long")]
    TooLong,
    /// A line is not `key=value`.
    #[error("line {line} of the credential's description is not `key=value`")]
    NoPair {
        /// The one that is meant.
        line: usize,
    },
    /// A line could be taken for two.
    #[error("line {line} of the credential's description holds a control character or is not UTF-8")]
    Control {
        /// The one that is meant.
        line: usize,
    },
    /// The value of `url` is none.
    #[error("the URL in the credential's description can't be read")]
    Url,
    /// A value would be read as more than one line.
    #[error("the credential's {key} holds a control character")]
    Forged {
        /// Of which part.
        key: &'static str,
    },
}

/// A credential as Git describes it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Description {
    /// `https`, `http` or something else.
    pub protocol: Option<String>,
    /// The host, with its port if that is not the scheme's own.
    pub host: Option<String>,
    /// The path on the host, if Git tells it.
    pub path: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// When the password ends.
    pub expires: Option<Timestamp>,
    /// True if the password is good for this once.
    pub is_ephemeral: bool,
    /// The scheme of the `Authorization` header, where it is not Basic.
    pub authtype: Option<String>,
    /// The credential: the header's text behind the scheme.
    pub credential: Option<Secret>,
    /// The refresh token of an OAuth token.
    pub refresh_token: Option<Secret>,
    /// The host's `WWW-Authenticate` headers.
    pub challenges: Vec<String>,
    /// True if a refusal is only a step on the way.
    pub is_multistage: bool,
    /// True if the helper wants no other to be asked.
    pub quits: bool,
    /// The state that a helper wants to be given the next time.
    pub(super) states: Vec<String>,
    /// The state that the helper is given this time.
    pub(super) given_states: Vec<String>,
    pub(super) knows_authtype: bool,
    pub(super) knows_state: bool,
}

impl Description {
    /// Reads one, up to an empty line or the end.
    pub fn read(input: &mut dyn BufRead) -> Result<Self, ProtocolError> {
        let mut found = Self::default();
        found.update(input)?;
        Ok(found)
    }

    /// Reads what a helper says, in place of what was known.
    pub(super) fn update(&mut self, input: &mut dyn BufRead) -> Result<(), ProtocolError> {
        for line in 1..=MOST_LINES {
            let mut bytes = Vec::new();
            let limit = LONGEST_LINE as u64 + 2;
            (&mut *input).take(limit).read_until(b'\n', &mut bytes).map_err(ProtocolError::Read)?;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            if bytes.is_empty() {
                return Ok(());
            }
            if bytes.len() > LONGEST_LINE {
                return Err(ProtocolError::TooLong);
            }
            let text = String::from_utf8(bytes).map_err(|_| ProtocolError::Control { line })?;
            if text.contains(['\r', '\0']) {
                return Err(ProtocolError::Control { line });
            }
            let (key, value) = text.split_once('=').ok_or(ProtocolError::NoPair { line })?;
            self.set(key, value)?;
        }
        Err(ProtocolError::TooLong)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), ProtocolError> {
        let text = || Some(value.to_owned());
        match key {
            "protocol" => self.protocol = text(),
            "host" => self.host = text(),
            "path" => self.path = text(),
            "username" => self.username = text(),
            "password" => self.password = Some(Secret::new(value)),
            "password_expiry_utc" => {
                self.expires = value.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
            }
            "ephemeral" => self.is_ephemeral = is_true(value),
            "authtype" => self.authtype = text(),
            "credential" => self.credential = Some(Secret::new(value)),
            "oauth_refresh_token" => self.refresh_token = Some(Secret::new(value)),
            "wwwauth[]" => self.challenges.push(value.to_owned()),
            "state[]" => self.states.push(value.to_owned()),
            "continue" => self.is_multistage = is_true(value),
            "quit" => self.quits = is_true(value),
            "capability[]" => {
                self.knows_authtype |= value == "authtype";
                self.knows_state |= value == "state";
            }
            "url" => self.set_url(value)?,
            _ => {}
        }
        Ok(())
    }

    /// As if each part of the URL had been given, and the parts that it lacks had been taken back.
    fn set_url(&mut self, value: &str) -> Result<(), ProtocolError> {
        let url = Url::parse(value).map_err(|_| ProtocolError::Url)?;
        let decode = |text: &str| {
            let decoded = percent_decode_str(text).decode_utf8_lossy().into_owned();
            Some(decoded).filter(|text| !text.is_empty() && !text.contains(['\n', '\r', '\0']))
        };
        self.protocol = Some(url.scheme().to_owned());
        let host = url.host_str().unwrap_or_default();
        self.host = Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")));
        self.path = decode(url.path().trim_start_matches('/'));
        self.username = decode(url.username());
        self.password = url.password().and_then(decode).map(Secret::new);
        Ok(())
    }

    /// Returns whether it is enough to authenticate with.
    pub(super) fn is_complete(&self) -> bool {
        self.credential.is_some() || self.username.is_some() && self.password.is_some()
    }

    /// The value of the `Authorization` header.
    pub(super) fn authorization(&self) -> Option<Secret> {
        if let (Some(scheme), Some(credential)) = (&self.authtype, &self.credential) {
            return Some(Secret::new(format!("{scheme} {}", credential.expose())));
        }
        Some(super::basic(self.username.as_deref().unwrap_or_default(), self.password.as_ref()?))
    }

    /// Forgets the secrets of the stage that is over, and begins the next one.
    pub(super) fn next_stage(&mut self) {
        (self.password, self.credential, self.is_multistage, self.quits) = (None, None, false, false);
        self.next_state();
    }

    /// Passes the state that the helper gave back to it.
    pub(super) fn next_state(&mut self) {
        self.given_states = std::mem::take(&mut self.states);
    }

    /// The question to a helper.
    pub(super) fn question(&self) -> Result<Vec<u8>, ProtocolError> {
        self.write(true, true)
    }

    /// The report to a helper on how its answer fared.
    pub(super) fn report(&self) -> Result<Vec<u8>, ProtocolError> {
        self.write(self.knows_authtype, self.knows_state)
    }

    /// The lines, in Git's order; what belongs to a capability only with it.
    fn write(&self, with_authtype: bool, with_state: bool) -> Result<Vec<u8>, ProtocolError> {
        let mut out = String::new();
        let mut line = |key: &'static str, value: &str| -> Result<(), ProtocolError> {
            if value.contains(['\n', '\r', '\0']) {
                return Err(ProtocolError::Forged { key });
            }
            out.extend([key, "=", value, "\n"]);
            Ok(())
        };
        let expires = self.expires.map(|end| end.as_second().to_string());
        let secret = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let authtype = |value: Option<String>| value.filter(|_| with_authtype);
        let parts = [
            ("capability[]", authtype(Some("authtype".to_owned()))),
            ("capability[]", with_state.then(|| "state".to_owned())),
            ("authtype", authtype(self.authtype.clone())),
            ("credential", authtype(secret(&self.credential))),
            ("ephemeral", authtype(self.is_ephemeral.then(|| "1".to_owned()))),
            ("protocol", self.protocol.clone()),
            ("host", self.host.clone()),
            ("path", self.path.clone()),
            ("username", self.username.clone()),
            ("password", secret(&self.password)),
            ("oauth_refresh_token", secret(&self.refresh_token)),
            ("password_expiry_utc", expires),
        ];
        for (key, value) in parts {
            value.map_or(Ok(()), |value| line(key, &value))?;
        }
        self.challenges.iter().try_for_each(|challenge| line("wwwauth[]", challenge))?;
        if with_state {
            if self.is_multistage {
                line("continue", "1")?;
            }
            self.given_states.iter().try_for_each(|state| line("state[]", state))?;
        }
        Ok(out.into_bytes())
    }

    /// For whom it is; `None` if not for a host that is spoken to over HTTP.
    pub fn origin(&self) -> Option<Origin> {
        let (protocol, host) = (self.protocol.as_deref()?, self.host.as_deref()?);
        // Nothing but a host and a port may be in a host.
        if !matches!(protocol, "http" | "https") || host.contains(['/', '@', '?', '#', '\\']) {
            return None;
        }
        Origin::parse(&format!("{protocol}://{host}/"))
    }
}

fn is_true(value: &str) -> bool {
    !matches!(value, "" | "0" | "false")
}

/// The answer to `get`.
pub fn answer(user: &str, password: &Secret, expires: Option<Timestamp>) -> Vec<u8> {
    let password = password.expose();
    if [user, password].iter().any(|text| text.contains(['\n', '\r', '\0'])) {
        return Vec::new();
    }
    let end = expires.map(|time| format!("password_expiry_utc={}\n", time.as_second())).unwrap_or_default();
    format!("username={user}\npassword={password}\n{end}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Description, ProtocolError> {
        Description::read(&mut text.as_bytes())
    }

    #[test]
    fn what_git_says_is_read_and_what_it_may_say_is_passed_over() {
        let text = "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example.com:8443\npath=a/b=c\n\
                    wwwauth[]=Basic realm=\"x\"\nwwwauth[]=\nstate[]=azml.x=1\nunheard_of=\nusername=al\n\nprotocol=http\n";
        let description = read(text).unwrap();
        assert_eq!(description.path.as_deref(), Some("a/b=c"));
        assert_eq!(description.username.as_deref(), Some("al"));
        assert_eq!(description.origin().unwrap().to_string(), "https://git.example.com:8443");
        assert_eq!(read("").unwrap(), Description::default());
        assert_eq!(read("").unwrap().origin(), None);
    }

    #[test]
    fn a_url_stands_for_its_parts() {
        let description = read("username=old\nurl=https://al%40x:p%20w@h:81/a%2Fb\n").unwrap();
        assert_eq!(description.username.as_deref(), Some("al@x"));
        assert_eq!(description.password, Some(Secret::new("p w")));
        assert_eq!(description.path.as_deref(), Some("a/b"));
        assert_eq!(description.origin().unwrap().to_string(), "https://h:81");
        assert_eq!(read("username=old\nurl=https://h\n").unwrap().username, None);
    }

    #[test]
    fn what_could_forge_a_line_is_refused() {
        let long = format!("path={}\n", "x".repeat(LONGEST_LINE));
        let many = "a=b\n".repeat(MOST_LINES + 1);
        for text in ["host=a\rhost=b\n", "host=a\0b\n", "nonsense\n", "url=::\n", &long, &many] {
            assert!(read(text).is_err(), "{}", &text[..text.len().min(20)]);
        }
        for host in ["evil/@good", "good@evil", "a?b", "a#b"] {
            assert_eq!(read(&format!("protocol=https\nhost={host}\n")).unwrap().origin(), None, "{host}");
        }
        assert_eq!(read("protocol=ssh\nhost=h\n").unwrap().origin(), None);
        assert_eq!(answer("a\nhost=evil", &Secret::new("p"), None), b"");
    }

    #[test]
    fn an_answer_is_lines_of_its_own() {
        let end = Timestamp::from_second(1_800_000_000).unwrap();
        let text = answer("alice", &Secret::new("p=w"), Some(end));
        assert_eq!(text, b"username=alice\npassword=p=w\npassword_expiry_utc=1800000000\n");
    }
}
