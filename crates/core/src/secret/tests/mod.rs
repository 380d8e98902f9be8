//! Tests: the files that a review found to be missed, harmless look-alikes, content in pieces, masks.
//!
//! Tokens are made when a test runs: nothing in these files looks like one.

mod arguments;
mod harmless;
mod missed;
mod pieces;

use std::collections::HashSet;

use super::{
    Finding, Scanner, Values, all_in, first_in, redacted, redacted_text,
    rules::{NAME_RULES, OLD_AZURE_DEVOPS, RULES},
};

/// The alphabets that tokens are made of.
pub(super) const ALNUM: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub(super) const HEX: &str = "0123456789abcdef";
pub(super) const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(super) const BASE32: &str = "abcdefghijklmnopqrstuvwxyz234567";
pub(super) const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// So many characters that look random, and are the same each time.
pub(super) fn random(alphabet: &str, length: usize) -> String {
    random_from(alphabet, length, 0x9e37_79b9_7f4a_7c15)
}

pub(super) fn random_from(alphabet: &str, length: usize, seed: u64) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    (0..length).map(|_| letters[next() % letters.len()]).collect()
}

/// A key in PEM.
pub(super) fn pem(kind: &str) -> String {
    let lines: Vec<String> = (1..=12).map(|n| random_from(BASE64, 64, n * 77)).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}

fn utf16(text: &str, has_mark: bool, is_big: bool) -> Vec<u8> {
    let mark = has_mark.then_some(0xfeff);
    let units = mark.into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn the_table_is_in_order() {
    let anchors: Vec<&str> = RULES.iter().flat_map(|rule| rule.anchors).copied().collect();
    for (at, one) in anchors.iter().enumerate() {
        for (other_at, other) in anchors.iter().enumerate() {
            assert!(at == other_at || !other.starts_with(one), "{one} hides {other}");
        }
    }
    // The search that takes many bytes at once takes up to so many.
    let long = anchors.iter().filter(|anchor| anchor.len() > 3).count();
    assert!(long <= 64 && anchors.len() - long <= 8, "{long} {}", anchors.len());
    for rule in RULES.iter().chain([&OLD_AZURE_DEVOPS]) {
        assert!(rule.source.len() > 8 && !rule.name.is_empty(), "{}", rule.name);
    }
    assert!(NAME_RULES.iter().all(|rule| rule.source.len() > 8));
    let names: HashSet<_> = NAME_RULES.iter().map(|rule| rule.name).collect();
    assert!(names.len() > 10);
}

#[test]
fn a_finding_says_its_kind_its_line_and_its_place() {
    let token = format!("{}{}", "ghp", random(ALNUM, 37).replacen(|_| true, "_", 1));
    let text = format!("one\ntwo\nTOKEN = \"{token}\"\nfour\n");
    let found = all_in(text.as_bytes());
    let start = text.find("ghp").unwrap() as u64;
    let span = start..start + token.len() as u64;
    assert_eq!(found, [Finding { rule: "a GitHub token", line: 3, span, is_open: false }]);
    assert_eq!(first_in(text.as_bytes()).as_ref(), found.first());
    let (masked, rules) = redacted_text(&text);
    assert_eq!(masked, "one\ntwo\nTOKEN = \"***\"\nfour\n");
    assert_eq!(rules, ["a GitHub token"]);
}

#[test]
fn a_log_is_copied_without_its_secrets() {
    let token = format!("hf{}{}", "_", random(ALNUM, 34));
    let long = format!(
        "-----BEGIN {0}-----\n{1}-----END {0}-----\n",
        "RSA PRIVATE KEY",
        (1..400).map(|n| random_from(BASE64, 64, n) + "\n").collect::<String>()
    );
    let log = format!("start\n{token} and {token}\n{long}after {token}\nend\n");
    for (content, is_big) in [
        (log.clone().into_bytes(), None),
        (utf16(&log, true, false), Some(false)),
        (utf16(&log, true, true), Some(true)),
    ] {
        let mut scanner = Scanner::all();
        scanner.feed(&content);
        scanner.end();
        assert!(!scanner.has_overflowed());
        let mut out = Vec::new();
        redacted(&content[..], &mut out, &scanner).unwrap();
        let text = match is_big {
            None => String::from_utf8(out).unwrap(),
            Some(is_big) => {
                let unit = |pair: &[u8]| {
                    let pair = [pair[0], pair[1]];
                    if is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }
                };
                String::from_utf16(&out.chunks(2).map(unit).collect::<Vec<_>>())
                    .unwrap()
                    .replace('\u{feff}', "")
            }
        };
        assert!(text.starts_with("start\n*** and ***\n***") && text.ends_with("after ***\nend\n"), "{text}");
        assert!(text.len() < 200, "{text}");
    }
}

#[test]
fn more_secrets_than_are_kept_are_told() {
    let token = format!("hf{}{}\n", "_", random(ALNUM, 34));
    let mut scanner = Scanner::all();
    for _ in 0..10_001 {
        scanner.feed(token.as_bytes());
    }
    scanner.end();
    assert!(scanner.has_overflowed());
}

#[test]
fn values_that_are_known_are_masked_wherever_they_are() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let values = Values::new([
        pair("--password", "hunter2-and-more"),
        pair("--pin", "123"),
        pair("--x", "hunter2-and-more"),
    ]);
    assert!(!values.is_empty());
    assert!(Values::new([pair("--pin", "123"), pair("DB_PASSWORD", "postgres")]).is_empty());
    let text = "a hunter2-and-more b 123 hunter2-and-more";
    let mut out = Vec::new();
    assert_eq!(values.masked(text.as_bytes(), &mut out).unwrap(), 2);
    assert_eq!(out, b"a *** b 123 ***");
    assert_eq!(values.masked_text(text), "a *** b 123 ***");
    assert_eq!(values.first_in(text.as_bytes()).unwrap(), Some("--password"));
    assert_eq!(values.first_in(&b"nothing"[..]).unwrap(), None);
}
