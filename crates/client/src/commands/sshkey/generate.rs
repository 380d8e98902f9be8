//! `azml sshkey generate`.

use std::io::{self, Read as _};
use std::path::PathBuf;

use serde_json::json;

use crate::context::Context;
use crate::error::CommandError;
use crate::ops::ssh_keys::{Algorithm, Request, generate};
use crate::ui::Output;

/// The longest passphrase that is read.
const LONGEST_PASSPHRASE: u64 = 4096;

/// The kind of the key.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// Short and fast; the default of OpenSSH
    Ed25519,
    /// For hosts that take nothing else
    Rsa,
}

/// Make a pair of SSH keys
///
/// Writes the private key, which only you can read, and the public key beside it with `.pub` at the end. A file that is
/// there is never overwritten.
///
/// Example: `azml sshkey generate --passphrase`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The kind of key
    #[arg(long = "type", short = 't', value_enum, value_name = "TYPE", default_value = "ed25519")]
    kind: Kind,
    /// The private key's file; by default `~/.ssh/id_ed25519` or `~/.ssh/id_rsa`
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The comment at the end of the public key's line; by default the user and the computer
    #[arg(long, short = 'C', value_name = "TEXT")]
    comment: Option<String>,
    /// Protect the private key with a passphrase, asked for at the terminal
    #[arg(long, conflicts_with = "passphrase_stdin")]
    passphrase: bool,
    /// The same, with the passphrase read from standard input
    #[arg(long)]
    passphrase_stdin: bool,
}

/// Makes them.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let request = Request {
        kind: match args.kind {
            Kind::Ed25519 => Algorithm::Ed25519,
            Kind::Rsa => Algorithm::Rsa,
        },
        file: args.file.as_deref(),
        comment: args.comment.as_deref(),
    };
    let made = generate(ctx, &request, || passphrase(ctx, args))?;
    let (private, public) = (made.private.display(), made.public.display());
    ctx.notices.status(&format!("Made {private} and {public}"));
    ctx.notices.hint(&format!("register it: {{azml}} sshkey add {public}"));
    Ok(Output::Value(json!({
        "private_key": private.to_string(),
        "public_key": public.to_string(),
        "algorithm": made.algorithm,
        "fingerprint": made.fingerprint,
    })))
}

fn passphrase(ctx: &Context, args: &Args) -> Result<Option<String>, CommandError> {
    if args.passphrase_stdin {
        let mut text = String::new();
        let read = io::stdin().take(LONGEST_PASSPHRASE).read_to_string(&mut text);
        read.map_err(|error| {
            CommandError::file("read the passphrase from", "standard input".as_ref(), error)
        })?;
        let line = text.lines().next().unwrap_or_default();
        return some(line.to_owned());
    }
    if !args.passphrase {
        return Ok(None);
    }
    if !ctx.env.stdin_is_terminal {
        return Err(CommandError::usage("there is no terminal to ask for a passphrase at")
            .hint("{azml} sshkey generate --passphrase-stdin < FILE"));
    }
    let ask = |what: &str| gix::prompt::securely(what).map_err(CommandError::failed);
    let first = ask("Passphrase: ")?;
    if first != ask("The same again: ")? {
        return Err(
            CommandError::usage("the two passphrases differ").hint("{azml} sshkey generate --passphrase")
        );
    }
    some(first)
}

fn some(passphrase: String) -> Result<Option<String>, CommandError> {
    if passphrase.is_empty() {
        return Err(CommandError::usage("the passphrase is empty").hint("{azml} sshkey generate"));
    }
    Ok(Some(passphrase))
}
