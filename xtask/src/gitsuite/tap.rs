//! Reads the output of one of git's scripts: a line for each test, and their number.

/// The outcome of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Passed,
    Failed,
    Skipped,
}

/// A test, by its number in the script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) number: u32,
    pub(super) title: String,
    pub(super) ending: Ending,
}

/// The output of a script.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) tests: Vec<Test>,
    /// True if it ran, and came to its end.
    pub(super) is_whole: bool,
}

impl Report {
    /// The numbers of tests that passed, failed and were skipped.
    pub(super) fn counts(&self) -> [usize; 3] {
        [Ending::Passed, Ending::Failed, Ending::Skipped]
            .map(|ending| self.tests.iter().filter(|test| test.ending == ending).count())
    }
}

/// Reads the output. A test that git itself expects to fail counts as passed.
pub(super) fn parse(output: &str) -> Report {
    let mut report = Report::default();
    for line in output.lines() {
        // `1..0 # SKIP REASON` is all that a script prints that can't run here.
        report.is_whole |= line.starts_with("1..") && !line.starts_with("1..0");
        let (is_ok, rest) = match (line.strip_prefix("ok "), line.strip_prefix("not ok ")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => continue,
        };
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = rest.split_at(digits);
        let Ok(number) = number.parse() else { continue };
        let rest = rest.trim_start().trim_start_matches("- ");
        let (title, directive) = match rest.split_once("# ") {
            Some((title, directive)) => (title, directive),
            None => (rest, ""),
        };
        let (title, ending) = if directive.starts_with("skip ") {
            (directive, Ending::Skipped)
        } else if is_ok || directive.starts_with("TODO") {
            (title, Ending::Passed)
        } else {
            (rest, Ending::Failed)
        };
        report.tests.push(Test { number, title: title.trim().to_owned(), ending });
    }
    report
}

#[cfg(test)]
mod tests {
    use super::{Ending, parse};

    #[test]
    fn every_kind_of_line_is_understood() {
        let report = parse(
            "ok 1 - setup\nnot ok 2 - push, # of refs\n#\tgit push\nok 3 # skip fetch (missing X)\n\
             not ok 4 - later # TODO known breakage\nsome words\n# failed 1 among 4 test(s)\n1..4\n",
        );
        let tests: Vec<_> =
            report.tests.iter().map(|test| (test.number, test.title.as_str(), test.ending)).collect();
        assert_eq!(
            tests,
            [
                (1, "setup", Ending::Passed),
                (2, "push, # of refs", Ending::Failed),
                (3, "skip fetch (missing X)", Ending::Skipped),
                (4, "later", Ending::Passed),
            ]
        );
        assert!(report.is_whole);
        assert_eq!(report.counts(), [2, 1, 1]);
        assert!(!parse("ok 1 - setup\nFATAL: Unexpected exit\n").is_whole);
        assert!(!parse("1..0 # SKIP git daemon failed to start\n").is_whole);
    }
}
