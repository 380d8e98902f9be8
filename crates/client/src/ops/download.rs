//! Writing the outputs and logs of a run into a folder.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use azml_core::dir::{Dir, NoFolder, split};
use azml_core::id::RunId;
use azml_core::quote::{quoted_path, unquoted_path};
use azml_core::run::RunRecord;
use gix::bstr::{BStr, BString, ByteSlice as _};

use super::fetch;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::upload;

/// The folder of the project that snapshots leave out, for what runs left.
const DOWNLOADS: &str = "azureml-logs";
/// The most files in the way that an error names.
const NAMED: usize = 10;

/// The folder to write to.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The folder; by default one in the project that snapshots leave out.
    pub folder: Option<&'a Path>,
    /// Replace files that are there.
    pub force: bool,
    /// Leave large files out.
    pub no_large: bool,
    /// A token for the remote.
    pub token: Option<&'a str>,
}

/// The files that were written.
pub struct Downloaded {
    pub folder: PathBuf,
    /// The files, relative to it.
    pub files: Vec<PathBuf>,
    /// Files of the run that are neither here nor at the remote.
    pub missing: Vec<Missing>,
}

/// A file that is neither here nor at the remote.
pub struct Missing {
    /// Its path, quoted as the record has it.
    pub path: String,
    /// The reason.
    pub why: String,
}

/// A refusal of a download.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No attachment of the run is within reach; `host` made it, if it had any.
    #[error("nothing that run {run} left is here or at the remote")]
    Nothing { run: RunId, host: Option<String> },
    /// Files would be overwritten.
    #[error("{} has these files already: {}{}", folder.display(), files.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "),
        match files.len().saturating_sub(NAMED) { 0 => String::new(), more => format!(" and {more} more") })]
    InTheWay { folder: PathBuf, files: Vec<String> },
    /// A folder can't be made.
    #[error("can't write into {}: {cause}", quoted_path(at))]
    NoFolder { at: PathBuf, cause: NoFolder },
}

/// Writes the attachments of a run; those that are not here are fetched.
pub fn download(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    request: &Request<'_>,
) -> Result<Downloaded, CommandError> {
    let id = &record.run_id;
    let attachments = fetch::attachments(ctx, opened, record, request.token)?;
    let large = record.large_attachments();
    let fetched =
        fetch::large_attachments(ctx, opened, record, &attachments, request.token, |_| !request.no_large);
    let failed = fetched.err().map(|error| error.chain().join(": "));
    let mut files: Vec<PathBuf> = attachments
        .files()
        .map_err(|error| CommandError::file("read", attachments.folder(), error))?
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    files.retain(|path| !(request.no_large && large.contains_key(path)));
    let missing: Vec<&String> =
        record.attachments.iter().filter(|path| !files.contains(&unquoted_path(path))).collect();
    if files.is_empty() {
        let host = record.host.clone().filter(|_| !missing.is_empty());
        return Err(Error::Nothing { run: id.clone(), host }.into());
    }
    let (into, folder) = open_target(ctx, request.folder, opened.project.root(), id.as_str())?;
    if !request.force {
        refuse_what_is_there(&into, &files)?;
    }
    for file in &files {
        copy(&attachments.folder().join(file), (&into, &folder), file, request.force)?;
    }
    let why = |path: &Path| match (large.contains_key(path), &failed) {
        (true, _) if request.no_large => "it is a large file, and --no-large was given".to_owned(),
        (true, Some(failed)) => failed.clone(),
        _ => upload::why_missing(record, path).unwrap_or_else(|| "it is not here".to_owned()),
    };
    let missing =
        missing.into_iter().map(|path| Missing { path: path.clone(), why: why(&unquoted_path(path)) });
    Ok(Downloaded { folder: into, files, missing: missing.collect() })
}

/// Nothing is written where something would be overwritten.
fn refuse_what_is_there(into: &Path, files: &[PathBuf]) -> Result<(), Error> {
    let there = files.iter().filter(|file| fs::symlink_metadata(into.join(file)).is_ok());
    let files: Vec<String> = there.map(|file| quoted_path(file).into_owned()).collect();
    if files.is_empty() { Ok(()) } else { Err(Error::InTheWay { folder: into.to_owned(), files }) }
}

/// Opens the folder to write into, and makes it if it is missing. One that the user names may be a link; in the project's
/// own, a link may be a snapshot's.
fn open_target(
    ctx: &Context,
    given: Option<&Path>,
    root: &Path,
    run: &str,
) -> Result<(PathBuf, Dir), CommandError> {
    if let Some(directory) = given {
        let into = ctx.env.cwd.join(directory);
        let opened = fs::create_dir_all(&into).and_then(|()| Dir::open(&into));
        let opened = opened.map_err(|error| CommandError::file("make folder", &into, error))?;
        return Ok((into, opened));
    }
    let below = Path::new(DOWNLOADS).join(run);
    let opened = Dir::open(root).map_err(|error| CommandError::file("open", root, error))?;
    let opened = opened.make_below(bytes(&below)).map_err(|cause| no_folder(root, cause))?;
    Ok((root.join(below), opened))
}

fn no_folder(root: &Path, cause: NoFolder) -> Error {
    Error::NoFolder { at: root.join(OsStr::from_bytes(&cause.at)), cause }
}

fn bytes(path: &Path) -> &BStr {
    path.as_os_str().as_bytes().into()
}

/// Copies one file: whole or not at all, and never through a link below the folder.
fn copy(from: &Path, (into, opened): (&Path, &Dir), path: &Path, force: bool) -> Result<(), CommandError> {
    let failed = |error| CommandError::file("write", &into.join(path), error);
    let (above, name) = split(bytes(path));
    let folder = opened.make_below(above).map_err(|cause| no_folder(into, cause))?;
    let part = BString::from(format!(".azml-{}.part", std::process::id()));
    let part = part.as_bstr();
    let write = || {
        let mut source = fs::File::open(from)?;
        folder.remove_file(part)?;
        let mut fresh = folder.new_file(part, 0o600)?;
        io::copy(&mut source, &mut fresh)?;
        // Large files are read-only where azml has them.
        let mode = source.metadata()?.permissions().mode();
        fresh.set_permissions(fs::Permissions::from_mode(mode | 0o200))?;
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
