//! `azml snapshot show`.

use azml_core::checkout::listing::{self, Listing};
use azml_core::id::RunId;
use azml_core::quote::quoted;
use gix::bstr::BString;
use serde_json::json;

use super::list::{fields, time};
use crate::commands::args::LinkedProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::{named, snapshots};
use crate::text::size;
use crate::ui::Output;

/// Show one snapshot: when and by whom, its runs, and the files that changed
///
/// JSON output has all of its files, too. For the lines that changed: `azml snapshot diff NAME~ NAME`.
///
/// Example: `azml snapshot show "2 hours ago"`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The snapshot: a commit id or its beginning, HEAD~2, a run's id, a tag, or a time
    #[arg(value_name = "NAME", default_value = "HEAD")]
    name: String,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Shows it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let snapshot = named::snapshot(ctx, &opened, &args.name, args.project.token())?;
    let described = snapshots::describe(&opened, &snapshot)?;
    let changes = snapshots::changes(&opened, &described)?;
    let files = listing::list(opened.history.git(), described.tree)?;
    let mut value = fields(&described);
    value.insert("tree".to_owned(), described.tree.id.to_string().into());
    value.insert("parent".to_owned(), described.parent.map(|id| id.to_string()).into());
    value.insert("body".to_owned(), described.body.clone().into());
    let change =
        |(letter, path): &(char, BString)| json!({"status": letter.to_string(), "path": quoted(path)});
    value.insert("changes".to_owned(), changes.iter().map(change).collect());
    value.insert("files".to_owned(), files.keys().map(|path| quoted(path).into_owned()).collect());
    let large = large(opened.history.git(), &files)?;
    let of_large = |(path, bytes): &(&BString, u64)| json!({"path": quoted(path), "bytes": bytes});
    value.insert("large_files".to_owned(), large.iter().map(of_large).collect());
    let mut text = format!("snapshot {}\n", described.commit);
    let mut line = |name: &str, of: &str| {
        if !of.is_empty() {
            text.extend([format!("{name:<9}{of}\n")]);
        }
    };
    line("Author:", &described.author);
    line("Date:", &time(&described).unwrap_or_default());
    line("Runs:", &described.runs.iter().map(RunId::as_str).collect::<Vec<_>>().join(" "));
    line("Tags:", &described.tags.join(" "));
    line("Files:", &files.len().to_string());
    let bytes: u64 = large.iter().map(|(_, bytes)| bytes).sum();
    if !large.is_empty() {
        line("Large:", &format!("{} ({})", large.len(), size(bytes)));
    }
    text.extend([format!("\n    {}\n", described.subject)]);
    if !described.body.is_empty() {
        text.push('\n');
        text.extend(described.body.lines().map(|line| format!("    {line}\n")));
    }
    if !changes.is_empty() {
        text.push('\n');
        text.extend(changes.iter().map(|(letter, path)| format!("{letter}\t{}\n", quoted(path))));
    }
    if ctx.env.stdout_is_terminal {
        text = crate::text::clean(&text);
    }
    Ok(Output::WithText { value: value.into(), text })
}

/// The large files of a snapshot, with their bytes.
fn large<'f>(git: &gix::Repository, files: &'f Listing) -> Result<Vec<(&'f BString, u64)>, CommandError> {
    let large = files.iter().filter(|(_, entry)| entry.is_large);
    large.map(|(path, entry)| Ok((path, entry.size(git)?))).collect()
}
