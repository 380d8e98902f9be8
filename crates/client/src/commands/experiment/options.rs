//! The options of a run, which `azml run`, `azml experiment submit` and `azml sweep` share.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use azml_core::quote::quoted;

use crate::commands::args::LinkedProjectArgs;
use crate::error::CommandError;
use crate::ops::submit::{Label, Options, Wanted};
use crate::run::parameters::pair;

/// The options that a run and a sweep of runs share.
#[derive(Debug, clap::Args)]
pub struct SharedOptions {
    /// The run configuration: NAME for aml_config/NAME.runconfig [default: local]
    #[arg(long, short = 'c', value_name = "NAME", visible_alias = "runconfig")]
    run_configuration: Option<String>,
    #[command(flatten)]
    program: ProgramArgs,
    /// A name for the run; the runs of a sweep are NAME-1, NAME-2 and so on
    #[arg(long)]
    name: Option<String>,
    /// A description of the run or the sweep
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A tag of the run, or of the sweep and its runs; may be given several times
    #[arg(long = "tag", value_name = "NAME=VALUE", value_parser = pair)]
    tags: Vec<(String, String)>,
    /// Return as soon as the run has started; it continues without this terminal
    #[arg(long)]
    pub detach: bool,
    /// Take any number of new bytes into the snapshot, even over 200 MB in Git and 10 GB of large files
    #[arg(long)]
    allow_large: bool,
    /// The most bytes of outputs and logs of a run to push in Git, for example 200MB: logs first, then the smallest files;
    /// the rest are pushed as large files [default: 50MB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    attachments_limit: Option<u64>,
    /// Leave outputs over that limit on this computer
    #[arg(long)]
    no_large: bool,
    #[command(flatten)]
    pub project: LinkedProjectArgs,
}

/// The options that say which program runs, beside the words of a command, and its variables.
#[derive(Debug, clap::Args)]
pub struct ProgramArgs {
    /// Run a Python module with the environment's interpreter
    #[arg(long, short, value_name = "MODULE", conflicts_with = "shell")]
    module: Option<String>,
    /// Run a line of shell with /bin/sh
    #[arg(long, value_name = "LINE")]
    shell: Option<String>,
    /// An environment variable that azml does not record; may be given several times
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = pair)]
    environment: Vec<(String, String)>,
}

/// The options of a new run.
#[derive(Debug, clap::Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub(super) shared: SharedOptions,
    /// A parameter of the run, beside those among the arguments (`--lr 0.1`); may be given several times
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// The run that this one belongs to, such as a search's: `azml history list --parent` lists those of one
    #[arg(long, value_name = "RUN_ID")]
    pub(super) parent: Option<String>,
    /// Run in the project folder itself
    #[arg(long)]
    in_place: bool,
    /// If the run fails, exit with its own exit code (128 and the number of a signal) instead of 1
    #[arg(long)]
    pub(super) propagate_exit_code: bool,
}

impl RunOptions {
    /// Reads them; `command` is what stands after them.
    pub(super) fn read(
        &self,
        command: &[OsString],
        as_wanted: fn(Vec<String>) -> Wanted,
    ) -> Result<Options<'_>, CommandError> {
        let mut options = self.shared.read(command, as_wanted)?;
        options.label.parameters = self.parameters.iter().cloned().collect();
        options.in_place = self.in_place;
        Ok(options)
    }
}

impl SharedOptions {
    /// Reads them; `command` is what stands after them.
    pub fn read(
        &self,
        command: &[OsString],
        as_wanted: fn(Vec<String>) -> Wanted,
    ) -> Result<Options<'_>, CommandError> {
        let label = Label {
            name: self.name.clone(),
            description: self.description.clone(),
            tags: self.tags.iter().cloned().collect(),
            ..Label::default()
        };
        Ok(Options {
            configuration: self.run_configuration.as_deref(),
            wanted: self.program.wanted(command, as_wanted)?,
            label,
            environment: self.program.environment(),
            in_place: false,
            allow_large: self.allow_large,
            attachments_limit: self.attachments_limit,
            no_large: self.no_large,
            token: self.project.token(),
        })
    }
}

impl ProgramArgs {
    /// The program that they and the words after them name.
    pub fn wanted(
        &self,
        command: &[OsString],
        as_wanted: fn(Vec<String>) -> Wanted,
    ) -> Result<Wanted, CommandError> {
        let words = text_words(command)?;
        if let Some(option) = words.first().filter(|word| self.module.is_none() && word.starts_with('-')) {
            return Err(CommandError::usage(format!("unexpected argument '{option}' before the script"))
                .hint(format!(
                    "if it is the script, write ./{option}; all options: {{azml}} experiment submit --help"
                )));
        }
        match (&self.module, &self.shell) {
            (Some(module), _) => Ok(Wanted::Module(module.clone(), words)),
            (None, Some(line)) if words.is_empty() => Ok(Wanted::Shell(line.clone())),
            (None, Some(_)) => {
                Err(CommandError::usage("--shell takes the whole line, and no command beside it")
                    .hint("quote the line: {azml} run --shell 'python train.py | tee log'"))
            }
            (None, None) => Ok(as_wanted(words)),
        }
    }

    /// The variables for the run.
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.environment.iter().cloned().collect()
    }
}

/// A size on the command line.
pub fn parse_size(text: &str) -> Result<u64, String> {
    crate::text::parse_size(text).ok_or_else(|| "it takes a size, for example 200MB".to_owned())
}

/// Run records are text: so are the words of a command.
fn text_words(words: &[OsString]) -> Result<Vec<String>, CommandError> {
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
