//! Tokens of services that a prefix alone does not tell.

use std::ops::Range;

use base64::Engine as _;
use bstr::ByteSlice as _;

use super::{Class, Near, assignment, is_mixed, is_placeholder, is_word};

/// `//host/:_authToken=…`: what is put in from a variable is none.
pub(in crate::secret) fn npmrc(near: &Near<'_>) -> Option<Range<usize>> {
    let is_key = near.text[..near.at].last().is_none_or(|byte| matches!(byte, b':' | b'\n' | b'"'));
    is_key.then(|| near.value(near.at + near.anchor, Class::Bearer, 8, usize::MAX)).flatten()
}

pub(in crate::secret) fn pypi(near: &Near<'_>) -> Option<Range<usize>> {
    let length = Class::Base64Url.run(near.after());
    let body = &near.after()[..length];
    let is_token = length >= 50 && body.starts_with(b"Ag") && is_mixed(body) && !is_placeholder(body);
    is_token.then(|| near.at..near.at + near.anchor + length)
}

/// `"auth": "<base64 of user:password>"`.
pub(in crate::secret) fn docker_auth(near: &Near<'_>) -> Option<Range<usize>> {
    let range = near.value(near.at + near.anchor, Class::Base64, 8, usize::MAX)?;
    let text = base64::engine::general_purpose::STANDARD.decode(&near.text[range.clone()]).ok()?;
    let (user, password) = text.split_once_str(":")?;
    (!user.is_empty() && !password.is_empty() && text.iter().all(u8::is_ascii_graphic)).then_some(range)
}

/// `<id>.atlasv1.<secret>`.
pub(in crate::secret) fn terraform(near: &Near<'_>) -> Option<Range<usize>> {
    let before = near.text[..near.at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let after = Class::Base64Url.run(near.after());
    (before == 14 && after >= 50).then(|| near.at - before..near.at + near.anchor + after)
}

/// OpenAI, Anthropic, OpenRouter, DeepSeek and others: `sk-`, maybe a word for the kind, and random characters.
pub(in crate::secret) fn sk_key(near: &Near<'_>) -> Option<Range<usize>> {
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
pub(in crate::secret) fn wandb(near: &Near<'_>) -> Option<Range<usize>> {
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

/// `dckr_pat_…` and `dckr_oat_…`.
pub(in crate::secret) fn docker(near: &Near<'_>) -> Option<Range<usize>> {
    const LEAST: usize = 24;
    const KIND: usize = 4;
    let length = Class::Base64Url.run(near.after());
    let token = &near.after()[..length];
    let is_kind = token.starts_with(b"pat_") || token.starts_with(b"oat_");
    (near.is_start() && is_kind && length >= KIND + LEAST && !is_placeholder(token))
        .then(|| near.at..near.at + near.anchor + length)
}

/// `xoxb-…` of a bot, `xoxp-…` of a user, and others.
pub(in crate::secret) fn slack(near: &Near<'_>) -> Option<Range<usize>> {
    const LEAST: usize = 20;
    const KINDS: &[u8] = b"bparse";
    let rest = near.after();
    let is_kind = rest.first().is_some_and(|kind| KINDS.contains(kind)) && rest.get(1) == Some(&b'-');
    if !is_kind || !near.is_start() {
        return None;
    }
    let length = Class::SlackToken.run(&rest[2..]);
    (length >= LEAST && !is_placeholder(&rest[2..2 + length]))
        .then(|| near.at..near.at + near.anchor + 2 + length)
}

pub(in crate::secret) fn slack_app(near: &Near<'_>) -> Option<Range<usize>> {
    let length = Class::Base64Url.run(near.after());
    let body = &near.after()[..length];
    (length >= 30 && body.starts_with(b"1-") && !is_placeholder(body))
        .then(|| near.at..near.at + near.anchor + length)
}

/// `hooks.slack.com/services/T…/B…/…`.
pub(in crate::secret) fn slack_webhook(near: &Near<'_>) -> Option<Range<usize>> {
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
pub(in crate::secret) fn discord_webhook(near: &Near<'_>) -> Option<Range<usize>> {
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
pub(in crate::secret) fn stripe(near: &Near<'_>) -> Option<Range<usize>> {
    let start = near.at.checked_sub(1)?;
    let is_kind = matches!(near.text[start], b's' | b'r')
        && !near.text[..start].last().is_some_and(|byte| is_word(*byte));
    let length = Class::Alnum.run(near.after());
    (is_kind && length >= 16 && !is_placeholder(&near.after()[..length]))
        .then(|| start..near.at + near.anchor + length)
}

/// `SG.<22 characters>.<43 characters>`.
pub(in crate::secret) fn sendgrid(near: &Near<'_>) -> Option<Range<usize>> {
    let rest = near.after();
    let first = Class::Base64Url.run(rest);
    let is_start = !near.text[..near.at].last().is_some_and(|byte| is_word(*byte));
    if !is_start || first != 22 || rest.get(first) != Some(&b'.') {
        return None;
    }
    let second = Class::Base64Url.run(&rest[first + 1..]);
    (second == 43).then(|| near.at..near.at + near.anchor + first + 1 + second)
}
