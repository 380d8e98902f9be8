//! `azml project prune`.

use serde_json::json;

use super::show::counted;
use crate::commands::args::LinkedProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::prune::{Pruned, prune};
use crate::text::size;
use crate::ui::Output;

/// Drop the large files that the remote has and the newest snapshots do not need
///
/// The bytes of large files take space on this computer for every snapshot. This asks the remote which of them it can give
/// out, and drops those that the newest N snapshots, their runs and an undo do not need; a restore fetches them again. What
/// the remote does not have stays.
///
/// Example: `azml project prune --keep 5 --dry-run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep all that the newest N snapshots and their runs need
    #[arg(long, value_name = "N")]
    keep: usize,
    /// Only say what would be dropped
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Does it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let Pruned { dropped, freed, needed, unpushed, not_confirmed } =
        prune(ctx, &opened, args.keep, args.dry_run, args.project.token())?;
    let s = if dropped.len() == 1 { "" } else { "s" };
    let done = if args.dry_run { "Would drop" } else { "Dropped" };
    ctx.notices.status(&format!("{done} {} large file{s} and free {}", dropped.len(), size(freed)));
    for (kept, why) in
        [(&unpushed, "on this computer alone"), (&not_confirmed, "not confirmed by the remote, and kept")]
    {
        if !kept.is_empty() {
            let bytes = kept.iter().map(|pointer| pointer.size).sum();
            ctx.notices.warning(&format!("large files that are {why}: {} ({})", kept.len(), size(bytes)));
        }
    }
    if !unpushed.is_empty() || (!not_confirmed.is_empty() && !args.dry_run) {
        ctx.notices.hint("to deliver them: {azml} history sync");
    }
    Ok(Output::Value(json!({
        "dry_run": args.dry_run,
        "snapshots_kept": args.keep,
        "dropped": counted(&dropped),
        "freed_bytes": freed,
        "needed": counted(&needed),
        "unpushed": counted(&unpushed),
        "not_confirmed": counted(&not_confirmed),
    })))
}
