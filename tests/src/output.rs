//! The output and the exit status of a command.

use std::fmt;
use std::os::unix::process::ExitStatusExt;

use serde_json::Value;

/// stdout, stderr and status of one command.
#[must_use = "a command that nobody looked at may have failed"]
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl Output {
    /// Wraps what the standard library gives.
    pub fn new(command: String, output: &std::process::Output) -> Self {
        Self {
            command,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
            signal: output.status.signal(),
        }
    }

    /// Requires exit code 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Requires this exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code of {self}");
        self
    }

    /// Requires some exit code other than 0.
    #[track_caller]
    pub fn fails(self) -> Self {
        assert!(self.code.is_some_and(|code| code != 0), "{self}\nshould have failed");
        self
    }

    /// Requires that stderr has these words in it.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "{self}\nshould say on stderr: {words}");
        self
    }

    /// stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in the JSON of {self}"))
    }

    /// stdout without the newline at its end.
    pub fn text(&self) -> &str {
        self.stdout.trim_end()
    }

    /// The run that `experiment submit` made: its first line is `RunId: <id>`.
    #[track_caller]
    pub fn run_id(&self) -> String {
        let first = self.stdout.lines().next().unwrap_or_default();
        first
            .strip_prefix("RunId: ")
            .unwrap_or_else(|| panic!("the first line is no RunId of {self}"))
            .to_owned()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, stdout, stderr, code, signal } = self;
        write!(
            out,
            "`{command}` (exit {code:?}, signal {signal:?})\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}
