//! The words of a command without the secrets among them.
//!
//! A value is masked where its name says that it is secret (`--password VALUE`, `--api-key=VALUE`, `db.password=VALUE`,
//! the same in JSON), where it has a form of the table, and where it is the password in a URL.

use std::ops::Range;

use serde_json::Value;

use super::{Finding, form, redact::MASK, redacted_text};

/// The words of a command as they may be recorded.
#[derive(Clone, Default)]
pub struct Redacted {
    /// The words.
    pub words: Vec<String>,
    /// The arguments that were masked.
    pub masked: Vec<Masked>,
}

/// A value that was masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Masked {
    /// Its argument as the user knows it: `--password`, or `argument 3`.
    pub name: String,
    /// The kind of secret.
    pub rule: &'static str,
    /// The secret itself. It is for finding it elsewhere, and is never shown.
    pub value: String,
}

/// The kind of what is secret by its name.
const BY_NAME: &str = "a secret by its name";
const IN_URL: &str = "a password in a URL";

/// The certainty that a name gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Plain,
    /// `token`, `key`: numbers, switches and paths that are so called are no secrets.
    Likely,
    Certain,
}

/// Returns whether the value of an argument or variable of this name is a secret.
pub fn is_secret_value(name: &str, value: &str) -> bool {
    // The working directory, in every shell.
    !matches!(name, "PWD" | "OLDPWD") && is_secret(value, of_name(name))
}

/// The words of a command as they may be recorded; `is_plain` says of the name of an argument, without the dashes, that
/// its value may be recorded as it is.
pub fn arguments(words: &[String], is_plain: &dyn Fn(&str) -> bool) -> Redacted {
    let mut done = Redacted::default();
    let mut option: Option<&String> = None;
    for (number, word) in words.iter().enumerate() {
        let owner = option.take();
        if is_option(word) && !word.contains('=') {
            option = Some(word);
            done.words.push(word.clone());
            continue;
        }
        let place = format!("argument {}", number + 1);
        let (name, value) = match (owner.filter(|_| !is_option(word)), word.split_once('=')) {
            (Some(option), _) => (option.as_str(), word.as_str()),
            (None, Some((name, value))) if is_name(name) => (name, value),
            _ => (place.as_str(), word.as_str()),
        };
        let before = &word[..word.len() - value.len()];
        let masked = if is_plain(bare(name)) { value.to_owned() } else { done.mask(name, value) };
        done.words.push(format!("{before}{masked}"));
    }
    done
}

impl Redacted {
    /// The value without secrets; what was masked is added.
    fn mask(&mut self, name: &str, value: &str) -> String {
        if is_secret(value, of_name(name)) {
            return self.masked(name, BY_NAME, value);
        }
        if value.trim_start().starts_with('{')
            && let Ok(mut json) = serde_json::from_str(value)
            && self.mask_json(&mut json)
        {
            return json.to_string();
        }
        let mut text = value.to_owned();
        for (range, rule) in in_urls(value).into_iter().rev() {
            self.masked(name, rule, &value[range.clone()]);
            text.replace_range(range, MASK);
        }
        let (text, rules) = redacted_text(&text);
        for rule in rules {
            self.masked(name, rule, value);
        }
        text
    }

    fn masked(&mut self, name: &str, rule: &'static str, value: &str) -> String {
        self.masked.push(Masked { name: name.to_owned(), rule, value: value.to_owned() });
        MASK.to_owned()
    }

    /// Masks what is secret by its key; returns whether something is.
    fn mask_json(&mut self, json: &mut Value) -> bool {
        match json {
            Value::Object(fields) => fields.iter_mut().fold(false, |any, (key, value)| {
                let is_secret = value.as_str().is_some_and(|text| is_secret(text, of_name(key)));
                if is_secret {
                    let text = value.as_str().unwrap_or_default().to_owned();
                    *value = Value::String(self.masked(key, BY_NAME, &text));
                }
                is_secret | self.mask_json(value) | any
            }),
            Value::Array(items) => items.iter_mut().fold(false, |any, item| self.mask_json(item) | any),
            _ => false,
        }
    }
}

/// The name of an option without its dashes.
fn bare(name: &str) -> &str {
    name.trim_start_matches(['-', '+'])
}

/// `--name`, `-n`; not `-1` and `-`.
fn is_option(word: &str) -> bool {
    word.starts_with('-') && bare(word).starts_with(|c: char| c.is_alphabetic())
}

/// Returns whether `text` may stand before `=`: an option, a variable, a key of nested settings.
fn is_name(text: &str) -> bool {
    let text = bare(text);
    !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || "-_.:/@".contains(c))
        && !text.contains("://")
}

