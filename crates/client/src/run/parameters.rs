//! Parameters of a run: those given by name, and those among the arguments of its program.

use std::collections::BTreeMap;

use azml_core::secret::MASK;

/// The parameters among arguments: `--name value` and `--name=value`. A switch without a value is none, and neither is a
/// masked value.
pub fn of_arguments(arguments: &[String]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        let Some(option) = word.strip_prefix("--") else { continue };
        let (name, value) = match option.split_once('=') {
            Some(pair) => pair,
            None => match words.next_if(|next| is_value(next)) {
                Some(value) => (option, value.as_str()),
                None => continue,
            },
        };
        if is_name(name) && !value.contains(MASK) {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

/// `-0.1` is a value; `-v` and `--verbose` are options.
fn is_value(word: &str) -> bool {
    !word.starts_with('-') || word.parse::<f64>().is_ok()
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic())
        && name.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
}

/// The two parts of `NAME=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !name.contains(char::is_control) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("it takes a name and a value: NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_from_arguments() {
        let line = "--lr 0.1 --depth=3 data.csv -v --shift -0.5 --fast --key *** --url=a=b --x --y -- --z 1";
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let found: Vec<String> =
            of_arguments(&words).iter().map(|(name, value)| format!("{name}:{value}")).collect();
        assert_eq!(found, ["depth:3", "lr:0.1", "shift:-0.5", "url:a=b"]);
    }

    #[test]
    fn a_pair_has_a_name() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }
}
