//! Checks of what stands around an anchor: is it a secret, and where does that begin and end?
//!
//! Every check sees the same part of the content, however the content was read: [`BEHIND`](super::scan::BEHIND) bytes
//! before the anchor and [`AHEAD`](super::scan::AHEAD) bytes from it on.

use std::ops::Range;

use base64::Engine as _;
use bstr::ByteSlice as _;

/// Characters that a token consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Alnum,
    /// Letters, digits and `_`.
    Word,
    UpperDigit,
    Hex,
    /// RFC 4648 section 4.
    Base64,
    /// RFC 4648 section 5.
    Base64Url,
    /// RFC 6750's `b64token`.
    Bearer,
    /// Letters, digits and `-`.
    SlackToken,
}

impl Class {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::UpperDigit => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
            Self::SlackToken => byte.is_ascii_alphanumeric() || byte == b'-',
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Bearer => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=')
            }
        }
    }

    fn run(self, text: &[u8]) -> usize {
        text.iter().take_while(|byte| self.has(**byte)).count()
    }
}

/// The check of a rule.
pub(super) enum Form {
    /// The anchor, and after it so many characters of a class.
    Token { of: Class, least: usize, most: usize },
    /// The anchor is a name, and so many characters of a class are assigned to it.
    Value { of: Class, least: usize, most: usize },
    /// Code.
    With(fn(&Near<'_>) -> Option<Range<usize>>),
}

/// An anchor and what is around it.
pub(super) struct Near<'a> {
    /// The part of the content.
    pub(super) text: &'a [u8],
    /// The place of the anchor in it.
    pub(super) at: usize,
    /// The length of the anchor.
    pub(super) anchor: usize,
}

impl Form {
    /// Returns where in the text the secret is, if it is one.
    pub(super) fn check(&self, near: &Near<'_>) -> Option<Range<usize>> {
        match *self {
            Self::Token { of, least, most } => {
                let start = near.at;
                // A quoted `\n` is before the token, and no part of it.
                let is_escape = matches!(near.before(2), Some([b'\\', b'n' | b'r' | b't']));
                if near.text[..start].last().is_some_and(|byte| is_word(*byte)) && !is_escape {
                    return None;
                }
                let rest = near.after();
                let length = of.run(rest);
                let is_long = length >= least && length <= most;
                (is_long && !is_placeholder(&rest[..length])).then(|| start..start + near.anchor + length)
            }
            Self::Value { of, least, most } => near.value(near.at + near.anchor, of, least, most),
            Self::With(check) => check(near),
        }
    }
}

impl Near<'_> {
    fn after(&self) -> &[u8] {
        &self.text[self.at + self.anchor..]
    }

    fn before(&self, count: usize) -> Option<&[u8]> {
        self.text.get(self.at.checked_sub(count)?..self.at)
    }

    /// The value that is assigned to a name that ends at `end`.
    fn value(&self, end: usize, of: Class, least: usize, most: usize) -> Option<Range<usize>> {
        let start = end + assignment(&self.text[end..])?;
        let length = of.run(&self.text[start..]);
        let value = &self.text[start..start + length];
        (length >= least && length <= most && !is_placeholder(value)).then(|| start..start + length)
    }
}

/// The longest text between a name and its value.
const MOST_GLUE: usize = 24;

/// The length of what stands between a name and its value in code, JSON, YAML, XML and settings: quotes, brackets,
/// blanks, and a sign of assignment among them.
fn assignment(text: &[u8]) -> Option<usize> {
    let is_glue = |byte: &u8| {
        matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b']' | b')' | b'=' | b':' | b'>' | b',')
    };
    let length = text.iter().take(MOST_GLUE).take_while(|byte| is_glue(byte)).count();
    text[..length].iter().any(|byte| matches!(byte, b'=' | b':' | b'>' | b',' | b' ')).then_some(length)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Returns whether a token is an example's: documentation writes x for its characters, or says so.
fn is_placeholder(token: &[u8]) -> bool {
    const WORDS: [&[u8]; 6] = [b"xxxx", b"example", b"your_", b"placeholder", b"redacted", b"changeme"];
    let lower = token[..token.len().min(120)].to_ascii_lowercase();
    WORDS.iter().any(|word| lower.find(word).is_some())
}

