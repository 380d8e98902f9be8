//! `azml snapshot`, and `azml project snapshot`.

use azml_core::quote::quoted;
use azml_core::revision;
use azml_core::snapshot::Message;
use serde_json::json;

use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::push::Push;
use crate::ops::snapshot;
use crate::run::signals::Cancel;
use crate::ui::Output;

/// Take a snapshot of the project folder without running anything
///
/// If nothing has changed since the last snapshot, nothing is stored.
///
/// Example: `azml project snapshot --query commit -o tsv`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The snapshot's subject
    #[arg(long, short, value_name = "TEXT")]
    message: Option<String>,
    /// A permanent name for the snapshot
    #[arg(long, value_name = "NAME")]
    tag: Option<String>,
    /// Take in any number of new bytes, even over 200 MB in Git and 10 GB of large files
    #[arg(long)]
    allow_large: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Takes it, and pushes it if it is wanted.
pub fn run(ctx: &Context, args: &Args, pushes: bool) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    if let Some(tag) = &args.tag {
        revision::check_tag(&opened.history, tag, &ctx.clock())?;
    }
    let remote = if pushes { ctx.remote(&opened, None)? } else { None };
    let message = Message { subject: args.message.clone().unwrap_or_default(), ..Message::default() };
    let taken = snapshot::take(ctx, &opened.history, message, args.allow_large)?;
    if !taken.is_new {
        ctx.notices.status(&format!(
            "Nothing has changed since the last snapshot, {}",
            taken.commit.to_hex_with_len(super::SHORT)
        ));
    }
    if let Some(tag) = &args.tag {
        revision::set_tag(&opened.history, tag, taken.commit, &ctx.clock())?;
    }
    if let Some(remote) = remote.filter(|_| taken.is_new || args.tag.is_some()) {
        let cancel = Cancel::listen().map_err(CommandError::failed)?;
        let push = Push::start(&opened.history, &remote, ctx.signature(opened.project.root()))?;
        push.finish(ctx, &opened, &cancel, "snapshot");
    }
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
