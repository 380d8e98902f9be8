//! What a target is told to run: the script, and the environment that it finds itself in.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use azml_core::snapshot::{Taken, Why};
use gix::bstr::BString;

use super::attachments::{Attachments, DRIVER_LOG, PREPARE_LOG};
use super::config::RunConfig;
use super::live::{self, Live};
use super::python;
use super::target::Job;
use crate::context::{Context, Opened};
use crate::env::{
    AZML_ATTACHMENTS_DIR, AZML_METRICS_FILE, AZML_RUN_ID, AZUREML_NATIVE_SHARE_DIRECTORY, PATH, PYTHONPATH,
};
use crate::error::CommandError;
use crate::transport::Remote;

/// A command to run, with its environment.
pub struct Plan {
    /// The configuration.
    pub config: RunConfig,
    /// The script, relative to the project folder.
    pub script: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Run in the project folder itself.
    pub in_place: bool,
    /// Take large files into the snapshot.
    pub allow_large: bool,
    /// The most bytes of outputs and logs to push.
    pub attachments_limit: u64,
    /// The remote to push to.
    pub remote: Option<Remote>,
}

/// What the target is to run, with everything that the script finds in its environment.
pub fn make(
    ctx: &Context,
    opened: &Opened,
    plan: &Plan,
    live: &Live,
    taken: &Taken,
    attachments: &Attachments,
) -> Result<Job, CommandError> {
    let state = ctx.env.state_dir_for(opened.project.root());
    let module = python::install(&state).map_err(|error| CommandError::file("write into", &state, error))?;
    let share = share_dir(ctx, opened, plan);
    std::fs::create_dir_all(&share).map_err(|error| CommandError::file("make folder", &share, error))?;
    let mut environment: BTreeMap<OsString, OsString> = BTreeMap::from([
        ("PYTHONUNBUFFERED".into(), "1".into()),
        (PYTHONPATH.into(), python::search_path(&module, ctx.env.get(PYTHONPATH))),
        (PATH.into(), with_azml(ctx)),
    ]);
    environment.extend(plan.config.environment.iter().map(|(key, value)| (key.into(), value.into())));
    environment.extend([
        (AZML_RUN_ID.into(), live.id().as_str().into()),
        (AZML_METRICS_FILE.into(), live.metrics_file().into_os_string()),
        (AZML_ATTACHMENTS_DIR.into(), attachments.folder().as_os_str().to_owned()),
        (AZUREML_NATIVE_SHARE_DIRECTORY.into(), share.into_os_string()),
    ]);
    let linked = taken.left_out.iter().filter(|left| matches!(left.why, Why::Secret | Why::Held));
    let left_out: BTreeSet<BString> = linked.map(|left| left.path.clone()).collect();
    Ok(Job {
        run_id: live.id().clone(),
        commit: taken.commit,
        tree: taken.tree,
        left_out,
        outputs: plan.config.outputs.clone(),
        script: plan.script.clone(),
        arguments: plan.arguments.clone(),
        environment,
        prepare: plan.config.prepare.clone(),
        prepare_log: attachments.folder().join(PREPARE_LOG),
        driver_log: attachments.folder().join(DRIVER_LOG),
    })
}

/// The folder shared by the project's runs: where the target says, else beside their state.
fn share_dir(ctx: &Context, opened: &Opened, plan: &Plan) -> PathBuf {
    let Some(base) = &plan.config.shared_directory else {
        return live::project_dir(&ctx.env.state_dir_for(opened.project.root()), opened.project.id())
            .join("share");
    };
    let base = match (base.strip_prefix("~/"), ctx.env.home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => opened.project.root().join(base),
    };
    let scope = opened.project.scope();
    let part = |name: Option<&str>| name.unwrap_or("local").to_owned();
    base.join(part(scope.account())).join(part(scope.workspace())).join(opened.project.name())
}

/// The PATH with azml's own folder at its end, so that `azml run log` works in every script.
fn with_azml(ctx: &Context) -> OsString {
    let mut path = ctx.env.get(PATH).map(ToOwned::to_owned).unwrap_or_default();
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        if !path.is_empty() {
            path.push(":");
        }
        path.push(folder);
    }
    path
}
