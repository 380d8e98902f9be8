//! Writing all that is known of a run into one zip file.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use azml_core::large::Tree;
use azml_core::quote::{quoted, quoted_path};
use azml_core::run::RunRecord;
use serde_json::{Map, Value, json};

use super::fetch;
use crate::context::{Context, Opened};
use crate::env::{PATH, host_name};
use crate::error::CommandError;
use crate::run::archive::Archive;
use crate::run::secrets::Secrets;

/// Variables whose values are told; of all others only the name is.
const PLAIN_VARIABLES: [&str; 8] =
    [PATH, "PYTHONPATH", "VIRTUAL_ENV", "CONDA_PREFIX", "LANG", "LC_ALL", "SHELL", "TERM"];

/// A written archive.
pub struct Written {
    /// The number of files in the archive.
    pub files: usize,
    /// The size of the archive.
    pub bytes: u64,
    /// The files that it leaves out.
    pub left_out: Vec<String>,
}

/// Writes the archive beside its place, and moves it there when it is whole.
pub fn write(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    path: &Path,
    token: Option<&str>,
) -> Result<Written, CommandError> {
    let folder = path.parent().unwrap_or(path);
    let failed = |error| CommandError::file("write", path, error);
    let fresh = tempfile::Builder::new().prefix(".diagnostics-").tempfile_in(folder).map_err(failed)?;
    let mut archive = Archive::new(fresh.reopen().map_err(failed)?);
    archive.text("run.json", &pretty(&Value::Object(record.to_output()))).map_err(failed)?;
    archive.text("environment.json", &pretty(&environment(ctx, opened))).map_err(failed)?;
    add_snapshot(ctx, opened, record, token, &mut archive)?;
    match fetch::attachments(ctx, opened, record, token) {
        Ok(attachments) => {
            archive.attachments(&attachments, "run", &Secrets::in_project(opened.project.root()))?;
        }
        Err(error) => ctx.notices.warning(&format!("without outputs and logs: {}", error.chain().join(": "))),
    }
    let done = archive.finish().map_err(failed)?;
    fresh.persist(path).map_err(|error| failed(error.error))?;
    let bytes = path.metadata().map_err(failed)?.len();
    Ok(Written { files: done.files, bytes, left_out: done.left_out })
}

fn add_snapshot(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    token: Option<&str>,
    archive: &mut Archive,
) -> Result<(), CommandError> {
    let Some(commit) = record.commit_id() else { return Ok(()) };
    if let Err(error) = fetch::fetch_snapshots(ctx, opened, &[commit], token) {
        ctx.notices.warning(&format!("without the project's files: {}", error.chain().join(": ")));
        return Ok(());
    }
    let git = opened.history.git();
    let tree = Tree::of_commit(git, commit).map_err(CommandError::failed)?;
    archive.tree(git, tree, "project")
}

/// This computer, without secrets.
fn environment(ctx: &Context, opened: &Opened) -> Value {
    let system = rustix::system::uname();
    let word = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let variables: Map<String, Value> = PLAIN_VARIABLES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), ctx.env.text(name)?.into())))
        .collect();
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
        "variables": variables,
        "names_of_variables": names,
    })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
