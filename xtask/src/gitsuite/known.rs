//! The list of known failures: a paragraph for each reason, `[KIND] REASON` and below it the tests as `SCRIPT.NUMBER TITLE`.
//!
//! The kinds: `legitimate`, the server means to behave in another way or has no such setting; `artefact`, the test looks
//! at something that only git's own program has, its trace or its words on stderr; `real`, ours is wrong.

use std::collections::BTreeMap;
use std::fmt;

use crate::Outcome;

use super::tap::{Ending, Report};

const KINDS: [&str; 3] = ["real", "legitimate", "artefact"];

/// The list, by script and number.
#[derive(Debug)]
pub(super) struct Known(BTreeMap<(String, u32), String>);

/// A difference between what the list says and what happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// It is not on the list.
    Failed { row: String },
    /// It is, and it does not fail.
    NotFailed { row: String },
    /// The script stopped before its end.
    Cut { script: String },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { row } => write!(f, "not on the list: {row}"),
            Self::NotFailed { row } => write!(f, "on the list, and does not fail: {row}"),
            Self::Cut { script } => write!(f, "{script} did not come to its end"),
        }
    }
}

/// Reads the list; an error names the line.
pub(super) fn parse(text: &str) -> Outcome<Known> {
    let mut rows = BTreeMap::new();
    let mut has_reason = false;
    for (at, line) in text.lines().enumerate() {
        let wrong = |what: &str| format!("known.txt, line {}: {what}: {line}", at + 1);
        if line.is_empty() || line.starts_with('#') {
            has_reason &= !line.is_empty();
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let (kind, reason) = rest.split_once("] ").ok_or_else(|| wrong("not `[KIND] REASON`"))?;
            if !KINDS.contains(&kind) || reason.is_empty() {
                return Err(wrong("no such kind, or no reason").into());
            }
            has_reason = true;
            continue;
        }
        if !has_reason {
            return Err(wrong("no reason above it").into());
        }
        let (place, title) = line.split_once(' ').ok_or_else(|| wrong("not `SCRIPT.NUMBER TITLE`"))?;
        let key = place
            .split_once('.')
            .and_then(|(script, number)| Some((script.to_owned(), number.parse().ok()?)));
        let key = key.ok_or_else(|| wrong("not `SCRIPT.NUMBER TITLE`"))?;
        if rows.insert(key, title.to_owned()).is_some() {
            return Err(wrong("twice").into());
        }
    }
    Ok(Known(rows))
}

impl Known {
    /// Differences between a script's outcome and the list. A skipped test counts for nothing.
    pub(super) fn compare(&self, script: &str, report: &Report) -> Vec<Problem> {
        let short = script.split_once('-').map_or(script, |(short, _)| short);
        let row = |number: u32, title: &str| format!("{short}.{number} {title}");
        let mut problems = Vec::new();
        if !report.is_whole {
            problems.push(Problem::Cut { script: script.to_owned() });
        }
        let listed = |number: u32, title: &str| {
            self.0.get(&(short.to_owned(), number)).is_some_and(|known| known == title)
        };
        for test in report.tests.iter().filter(|test| test.ending == Ending::Failed) {
            if !listed(test.number, &test.title) {
                problems.push(Problem::Failed { row: row(test.number, &test.title) });
            }
        }
        for ((_, number), title) in self.0.iter().filter(|((known, _), _)| known == short) {
            let found = report.tests.iter().find(|test| test.number == *number);
            let is_as_listed = match found.map(|test| test.ending) {
                Some(Ending::Failed | Ending::Skipped) => true,
                Some(Ending::Passed) => false,
                None => !report.is_whole,
            };
            if !is_as_listed {
                problems.push(Problem::NotFailed { row: row(*number, title) });
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::super::{KNOWN, tap};
    use super::{Problem, parse};

    const LIST: &str = "# comment\n[legitimate] No hooks are run.\nt1.2 hook\nt1.4 other hook\n\n[artefact] A trace.\nt2.1 trace\n";

    #[test]
    fn the_list_can_be_read() {
        parse(KNOWN).expect("a list");
        for (wrong, words) in [
            ("t1.2 hook\n", "line 1: no reason"),
            ("[real] x\n\nt1.2 hook\n", "line 3: no reason"),
            ("[odd] x\n", "no such kind"),
            ("[real] \n", "no reason"),
            ("[real] x\nt1.x hook\n", "line 2: not"),
            ("[real] x\nt1\n", "line 2: not"),
            ("[real] x\nt1.2 hook\nt1.2 hook\n", "line 3: twice"),
        ] {
            let error = parse(wrong).expect_err(wrong).to_string();
            assert!(error.contains(words), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn what_differs_from_the_list_is_told() {
        let known = parse(LIST).expect("a list");
        let compare = |output: &str| known.compare("t1-push.sh", &tap::parse(output));
        assert_eq!(compare("not ok 2 - hook\nnot ok 4 - other hook\n1..4\n"), []);
        assert_eq!(compare("not ok 2 - hook\nok 4 # skip other hook (no)\n1..4\n"), []);
        let passed = |row: &str| Problem::NotFailed { row: row.to_owned() };
        assert_eq!(compare("ok 2 - hook\nnot ok 4 - other hook\n1..4\n"), [passed("t1.2 hook")]);
        assert_eq!(compare("not ok 2 - hook\n1..2\n"), [passed("t1.4 other hook")]);
        let failed = |row: &str| Problem::Failed { row: row.to_owned() };
        assert_eq!(
            compare("not ok 1 - setup\nnot ok 2 - a hook\nnot ok 4 - other hook\n1..4\n"),
            [failed("t1.1 setup"), failed("t1.2 a hook")]
        );
        let cut = Problem::Cut { script: "t1-push.sh".to_owned() };
        assert_eq!(compare("not ok 2 - hook\n"), [cut]);
    }
}
