//! `azml history download`.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use azml_core::quote::{quoted_path, unquoted_path};
use serde_json::json;

use crate::commands::runs;
use crate::context::Context;
use crate::error::CommandError;
use crate::run::carried;
use crate::ui::Output;

/// How many files in the way are named.
const NAMED: usize = 10;

/// Write the outputs and logs of a run into a folder
///
/// They are taken from here, or fetched from the project's remote, that run's alone. Of a run that left more than its
/// limit (50 MB, unless it was submitted with --attachments-limit) the rest is on its own computer only, and is named.
///
/// Example: `azml history download -r RUN -d results`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run's id, or an unambiguous beginning of it or of its number
    #[arg(long, short, value_name = "RUN_ID", alias = "run-id")]
    run: String,
    /// Where to write them [default: azureml-logs/RUN_ID in the project, which snapshots leave out]
    #[arg(long, short, value_name = "DIR", alias = "output-directory")]
    directory: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
    /// A personal access token for the remote
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Copies the attachments.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = ctx.open(args.path.as_deref())?;
    let record = runs::resolve(ctx, &opened, &args.run)?;
    let id = &record.run_id;
    let attachments = carried::of_record(ctx, &opened, &record, args.vststoken.as_deref())?;
    let files: Vec<PathBuf> = attachments
        .files()
        .map_err(|error| CommandError::file("read", attachments.folder(), error))?
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let missing: Vec<&String> =
        record.attachments.iter().filter(|path| !files.contains(&unquoted_path(path))).collect();
    if files.is_empty() {
        let error = CommandError::not_found(format!("nothing that run {id} left is here or at the remote"));
        return Err(match record.host.as_deref() {
            Some(host) if !missing.is_empty() => {
                error.hint(format!("it is on {host}, where the run was made"))
            }
            _ => error.hint(format!("{{azml}} history info -r {id}")),
        });
    }
    let into = match &args.directory {
        Some(directory) => ctx.env.cwd.join(directory),
        None => opened.project.root().join("azureml-logs").join(id.as_str()),
    };
    if !args.force {
        refuse_what_is_there(&into, &files)?;
    }
    for file in &files {
        copy(&attachments.folder().join(file), &into, file)
            .map_err(|error| CommandError::file("write", &into.join(file), error))?;
    }
    ctx.ui.status(&format!("Wrote {} files of run {id} to {}", files.len(), quoted_path(&into)));
    for path in &missing {
        let why = carried::why_missing(&record, &unquoted_path(path))
            .unwrap_or_else(|| "it is not here".to_owned());
        ctx.ui.warning(&format!("{path} is missing: {why}"));
    }
    Ok(Output::Value(json!({
        "run_id": id.as_str(),
        "path": quoted_path(&into),
        "files": files.iter().map(|file| quoted_path(file)).collect::<Vec<_>>(),
        "missing": missing,
    })))
}

/// Nothing is written where something would be overwritten.
fn refuse_what_is_there(into: &Path, files: &[PathBuf]) -> Result<(), CommandError> {
    let there: Vec<Cow<'_, str>> = files
        .iter()
        .filter(|file| fs::symlink_metadata(into.join(file)).is_ok())
        .map(|file| quoted_path(file))
        .collect();
    if there.is_empty() {
        return Ok(());
    }
    let more = there.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named: Vec<Cow<'_, str>> = there.into_iter().take(NAMED).collect();
    Err(CommandError::failed(format!(
        "{} has these files already: {}{more}",
        into.display(),
        named.join(", ")
    ))
    .hint("to replace them, add --force; or name another folder: -d DIR"))
}

/// Copies one file: whole or not at all, and never through a link below the folder.
fn copy(from: &Path, into: &Path, name: &Path) -> io::Result<()> {
    fs::create_dir_all(into)?;
    let mut folder = into.to_owned();
    for part in name.parent().into_iter().flat_map(Path::iter) {
        folder.push(part);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !fs::symlink_metadata(&folder)?.is_dir() {
                    return Err(io::Error::new(io::ErrorKind::NotADirectory, "a link or file is in the way"));
                }
            }
            made => made?,
        }
    }
    let mut fresh = tempfile::Builder::new().prefix(".azml-").tempfile_in(&folder)?;
    io::copy(&mut fs::File::open(from)?, &mut fresh)?;
    fresh.as_file().set_permissions(fs::metadata(from)?.permissions())?;
    fresh.persist(into.join(name)).map(drop).map_err(|error| error.error)
}
