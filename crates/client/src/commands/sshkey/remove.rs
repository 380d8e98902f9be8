//! `azml sshkey remove`.

use super::table;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::ssh_keys::remove;
use crate::ui::Output;

/// Take an SSH public key out of the service's registry
///
/// Connections with that key end at once. The files of the key stay.
///
/// Example: `azml sshkey remove laptop`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The key's name, id or fingerprint (`SHA256:…`)
    #[arg(value_name = "KEY")]
    key: String,
}

/// Removes it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let key = remove(ctx, &args.key)?;
    ctx.notices.status(&format!("Removed {} ({})", key.name, key.fingerprint));
    Ok(table(&[key]))
}
