//! `azml experiment submit`.

use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use azml_core::quote::quoted;
use azml_core::run::{RunRecord, Status};

use crate::commands::args::{ProjectArgs, RemoteArgs};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::ops::submit::{self, Options};
use crate::run::console::Console;
use crate::run::killed;
use crate::run::process::Stream;
use crate::ui::{Output, Ui};

/// Run a script: snapshot the project folder, record the run, push both beside it
///
/// The script runs in a folder of its own that has exactly the snapshot's files, with links to ignored inputs such as
/// data folders. azml keeps `outputs/`, `logs/` and the outputs that the run configuration declares (`outputs: [ckpt/,
/// '*.pt']`) with the run. It keeps other files that the script writes on this computer for `keep_days` days: see `azml
/// run files`. Ctrl-C cancels the run.
///
/// azml looks for secrets: it leaves such files out of the snapshot and names them, does not push such outputs, and
/// writes `***` in recorded arguments and pushed logs. The script gets its arguments as they are.
///
/// In the run's folder, links out of the project lead to the same targets. Environment variables that contain the
/// project folder's path (PYTHONPATH, PATH, any other) contain the path of the run's folder instead, except for inputs
/// that are linked into it, such as a virtual environment. The script reads the terminal as it would without azml.
/// After it has read from the terminal, it receives Ctrl-C too.
///
/// Example: `azml experiment submit -c local train.py --alpha 0.1`. Everything after SCRIPT goes to the script.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run configuration: NAME for aml_config/NAME.runconfig
    #[arg(long, short = 'c', value_name = "NAME", visible_alias = "runconfig")]
    run_configuration: Option<String>,
    /// Run in the project folder itself
    #[arg(long)]
    in_place: bool,
    /// Take files over 50 MB, and more than 200 MB at once, into the snapshot
    #[arg(long)]
    allow_large: bool,
    /// The most bytes of outputs and logs to push, for example 200MB: logs first, then the smallest files; the rest
    /// stays on this computer [default: 50MB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    attachments_limit: Option<u64>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    project: ProjectArgs,
    /// The script, relative to the project, followed by its arguments; or a .runconfig file that names both
    #[arg(value_name = "SCRIPT", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<std::ffi::OsString>,
}

/// Submits the run and waits for its end.
pub fn run(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let words = text_words(&args.command)?;
    if let Some(option) = words.first().filter(|word| word.starts_with('-')) {
        return Err(CommandError::usage(format!("unexpected argument '{option}' before the script")).hint(
            format!("if it is the script, write ./{option}; all options: {{azml}} experiment submit --help"),
        ));
    }
    let opened = args.project.open(ctx)?;
    let options = Options {
        configuration: args.run_configuration.as_deref(),
        words,
        in_place: args.in_place,
        allow_large: args.allow_large,
        attachments_limit: args.attachments_limit,
        token: args.remote.token(),
    };
    let plan = submit::plan(ctx, &opened, options)?;
    let console: Arc<dyn Console> = Arc::clone(ui) as _;
    let record = submit::submit(ctx, &opened, &plan, &console)?;
    let id = &record.run_id;
    match (record.status, record.exit_code) {
        (Status::Completed, _) => Ok(Output::Nothing),
        (Status::Canceled, _) => {
            Err(CommandError::new(ErrorKind::Interrupted, format!("run {id} was canceled")))
        }
        (_, Some(code)) => {
            let error =
                CommandError::failed(format!("run {id} failed: the script ended with exit code {code}"));
            Err(with_hint(error, killed::hint(&record))
                .hint(format!("its output again: {{azml}} history info -r {id} -a driver_log.txt")))
        }
        (_, None) => {
            let by = killed::of_record(&record).map_or_else(String::new, |signal| format!(" by {signal}"));
            let error = CommandError::failed(format!("run {id} failed: the script was killed{by}"));
            Err(with_hint(error, killed::hint(&record))
                .hint(format!("what azml did: {{azml}} history info -r {id} -a control_log.txt")))
        }
    }
}

/// The terminal. A reader that went away does not stop the run.
impl Console for Ui {
    fn recorded(&self, record: &RunRecord) {
        drop(self.write_out(format!("RunId: {}\n", record.run_id).as_bytes()));
    }

    fn output(&self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Out => drop(self.write_out(bytes)),
            Stream::Err => self.write_err(bytes),
        }
    }

    fn ended(&self, details: &str) {
        drop(self.write_out(details.as_bytes()));
    }
}

/// A size on the command line.
fn parse_size(text: &str) -> Result<u64, String> {
    crate::settings::size(text).ok_or_else(|| "it takes a size, for example 200MB".to_owned())
}

fn with_hint(error: CommandError, hint: Option<String>) -> CommandError {
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Run records are text: so are the words of a command.
fn text_words(words: &[std::ffi::OsString]) -> Result<Vec<String>, CommandError> {
    words
        .iter()
        .map(|word| {
            word.to_str().map(str::to_owned).ok_or_else(|| {
                CommandError::usage(format!("the argument {} is not UTF-8", quoted(word.as_bytes())))
                    .hint("name the file by a link or a pattern that is: the record of a run is text")
            })
        })
        .collect()
}
