//! The rules about words that `cargo xtask tidy` checks: doc comments that begin as a sentence does, and identifiers without
//! the words that this code base has given up.

/// First words of a doc comment that make a clause of it, with no verb for the item: `What a client asks for`. The sentence
/// names the item: `A client's request`, `Returns whether it is open`.
const CLAUSE_WORDS: &[&str] = &["What", "Who", "Whose", "Whether", "How", "Where", "Which"];

/// Words that are no part of any identifier, each with the field's term.
const RETIRED_WORDS: &[(&str, &str)] = &[
    ("spare", "recycled"),
    ("harvest", "a scan's result"),
    ("desk", "context"),
    ("upkeep", "maintenance"),
    ("patience", "timeout"),
    ("pulse", "idle timer"),
    ("noted", "recorded"),
    ("heap", "queue"),
    ("owed", "unpushed"),
    ("carried", "uploaded"),
    ("brought", "taken"),
    ("door", "endpoint"),
    ("doors", "endpoints"),
    ("world", "testbed"),
    ("worlds", "testbeds"),
];

/// Names of the standard library that have such a word.
const LIBRARY_NAMES: &[&str] = &["BinaryHeap", "spare_capacity_mut"];

/// Checks all sources, given as path and text.
pub(crate) fn check<'a>(sources: impl Iterator<Item = (&'a str, &'a str)> + Clone, found: &mut Vec<String>) {
    check_clauses(sources.clone(), found);
    check_retired_words(sources, found);
}

fn check_clauses<'a>(sources: impl Iterator<Item = (&'a str, &'a str)>, found: &mut Vec<String>) {
    for (path, text) in sources {
        for line in clauses(text) {
            found.push(format!("{path}:{line}: a comment begins with a sentence, not a clause"));
        }
    }
}

/// The numbers of the lines on which a doc comment begins with a clause. Questions may.
fn clauses(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut was_comment = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let comment = ["/// ", "//! "].iter().find_map(|mark| line.strip_prefix(mark));
        if let Some(comment) = comment.filter(|_| !was_comment) {
            let first = comment.split([' ', '.', ',']).next().unwrap_or_default();
            if CLAUSE_WORDS.contains(&first) && !comment.ends_with('?') {
                found.push(number + 1);
            }
        }
        was_comment = comment.is_some();
    }
    found
}

fn check_retired_words<'a>(sources: impl Iterator<Item = (&'a str, &'a str)>, found: &mut Vec<String>) {
    for (path, text) in sources {
        for (number, line) in text.lines().enumerate() {
            for identifier in identifiers(line).filter(|name| !LIBRARY_NAMES.contains(name)) {
                let words = words(identifier);
                for (retired, term) in RETIRED_WORDS {
                    if words.iter().any(|word| word == retired) {
                        let line = number + 1;
                        found.push(format!(
                            "{path}:{line}: `{identifier}`: `{retired}` is called {term} here"
                        ));
                    }
                }
            }
        }
    }
}

/// The identifiers of a line, without its comment and what is between its quotes.
fn identifiers(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    let outside = code.split('"').step_by(2);
    outside
        .flat_map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| !word.is_empty())
}

/// The words that an identifier is made of, in small letters: `push_wait`, `PushWait` and `PUSH_WAIT` have the same two.
fn words(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in identifier.chars() {
        if c == '_' || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("there is a first").extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{clauses, identifiers, words};

    #[test]
    fn a_comment_that_begins_with_a_clause_is_found() {
        let lines = [
            "//! What it is.",
            "",
            "/// Returns whether it is open.",
            "/// Whether it was, too.",
            "fn a() {}",
        ];
        let text = [&lines[..], &["/// Where.", "fn b() {}", "/// How does a push end?"]].concat().join("\n");
        assert_eq!(clauses(&text), [1, 6]);
    }

    #[test]
    fn identifiers_are_taken_apart() {
        let line = r#"let first_one = PushWait::new("no second", 3); // third"#;
        let found: Vec<_> = identifiers(line).collect();
        assert_eq!(found, ["let", "first_one", "PushWait", "new", "3"]);
        assert_eq!(
            [words("PushWait"), words("PUSH_WAIT"), words("push_wait")],
            [["push", "wait"]; 3].map(|pair| pair.map(String::from).to_vec())
        );
    }
}
