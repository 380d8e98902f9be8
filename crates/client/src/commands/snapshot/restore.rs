//! `azml snapshot restore`.

use crate::commands::restore::{self, What};
use crate::context::Context;
use crate::error::CommandError;
use crate::ui::Output;

/// Make the project folder, or some files of it, equal to a snapshot
///
/// The same as `azml project restore --snapshot NAME`: what is overwritten is kept, and
/// `azml project restore --undo` brings it back.
///
/// Example: `azml snapshot restore HEAD~2 -- train.py`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The snapshot: a commit id or its beginning, HEAD~2, a run's id, a tag, or a time
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    what: What,
}

/// Restores it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    restore::snapshot(ctx, &args.name, &args.what)
}
