//! `azml experiment diagnostics`.

use std::path::PathBuf;

use azml_core::quote::quoted_path;
use serde_json::json;

use crate::commands::args::{LinkedProjectArgs, RunArg};
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::{diagnostics, runs};
use crate::text::size;
use crate::ui::Output;

/// Write everything about a run into one zip file, to look into or to send to somebody
///
/// The file has the project's files as they ran (`project/`), outputs and logs (`run/`), the run's record and a
/// description of this computer. It has the names of environment variables, and no value that could be a secret. The
/// file lists what was too large to include.
///
/// Example: `azml experiment diagnostics -r RUN`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    run: RunArg,
    /// The target that it ran on
    #[arg(long, short, value_name = "TARGET")]
    target: Option<String>,
    /// The file to write [default: diagnostics.zip in the project folder]
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Writes the archive.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let mut record = args.run.resolve(ctx, &opened)?;
    runs::check_target(&record, args.target.as_deref())?;
    runs::InProgress::read(ctx, &opened)?.update(&mut record);
    let path = match &args.output_file {
        Some(path) => ctx.env.cwd.join(path),
        None => opened.project.root().join("diagnostics.zip"),
    };
    let written = diagnostics::write(ctx, &opened, &record, &path, args.project.token())?;
    for left in &written.left_out {
        ctx.notices.warning(&format!("left out: {left}"));
    }
    ctx.notices.status(&format!(
        "Wrote {} ({}, {} files)",
        quoted_path(&path),
        size(written.bytes),
        written.files
    ));
    if path.starts_with(opened.project.root()) && args.output_file.is_none() {
        ctx.notices.hint("to keep it out of snapshots: echo /diagnostics.zip >> .amlignore");
    }
    Ok(Output::Value(json!({
        "run_id": record.run_id.as_str(),
        "path": quoted_path(&path),
        "files": written.files,
        "bytes": written.bytes,
        "left_out": written.left_out,
    })))
}
