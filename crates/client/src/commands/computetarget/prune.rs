//! `azml computetarget prune`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::engine::prune::{PruneRequest, Pruned};
use crate::error::CommandError;
use crate::ops::compute_targets;
use crate::text::size;
use crate::ui::{Numbers, Output};

/// Remove from a target's computer what azml has there and no run needs any more
///
/// Below `~/.azml` there are environments, snapshots, large files, azml itself and what runs wrote beside their outputs. Of each
/// kind the newest N stay. Runs that go on stay, and those whose results no azml has taken in, with everything that they need. Folders
/// that runs share (AZUREML_NATIVE_SHARE_DIRECTORY) are yours.
///
/// Example: `azml computetarget prune -n gpu --dry-run`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The target's name
    #[arg(long, short)]
    name: String,
    /// Keep the newest N environments, projects and runs' files
    #[arg(long, value_name = "N", default_value_t = 3)]
    keep: usize,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Does it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let target = compute_targets::find(opened.project.root(), &args.name)?;
    let request = PruneRequest { keep: args.keep, dry_run: args.dry_run };
    let Pruned { removed, jobs, job_bytes } = compute_targets::prune(ctx, &target, request)?;
    let freed: u64 = removed.iter().map(|piece| piece.bytes).sum();
    let mut kinds = BTreeMap::new();
    for piece in &removed {
        let (count, bytes) = kinds.entry(piece.kind).or_insert((0, 0));
        (*count, *bytes) = (*count + 1, *bytes + piece.bytes);
    }
    let done = if args.dry_run { "Would remove" } else { "Removed" };
    for (kind, (count, bytes)) in &kinds {
        ctx.notices.status(&format!("{done} {count} {} ({})", kind.name(*count), size(*bytes)));
    }
    if removed.is_empty() {
        ctx.notices.status(&format!("Nothing to remove on {}", args.name));
    }
    if jobs > 0 {
        let s = if jobs == 1 { "" } else { "s" };
        ctx.notices.status(&format!(
            "{jobs} run{s} that go on or were not taken in stay{} ({})",
            if jobs == 1 { "s" } else { "" },
            size(job_bytes)
        ));
    }
    let row = |(kind, name, bytes): (&'static str, &str, u64)| {
        let cells = [("Kind", kind.into()), ("Name", name.into()), ("Size", Value::from(size(bytes)))];
        cells.map(|(header, value)| (header.to_owned(), value)).into_iter().collect::<Map<_, _>>()
    };
    Ok(Output::WithTable {
        rows: removed.iter().map(|piece| row((piece.kind.name(1), &piece.name, piece.bytes))).collect(),
        value: json!({
            "name": args.name,
            "dry_run": args.dry_run,
            "kept": args.keep,
            "freed_bytes": freed,
            "removed": removed,
            "runs": {"count": jobs, "bytes": job_bytes},
        }),
        numbers: Numbers::AsText,
    })
}