/// Returns whether a text mixes small and capital letters, or letters and digits, as random ones do.
fn is_mixed(text: &[u8]) -> bool {
    let has = |of: fn(&u8) -> bool| u8::from(text.iter().any(of));
    has(u8::is_ascii_lowercase) + has(u8::is_ascii_uppercase) + has(u8::is_ascii_digit) >= 2
}

fn starts_with_ignoring_case(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// The end of the line that has a word, or of what is seen.
fn end_of_line_with(near: &Near<'_>, word: &[u8]) -> usize {
    let rest = near.after();
    let end = rest.find(word).map(|at| at + rest[at..].find_byteset(b"\r\n").unwrap_or(rest.len() - at));
    near.at + near.anchor + end.unwrap_or(rest.len())
}

/// A private key in PEM: its header on a line of its own, or in JSON or code with enough of the key behind it.
pub(super) fn pem(near: &Near<'_>) -> Option<Range<usize>> {
    const DASHES: &[u8] = b"-----";
    const LONGEST_LABEL: usize = 60;
    const LEAST_BODY: usize = 16;
    let rest = near.after();
    let length = rest[..rest.len().min(LONGEST_LABEL)].find(DASHES)?;
    let label = &rest[..length];
    if !(label.ends_with(b"PRIVATE KEY") || label == b"PGP PRIVATE KEY BLOCK") {
        return None;
    }
    let body_at = near.at + near.anchor + length + DASHES.len();
    let body = &near.text[body_at..];
    let is_line_start = near.text[..near.at]
        .iter()
        .rev()
        .find(|byte| !matches!(byte, b' ' | b'\t' | 0xef | 0xbb | 0xbf | 0xff));
    let blanks = body.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    let is_own_line =
        is_line_start.is_none_or(|byte| *byte == b'\n') && body.get(blanks).is_none_or(|byte| *byte == b'\n');
    let is_glue = |byte: &u8| {
        matches!(
            byte,
            b' ' | b'\t' | b'\r' | b'\n' | b'\\' | b'"' | b'\'' | b'+' | b',' | b'#' | b'>' | b'|' | b'*'
        )
    };
    let mut key = &body[body.iter().take_while(|byte| is_glue(byte)).count()..];
    // An escaped line end: `\n` or `\r\n`.
    while body.len() > key.len()
        && body[body.len() - key.len() - 1] == b'\\'
        && matches!(key.first(), Some(b'n' | b'r'))
    {
        key = &key[1..];
        key = &key[key.iter().take_while(|byte| is_glue(byte)).count()..];
    }
    let is_example =
        key.starts_with(b"...") || key.starts_with(b"<") || is_placeholder(&key[..Class::Base64.run(key)]);
    let has_key = Class::Base64.run(key) >= LEAST_BODY
        || [&b"Proc-Type:"[..], b"DEK-Info:", b"Version:", b"Comment:"]
            .iter()
            .any(|header| key.starts_with(header));
    if is_example || !(is_own_line || has_key) {
        return None;
    }
    let end = body.find(b"-----END ").map_or(near.text.len(), |end| {
        let tail = &body[end + 9..];
        body_at
            + end
            + 9
            + tail.find(DASHES).filter(|at| *at < LONGEST_LABEL).map_or(0, |at| at + DASHES.len())
    });
    Some(near.at..end)
}

pub(super) fn putty(near: &Near<'_>) -> Option<Range<usize>> {
    let rest = near.after();
    let is_header = rest.first().is_some_and(u8::is_ascii_digit) && rest.get(1) == Some(&b':');
    is_header.then(|| near.at..end_of_line_with(near, b"Private-MAC:"))
}

/// `…?sv=…&sig=…`, or `SharedAccessSignature sr=…&sig=…`.
pub(super) fn azure_signature(near: &Near<'_>) -> Option<Range<usize>> {
    const LEAST: usize = 43;
    let is_parameter = matches!(near.text[..near.at].last(), Some(b'?' | b'&' | b';' | b' '));
    let start = near.at + near.anchor;
    let is_part = |byte: &u8| Class::Base64.has(*byte) || *byte == b'%';
    let length = near.text[start..].iter().take_while(|byte| is_part(byte)).count();
    // The other parameters of the same URL.
    let from = near.text[..near.at].iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
    let to = near.text[start..]
        .iter()
        .position(|b| b.is_ascii_whitespace() || *b == b'"')
        .map_or(near.text.len(), |n| start + n);
    let url = &near.text[from..to];
    let is_signature =
        url.find(b"se=").is_some() && (url.find(b"sv=").is_some() || url.find(b"sr=").is_some());
    (is_parameter && length >= LEAST && is_signature && !is_placeholder(&near.text[start..start + length]))
        .then(|| start..start + length)
}

/// So many letters and digits, with the anchor at a place among them.
fn around(near: &Near<'_>, place: usize, length: usize) -> Option<Range<usize>> {
    let start = near.at.checked_sub(place)?;
    let token = near.text.get(start..start + length)?;
    let is_whole = token.iter().all(u8::is_ascii_alphanumeric)
        && !near.text[..start].last().is_some_and(u8::is_ascii_alphanumeric)
        && !near.text.get(start + length).is_some_and(u8::is_ascii_alphanumeric);
    is_whole.then(|| start..start + length)
}

/// 84 letters and digits, `AZDO` at 76.
pub(super) fn azure_devops(near: &Near<'_>) -> Option<Range<usize>> {
    around(near, 76, 84)
}

/// 84 letters and digits, `JQQJ99` at 52.
pub(super) fn azure_annotated(near: &Near<'_>) -> Option<Range<usize>> {
    around(near, 52, 84)
}

/// 52 letters and digits of base32 that begin at `near.at`; the caller has counted them.
pub(super) fn old_azure_devops(near: &Near<'_>) -> Option<Range<usize>> {
    const LEAST_DISTINCT: u32 = 12;
    const LEAST_DIGITS: usize = 2;
    /// What makes it a hash, and how far before it that is looked for.
    const HASHES: [&[u8]; 4] = [b"sha", b"hash", b"base32", b"digest"];
    const SIGHT: usize = 40;
    let range = near.at..near.at + near.anchor;
    let token = &near.text[range.clone()];
    let before = &near.text[near.at.saturating_sub(SIGHT)..near.at];
    let before = before.rsplit(|byte| *byte == b'\n').next().unwrap_or(before).to_ascii_lowercase();
    let joins = |byte: &u8| is_word(*byte) || matches!(byte, b'-' | b'.' | b'+' | b'/');
    // A full stop at the end of a sentence is no part of a name.
    let goes_on = match near.text.get(range.end) {
        Some(b'.') => near.text.get(range.end + 1).is_some_and(|byte| is_word(*byte)),
        next => next.is_some_and(joins),
    };
    // `https://user:TOKEN@host` and `https://TOKEN@host` are the forms in which a slash is before it.
    let follows_slash = before.ends_with(b"/") && !before.ends_with(b"//");
    let is_alone = !follows_slash
        && !near.text[..near.at].last().is_some_and(|byte| joins(byte) && *byte != b'/')
        && !goes_on;
    let distinct = token.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 127)).count_ones();
    let digits = token.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_hash = HASHES.iter().any(|word| before.find(word).is_some());
    (is_alone && distinct >= LEAST_DISTINCT && digits >= LEAST_DIGITS && !is_hash).then_some(range)
}

