//! `azml run`: any command as a run; what scripts call inside a run, and the files that runs wrote.

pub mod files;
pub mod log;

use std::ffi::OsString;
use std::sync::Arc;

use crate::commands::experiment::options::RunOptions;
use crate::commands::experiment::submit::submit;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::submit::Wanted;
use crate::ui::{Output, Ui};

/// Run any command as a run; log from inside a run; list and bring back the files that runs wrote
///
/// `azml run -- COMMAND ARG…` takes a snapshot of the project folder, records the run, and executes the command as it is
/// given, without a shell. COMMAND is a program on the PATH (an active virtual environment stays active), or a file of the
/// project: a script, a notebook (by papermill or nbconvert), a program (`./tool`). It runs in a folder that has exactly
/// the snapshot's files. See `azml experiment submit --help` for what becomes of outputs, other files and secrets.
///
/// Examples: `azml run -- python train.py --lr 0.1`, `azml run -m pkg.train -- --lr 0.1`, `azml run --shell 'make data &&
/// make train'`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true, args_conflicts_with_subcommands = true)]
#[command(subcommand_value_name = "log|files")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    options: RunOptions,
    /// The command and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Log(log::Args),
    Files(files::Args),
}

/// Runs the command, or one of the group's.
pub fn run(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    match &args.command {
        Some(Command::Log(args)) => log::run(ctx, args),
        Some(Command::Files(args)) => files::run(ctx, args),
        None => submit(ui, ctx, &args.options, &args.words, Wanted::Command),
    }
}
