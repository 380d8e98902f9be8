//! `azml history download`.

use std::path::PathBuf;

use azml_core::quote::quoted_path;
use serde_json::json;

use crate::commands::args::{LinkedProjectArgs, RunArg};
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::download::{Downloaded, Missing, Request, download};
use crate::ui::Output;

/// Write the outputs and logs of a run into a folder
///
/// Copies the files from this computer, or fetches those of this run from the remote. What is only on the computer where
/// it ran is listed with the reason.
///
/// Example: `azml history download -r RUN -d results`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// The folder to write to [default: azureml-logs/RUN_ID in the project, which snapshots leave out]
    #[arg(long, short, value_name = "DIR", alias = "output-directory")]
    directory: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
    /// Leave out the outputs that are large files
    #[arg(long)]
    no_large: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Copies the attachments.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let record = args.run.resolve(ctx, &opened)?;
    let request = Request {
        folder: args.directory.as_deref(),
        force: args.force,
        no_large: args.no_large,
        token: args.project.token(),
    };
    let Downloaded { folder, files, missing } = download(ctx, &opened, &record, &request)?;
    let id = &record.run_id;
    ctx.notices.status(&format!("Wrote {} files of run {id} to {}", files.len(), quoted_path(&folder)));
    for Missing { path, why } in &missing {
        ctx.notices.warning(&format!("{path} is missing: {why}"));
    }
    Ok(Output::Value(json!({
        "run_id": id.as_str(),
        "path": quoted_path(&folder),
        "files": files.iter().map(|file| quoted_path(file)).collect::<Vec<_>>(),
        "missing": missing.iter().map(|missing| &missing.path).collect::<Vec<_>>(),
    })))
}
