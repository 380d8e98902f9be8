//! `azml history info`.

use std::path::PathBuf;

use serde_json::Value;

use crate::commands::runs;
use crate::context::Context;
use crate::error::{CommandError, similar};
use crate::run::attachments::Attachments;
use crate::ui::Output;

/// Show a run, or one of its attachments
///
/// The attachments are the files that the run left in `outputs/` and `logs/`, what it uploaded, and its logs:
/// `azml history info -r RUN -a driver_log.txt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or an unambiguous beginning of it or of its number
    #[arg(long, short, value_name = "RUN_ID", alias = "run-id")]
    run: String,
    /// Print this attachment's content, as it is
    #[arg(long, short, value_name = "PATH", alias = "artifacts")]
    artifact: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Shows the record or the attachment.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = ctx.open(args.path.as_deref())?;
    let record = runs::resolve(ctx, &opened, &args.run)?;
    let Some(path) = &args.artifact else {
        let id = record.run_id.clone();
        let found =
            runs::with_live(ctx, &opened, vec![record])?.into_iter().find(|record| record.run_id == id);
        let record = found.expect("records in progress come on top of those given");
        return Ok(Output::Value(Value::Object(runs::shown(&record))));
    };
    let attachments = Attachments::of_record(&opened.history, &record);
    let failed = |error| CommandError::file("read", attachments.folder(), error);
    if let Some(content) = attachments.read(path).map_err(failed)? {
        return Ok(Output::Raw(content));
    }
    let error = CommandError::not_found(format!("run {} has no attachment `{path}` here", record.run_id));
    let here = attachments.list().map_err(failed)?;
    Err(if here.is_empty() && !record.attachments.is_empty() {
        error.hint("attachments are not synced: they are on the computer where the run was made")
    } else if let [best, ..] = similar(path, here.iter().map(String::as_str))[..] {
        error.hint(format!("did you mean `{best}`? {{azml}} history info -r {} -a {best}", record.run_id))
    } else {
        error.hint(format!("it has: {}", here.join(", ")))
    })
}
