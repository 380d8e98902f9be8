//! `azml project snapshot`.

use azml_core::quote::quoted;
use azml_core::snapshot::Message;
use serde_json::json;

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::snapshot;
use crate::ui::Output;

/// Take a snapshot of the project folder without running anything
///
/// Without a change since the last snapshot nothing is stored.
///
/// Example: `azml project snapshot --query commit -o tsv`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The snapshot's subject
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,
    /// Take in files over 50 MB, and more than 200 MB at once
    #[arg(long)]
    allow_large: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Takes it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let message = Message { subject: args.message.clone().unwrap_or_default(), ..Message::default() };
    let taken = snapshot::take(ctx, &opened.history, message, args.allow_large)?;
    Ok(Output::Value(json!({
        "commit": taken.commit.to_string(),
        "tree": taken.tree.to_string(),
        "is_new": taken.is_new,
        "files": taken.files,
        "changed": taken.changed,
        "bytes_new": taken.bytes_new,
        "left_out": taken.left_out.iter().map(|left| quoted(&left.path)).collect::<Vec<_>>(),
    })))
}
