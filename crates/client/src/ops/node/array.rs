//! Arrays on a node: the folder of one has a link for each task, from its index to its job.

use std::path::{Path, PathBuf};

use azml_core::id::RunId;

use super::job::Job;
use super::{Base, check_snapshot, make_folder, state_of};
use crate::context::Context;
use crate::engine::ArraySpec;
use crate::engine::node::JobState;
use crate::error::CommandError;

/// The variable by which Slurm tells a task its index.
const INDEX: &str = "SLURM_ARRAY_TASK_ID";

/// The folder of an array.
fn folder(base: &Base, name: &str) -> Result<PathBuf, CommandError> {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if name.starts_with('.') || name.is_empty() || !name.chars().all(is_plain) {
        return Err(CommandError::usage(format!("`{name}` is no name of an array")));
    }
    Ok(base.0.join("arrays").join(name))
}

/// Takes in the jobs of an array; their snapshot is here already.
pub fn put_array(ctx: &Context, spec: &[u8]) -> Result<Vec<JobState>, CommandError> {
    let array = ArraySpec::parse(spec).map_err(CommandError::failed)?;
    let base = Base::of(ctx)?;
    let folder = folder(&base, &array.name)?;
    make_folder(&folder)?;
    let mut checked = None;
    let mut states = Vec::new();
    for (index, spec) in &array.members {
        if checked != Some((spec.commit, spec.tree)) {
            check_snapshot(&base, spec)?;
            checked = Some((spec.commit, spec.tree));
        }
        let job = Job::at(&base.0, &spec.run);
        job.put(spec)?;
        job.join_array(&folder.join(index.to_string()))?;
        states.push(state_of(ctx, &base, &job)?);
    }
    Ok(states)
}

/// The run of the task that this process is.
pub fn run_of_task(ctx: &Context, name: &str) -> Result<RunId, CommandError> {
    let index = ctx.env.text(INDEX);
    let index: Option<u64> = index.and_then(|index| index.parse().ok());
    let index = index.ok_or_else(|| CommandError::usage(format!("{INDEX} has no index of a task")))?;
    let link = folder(&Base::of(ctx)?, name)?.join(index.to_string());
    let run = std::fs::read_link(&link).ok();
    let run = run.as_deref().and_then(Path::file_name).and_then(|run| RunId::parse(run.to_str()?).ok());
    run.ok_or_else(|| CommandError::not_found(format!("array {name} has no task {index} here")))
}
