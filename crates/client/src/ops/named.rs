//! Snapshots and paths by the names that the user gives them.

use std::path::{Component, Path, PathBuf};

use azml_core::checkout::path::from_native;
use azml_core::id::RunId;
use azml_core::large::Tree;
use azml_core::quote::quoted_path;
use azml_core::refs;
use azml_core::revision::{self, Named};
use azml_core::run::{RunRecord, RunStore};
use gix::ObjectId;
use gix::bstr::BString;

use super::fetch::tree_here;
use super::{mlflow, push, runs};
use crate::context::{Context, Opened};
use crate::error::{CommandError, ErrorKind, similar};
use crate::sync;

/// A snapshot that is on this computer.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub commit: ObjectId,
    pub tree: Tree,
    /// The run that it was named by.
    pub run: Option<RunId>,
}

/// A refusal of a name.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run has no snapshot.
    #[error("run {run} has no snapshot")]
    NoSnapshot { run: RunId },
    /// The run comes from elsewhere, without its code.
    #[error("{why}")]
    NotRecorded { why: String },
    /// A path is not the project's.
    #[error("{} is not in the project folder {}", quoted_path(path), root.display())]
    Outside { path: PathBuf, root: PathBuf },
}

/// Finds the snapshot that a name means; what is not on this computer is fetched from the remote.
pub fn snapshot(
    ctx: &Context,
    opened: &Opened,
    name: &str,
    token: Option<&str>,
) -> Result<Snapshot, CommandError> {
    let Named { commit, run } = match revision::resolve(&opened.history, name, &ctx.clock()) {
        Err(unknown @ revision::Error::Unknown { .. }) => {
            let unknown = with_similar(opened, name, unknown)?;
            ask_the_remote(ctx, opened, (name, token), unknown, || {
                Ok(revision::resolve(&opened.history, name, &ctx.clock())?)
            })?
        }
        found => found?,
    };
    Ok(Snapshot { commit, tree: tree(ctx, opened, commit, token)?, run })
}

/// Finds a run and its snapshot; what is not on this computer is fetched from the remote.
pub fn snapshot_of_run(
    ctx: &Context,
    opened: &Opened,
    run: &str,
    token: Option<&str>,
) -> Result<Snapshot, CommandError> {
    let record = match runs::resolve(ctx, opened, run) {
        Err(unknown @ runs::Error::Unknown { .. }) => {
            ask_the_remote(ctx, opened, (run, token), unknown.into(), || {
                Ok(runs::resolve(ctx, opened, run)?)
            })?
        }
        found => found?,
    };
    let commit = record.commit_id().ok_or_else(|| no_snapshot(&record))?;
    Ok(Snapshot { commit, tree: tree(ctx, opened, commit, token)?, run: Some(record.run_id) })
}

/// The refusal of a run that has no snapshot.
fn no_snapshot(record: &RunRecord) -> Error {
    match mlflow::why_no_snapshot(record) {
        Some(why) => Error::NotRecorded { why },
        None => Error::NoSnapshot { run: record.run_id.clone() },
    }
}

/// Tries again after the remote was asked for news, if there is one; else it is `unknown`.
fn ask_the_remote<T>(
    ctx: &Context,
    opened: &Opened,
    (name, token): (&str, Option<&str>),
    unknown: CommandError,
    again: impl FnOnce() -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let Some(remote) = ctx.remote(opened, token)? else { return Err(unknown) };
    let pulled = sync::with_progress(ctx, opened.project.root(), "Asking the remote for news", |context| {
        let pulled = sync::pull(&opened.history, &remote, context)?;
        if let Some(tag) = refs::tag(opened.history.id(), name) {
            sync::fetch_tag(&opened.history, &remote, &tag, context)?;
        }
        Ok::<_, sync::SyncError>(pulled)
    });
    match pulled {
        Ok(_) => {
            push::push_unpushed(ctx, opened, &remote);
            again().map_err(|error| if error.kind == ErrorKind::NotFound { unknown } else { error })
        }
        Err(error) => {
            ctx.notices.warning(&format!("the remote could not be asked for news: {error}"));
            Err(unknown)
        }
    }
}

/// The error of an unknown name, with those that look like it.
fn with_similar(opened: &Opened, name: &str, unknown: revision::Error) -> Result<CommandError, CommandError> {
    let mut known: Vec<String> =
        RunStore::new(&opened.history).find("")?.iter().map(ToString::to_string).collect();
    known.extend(revision::tags(&opened.history)?.into_iter().map(|(tag, _)| tag));
    let close = similar(name, known.iter().map(String::as_str));
    let error = CommandError::from(unknown);
    Ok(if close.is_empty() { error } else { error.hint(format!("did you mean {}?", close.join(", "))) })
}

/// The tree of a snapshot, which is fetched if it is not here.
fn tree(ctx: &Context, opened: &Opened, commit: ObjectId, token: Option<&str>) -> Result<Tree, CommandError> {
    if let Some(tree) = tree_here(opened, commit)? {
        return Ok(tree);
    }
    let missing = || CommandError::from(sync::SyncError::NoSnapshot { commit });
    let remote = ctx.remote(opened, token)?.ok_or_else(missing)?;
    sync::with_progress(ctx, opened.project.root(), "Fetching the snapshot", |context| {
        sync::fetch_snapshot(&opened.history, &remote, commit, context)
    })?;
    push::push_unpushed(ctx, opened, &remote);
    tree_here(opened, commit)?.ok_or_else(missing)
}

/// Paths in the project, of paths that were typed in the current folder, or in the project's if that is not in it.
///
/// A path to the whole project makes all of them superfluous: the list is empty then.
pub fn paths(ctx: &Context, opened: &Opened, given: &[PathBuf]) -> Result<Vec<BString>, Error> {
    let root = opened.project.root();
    let from = if ctx.env.cwd.starts_with(root) { ctx.env.cwd.as_path() } else { root };
    let mut paths = Vec::new();
    for path in given {
        let outside = || Error::Outside { path: path.clone(), root: root.to_owned() };
        let whole = normal(&from.join(path)).ok_or_else(outside)?;
        let within = whole.strip_prefix(root).map_err(|_| outside())?;
        if within.as_os_str().is_empty() {
            return Ok(Vec::new());
        }
        paths.push(from_native(within));
    }
    Ok(paths)
}

/// The path without `.` and `..`, as it is spelled: links are not followed.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            other => normal.push(other),
        }
    }
    Some(normal)
}
