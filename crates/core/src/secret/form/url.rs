//! Passwords in URLs and authorization headers.

use std::ops::Range;

use bstr::ByteSlice as _;

use super::{Class, Near, assignment, is_mixed, is_placeholder, starts_with_ignoring_case};

/// `scheme://user:password@host`.
pub(in crate::secret) fn url_password(near: &Near<'_>) -> Option<Range<usize>> {
    let (range, host) = userinfo_password(near.text, near.at + near.anchor)?;
    let is_scheme = near.text[..near.at].last().is_some_and(u8::is_ascii_alphanumeric);
    // An image by its digest: `docker://name:tag@sha256:…`.
    let is_digest = host.starts_with(b"sha256:") || host.starts_with(b"sha512:");
    (is_scheme && !is_digest && !is_example_password(&near.text[range.clone()])).then_some(range)
}

/// The place of the password in what follows `://`, and what follows the `@`.
pub(in crate::secret) fn userinfo_password(text: &[u8], start: usize) -> Option<(Range<usize>, &[u8])> {
    const LONGEST: usize = 512;
    let ends = |byte: &u8| {
        !byte.is_ascii_graphic()
            || matches!(
                byte,
                b'/' | b'?'
                    | b'#'
                    | b'"'
                    | b'\''
                    | b'<'
                    | b'>'
                    | b'\\'
                    | b'`'
                    | b'|'
                    | b'('
                    | b')'
                    | b'['
                    | b']'
                    | b'^'
            )
    };
    let rest = &text[start..text.len().min(start + LONGEST)];
    let rest = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
    let at = rest.rfind_byte(b'@')?;
    let colon = rest[..at].find_byte(b':')?;
    let host = &rest[at + 1..];
    (colon + 1 < at && host.first().is_some_and(u8::is_ascii_alphanumeric))
        .then(|| (start + colon + 1..start + at, host))
}

/// Returns whether a password is what documentation and settings for a developer's own computer have for one.
pub(in crate::secret) fn is_example_password(password: &[u8]) -> bool {
    const WORDS: &[&str] = &[
        "pass",
        "passwd",
        "password",
        "passphrase",
        "pw",
        "pwd",
        "psw",
        "p4ssw0rd",
        "pass123",
        "password123",
        "secret",
        "secrets",
        "secretpassword",
        "token",
        "tok",
        "pat",
        "key",
        "apikey",
        "api_key",
        "access_token",
        "user",
        "username",
        "admin",
        "administrator",
        "root",
        "guest",
        "test",
        "testing",
        "demo",
        "sample",
        "foo",
        "bar",
        "baz",
        "qux",
        "postgres",
        "postgresql",
        "mysql",
        "redis",
        "mongo",
        "rabbitmq",
        "minio",
        "minioadmin",
        "airflow",
        "mlflow",
        "dev",
        "local",
        "none",
        "null",
        "undefined",
        "string",
        "x-oauth-basic",
        "x-token-auth",
        "git",
        "port",
        "pass_word",
        "p",
        "x",
        "b",
        "s",
    ];
    let lower = password.to_ascii_lowercase();
    let is_filled_in = password.iter().any(|byte| matches!(byte, b'$' | b'{' | b'}'))
        || [&b"%s"[..], b"%d", b"%("].iter().any(|mark| lower.find(mark).is_some());
    let is_masked = password.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X' | b'-' | b'_'));
    let is_named = [
        "your",
        "my_",
        "my-",
        "mypass",
        "mysecret",
        "mytoken",
        "example",
        "changeme",
        "redacted",
        "placeholder",
        "xxxx",
    ]
    .iter()
    .any(|word| lower.find(word).is_some());
    is_filled_in || is_masked || is_named || WORDS.iter().any(|word| word.as_bytes() == lower)
}

/// `Authorization: Bearer …` and `Basic …`.
pub(in crate::secret) fn authorization(near: &Near<'_>) -> Option<Range<usize>> {
    const LEAST: usize = 20;
    let start = near.at + near.anchor + assignment(near.after())?;
    let rest = &near.text[start..];
    let scheme = [&b"Bearer "[..], b"Basic ", b"token "]
        .into_iter()
        .find(|scheme| starts_with_ignoring_case(rest, scheme))?;
    let start = start + scheme.len();
    let length = Class::Bearer.run(&near.text[start..]);
    let token = &near.text[start..start + length];
    (length >= LEAST && is_mixed(token) && token.iter().any(u8::is_ascii_digit) && !is_placeholder(token))
        .then(|| start..start + length)
}
