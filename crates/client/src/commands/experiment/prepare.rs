//! `azml experiment prepare`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::submit::{elsewhere, result};
use crate::commands::args::LinkedProjectArgs;
use crate::context::Context;
use crate::engine;
use crate::error::CommandError;
use crate::ops::submit::{self, Label, Options, Wanted};
use crate::run::console::Console;
use crate::ui::{Output, Ui};

/// The record's key for the environment of a run.
const ENVIRONMENT: &str = "environment";

/// Make the environment of runs on a target ahead of them
///
/// azml takes a snapshot and makes the environment that its uv.lock, requirements.txt or conda file describes, on the target, unless
/// it is there; what the making prints is shown. Runs with the same files then start at once. For a container, its image is
/// pulled. The history has this as a run of its own, with the packages that were installed.
///
/// Example: `azml experiment prepare -c gpu`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The run configuration: NAME for aml_config/NAME.runconfig
    #[arg(long, short = 'c', value_name = "NAME", visible_alias = "runconfig")]
    run_configuration: String,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Runs a program that does nothing, in the environment.
pub fn run(ui: &Arc<Ui>, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    let name = &args.run_configuration;
    let options = Options {
        configuration: Some(name),
        wanted: Wanted::Shell(":".to_owned()),
        label: Label { name: Some(format!("prepare {name}")), ..Label::default() },
        environment: BTreeMap::new(),
        token: args.project.token(),
        ..Options::default()
    };
    let plan = submit::plan(ctx, &opened, options)?;
    if plan.config.managed.is_none() && plan.config.container.is_none() {
        return Err(CommandError::usage(format!(
            "{name} has a Python of its user's, and azml makes nothing for it"
        ))
        .hint(format!(
            "to have azml make environments there: userManagedEnvironment: false in aml_config/{}.compute",
            plan.config.target
        )));
    }
    let record = match engine::place(&plan.config.compute)? {
        Some(place) => elsewhere(ui, ctx, (&opened, &plan), &place, false)?,
        None => Some(submit::submit(ctx, &opened, &plan, &(Arc::clone(ui) as Arc<dyn Console>))?),
    };
    let Some(record) = record else { return Ok(Output::Nothing) };
    result(&record, false)?;
    let about = record.extra.get(ENVIRONMENT).cloned().unwrap_or_default();
    if let Some(file) = about["file"].as_str() {
        let how = if about["is_new"] == true { "was made" } else { "was there" };
        let packages = about["packages"].as_u64().unwrap_or_default();
        let s = if packages == 1 { "" } else { "s" };
        ctx.notices.status(&format!("The environment of {file} {how}, with {packages} package{s}"));
    } else if plan.config.container.is_none() {
        ctx.notices
            .warning("the project has no file that an environment is made by: runs get the target's Python");
    }
    let container = record.extra.get("container").cloned().unwrap_or(Value::Null);
    Ok(Output::Value(json!({"run_id": record.run_id, "environment": about, "container": container})))
}