fn of_name(name: &str) -> Name {
    const CERTAIN: [&str; 11] = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "pwd",
        "secret",
        "credential",
        "credentials",
        "creds",
        "passwords",
        "clientsecret",
    ];
    const LIKELY: [&str; 9] =
        ["token", "apikey", "accesskey", "secretkey", "privatekey", "authkey", "pat", "sas", "pass"];
    /// Keys that are secret, by the word before.
    const KEYS: [&str; 28] = [
        "api",
        "access",
        "secret",
        "private",
        "account",
        "auth",
        "encryption",
        "signing",
        "storage",
        "subscription",
        "master",
        "service",
        "shared",
        "admin",
        "license",
        "wandb",
        "kaggle",
        "openai",
        "anthropic",
        "hf",
        "comet",
        "neptune",
        "aws",
        "azure",
        "gcp",
        "google",
        "cohere",
        "mistral",
    ];
    /// Tokens of language and image models, by the word before.
    const TEXT_TOKENS: [&str; 34] = [
        "pad",
        "eos",
        "bos",
        "sep",
        "cls",
        "mask",
        "unk",
        "special",
        "stop",
        "start",
        "end",
        "image",
        "audio",
        "video",
        "prefix",
        "suffix",
        "trigger",
        "placeholder",
        "initializer",
        "modifier",
        "instance",
        "class",
        "fim",
        "per",
        "next",
        "first",
        "last",
        "new",
        "sub",
        "think",
        "text",
        "max",
        "min",
        "decoder",
    ];
    let words = words_of(bare(name));
    let Some(last) = words.last().map(String::as_str) else { return Name::Plain };
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    let is = |word: &str| last == word || (last.len() > word.len() && word.len() > 4 && last.ends_with(word));
    if CERTAIN.iter().any(|word| is(word)) {
        Name::Certain
    } else if last.ends_with("token")
        && TEXT_TOKENS.iter().any(|text| before == *text || last.starts_with(text))
    {
        Name::Plain
    } else if LIKELY.iter().any(|word| is(word))
        || (last == "key" && KEYS.contains(&before))
        || (last == "string" && before == "connection")
    {
        Name::Likely
    } else {
        Name::Plain
    }
}

/// The words of a name in small letters: `hf-token`, `HF_TOKEN` and `hfToken` are the same two.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let is_break = !c.is_alphanumeric();
        if is_break || (c.is_uppercase() && was_small) {
            words.push(String::new());
        }
        if !is_break {
            words.last_mut().expect("there is one").extend(c.to_lowercase());
        }
        was_small = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns whether a value of a name so sure is a secret: switches are none, and what is put in later.
fn is_secret(value: &str, name: Name) -> bool {
    const SWITCHES: [&str; 8] = ["true", "false", "yes", "no", "none", "null", "on", "off"];
    let is_filled_in =
        value.starts_with('$') || (value.starts_with("{{") && value.ends_with("}}")) || value == MASK;
    if value.is_empty() || is_filled_in || SWITCHES.iter().any(|switch| value.eq_ignore_ascii_case(switch)) {
        return false;
    }
    match name {
        Name::Plain => false,
        Name::Certain => !is_file(value),
        Name::Likely => value.parse::<f64>().is_err() && !is_file(value) && !value.starts_with('<'),
    }
}

/// Returns whether a value looks like the path of a file, such as one that holds the secret.
fn is_file(value: &str) -> bool {
    const ENDINGS: [&str; 11] =
        [".json", ".pem", ".key", ".txt", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".env", ".crt"];
    ["./", "../", "~/"].iter().any(|start| value.starts_with(start))
        || ENDINGS.iter().any(|ending| value.ends_with(ending))
        || (value.starts_with('/')
            && value[1..].contains('/')
            && value.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c)))
}

/// The passwords in URLs, and what is secret by its name in their queries. Also an example's: nothing is lost.
fn in_urls(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let start = at + 3;
        let length = text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
        let url = &text[..start + length];
        if let Some((password, _)) = form::userinfo_password(url.as_bytes(), start) {
            found.push((password, IN_URL));
        }
        for (sign, _) in url[start..].match_indices(['?', '&']) {
            let field = start + sign + 1;
            let end = url[field..].find(['&', '#']).map_or(url.len(), |n| field + n);
            let Some(equals) = url[field..end].find('=') else { continue };
            let value = field + equals + 1..end;
            if is_secret(&url[value.clone()], of_name(&url[field..field + equals])) {
                found.push((value, BY_NAME));
            }
        }
    }
    found.sort_by_key(|(range, _)| range.start);
    found.dedup_by(|later, one| later.0.start < one.0.end);
    found
}

/// The first value in a run configuration (YAML or JSON, a key and its value a line) that is secret by its key.
pub(super) fn in_configuration(content: &[u8]) -> Option<Finding> {
    let mut start = 0;
    for (number, line) in content.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let begin = start;
        start += line.len();
        let Some((key, value)) = std::str::from_utf8(line).ok().and_then(|line| line.split_once(':')) else {
            continue;
        };
        let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | '-' | ',' | '}');
        let value_at = begin + key.len() + 1 + (value.len() - value.trim_start_matches(quotes).len());
        let (key, value) = (key.trim_matches(quotes), value.trim_matches(quotes));
        if !key.starts_with('#') && is_secret(value, of_name(key)) {
            let span = value_at as u64..(value_at + value.len()) as u64;
            return Some(Finding { rule: BY_NAME, line: number as u64 + 1, span, is_open: false });
        }
    }
    None
}
