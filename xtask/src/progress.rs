//! Cargo's progress where there is no terminal: a line now and then, such as `building 120 of 560: gix-pack (2 min 10 s so
//! far)`. A terminal gets cargo's own bar.

use std::io::{BufReader, IsTerminal as _, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The shortest time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Runs a build and returns its output on stdout. Its progress and its complaints go to stderr.
pub fn output(cargo: &mut Command) -> std::io::Result<Output> {
    if std::io::stderr().is_terminal() {
        return cargo.stderr(Stdio::inherit()).output();
    }
    // The bar is the only place where cargo says the number of units; its form is parsed in `Progress::of` alone.
    cargo.env("CARGO_TERM_PROGRESS_WHEN", "always").env("CARGO_TERM_PROGRESS_WIDTH", "120");
    let mut child: Child = cargo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().expect("stderr was asked for as a pipe");
    let reader = std::thread::spawn(move || report(stderr, INTERVAL, &mut |line| eprintln!("{line}")));
    let output = child.wait_with_output();
    reader.join().map_err(|_| std::io::Error::other("the reader of cargo's progress panicked"))?;
    output
}

/// A state of cargo's bar: units built, all units, and the names of those that are being built.
#[derive(Debug, PartialEq, Eq)]
struct Progress<'a> {
    built: &'a str,
    all: &'a str,
    names: &'a str,
}

impl<'a> Progress<'a> {
    /// Reads `Building [===>  ] 120/560: gix-pack, gix-index`.
    fn of(line: &'a str) -> Option<Self> {
        let (_, state) = line.strip_prefix("Building [")?.split_once("] ")?;
        let (counts, names) = state.split_once(": ")?;
        let (built, all) = counts.split_once('/')?;
        Some(Self { built, all, names })
    }
}

/// Reads what cargo writes to a terminal, and shows progress at most once in each interval, and complaints at once.
fn report(stderr: impl Read, interval: Duration, show: &mut dyn FnMut(&str)) {
    let begun = Instant::now();
    let mut shown = begun;
    let mut line = Vec::new();
    for byte in BufReader::new(stderr).bytes().map_while(Result::ok) {
        if byte != b'\r' && byte != b'\n' {
            line.push(byte);
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        line.clear();
        let short = text.trim();
        if let Some(Progress { built, all, names }) = Progress::of(short) {
            if shown.elapsed() >= interval {
                shown = Instant::now();
                let seconds = begun.elapsed().as_secs();
                let time = match seconds / 60 {
                    0 => format!("{seconds} s"),
                    minutes => format!("{minutes} min {} s", seconds % 60),
                };
                show(&format!("  building {built} of {all}: {names} ({time} so far)"));
            }
        } else if !["Compiling ", "Fresh ", "Downloaded "].iter().any(|start| short.starts_with(start))
            && !short.is_empty()
        {
            show(text.trim_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::report;

    fn shown(stderr: &str, interval: Duration) -> Vec<String> {
        let mut lines = Vec::new();
        report(stderr.as_bytes(), interval, &mut |line| lines.push(line.to_owned()));
        lines
    }

    const STDERR: &str = "   Compiling a v0.1.0\n    Building [=>     ] 2/86: a, b(build)   \r   Compiling b v0.2.0\n\
                          error: no\n  --> a line of it\n    Building [==>    ] 3/86: c\r    Finished in 2 s\n";

    #[test]
    fn progress_is_told_with_its_numbers_and_complaints_are_passed_on() {
        let lines = shown(STDERR, Duration::ZERO);
        assert_eq!(
            lines,
            [
                "  building 2 of 86: a, b(build) (0 s so far)",
                "error: no",
                "  --> a line of it",
                "  building 3 of 86: c (0 s so far)",
                "    Finished in 2 s"
            ]
        );
    }

    #[test]
    fn a_short_build_has_no_progress() {
        assert_eq!(
            shown(STDERR, Duration::from_hours(1)),
            ["error: no", "  --> a line of it", "    Finished in 2 s"]
        );
    }
}
