//! `~/.netrc`, read as curl reads it for Git.

use std::path::Path;

use azml_core::small_file;

use super::Secret;
use crate::limits;

/// User name and password for a host, from a file that may not be there; with `user` only that user's.
pub(super) fn look_up(file: &Path, host: &str, user: Option<&str>) -> Option<(String, Secret)> {
    let text = small_file::read_at_most(file, limits::NETRC_FILE).ok()?;
    find(&String::from_utf8_lossy(&text), host, user)
}

/// The use of the next word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Nothing,
    Macro,
    Host,
    Entry,
}

/// As curl has it: `machine` or `default`, then `login` and `password`; a macro ends with an empty line.
pub fn find(text: &str, host: &str, user: Option<&str>) -> Option<(String, Secret)> {
    let (mut login, mut password) = (user.map(str::to_owned), None);
    let (mut state, mut awaits_login, mut awaits_password) = (State::Nothing, false, false);
    let (mut is_found, mut is_that_user) = (false, false);
    'lines: for line in text.lines() {
        if state == State::Macro && line.trim().is_empty() {
            state = State::Nothing;
        }
        let mut rest = line;
        while let Some(word) = next_word(&mut rest)? {
            if login.as_ref().is_some_and(|login| !login.is_empty()) && password.is_some() {
                break 'lines;
            }
            match state {
                State::Nothing if word.eq_ignore_ascii_case("macdef") => state = State::Macro,
                State::Nothing if word.eq_ignore_ascii_case("machine") => state = State::Host,
                State::Nothing if word.eq_ignore_ascii_case("default") => {
                    (state, is_found) = (State::Entry, true);
                }
                State::Host if word.eq_ignore_ascii_case(host) => (state, is_found) = (State::Entry, true),
                State::Host => state = State::Nothing,
                State::Entry if std::mem::take(&mut awaits_login) => match user {
                    Some(wanted) => is_that_user = word == wanted,
                    None => login = Some(word),
                },
                State::Entry if std::mem::take(&mut awaits_password) => {
                    if is_that_user || user.is_none() {
                        password = Some(word).filter(|word| !word.is_empty());
                    }
                }
                State::Entry if word.eq_ignore_ascii_case("login") => awaits_login = true,
                State::Entry if word.eq_ignore_ascii_case("password") => awaits_password = true,
                State::Entry if word.eq_ignore_ascii_case("machine") => {
                    (state, is_that_user) = (State::Host, false);
                }
                State::Nothing | State::Macro | State::Entry => {}
            }
        }
    }
    if !is_found || user.is_some() && password.is_none() || login.is_none() && password.is_none() {
        return None;
    }
    Some((login.unwrap_or_default(), Secret::new(password.unwrap_or_default())))
}

/// The next word of a line: `Some(None)` at its end or at a comment, `None` for quotes that do not end.
#[expect(clippy::option_option, reason = "the end of a line and a fault in it are different things")]
fn next_word(rest: &mut &str) -> Option<Option<String>> {
    let text = rest.trim_start();
    if text.is_empty() || text.starts_with('#') {
        *rest = "";
        return Some(None);
    }
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, after) = text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len()));
        *rest = after;
        return Some(Some(word.to_owned()));
    };
    let mut word = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => {
                *rest = &quoted[at + 1..];
                return Some(Some(word));
            }
            '\\' => word.push(match characters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            }),
            _ => word.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str, host: &str, user: Option<&str>) -> Option<String> {
        find(text, host, user).map(|(login, password)| format!("{login}:{}", password.expose()))
    }

    #[test]
    fn entries_are_found_as_by_curl() {
        let text = "# a comment\nmachine other login o password op\n\
                    macdef init\n machine h login macro password mp\n\n\
                    MACHINE h\n\tlogin alice\n\tpassword \"a \\\"b\\\" #c\"\n\
                    machine h login bob account x password bp # end\n\
                    default login anonymous password me@\n";
        for (host, user, expected) in [
            ("h", None, Some("alice:a \"b\" #c")),
            ("H", None, Some("alice:a \"b\" #c")),
            ("h", Some("bob"), Some("bob:bp")),
            ("other", None, Some("o:op")),
            ("else", None, Some("anonymous:me@")),
            ("else", Some("carol"), None),
        ] {
            assert_eq!(shown(text, host, user).as_deref(), expected, "{host} {user:?}");
        }
        assert_eq!(shown("machine h login \"open", "h", None), None);
        assert_eq!(shown("machine g login a password b", "h", None), None);
        assert_eq!(shown("machine h login a", "h", None).as_deref(), Some("a:"));
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in "(machine |login |password |default|macdef |h|\"|\\\\|#|\n| |x){0,40}") {
            drop((find(&text, "h", None), find(&text, "h", Some("x"))));
        }
    }
}