/// `//host/:_authToken=…`: what is put in from a variable is none.
pub(super) fn npmrc(near: &Near<'_>) -> Option<Range<usize>> {
    let is_key = near.text[..near.at].last().is_none_or(|byte| matches!(byte, b':' | b'\n' | b'"'));
    is_key.then(|| near.value(near.at + near.anchor, Class::Bearer, 8, usize::MAX)).flatten()
}

pub(super) fn pypi(near: &Near<'_>) -> Option<Range<usize>> {
    let length = Class::Base64Url.run(near.after());
    let body = &near.after()[..length];
    let is_token = length >= 50 && body.starts_with(b"Ag") && is_mixed(body) && !is_placeholder(body);
    is_token.then(|| near.at..near.at + near.anchor + length)
}

/// `"auth": "<base64 of user:password>"`.
pub(super) fn docker_auth(near: &Near<'_>) -> Option<Range<usize>> {
    let range = near.value(near.at + near.anchor, Class::Base64, 8, usize::MAX)?;
    let text = base64::engine::general_purpose::STANDARD.decode(&near.text[range.clone()]).ok()?;
    let (user, password) = text.split_once_str(":")?;
    (!user.is_empty() && !password.is_empty() && text.iter().all(u8::is_ascii_graphic)).then_some(range)
}

