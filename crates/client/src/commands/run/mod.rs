//! `azml run …`: what scripts call inside a run, and the files that runs wrote.

pub mod files;
pub mod log;

use crate::context::Context;
use crate::error::CommandError;
use crate::ui::Output;

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Command {
    Log(log::Args),
    Files(files::Args),
}

/// Runs one of them.
pub fn run(ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Log(args) => log::run(ctx, &args),
        Command::Files(args) => files::run(ctx, &args),
    }
}
