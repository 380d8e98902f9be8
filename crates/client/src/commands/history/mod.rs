//! `azml history …`.

pub mod compare;
pub mod download;
pub mod edit;
pub mod info;
pub mod last;
pub mod list;
pub(super) mod listing;
pub mod sync;

use std::sync::Arc;

use crate::context::Context;
use crate::error::CommandError;
use crate::ui::{Output, Ui};

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Command {
    List(list::Args),
    Last(last::Args),
    Info(info::Args),
    Compare(compare::Args),
    Download(download::Args),
    Edit(edit::Args),
    Sync(sync::Args),
}

/// Runs one of them.
pub fn run(ui: &Arc<Ui>, ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::List(args) => list::run(ui, ctx, &args),
        Command::Last(args) => last::run(ctx, &args),
        Command::Info(args) => info::run(ui, ctx, &args),
        Command::Compare(args) => compare::run(ui, ctx, &args),
        Command::Download(args) => download::run(ctx, &args),
        Command::Edit(args) => edit::run(ctx, &args),
        Command::Sync(args) => sync::run(ctx, &args),
    }
}
