//! `azml mlflow`.

use super::args::ProjectArgs;
use super::experiment::options::parse_size;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::mlflow::{Refused, export, import};
use crate::ui::Output;

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Import(ImportArgs),
    Export(ExportArgs),
}

/// Take the runs of an MLflow store into the run history
///
/// FROM is a folder of files (mlruns), an SQLite database (mlflow.db, sqlite:///PATH), or a tracking server (http://HOST:5000,
/// with MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD). The store is read alone.
///
/// Each run becomes a run of the history, with its parameters, metrics and their curves, tags, data sets, parents and artifacts.
/// Its code was not recorded, so that there is nothing to restore; what MLflow tells of a Git commit is shown. Deleted runs are
/// hidden. Importing again adds what is new, and updates what went on.
///
/// Example: `azml mlflow import mlruns --experiment iris`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The store: a folder, a database, or the address of a server
    #[arg(value_name = "FROM")]
    from: String,
    /// Import this experiment alone; may be given several times
    #[arg(long = "experiment", value_name = "NAME")]
    experiments: Vec<String>,
    /// The most bytes of artifacts to take of each run, for example 200MB [default: 50MB]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    attachments_limit: Option<u64>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Write runs of the history into an MLflow store
///
/// TO is a folder of files, which MLflow opens by MLFLOW_TRACKING_URI, or a tracking server (http://HOST:5000, with
/// MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD). A run that is there, by its id or its tag
/// `azml.runId`, is left as it is, so that exporting again adds what is new; runs that go on are left out.
///
/// Example: `azml mlflow export --to ~/mlruns`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// The store: a folder, or the address of a server
    #[arg(long, value_name = "TO")]
    to: String,
    /// Export this run alone: its id, or a beginning of it; may be given several times
    #[arg(long = "run-id", short, value_name = "RUN_ID", alias = "run")]
    runs: Vec<String>,
    /// Export the runs of this compute target alone
    #[arg(long, short = 'c', value_name = "NAME")]
    target: Option<String>,
    #[command(flatten)]
    project: ProjectArgs,
}

/// Runs a command of the group.
pub fn run(ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Import(args) => import(ctx, &args),
        Command::Export(args) => export(ctx, &args),
    }
}

fn export(ctx: &Context, args: &ExportArgs) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let request = export::Request { to: &args.to, runs: &args.runs, target: args.target.as_deref() };
    let done = export::export(ctx, &opened, &request)?;
    tell(ctx, &done.refused, "could not be written");
    let count = done.without_files.count;
    if count > 0 {
        let named = done.without_files.named.join(", ");
        ctx.notices.warning(&format!(
            "the files of {count} runs are on other computers, and were not exported: {named}"
        ));
        ctx.notices.hint("to bring those of a run here: {azml} history download -r RUN_ID");
    }
    Ok(Output::Value(done.to_value()))
}

fn import(ctx: &Context, args: &ImportArgs) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let request = import::Request {
        from: &args.from,
        experiments: &args.experiments,
        limit: args.attachments_limit.unwrap_or_else(|| ctx.settings.attachments_limit()),
    };
    let done = import::import(ctx, &opened, &request)?;
    tell(ctx, &done.refused, "could not be taken");
    tell(ctx, &done.left, "artifacts are over the limit of their run, and stay in the store");
    if done.left.count > 0 {
        ctx.notices.hint("to take them, import into a project without these runs: {azml} mlflow import FROM --attachments-limit SIZE");
    }
    Ok(Output::Value(done.to_value()))
}

/// Warns of what was left out, the first of them by name.
fn tell(ctx: &Context, left: &Refused, what: &str) {
    if left.count == 0 {
        return;
    }
    for one in &left.named {
        ctx.notices.warning(one);
    }
    let more = left.count - left.named.len();
    if more > 0 {
        ctx.notices.warning(&format!("{more} more {what}"));
    }
}