/// `<id>.atlasv1.<secret>`.
pub(super) fn terraform(near: &Near<'_>) -> Option<Range<usize>> {
    let before = near.text[..near.at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let after = Class::Base64Url.run(near.after());
    (before == 14 && after >= 50).then(|| near.at - before..near.at + near.anchor + after)
}

/// OpenAI, Anthropic, OpenRouter, DeepSeek and others: `sk-`, maybe a word for the kind, and random characters.
pub(super) fn sk_key(near: &Near<'_>) -> Option<Range<usize>> {
    const KINDS: [&[u8]; 7] = [b"proj-", b"ant-", b"svcacct-", b"admin-", b"or-v1-", b"lf-", b"None-"];
    const LEAST_WITH_KIND: usize = 20;
    const LEAST: usize = 32;
    let is_escape = matches!(near.before(2), Some([b'\\', b'n' | b'r' | b't']));
    if near.text[..near.at].last().is_some_and(|byte| is_word(*byte) || *byte == b'-') && !is_escape {
        return None;
    }
    let rest = near.after();
    let kind = KINDS.iter().find(|kind| rest.starts_with(kind)).map_or(0, |kind| kind.len());
    let class = if kind > 0 { Class::Base64Url } else { Class::Alnum };
    let length = class.run(&rest[kind..]);
    let body = &rest[kind..kind + length];
    let least = if kind > 0 { LEAST_WITH_KIND } else { LEAST };
    (length >= least && is_mixed(body) && !is_placeholder(body))
        .then(|| near.at..near.at + near.anchor + kind + length)
}

/// 40 hex digits beside the service's name: the same form as any commit's id.
pub(super) fn wandb(near: &Near<'_>) -> Option<Range<usize>> {
    const SIGHT: usize = 120;
    let start = near.at + near.anchor;
    let hex = |start: usize| {
        let length = Class::Hex.run(&near.text[start..]);
        let is_alone = !near.text.get(start + length).is_some_and(|byte| is_word(*byte));
        (length == 40 && is_alone).then(|| start..start + length)
    };
    match &near.text[near.at..start] {
        b"WANDB_API_KEY" => hex(start + assignment(&near.text[start..])?),
        // In a .netrc: `machine api.wandb.ai login user password <key>`.
        b"api.wandb.ai" => {
            let text = &near.text[start..near.text.len().min(start + SIGHT)];
            let word = text.find(b"password")? + b"password".len();
            let blanks = text[word..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            hex(start + word + blanks)
        }
        // `wandb.login(key="<key>")`.
        _ => {
            let text = &near.text[start..near.text.len().min(start + SIGHT)];
            let key = text.find(b"key")? + b"key".len();
            hex(start + key + assignment(&text[key..])?)
        }
    }
}

pub(super) fn slack_app(near: &Near<'_>) -> Option<Range<usize>> {
    let length = Class::Base64Url.run(near.after());
    let body = &near.after()[..length];
    (length >= 30 && body.starts_with(b"1-") && !is_placeholder(body))
        .then(|| near.at..near.at + near.anchor + length)
}

/// `hooks.slack.com/services/T…/B…/…`.
pub(super) fn slack_webhook(near: &Near<'_>) -> Option<Range<usize>> {
    let rest = near.after();
    let kind =
        [&b"services/"[..], b"workflows/", b"triggers/"].into_iter().find(|kind| rest.starts_with(kind))?;
    let of = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'/';
    let length = rest[kind.len()..].iter().take_while(|byte| of(byte)).count();
    let body = &rest[kind.len()..kind.len() + length];
    let start = near.at + near.anchor + kind.len();
    (length >= 30 && body.find_iter("/").count() >= 2 && !is_placeholder(body)).then(|| start..start + length)
}

/// `discord.com/api/webhooks/<number>/<token>`.
pub(super) fn discord_webhook(near: &Near<'_>) -> Option<Range<usize>> {
    let rest = near.after();
    let number = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = near.at + near.anchor + number + 1;
    let is_host =
        near.text[..near.at].ends_with(b"discord.") || near.text[..near.at].ends_with(b"discordapp.");
    if !is_host || number < 15 || rest.get(number) != Some(&b'/') {
        return None;
    }
    let length = Class::Base64Url.run(&near.text[start..]);
    (length >= 50).then(|| start..start + length)
}

/// `sk_live_…` and `rk_live_…`.
pub(super) fn stripe(near: &Near<'_>) -> Option<Range<usize>> {
    let start = near.at.checked_sub(1)?;
    let is_kind = matches!(near.text[start], b's' | b'r')
        && !near.text[..start].last().is_some_and(|byte| is_word(*byte));
    let length = Class::Alnum.run(near.after());
    (is_kind && length >= 16 && !is_placeholder(&near.after()[..length]))
        .then(|| start..near.at + near.anchor + length)
}

/// `SG.<22 characters>.<43 characters>`.
pub(super) fn sendgrid(near: &Near<'_>) -> Option<Range<usize>> {
    let rest = near.after();
    let first = Class::Base64Url.run(rest);
    let is_start = !near.text[..near.at].last().is_some_and(|byte| is_word(*byte));
    if !is_start || first != 22 || rest.get(first) != Some(&b'.') {
        return None;
    }
    let second = Class::Base64Url.run(&rest[first + 1..]);
    (second == 43).then(|| near.at..near.at + near.anchor + first + 1 + second)
}

/// `scheme://user:password@host`.
pub(super) fn url_password(near: &Near<'_>) -> Option<Range<usize>> {
    let (range, host) = userinfo_password(near.text, near.at + near.anchor)?;
    let is_scheme = near.text[..near.at].last().is_some_and(u8::is_ascii_alphanumeric);
    // An image by its digest: `docker://name:tag@sha256:…`.
    let is_digest = host.starts_with(b"sha256:") || host.starts_with(b"sha512:");
    (is_scheme && !is_digest && !is_example_password(&near.text[range.clone()])).then_some(range)
}

/// The place of the password in what follows `://`, and what follows the `@`.
pub(super) fn userinfo_password(text: &[u8], start: usize) -> Option<(Range<usize>, &[u8])> {
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
pub(super) fn is_example_password(password: &[u8]) -> bool {
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
pub(super) fn authorization(near: &Near<'_>) -> Option<Range<usize>> {
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

/// `.env`, `.env.production`, `.envrc`, `prod.env`; not `.env.example`. The name is in small letters.
pub(super) fn is_env_file(name: &[u8]) -> bool {
    const HARMLESS: [&[u8]; 6] = [b"example", b"sample", b"template", b"dist", b"defaults", b"default"];
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let words = match name.strip_prefix(b".env") {
        Some(b"" | b"rc") => return true,
        Some(rest) => rest.strip_prefix(b"rc").unwrap_or(rest).strip_prefix(b"."),
        None => name.strip_suffix(b".env").filter(|stem| !stem.is_empty()),
    };
    words.is_some_and(|words| {
        !words.split(|byte| matches!(byte, b'.' | b'-' | b'_')).any(|word| HARMLESS.contains(&word))
    })
}

/// `id_rsa`, `id_rsa_work`, `id_ed25519.bak`; not `id_rsa.pub`. The name is in small letters.
pub(super) fn is_key_file(name: &[u8]) -> bool {
    const KINDS: [&[u8]; 7] = [b"rsa", b"dsa", b"ecdsa", b"ed25519", b"ecdsa_sk", b"ed25519_sk", b"xmss"];
    const COPIES: [&[u8]; 8] = [b"bak", b"old", b"orig", b"backup", b"save", b"copy", b"key", b"pem"];
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    let Some(rest) = name.strip_prefix(b"id_") else { return false };
    KINDS.iter().any(|kind| {
        let Some(rest) = rest.strip_prefix(*kind) else { return false };
        match rest.first() {
            None | Some(b'~') => true,
            Some(b'_' | b'-') => !rest.contains(&b'.'),
            Some(b'.') => COPIES.contains(&&rest[1..]),
            _ => false,
        }
    })
}
