//! `azml sshkey list`.

use super::table;
use crate::context::Context;
use crate::error::CommandError;
use crate::service::Service;
use crate::ui::Output;

/// List your SSH public keys at the service
///
/// Example: `azml sshkey list -o table`
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Asks the service.
pub fn run(ctx: &Context, _: &Args) -> Result<Output, CommandError> {
    Ok(table(&Service::signed_in(ctx)?.ssh_keys()?))
}
