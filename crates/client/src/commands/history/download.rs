//! `azml history download`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use azml_core::dir::{Dir, NoFolder, is_no_folder, split};
use azml_core::quote::{quoted_path, unquoted_path};
use gix::bstr::{BStr, BString, ByteSlice as _};
use serde_json::json;

use crate::commands::runs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::run::carried;
use crate::ui::Output;

/// The folder of the project that snapshots leave out, for what runs left.
const DOWNLOADS: &str = "azureml-logs";
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
    let opened = open_and_recover(ctx, args.path.as_deref())?;
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
    let (into, folder) = open_target(ctx, args, opened.project.root(), id.as_str())?;
    if !args.force {
        refuse_what_is_there(&into, &files)?;
    }
    for file in &files {
        copy(&attachments.folder().join(file), (&into, &folder), file, args.force)?;
    }
    ctx.notices.status(&format!("Wrote {} files of run {id} to {}", files.len(), quoted_path(&into)));
    for path in &missing {
        let why = carried::why_missing(&record, &unquoted_path(path))
            .unwrap_or_else(|| "it is not here".to_owned());
        ctx.notices.warning(&format!("{path} is missing: {why}"));
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

/// Opens the folder to write into, and makes it if it is missing. One that the user names may be a link; in the project's
/// own, a link may be a snapshot's.
fn open_target(ctx: &Context, args: &Args, root: &Path, run: &str) -> Result<(PathBuf, Dir), CommandError> {
    if let Some(directory) = &args.directory {
        let into = ctx.env.cwd.join(directory);
        let opened = fs::create_dir_all(&into).and_then(|()| Dir::open(&into));
        let opened = opened.map_err(|error| CommandError::file("make folder", &into, error))?;
        return Ok((into, opened));
    }
    let below = Path::new(DOWNLOADS).join(run);
    let opened = Dir::open(root).map_err(|error| CommandError::file("open", root, error))?;
    let opened = opened.make_below(bytes(&below)).map_err(|error| refused(root, &error))?;
    Ok((root.join(below), opened))
}

fn refused(root: &Path, error: &NoFolder) -> CommandError {
    let at = root.join(OsStr::from_bytes(&error.at));
    let is_in_the_way = is_no_folder(&error.source);
    let error = CommandError::failed(format!("can't write into {}: {error}", quoted_path(&at)));
    if is_in_the_way { error.hint("move it away, or name another folder: -d DIR") } else { error }
}

fn bytes(path: &Path) -> &BStr {
    path.as_os_str().as_bytes().into()
}

/// Copies one file: whole or not at all, and never through a link below the folder.
fn copy(from: &Path, (into, opened): (&Path, &Dir), path: &Path, force: bool) -> Result<(), CommandError> {
    let failed = |error| CommandError::file("write", &into.join(path), error);
    let (above, name) = split(bytes(path));
    let folder = opened.make_below(above).map_err(|error| refused(into, &error))?;
    let part = BString::from(format!(".azml-{}.part", std::process::id()));
    let part = part.as_bstr();
    let write = || {
        let mut source = fs::File::open(from)?;
        folder.remove_file(part)?;
        let mut fresh = folder.new_file(part, 0o600)?;
        io::copy(&mut source, &mut fresh)?;
        fresh.set_permissions(source.metadata()?.permissions())?;
        if force {
            folder.rename(part, name)
        } else if folder.rename_to_free(part, name)? {
            Ok(())
        } else {
            Err(io::ErrorKind::AlreadyExists.into())
        }
    };
    write().map_err(|error| {
        drop(folder.remove_file(part));
        failed(error)
    })
}
