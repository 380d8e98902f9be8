//! `azml experiment …`.

pub mod cancel;
pub mod detach;
pub mod diagnostics;
pub mod logs;
pub mod options;
pub mod prepare;
pub mod submit;
pub mod wait;

use std::sync::Arc;

use crate::context::Context;
use crate::error::CommandError;
use crate::ui::{Output, Ui};

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Command {
    Submit(submit::Args),
    Prepare(prepare::Args),
    Wait(wait::Args),
    Logs(logs::Args),
    Cancel(cancel::Args),
    Diagnostics(diagnostics::Args),
}

/// Runs one of them.
pub fn run(ui: &Arc<Ui>, ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Submit(args) => submit::run(ui, ctx, &args),
        Command::Prepare(args) => prepare::run(ui, ctx, &args),
        Command::Logs(args) => logs::run(ui, ctx, &args),
        Command::Wait(args) => wait::run(ui, ctx, &args),
        Command::Cancel(args) => cancel::run(ctx, &args),
        Command::Diagnostics(args) => diagnostics::run(ctx, &args),
    }
}
