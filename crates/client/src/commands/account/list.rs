//! `azml account list`.

use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::service::{Filter, Service};
use crate::ui::Output;

/// List the Experimentation accounts and workspaces that you can see
///
/// Example: `azml account list -o table`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Asks the service.
pub fn run(ctx: &Context, _: &Args) -> Result<Output, CommandError> {
    let service = Service::signed_in(ctx)?;
    let filter = Filter::default();
    let mut rows = Vec::new();
    for account in service.accounts(&filter)? {
        let workspaces = service.workspaces(&account, &filter)?;
        let names: Vec<&str> = workspaces.iter().map(|workspace| workspace.name.as_str()).collect();
        rows.push(json!({ "account": account.name, "workspaces": names, "location": account.location, "id": account.id }));
    }
    Ok(Output::Value(rows.into()))
}
