//! `azml snapshot diff`, and `azml project diff`.

use std::path::PathBuf;

use crate::commands::args::LinkedProjectArgs;
use crate::commands::history::compare::json;
use crate::commands::patch::{self, Paint};
use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::ops::compare::code::{Code, Detail};
use crate::ops::compare::patch as git;
use crate::ops::compare::snapshots::{self, Question};
use crate::ops::named;
use crate::ui::{Output, OutputFormat, Ui};

/// Show what differs between two snapshots, or between one and the project folder
///
/// Without a name, azml compares the folder with the last snapshot; with one name, with that snapshot. A patch has the
/// form of `git diff`, and `git apply` accepts it; JSON output has one for each file. Name snapshots as for `azml
/// snapshot show`.
///
/// Example: `azml project diff HEAD~ HEAD --stat -- src`, or `azml snapshot diff yesterday --name-status`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The older snapshot: a commit id or its beginning, HEAD~2, a run's id, a tag, or a time
    #[arg(value_name = "A")]
    from: Option<String>,
    /// The newer snapshot, instead of the folder
    #[arg(value_name = "B")]
    to: Option<String>,
    /// Only these files and folders
    #[arg(value_name = "PATH", last = true)]
    paths: Vec<PathBuf>,
    /// Print the patch as text, even if the output is no terminal
    #[arg(long, short, conflicts_with_all = ["stat", "name_status"])]
    patch: bool,
    /// The files, and how many lines of each
    #[arg(long, conflicts_with = "name_status")]
    stat: bool,
    /// The files, and how each changed: A, D, M, T or R
    #[arg(long)]
    name_status: bool,
    /// Show a renamed file as a removed and an added one
    #[arg(long)]
    no_renames: bool,
    /// Exit with 1 if anything differs
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Compares.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let question = Question {
        names: (args.from.clone(), args.to.clone()),
        paths: named::paths(ctx, &opened, &args.paths)?,
    };
    let detail = Detail { hunks: !args.stat && !args.name_status, renames: !args.no_renames };
    let code = snapshots::difference(ctx, &opened, &question, detail, args.project.token())?;
    let asks_for_text = args.patch || args.stat || args.name_status;
    let output = match ui.chosen_format() {
        None | Some(OutputFormat::Table) if asks_for_text => shown(ui, ctx, args, &code),
        _ => Output::WithPages { value: json::code(&code), text: text(args, &code, Paint::of(ui, ctx)) },
    };
    if args.exit_code && !code.files.is_empty() {
        ui.result(output)?;
        return Err(CommandError::new(ErrorKind::Told(1), "it differs"));
    }
    Ok(output)
}

/// Text for a terminal, or the very bytes.
fn shown(ui: &Ui, ctx: &Context, args: &Args, code: &Code) -> Output {
    if ctx.env.stdout_is_terminal || ui.colors_output() || args.stat {
        return Output::Pages(text(args, code, Paint::of(ui, ctx)));
    }
    let line = if args.name_status { git::name_status } else { git::patch };
    Output::Raw(code.files.iter().flat_map(line).collect())
}

fn text(args: &Args, code: &Code, paint: Paint) -> String {
    if args.stat && !code.files.is_empty() {
        return patch::stat(&code.files, paint);
    }
    let lines = code.files.iter().map(|file| {
        if args.name_status {
            let line = git::name_status(file);
            paint.plain(String::from_utf8_lossy(&line).trim_end_matches('\n')) + "\n"
        } else {
            patch::text(file, paint)
        }
    });
    lines.collect()
}
