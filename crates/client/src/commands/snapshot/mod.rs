//! `azml snapshot …`.

pub mod diff;
pub mod list;
pub mod restore;
pub mod show;
pub mod take;
pub mod watch;

use crate::context::Context;
use crate::error::CommandError;
use crate::ui::{Output, Ui};

/// Digits of a commit's id that people are shown.
pub(super) const SHORT: usize = 10;

/// Take a snapshot of the project folder; list, show, compare and restore snapshots
///
/// A snapshot is the whole project folder as it is, whether your own Git knows its files or not, kept in the run history
/// and pushed with it. Without a command one is taken, unless nothing has changed since the last. Name a snapshot by its
/// commit id or the beginning of it, `HEAD` or `HEAD~2`, the id of a run, a tag, or a time such as "2 hours ago".
///
/// Example: `azml snapshot -m "before the refactoring" && azml snapshot diff`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[group(skip)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    take: take::Args,
    /// Leave the push to the next run or `azml history sync`
    #[arg(long)]
    no_push: bool,
}

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    List(list::Args),
    Show(show::Args),
    Diff(diff::Args),
    Restore(restore::Args),
    Watch(watch::Args),
}

/// Runs one of them.
pub fn run(ui: &Ui, ctx: &Context, args: Args) -> Result<Output, CommandError> {
    match args.command {
        None => take::run(ctx, &args.take, !args.no_push),
        Some(Command::List(args)) => list::run(ctx, &args),
        Some(Command::Show(args)) => show::run(ctx, &args),
        Some(Command::Diff(args)) => diff::run(ui, ctx, &args),
        Some(Command::Restore(args)) => restore::run(ctx, &args),
        Some(Command::Watch(args)) => watch::run(ui, ctx, &args),
    }
}
