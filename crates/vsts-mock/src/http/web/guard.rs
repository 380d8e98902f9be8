//! The protection against other sites: the host that a request names, the origin of a form, and a token in every form.

use std::fmt::Write as _;

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};

use crate::clock::random;
use crate::identity::secret;

/// A form's token: made of the browser's secret and a number that is new each time, so that a page that is compressed
/// never holds the same token twice.
pub(crate) fn token(secret: &str) -> String {
    let nonce = hex(&random::<16>());
    let seal = seal(secret, &nonce);
    format!("{nonce}{seal}")
}

/// Returns whether a form's token was made of this secret.
pub(crate) fn holds(secret: &str, token: &str) -> bool {
    match token.split_at_checked(32) {
        Some((nonce, given)) if !secret.is_empty() => secret::equal(&seal(secret, nonce), given),
        _ => false,
    }
}

fn seal(secret: &str, nonce: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"vsts-mock form v1\0");
    hasher.update(secret.as_bytes());
    hasher.update([0]);
    hasher.update(nonce.as_bytes());
    hex(&hasher.finalize())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string succeeds");
        hex
    })
}

/// Returns whether a browser says that another site's page sent a request.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("?"));
    let host = text(HOST.as_str()).unwrap_or_default();
    let of_origin = |origin: &str| origin.split_once("://").map_or("", |(_, host)| host) == host;
    text(ORIGIN.as_str()).is_some_and(|origin| !of_origin(origin))
        || text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_for_its_secret_alone() {
        let one = token("secret");
        assert!(holds("secret", &one) && one != token("secret"));
        for (secret, token) in
            [("other", one.as_str()), ("", ""), ("secret", ""), ("secret", &one[1..]), ("", &token(""))]
        {
            assert!(!holds(secret, token), "{secret} {token}");
        }
    }

    #[test]
    fn another_sites_form_is_told() {
        let rows = [
            (&[("host", "h:1"), ("origin", "http://h:1")][..], false),
            (&[("host", "h:1")], false),
            (&[("host", "h:1"), ("origin", "http://h:2")], true),
            (&[("host", "h:1"), ("origin", "null")], true),
            (&[("host", "h:1"), ("sec-fetch-site", "same-site")], true),
            (&[("host", "h:1"), ("sec-fetch-site", "cross-site"), ("origin", "http://h:1")], true),
            (&[("host", "h:1"), ("sec-fetch-site", "same-origin")], false),
        ];
        for (given, expected) in rows {
            let headers = given
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(is_from_elsewhere(&headers), expected, "{given:?}");
        }
    }
}
