//! `azml account …`.

pub mod list;
pub mod show;

use crate::context::Context;
use crate::error::CommandError;
use crate::ui::Output;

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Command {
    Show(show::Args),
    List(list::Args),
}

/// Runs one of them.
pub fn run(ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Show(args) => show::run(ctx, &args),
        Command::List(args) => list::run(ctx, &args),
    }
}
