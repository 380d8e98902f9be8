//! `azml project list`.

use serde_json::{Map, Value, json};

use crate::commands::args::RegistryArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::service::{Found, Service};
use crate::ui::{Numbers, Output};

/// List the projects of your workspaces, as the Experimentation service has them
///
/// Lists the projects of the workspaces that you are a member of. The Git host of a project decides about access to its
/// repository.
///
/// Example: `azml project list -a ACCOUNT -o table`
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    at: RegistryArgs,
}

/// Asks the service.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let found = Service::signed_in(ctx)?.projects(&args.at.filter())?;
    Ok(Output::WithTable {
        value: found.iter().map(shown).collect(),
        rows: found.iter().map(row).collect(),
        numbers: Numbers::AsText,
    })
}

/// A registered project, for people and programs.
pub fn shown(found: &Found) -> Value {
    json!({
        "id": found.project.to_string(),
        "name": found.name,
        "account": found.account,
        "workspace": found.workspace,
        "repository": found.repository,
        "description": found.description,
        "created": found.created,
        "scope": found.scope.as_str(),
    })
}

fn row(found: &Found) -> Map<String, Value> {
    let value = shown(found);
    let columns =
        [("Name", "name"), ("Account", "account"), ("Workspace", "workspace"), ("Repository", "repository")];
    columns.into_iter().map(|(header, key)| (header.to_owned(), value[key].clone())).collect()
}
