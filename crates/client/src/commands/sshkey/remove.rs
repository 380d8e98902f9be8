//! `azml sshkey remove`.

use super::table;
use crate::context::Context;
use crate::error::{CommandError, similar};
use crate::service::Service;
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

/// Removes it, if exactly one is meant.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let service = Service::signed_in(ctx)?;
    let keys = service.ssh_keys()?;
    let exact =
        keys.iter().filter(|key| key.id.eq_ignore_ascii_case(&args.key) || key.fingerprint == args.key);
    let mut meant: Vec<_> = exact.cloned().collect();
    if meant.is_empty() {
        meant = keys.iter().filter(|key| key.name == args.key).cloned().collect();
    }
    match meant.as_slice() {
        [key] => {
            service.remove_ssh_key(&key.id)?;
            ctx.notices.status(&format!("Removed {} ({})", key.name, key.fingerprint));
            Ok(table(&meant))
        }
        [] => {
            let error = CommandError::not_found(format!("there is no key `{}`", args.key));
            Err(match similar(&args.key, keys.iter().map(|key| key.name.as_str())).first() {
                Some(best) => error.hint(format!("did you mean {best}? {{azml}} sshkey remove '{best}'")),
                None => error.hint("{azml} sshkey list"),
            })
        }
        several => {
            let list: Vec<&str> = several.iter().map(|key| key.fingerprint.as_str()).collect();
            Err(CommandError::usage(format!(
                "{} keys are called `{}`: {}",
                list.len(),
                args.key,
                list.join(", ")
            ))
            .hint(format!("{{azml}} sshkey remove {}", list[0])))
        }
    }
}
