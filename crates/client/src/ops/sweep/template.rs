//! The command of a sweep: words with `{name}` where a parameter's value is to stand.

use super::space::Values;
use crate::text::shell_word;

/// The reason why a command can't take the parameters.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A placeholder that is no parameter's.
    #[error("the command has {{{name}}}, and there is no parameter `{name}`")]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A line of shell does not say where a value is to stand.
    #[error("the line of shell does not have {{{name}}}")]
    Missing {
        /// The parameter.
        name: String,
    },
}

/// The words of a member's command. A parameter that no word has a placeholder for is appended as `--name value`; a line of
/// shell has one for each, and gets the values as words. `{{name}}` stands for `{name}`.
pub fn fill(words: &[String], is_shell: bool, values: &Values) -> Result<Vec<String>, Error> {
    let mut used = vec![false; values.len()];
    let mut filled = Vec::with_capacity(words.len() + 2 * values.len());
    for word in words {
        filled.push(fill_word(word, is_shell, values, &mut used)?);
    }
    for ((name, value), _) in values.iter().zip(used).filter(|(_, used)| !used) {
        if is_shell {
            return Err(Error::Missing { name: name.clone() });
        }
        filled.extend([format!("--{name}"), value.clone()]);
    }
    Ok(filled)
}

fn fill_word(word: &str, is_shell: bool, values: &Values, used: &mut [bool]) -> Result<String, Error> {
    let (mut out, mut rest) = (String::with_capacity(word.len()), word);
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((name, after)) = rest.strip_prefix("{{").and_then(name_before)
            && let Some(after) = after.strip_prefix("}}")
        {
            out.extend(["{", name, "}"]);
            rest = after;
            continue;
        }
        // A variable of the shell, `${HOME}`, is not azml's.
        let is_variable = is_shell && out.ends_with('$');
        if let Some((name, after)) = name_before(&rest[1..]).filter(|_| !is_variable)
            && let Some(after) = after.strip_prefix('}')
        {
            let Some(found) = values.iter().position(|(known, _)| known == name) else {
                return Err(Error::Unknown { name: name.to_owned() });
            };
            used[found] = true;
            let value = &values[found].1;
            out.push_str(&if is_shell { shell_word(value) } else { value.clone() });
            rest = after;
            continue;
        }
        out.push('{');
        rest = &rest[1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// The name that a text begins with, and what is after it. JSON and the braces of awk have none.
fn name_before(text: &str) -> Option<(&str, &str)> {
    let is_first = text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let end = text.find(|c: char| !(c.is_alphanumeric() || "_-.".contains(c)))?;
    is_first.then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(line: &str, is_shell: bool) -> Result<String, String> {
        let values =
            [("lr", "0.1"), ("opt", "a b")].map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let words: Vec<String> =
            if is_shell { vec![line.to_owned()] } else { line.split(' ').map(str::to_owned).collect() };
        fill(&words, is_shell, &values).map(|words| words.join("|")).map_err(|error| error.to_string())
    }

    #[test]
    fn values_take_the_place_of_their_placeholders_or_are_appended() {
        for (line, expect) in [
            ("train.py", "train.py|--lr|0.1|--opt|a b"),
            ("train.py {lr} --o={opt}", "train.py|0.1|--o=a b"),
            ("train.py {lr}{lr}", "train.py|0.10.1|--opt|a b"),
            ("awk {print} {lr} {opt}", "the command has {print}, and there is no parameter `print`"),
            ("awk {{print}} {lr} {opt}", "awk|{print}|0.1|a b"),
            ("x {\"a\":1} {} {{}} {lr {opt}", "x|{\"a\":1}|{}|{{}}|{lr|a b|--lr|0.1"),
        ] {
            assert_eq!(filled(line, false).unwrap_or_else(|error| error), expect, "{line}");
        }
    }

    #[test]
    fn a_line_of_shell_gets_values_as_words() {
        for (line, expect) in [
            ("x {lr} ${HOME} --o {opt} | tee {lr}.log", "x 0.1 ${HOME} --o 'a b' | tee 0.1.log"),
            ("x {lr}", "the line of shell does not have {opt}"),
        ] {
            assert_eq!(filled(line, true).unwrap_or_else(|error| error), expect, "{line}");
        }
    }
}
