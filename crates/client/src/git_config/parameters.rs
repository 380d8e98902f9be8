//! Configuration in the environment: `GIT_CONFIG_COUNT` with its keys and values, and `GIT_CONFIG_PARAMETERS`, in which
//! `git -c` passes on what it was given.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use bstr::{BString, ByteSlice as _};

use super::{Entry, Error};
use crate::env::{Env, GIT_CONFIG_COUNT, GIT_CONFIG_PARAMETERS};

/// All that the environment sets, in Git's order.
pub(super) fn entries(env: &Env) -> Result<Vec<Entry>, Error> {
    let mut found = Vec::new();
    if let Some(count) = env.get(GIT_CONFIG_COUNT) {
        let bogus = || Error::Environment { variable: GIT_CONFIG_COUNT.to_owned(), why: "is not a number" };
        let count: u32 = count.to_str().and_then(|text| text.parse().ok()).ok_or_else(bogus)?;
        for number in 0..count {
            let variable = |name: String| {
                let value = env.vars().get(OsStr::new(&name)).map(|value| value.as_bytes().to_vec());
                value.ok_or(Error::Environment { variable: name, why: "is missing" })
            };
            let name = format!("GIT_CONFIG_KEY_{number}");
            let key = variable(name.clone())?;
            let value = variable(format!("GIT_CONFIG_VALUE_{number}"))?;
            found.push(entry(&key, Some(value), &name)?);
        }
    }
    if let Some(text) = env.get(GIT_CONFIG_PARAMETERS) {
        let mut rest = text.as_bytes();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            let (key, value) = parameter(&mut rest).ok_or_else(|| Error::Environment {
                variable: GIT_CONFIG_PARAMETERS.to_owned(),
                why: "is not as git writes it",
            })?;
            found.push(entry(&key, value, GIT_CONFIG_PARAMETERS)?);
        }
    }
    Ok(found)
}

fn entry(key: &[u8], value: Option<Vec<u8>>, variable: &str) -> Result<Entry, Error> {
    let bogus = || Error::Environment { variable: variable.to_owned(), why: "has no valid key" };
    let (first, last) = (key.find_byte(b'.').ok_or_else(bogus)?, key.rfind_byte(b'.').ok_or_else(bogus)?);
    let (section, name) = (&key[..first], &key[last + 1..]);
    let is_word =
        |text: &[u8]| !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    let subsection = (last > first).then(|| BString::from(&key[first + 1..last]));
    if !is_word(section)
        || !is_word(name)
        || !name[0].is_ascii_alphabetic()
        || subsection.as_ref().is_some_and(|text| text.contains(&b'\n'))
    {
        return Err(bogus());
    }
    Ok(Entry {
        section: section.to_str_lossy().to_ascii_lowercase(),
        subsection,
        name: name.to_str_lossy().to_ascii_lowercase(),
        value: value.map(BString::from),
        file: None,
    })
}

/// Takes one parameter off: `'key'='value'`, `'key'=` (no value), or as older gits write it `'key=value'`.
fn parameter(rest: &mut &[u8]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let key = quoted(rest)?;
    if let Some(after) = rest.strip_prefix(b"=") {
        *rest = after;
        let is_over = |rest: &[u8]| rest.first().is_none_or(u8::is_ascii_whitespace);
        if is_over(rest) {
            return Some((key, None));
        }
        let value = quoted(rest)?;
        return is_over(rest).then_some((key, Some(value)));
    }
    rest.first().is_none_or(u8::is_ascii_whitespace).then_some(())?;
    Some(match key.split_once_str("=") {
        Some((name, value)) => (name.to_vec(), Some(value.to_vec())),
        None => (key, None),
    })
}

/// Takes off a word as Git quotes for the shell: in `'`, with `'\''` and `'\!'` within.
fn quoted(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut text = rest.strip_prefix(b"'")?;
    let mut word = Vec::new();
    loop {
        let end = text.find_byte(b'\'')?;
        word.extend_from_slice(&text[..end]);
        text = &text[end + 1..];
        let [b'\\', escaped @ (b'\'' | b'!'), b'\'', after @ ..] = text else {
            *rest = text;
            return Some(word);
        };
        word.push(*escaped);
        text = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Vec<String>, Error> {
        let entries = entries(&Env::fixed(vars.iter().copied(), "/"))?;
        let show = |entry: Entry| match entry.value {
            Some(ref value) => format!("{}={value}", entry.key()),
            None => entry.key(),
        };
        Ok(entries.into_iter().map(show).collect())
    }

    #[test]
    fn counted_variables_come_before_parameters() {
        let found = read(&[
            ("GIT_CONFIG_COUNT", "2"),
            ("GIT_CONFIG_KEY_0", "HTTP.https://H/x.y.ExtraHeader"),
            ("GIT_CONFIG_VALUE_0", "A: b"),
            ("GIT_CONFIG_KEY_1", "a.b"),
            ("GIT_CONFIG_VALUE_1", ""),
            (
                "GIT_CONFIG_PARAMETERS",
                r"'url.a=b.insteadof'='it'\''s'  'core.bare'= 'old.style=x=y' 'old.bare'",
            ),
        ]);
        let expected = [
            "http.https://H/x.y.extraheader=A: b",
            "a.b=",
            "url.a=b.insteadof=it's",
            "core.bare",
            "old.style=x=y",
            "old.bare",
        ];
        assert_eq!(found.unwrap(), expected);
    }

    #[test]
    fn what_git_refuses_is_refused() {
        for vars in [
            vec![("GIT_CONFIG_COUNT", "x")],
            vec![("GIT_CONFIG_COUNT", "1")],
            vec![("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "a.b")],
            vec![("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "ab"), ("GIT_CONFIG_VALUE_0", "")],
            vec![("GIT_CONFIG_PARAMETERS", "a.b=c")],
            vec![("GIT_CONFIG_PARAMETERS", "'a.b'x")],
            vec![("GIT_CONFIG_PARAMETERS", "'a.b")],
        ] {
            assert!(read(&vars).is_err(), "{vars:?}");
        }
    }
}
