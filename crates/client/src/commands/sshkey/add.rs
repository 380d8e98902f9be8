//! `azml sshkey add`.

use std::path::PathBuf;

use super::{shown, ssh_folder};
use crate::context::Context;
use crate::env::host_name;
use crate::error::CommandError;
use crate::service::{Service, ServiceError};
use crate::ui::Output;

/// The longest file that could be a public key.
const LONGEST: u64 = 64 * 1024;

/// Register an SSH public key at the service
///
/// Example: `azml sshkey add ~/.ssh/id_ed25519.pub --name laptop`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The public key's file; by default the first of `~/.ssh/id_ed25519.pub`, `id_ecdsa.pub`, `id_rsa.pub`
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// What to call it; by default this computer's name
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
}

/// Sends the public key; a private one never leaves this computer.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let file = match &args.file {
        Some(file) => ctx.env.cwd.join(file),
        None => default_file(ctx)?,
    };
    let found = std::fs::metadata(&file).map_err(|error| {
        let error = CommandError::file("read", &file, error);
        error.hint("make a pair of keys: {azml} sshkey generate")
    })?;
    if found.len() > LONGEST {
        return Err(CommandError::usage(format!("{} is too long for a public key", file.display())));
    }
    let text = azml_core::small_file::read_to_string(&file)
        .map_err(|error| CommandError::file("read", &file, error))?;
    if text.contains("PRIVATE KEY") || text.contains("PuTTY-User-Key-File") {
        return Err(CommandError::usage(format!(
            "{} is a private key, which stays with you",
            file.display()
        ))
        .hint(format!("{{azml}} sshkey add {}.pub", file.display())));
    }
    let service = Service::signed_in(ctx)?;
    let name = args.name.clone().unwrap_or_else(host_name);
    let key = service.add_ssh_key(&name, text.trim()).map_err(|error| match error {
        ServiceError::Refused { status: 400 | 409, words: Some(words), .. } => {
            CommandError::failed(words).hint("the keys there are: {azml} sshkey list")
        }
        other => other.into(),
    })?;
    ctx.notices.status(&format!("Registered {} as {}", key.fingerprint, key.name));
    Ok(Output::Value(shown(&key)))
}

fn default_file(ctx: &Context) -> Result<PathBuf, CommandError> {
    let folder = ssh_folder(ctx)?;
    let candidates = ["id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub"].map(|name| folder.join(name));
    candidates.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        CommandError::not_found(format!("there is no public key in {}", folder.display()))
            .hint("make a pair of keys: {azml} sshkey generate")
    })
}
