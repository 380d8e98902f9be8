//! README's first console session, run as it is printed: every command, every line of output. `[..]` stands for
//! what differs from run to run, `...` alone on a line for any lines.

use std::os::unix::fs::symlink;
use std::path::Path;

use e2e::{Actor, Sandbox, binaries};

/// One command of a session and what README says it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    output: Vec<String>,
}

/// The steps of the first `console` block.
fn session(document: &str) -> Vec<Step> {
    let block = document.split("```console\n").nth(1).expect("README has a console session");
    let mut steps: Vec<Step> = Vec::new();
    for line in block.split("```").next().expect("the block ends").lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), output: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            step.output.push(line.to_owned());
        }
    }
    steps
}

/// Returns whether a line matches the pattern.
fn matches(pattern: &str, line: &str) -> bool {
    let parts: Vec<&str> = pattern.split("[..]").collect();
    let [first, between @ .., last] = parts.as_slice() else { return pattern == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in between {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Returns whether the lines match the patterns.
fn all_match(patterns: &[String], lines: &[&str]) -> bool {
    match patterns.split_first() {
        None => lines.is_empty(),
        Some((pattern, rest)) if pattern == "..." => {
            (0..=lines.len()).any(|skip| all_match(rest, &lines[skip..]))
        }
        Some((pattern, rest)) => lines
            .split_first()
            .is_some_and(|(line, others)| matches(pattern, line) && all_match(rest, others)),
    }
}

#[test]
fn the_session_of_the_readme_is_true() {
    let readme = std::fs::read_to_string(binaries::workspace().join("README.md")).expect("there is a README");
    let steps = session(&readme);
    assert!(steps.len() >= 5, "{steps:?}");
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice").with_env("LC_ALL", "C.UTF-8");
    let work = sandbox.dir("work");
    symlink(binaries::workspace().join("examples"), work.join("examples")).expect("a link");

    check_session(&alice, &work, &readme);
}

/// Runs the first console session of a page in a folder, and compares what it prints.
pub(crate) fn check_session(alice: &Actor<'_>, folder: &Path, page: &str) {
    let steps = session(page);
    // One shell for all, as a reader has; a mark after each command tells their outputs apart.
    let mut script = String::new();
    for step in &steps {
        script.extend([&step.command, " 2>/dev/null\nprintf '\\036'\n"]);
    }
    let output = alice.sh(folder, &script).ok();
    let parts: Vec<&str> = output.stdout.split('\u{1e}').collect();
    assert_eq!(parts.len(), steps.len() + 1, "{output}");
    for (step, part) in steps.iter().zip(parts) {
        let lines: Vec<&str> = part.lines().collect();
        assert!(
            all_match(&step.output, &lines),
            "the page says of `{}`:\n{}\nit printed:\n{part}",
            step.command,
            step.output.join("\n")
        );
    }
}

#[test]
fn patterns_match_what_they_say() {
    assert!(matches("RunId: iris_[..]", "RunId: iris_15"));
    assert!(matches("a[..]c[..]", "abcd"));
    assert!(!matches("a[..]c", "abd"));
    let patterns = ["x".to_owned(), "...".to_owned(), "y".to_owned()];
    assert!(all_match(&patterns, &["x", "1", "2", "y"]));
    assert!(!all_match(&patterns, &["x", "1"]));
}
