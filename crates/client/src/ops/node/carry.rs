//! A job that came as a package: it gets a folder of its own in the place of the node's, and what it leaves goes back as text.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use azml_core::id::RunId;
use azml_core::run::RunRecord;

use super::job::Job;
use super::{Base, make_folder};
use crate::context::Context;
use crate::engine::package;
use crate::env::AZML_NODE_DIR;
use crate::error::CommandError;
use crate::run::console::Console;

/// Runs a job of the package in a folder to its end; gives its record, and the text that carries what it leaves.
pub fn carry(
    ctx: &Context,
    (from, large): (&Path, &[PathBuf]),
    run: &RunId,
    console: &Arc<dyn Console>,
) -> Result<(Result<RunRecord, CommandError>, Vec<u8>), CommandError> {
    let node = Base::of(ctx)?;
    let place = node.0.join("packages").join(run.as_str());
    let failed = |error| CommandError::file("write into", &place, error);
    copy(from, &place).map_err(failed)?;
    // Environments are for all runs.
    let (shared, own) = (node.environments(), Base(place.clone()).environments());
    make_folder(&shared)?;
    make_folder(&Base(place.clone()).state())?;
    match std::os::unix::fs::symlink(&shared, &own) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    let base = Base(place.clone());
    let spec = Job::at(&base.0, run).spec()?;
    let store = base.store(spec.project.id)?;
    for folder in large {
        super::large::link_all(&store, folder).map_err(failed)?;
    }
    let store = store.path().to_owned();
    let list = || package::list(&store).map(|(files, _)| files).map_err(failed);
    let known: BTreeSet<_> = list()?.into_iter().collect();
    let ctx = Context {
        env: ctx.env.clone().with(AZML_NODE_DIR, &place),
        notices: Arc::clone(&ctx.notices),
        invoked: ctx.invoked,
        settings: ctx.settings.clone(),
    };
    let ended = super::run(&ctx, run, false, console);
    let is_new = |file: &Path| !known.contains(file);
    let results = package::results(&store, &is_new).map_err(failed)?;
    if ended.as_ref().is_ok_and(|record| record.attachments_left().is_empty())
        && let Err(error) = crate::run::remove_folder(&place)
    {
        ctx.notices.warning(&format!("{} stays: {error}", place.display()));
    }
    Ok((ended, results))
}

/// Copies the files and folders of a package, unless they are there.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    let (files, folders) = package::list(from)?;
    for folder in folders {
        std::fs::create_dir_all(to.join(folder))?;
    }
    for file in files.iter().filter(|file| !to.join(file).exists()) {
        std::fs::copy(from.join(file), to.join(file))?;
    }
    Ok(())
}
