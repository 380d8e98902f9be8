//! Running other programs: to the end, with a clear error, and with their tests counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::Outcome;

/// Runs a command with the terminal's own output; an exit code other than 0 is an error that shows the command.
pub fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    let status = command.status().map_err(|error| format!("could not start `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}").into()) }
}

/// Runs a command quietly and returns its stdout; on failure the error carries its stderr.
pub fn capture(command: &mut Command) -> Outcome<Vec<u8>> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("could not start `{shown}`: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    Err(format!("`{shown}` ended with {}\n{stdout}{stderr}", output.status).into())
}

/// Returns whether a program starts and ends well, without any output.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command line as a person would type it, for messages.
pub fn show(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The numbers of tests that passed and failed, added up over several runners.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Those that passed.
    pub passed: u64,
    /// Those that failed, or took too long.
    pub failed: u64,
}

impl Tally {
    /// Reads one line of output of cargo test (`test result: ok. 3 passed; 0 failed; …`) or of nextest
    /// (`Summary [ 1.2s] 10 tests run: 9 passed, 1 failed, 0 skipped`); other lines count nothing.
    fn read(&mut self, line: &str) {
        // nextest shows the output of a failed test set in, its own `test result:` among it.
        if !(line.starts_with("test result:") || line.trim_start().starts_with("Summary [")) {
            return;
        }
        let mut previous = "";
        for word in line.split([' ', ';', ',', '(', ')']).filter(|word| !word.is_empty()) {
            let number = previous.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += number,
                // nextest tells `2 timed out` apart from failures.
                "failed" | "timed" => self.failed += number,
                _ => {}
            }
            previous = word;
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a test runner, passes its output on as it comes, and counts what it reports.
/// The second value is the reason if the runner did not end well.
pub fn run_counting(command: &mut Command) -> (Tally, Outcome) {
    let shown = show(command);
    let mut child = match command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return (Tally::default(), Err(format!("could not start `{shown}`: {error}").into())),
    };
    let tally = Arc::new(Mutex::new(Tally::default()));
    let stdout = child.stdout.take().expect("stdout was asked for as a pipe");
    let stderr = child.stderr.take().expect("stderr was asked for as a pipe");
    let (first, second) = (Arc::clone(&tally), Arc::clone(&tally));
    let reader = std::thread::spawn(move || pass_on(stderr, &mut std::io::stderr(), &first));
    pass_on(stdout, &mut std::io::stdout(), &second);
    let outcome = match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` ended with {status}").into()),
        Err(error) => Err(format!("`{shown}`: {error}").into()),
    };
    if reader.join().is_err() {
        return (Tally::default(), Err("the thread that read the tests' output panicked".into()));
    }
    let counted = *tally.lock().expect("both readers have ended");
    (counted, outcome)
}

/// Copies lines to `out`, counting on the way. Output that can't be written is dropped: the tests go on.
fn pass_on(input: impl Read, out: &mut impl Write, tally: &Mutex<Tally>) {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        tally.lock().expect("no reader panics while counting").read(&String::from_utf8_lossy(&line));
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            eprintln!("(output lost)");
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn check(lines: &[&str], passed: u64, failed: u64) {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed, failed });
    }

    #[test]
    fn both_runners_are_understood() {
        check(&["test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out"], 3, 0);
        check(&["     Summary [   0.012s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped"], 10, 2);
        check(&["     Summary [   9.000s] 4 tests run: 2 passed, 1 failed, 1 timed out, 0 skipped"], 2, 2);
        check(&["    test result: FAILED. 0 passed; 1 failed; 76 filtered out"], 0, 0);
        check(
            &[
                "test result: ok. 1 passed; 0 failed",
                "nothing passed here",
                "test result: FAILED. 1 passed; 4 failed",
            ],
            2,
            4,
        );
    }
}
