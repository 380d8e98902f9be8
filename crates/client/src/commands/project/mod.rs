//! `azml project …`.

pub mod clone;
pub mod consolidate;
pub mod create;
pub mod delete;
pub mod fsck;
pub mod list;
pub mod prune;
pub mod show;
pub mod update;

use super::restore;
use super::snapshot::{diff, take};
use crate::context::Context;
use crate::error::CommandError;
use crate::ui::{Output, Ui};

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Command {
    Create(create::Args),
    Update(update::Args),
    Clone(clone::Args),
    Consolidate(consolidate::Args),
    Show(show::Args),
    List(list::Args),
    Delete(delete::Args),
    Restore(restore::Args),
    Diff(diff::Args),
    Snapshot(take::Args),
    Fsck(fsck::Args),
    Prune(prune::Args),
}

/// Runs one of them.
pub fn run(ui: &Ui, ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Create(args) => create::run(ctx, &args),
        Command::Update(args) => update::run(ctx, &args),
        Command::Clone(args) => clone::run(ctx, &args),
        Command::Consolidate(args) => consolidate::run(ctx, &args),
        Command::Show(args) => show::run(ctx, &args),
        Command::List(args) => list::run(ctx, &args),
        Command::Delete(args) => delete::run(ctx, &args),
        Command::Restore(args) => restore::run(ctx, &args),
        Command::Diff(args) => diff::run(ui, ctx, &args),
        Command::Snapshot(args) => take::run(ctx, &args, false),
        Command::Fsck(args) => fsck::run(ui, ctx, &args),
        Command::Prune(args) => prune::run(ctx, &args),
    }
}
