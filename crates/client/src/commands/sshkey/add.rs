//! `azml sshkey add`.

use std::path::PathBuf;

use super::shown;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::ssh_keys::add;
use crate::ui::Output;

/// Register an SSH public key at the service
///
/// Example: `azml sshkey add ~/.ssh/id_ed25519.pub --name laptop`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The public key's file; by default the first of `~/.ssh/id_ed25519.pub`, `id_ecdsa.pub`, `id_rsa.pub`
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The key's name; by default this computer's name
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
}

/// Sends the public key; a private one never leaves this computer.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let key = add(ctx, args.file.as_deref(), args.name.as_deref())?;
    ctx.notices.status(&format!("Registered {} as {}", key.fingerprint, key.name));
    Ok(Output::Value(shown(&key)))
}
