//! Failures over HTTP, with the server's message if it has one.

use std::io;

use git_wire::client::{TransportError, TransportErrorKind as Kind};
use ureq::http::StatusCode;
use url::Url;

/// A URL as it may be shown: without user name, password and query.
pub(super) fn without_secrets(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only on URLs without a host, which have neither.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

/// The failure of a request that got no answer.
pub(super) fn of_request(base: &Url, error: ureq::Error) -> TransportError {
    let host = base.host_str().unwrap_or_default();
    // The port only where it is not the scheme's own.
    let host = base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let (kind, message) = match &error {
        ureq::Error::Timeout(which) => {
            (Kind::TimedOut, format!("{host} did not answer in time ({which} time-out)"))
        }
        ureq::Error::HostNotFound => (Kind::Unreachable, format!("the host name {host} is not known")),
        ureq::Error::ConnectionFailed => (Kind::Unreachable, format!("can't connect to {host}")),
        ureq::Error::Rustls(cause) => (Kind::Tls, of_tls(&host, cause)),
        ureq::Error::Tls(_) | ureq::Error::Pem(_) => {
            (Kind::Tls, format!("no safe connection to {host}: {error}"))
        }
        ureq::Error::Io(cause) => match cause.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                (Kind::TimedOut, format!("{host} did not answer in time"))
            }
            io::ErrorKind::InvalidData if base.scheme() == "https" => {
                let tls = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                let otherwise = || format!("no safe connection to {host}: {cause}");
                (Kind::Tls, tls.map_or_else(otherwise, |tls| of_tls(&host, tls)))
            }
            _ => (Kind::Unreachable, format!("can't connect to {host}")),
        },
        _ => (Kind::Other, format!("the request to {host} failed: {error}")),
    };
    TransportError::new(kind, message).with_source(error)
}

/// An answer's body, whose time-outs are told as such: ureq puts them into errors of no kind.
pub(super) struct Body<R>(pub(super) R);

impl<R: io::Read> io::Read for Body<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out).map_err(|error| {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
            match inner {
                Some(ureq::Error::Timeout(_)) => io::Error::new(io::ErrorKind::TimedOut, error),
                _ => error,
            }
        })
    }
}

/// The fault of a server's certificate, or of the handshake.
fn of_tls(host: &str, error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    let rustls::Error::InvalidCertificate(why) = error else {
        return format!("no safe connection to {host}: {error}");
    };
    let why = match why {
        Certificate::UnknownIssuer => "nobody who is trusted here has signed it".to_owned(),
        Certificate::Expired | Certificate::ExpiredContext { .. } => "it has expired".to_owned(),
        Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => other.to_string(),
    };
    format!("the certificate of {host} is not trusted: {why}")
}

/// The failure that an answer tells of.
pub(super) fn of_status(
    base: &Url,
    status: StatusCode,
    content_type: &str,
    words: Option<String>,
) -> TransportError {
    let is_page = content_type.eq_ignore_ascii_case("text/html");
    let kind = match status.as_u16() {
        401 | 203 => Kind::Unauthorized,
        403 => Kind::Forbidden,
        404 | 410 => Kind::NotFound,
        408 | 504 => Kind::TimedOut,
        429 | 502 | 503 => Kind::Unreachable,
        _ => Kind::Other,
    };
    let otherwise = || match kind {
        Kind::Unauthorized if status == StatusCode::UNAUTHORIZED => {
            format!("{base} wants credentials that it accepts")
        }
        Kind::Unauthorized => {
            format!("{base} answered with a sign-in page: the credentials were not accepted")
        }
        Kind::Forbidden => format!("{base} does not allow this"),
        Kind::NotFound => format!("there is no Git repository at {base}"),
        _ if status == StatusCode::PAYLOAD_TOO_LARGE => format!("{base} does not take a push of this size"),
        _ if status == StatusCode::INSUFFICIENT_STORAGE => format!("{base} has no room left for this push"),
        _ if status == StatusCode::TOO_MANY_REQUESTS => {
            format!("{base} wants fewer requests for a while (HTTP status 429)")
        }
        _ if status.is_success() && is_page => {
            format!("{base} answered with a web page, not as a Git repository")
        }
        _ if status.is_success() => {
            format!("{base} does not speak Git's smart HTTP protocol (it sent `{content_type}`)")
        }
        _ => format!("{base} answered with HTTP status {status}"),
    };
    TransportError::new(kind, words.unwrap_or_else(otherwise))
}

/// Says so when all that a server asks for are schemes that azml does not speak.
pub(super) fn unknown_schemes<'a>(base: &Url, challenges: impl Iterator<Item = &'a str>) -> Option<String> {
    let schemes: Vec<&str> = challenges.filter_map(|challenge| challenge.split_whitespace().next()).collect();
    let is_known =
        |scheme: &&str| scheme.eq_ignore_ascii_case("Basic") || scheme.eq_ignore_ascii_case("Bearer");
    (!schemes.is_empty() && !schemes.iter().any(is_known)).then(|| {
        format!(
            "{base} wants {}, which azml does not speak; it can send Basic and Bearer",
            schemes.join(" or ")
        )
    })
}

/// The server's words from a plain text body.
///
/// VSTS repeats a denial in a body that looks like a packet-line stream (`001f# service=…`,
/// `0000`, `0000`, `00aaTF401027: …`, then the bare text): of such a body the text alone is taken.
pub(super) fn clean_message(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = strip_packet_lengths(line);
        if line.starts_with("# service=") {
            continue;
        }
        let line = line.strip_prefix("ERR ").unwrap_or(line);
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        let line = line.trim();
        if !line.is_empty() && lines.last().is_none_or(|last| last != line) {
            lines.push(line.to_owned());
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Drops flush packets and one length in front of a line, where they look like that.
fn strip_packet_lengths(line: &str) -> &str {
    let mut rest = line;
    let mut is_stream = false;
    while let Some(after) = rest.strip_prefix("0000") {
        rest = after;
        is_stream = true;
    }
    let length =
        rest.get(..4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    if let Some(length) = length.and_then(|hex| usize::from_str_radix(hex, 16).ok()) {
        // The line's end, counted by the length, was cut by the caller.
        let is_length = length == rest.len() || length == rest.len() + 1;
        if is_length || is_stream {
            return &rest[4..];
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_that_looks_like_packets_is_told_once_and_clean() {
        let words = "TF401027: You need the Git 'GenericContribute' permission to perform this action.";
        let body = format!("001f# service=git-receive-pack\n00000000{:04x}{words}\n{words}", words.len() + 5);
        assert_eq!(clean_message(body.as_bytes()).as_deref(), Some(words));
    }

    #[test]
    fn plain_words_stay_and_terminal_escapes_go() {
        assert_eq!(clean_message(b"dead beef\r\nsecond\n").as_deref(), Some("dead beef\nsecond"));
        assert_eq!(clean_message(b"a\x1b[2Jb").as_deref(), Some("a[2Jb"));
        assert_eq!(clean_message(b"\n \n"), None);
    }

    #[test]
    fn a_shown_url_has_no_user_and_no_query() {
        let url = Url::parse("https://alice:pw@h:81/x?token=1#f").unwrap();
        assert_eq!(without_secrets(&url), "https://h:81/x");
    }
}
