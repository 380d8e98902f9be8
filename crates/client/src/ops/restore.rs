//! Making the project folder, or another one, equal to a snapshot, and going back.

use std::path::{Path, PathBuf};

use azml_core::checkout::{self, Written};
use azml_core::history::HistoryRepo;
use azml_core::large::Tree;
use azml_core::restore::{self, Backup, Done, Plan, Target};
use gix::bstr::BString;

use super::faults::Faults;
use super::large::with_large;
use crate::context::{Context, Opened};
use crate::error::CommandError;

/// A refusal to write a snapshot into a folder.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder is the project's or below it.
    #[error("{} is in the project folder", folder.display())]
    InProject { folder: PathBuf },
    /// A path was named that the snapshot lacks.
    #[error("the snapshot has no `{path}`")]
    NoSuchPath { path: BString },
}

/// Plans what restoring a tree, or some paths of it, would change. The history that it gives has the folder's tree.
pub fn plan(opened: &Opened, target: impl Into<Target>) -> Result<(HistoryRepo, Plan), CommandError> {
    let history = opened.history.for_question()?;
    let plan = restore::plan(&history, target)?;
    Ok((history, plan))
}

/// Plans what going back to the newest backup would change. The history that it gives has the folder's tree.
pub fn plan_undo(opened: &Opened) -> Result<(HistoryRepo, Backup, Plan), CommandError> {
    let history = opened.history.for_question()?;
    let (backup, plan) = restore::plan_undo(&history)?;
    Ok((history, backup, plan))
}

/// Carries out a plan that was shown. With `force` it also replaces ignored files that are in the way.
pub fn carry_out(ctx: &Context, opened: &Opened, plan: &Plan, force: bool) -> Result<Done, CommandError> {
    with_large(ctx, opened, None, || {
        restore::execute(&opened.history, plan, &context(ctx, opened, force), &Faults::of(&ctx.env))
    })
}

/// Plans and carries out.
pub fn restore(
    ctx: &Context,
    opened: &Opened,
    target: &Target,
    force: bool,
    token: Option<&str>,
) -> Result<(Plan, Done), CommandError> {
    with_large(ctx, opened, token, || {
        restore::restore(&opened.history, target, &context(ctx, opened, force), &Faults::of(&ctx.env))
    })
}

/// Goes back to what the last restore overwrote.
pub fn undo(ctx: &Context, opened: &Opened, force: bool) -> Result<(Backup, Plan, Done), CommandError> {
    Ok(restore::go_back(&opened.history, &context(ctx, opened, force), &Faults::of(&ctx.env))?)
}

/// Counts the files that a restore changed.
pub fn counted(done: &Done) -> String {
    format!("{} added, {} changed, {} removed", done.added, done.changed, done.removed)
}

pub(super) fn context(ctx: &Context, opened: &Opened, force: bool) -> restore::Context {
    restore::Context { by: ctx.signature(opened.project.root()), force }
}

/// Writes a tree, or some paths of it, into a folder that is new or empty; the project is left alone.
///
/// After a failure the folder is as it was.
pub fn write_to(
    ctx: &Context,
    opened: &Opened,
    (tree, paths): (Tree, &[BString]),
    folder: &Path,
    token: Option<&str>,
) -> Result<Written, CommandError> {
    let git = opened.history.git();
    let root = opened.project.root();
    let folder = ctx.env.cwd.join(folder);
    let is_inside = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(root));
    if folder.ancestors().find(|above| above.exists()).is_some_and(is_inside) {
        return Err(WriteError::InProject { folder }.into());
    }
    for path in paths {
        if !restore::has_path(git, tree.id, path.as_ref())? {
            return Err(WriteError::NoSuchPath { path: path.clone() }.into());
        }
    }
    // The first of the folders on the way that are made.
    let made = folder.ancestors().take_while(|above| !above.exists()).last().map(Path::to_owned);
    let tree = Tree { id: restore::only(git, tree.id, paths)?, ..tree };
    with_large(ctx, opened, token, || {
        let written = checkout::checkout(git, tree, &folder);
        if !matches!(written, Ok(_) | Err(checkout::Error::NotEmpty { .. })) {
            clear(&folder, made.as_deref());
        }
        written
    })
}

/// Removes what a checkout that failed has left. That it can't be removed is told by what is there.
fn clear(folder: &Path, made: Option<&Path>) {
    if let Some(made) = made {
        drop(std::fs::remove_dir_all(made));
        return;
    }
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        drop(if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) });
    }
}
