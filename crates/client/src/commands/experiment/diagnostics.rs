//! `azml experiment diagnostics`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use azml_core::quote::{quoted, quoted_path};
use azml_core::run::RunRecord;
use serde_json::{Map, Value, json};

use crate::commands::runs;
use crate::context::{Context, Opened};
use crate::env::PATH;
use crate::env::host_name;
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::run::archive::Archive;
use crate::run::carried;
use crate::run::secrets::Secrets;
use crate::text::size;
use crate::ui::Output;

/// Variables whose values are told; of all others only the name is.
const TOLD: [&str; 8] =
    [PATH, "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "LANG", "LC_ALL", "SHELL", "TERM"];

/// Write all that is known of a run into one zip file, to look into or to send to somebody
///
/// The file has the project's files as they ran (`project/`), outputs and logs (`run/`), the run's record and a
/// description of this computer without secrets: names of environment variables, and no values that could be one. What
/// is too large is left out and named in it.
///
/// Example: `azml experiment diagnostics -r RUN`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or an unambiguous beginning of it or of its number
    #[arg(long, short, value_name = "RUN_ID", alias = "run-id")]
    run: String,
    /// The target that it ran on
    #[arg(long, short, value_name = "TARGET")]
    target: Option<String>,
    /// Where to write it [default: diagnostics.zip in the project folder]
    #[arg(long, value_name = "FILE")]
    output_file: Option<PathBuf>,
    /// A personal access token for the remote
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Writes the archive beside its place and moves it there when it is whole.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let record = runs::resolve(ctx, &opened, &args.run)?;
    runs::check_target(&record, args.target.as_deref())?;
    let token = args.vststoken.as_deref();
    let path = match &args.output_file {
        Some(path) => ctx.env.cwd.join(path),
        None => opened.project.root().join("diagnostics.zip"),
    };
    let folder = path.parent().unwrap_or(&path);
    let failed = |error| CommandError::file("write", &path, error);
    let fresh = tempfile::Builder::new().prefix(".diagnostics-").tempfile_in(folder).map_err(failed)?;
    let mut archive = Archive::new(fresh.reopen().map_err(failed)?);
    let record = runs::with_live_in_place(ctx, &opened, vec![record])?.remove(0);
    archive.text("run.json", &pretty(&Value::Object(record.to_output()))).map_err(failed)?;
    archive.text("environment.json", &pretty(&environment(ctx, &opened))).map_err(failed)?;
    add_snapshot(ctx, &opened, &record, token, &mut archive)?;
    match carried::of_record(ctx, &opened, &record, token) {
        Ok(attachments) => {
            archive.attachments(&attachments, "run", &Secrets::in_project(opened.project.root()))?;
        }
        Err(error) => ctx.notices.warning(&format!("without outputs and logs: {}", error.chain().join(": "))),
    }
    let done = archive.finish().map_err(failed)?;
    for left in &done.left_out {
        ctx.notices.warning(&format!("left out: {left}"));
    }
    fresh.persist(&path).map_err(|error| failed(error.error))?;
    let bytes = path.metadata().map_err(failed)?.len();
    ctx.notices.status(&format!("Wrote {} ({}, {} files)", quoted_path(&path), size(bytes), done.files));
    if path.starts_with(opened.project.root()) && args.output_file.is_none() {
        ctx.notices.hint("to keep it out of snapshots: echo /diagnostics.zip >> .amlignore");
    }
    Ok(Output::Value(json!({
        "run_id": record.run_id.as_str(),
        "path": quoted_path(&path),
        "files": done.files,
        "bytes": bytes,
        "left_out": done.left_out,
    })))
}

fn add_snapshot(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    token: Option<&str>,
    archive: &mut Archive,
) -> Result<(), CommandError> {
    let Some(commit) = record.commit_id() else { return Ok(()) };
    if let Err(error) = runs::fetch_snapshots(ctx, opened, &[commit], token) {
        ctx.notices.warning(&format!("without the project's files: {}", error.chain().join(": ")));
        return Ok(());
    }
    let git = opened.history.git();
    let tree = git.find_commit(commit).and_then(|commit| commit.tree_id()).map_err(CommandError::failed)?;
    archive.tree(git, tree.detach(), "project")
}

/// This computer, without secrets.
fn environment(ctx: &Context, opened: &Opened) -> Value {
    let system = rustix::system::uname();
    let word = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let told: Map<String, Value> =
        TOLD.iter().filter_map(|name| Some(((*name).to_owned(), ctx.env.text(name)?.into()))).collect();
    let names: Vec<_> = ctx.env.vars().keys().map(|name| quoted(name.as_bytes())).collect();
    let remote = opened.history.remote_url().ok().flatten();
    json!({
        "azml": env!("CARGO_PKG_VERSION"),
        "written_utc": ctx.env.now().to_string(),
        "host": host_name(),
        "system": word(system.sysname()),
        "release": word(system.release()),
        "machine": word(system.machine()),
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "project": quoted_path(opened.project.root()),
        "remote": remote.map(|url| url.without_secret().to_string()),
        "last_push_error": opened.history.push_error(),
        "variables": told,
        "names_of_variables": names,
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
