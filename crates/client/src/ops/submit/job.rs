//! The job of a run: its program, and the environment that the program gets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use azml_core::snapshot::{Taken, Why};

use super::Submission;
use crate::env::{
    AZML_ATTACHMENTS_DIR, AZML_METRICS_FILE, AZML_RUN_ID, AZUREML_NATIVE_SHARE_DIRECTORY, PATH, PYTHONPATH,
};
use crate::error::CommandError;
use crate::run::attachments::{DRIVER_LOG, PREPARE_LOG};
use crate::run::target::Job;
use crate::run::{live, python};

impl Submission<'_> {
    /// Makes the job of a run of the snapshot `taken`, and the folders that its environment names.
    pub(super) fn job(&self, taken: &Taken) -> Result<Job, CommandError> {
        let (config, attachments) = (&self.plan.config, self.attachments.folder());
        let state = self.ctx.env.state_dir_for(self.root());
        let module =
            python::install(&state).map_err(|error| CommandError::file("write into", &state, error))?;
        let share = self.share_dir();
        std::fs::create_dir_all(&share).map_err(|error| CommandError::file("make folder", &share, error))?;
        let mut environment: BTreeMap<OsString, OsString> =
            BTreeMap::from([("PYTHONUNBUFFERED".into(), "1".into())]);
        environment.extend(config.environment.iter().map(|(key, value)| (key.into(), value.into())));
        // What the configuration gives takes the place of what azml was given, and not of what azml adds.
        let given = |name| config.environment.get(name).map(OsStr::new).or_else(|| self.ctx.env.get(name));
        environment.extend([
            (PYTHONPATH.into(), python::search_path(&module, given(PYTHONPATH))),
            (PATH.into(), with_azml(given(PATH))),
            (AZML_RUN_ID.into(), self.live.id().as_str().into()),
            (AZML_METRICS_FILE.into(), self.live.metrics_file().into_os_string()),
            (AZML_ATTACHMENTS_DIR.into(), attachments.into()),
            (AZUREML_NATIVE_SHARE_DIRECTORY.into(), share.into_os_string()),
        ]);
        let linked = taken.left_out.iter().filter(|left| matches!(left.why, Why::Secret | Why::Held));
        Ok(Job {
            run_id: self.live.id().clone(),
            commit: taken.commit,
            tree: taken.tree(),
            left_out: linked
                .map(|left| left.path.clone())
                .chain(config.data.keys().map(|link| link.as_str().into()))
                .collect(),
            outputs: config.outputs.clone(),
            program: self.plan.program.clone(),
            environment,
            reads_stdin: self.plan.label.member.is_none(),
            prepare: config.prepare.clone(),
            prepare_log: attachments.join(PREPARE_LOG),
            driver_log: attachments.join(DRIVER_LOG),
            address: None,
        })
    }

    /// The folder shared by the project's runs: where the target says, else beside their state.
    fn share_dir(&self) -> PathBuf {
        let (env, project) = (&self.ctx.env, &self.opened.project);
        let Some(base) = &self.plan.config.shared_directory else {
            return live::project_dir(&env.state_dir_for(project.root()), project.id()).join("share");
        };
        let base = match (base.strip_prefix("~/"), env.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => project.root().join(base),
        };
        let scope = project.scope();
        let part = |name: Option<&str>| name.unwrap_or("local").to_owned();
        base.join(part(scope.account())).join(part(scope.workspace())).join(project.name())
    }
}

/// The PATH with azml's own folder at its end, so that `azml run log` works in every script.
fn with_azml(given: Option<&OsStr>) -> OsString {
    let mut path = given.map(ToOwned::to_owned).unwrap_or_default();
    if let Some(folder) = std::env::current_exe().ok().as_deref().and_then(Path::parent) {
        if !path.is_empty() {
            path.push(":");
        }
        path.push(folder);
    }
    path
}
