//! `azml sshkey generate`.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use serde_json::json;
use ssh_key::private::{Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{LineEnding, PrivateKey};

use super::{public_beside, ssh_folder};
use crate::context::Context;
use crate::env::host_name;
use crate::error::CommandError;
use crate::service::fingerprint;
use crate::ui::Output;

/// Bits of a new RSA key.
const RSA_BITS: usize = 3072;
/// The longest passphrase that is read.
const LONGEST_PASSPHRASE: u64 = 4096;

/// What kind of key.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// Short and fast; what OpenSSH makes, too
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
    /// What the public key's line ends with; by default the user and the computer
    #[arg(long, short = 'C', value_name = "TEXT")]
    comment: Option<String>,
    /// Protect the private key with a passphrase, asked for at the terminal
    #[arg(long, conflicts_with = "passphrase_stdin")]
    passphrase: bool,
    /// The same, with the passphrase read from standard input
    #[arg(long)]
    passphrase_stdin: bool,
}

/// Makes them; if the second file can't be written, the first one goes.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let (name, algorithm) = match args.kind {
        Kind::Ed25519 => ("id_ed25519", "ssh-ed25519"),
        Kind::Rsa => ("id_rsa", "ssh-rsa"),
    };
    let private = match &args.file {
        Some(file) => ctx.env.cwd.join(file),
        None => ssh_folder(ctx)?.join(name),
    };
    let public = public_beside(&private);
    for file in [&private, &public] {
        if file.symlink_metadata().is_ok() {
            return Err(CommandError::failed(format!("{} exists, and is not overwritten", file.display()))
                .hint("name another file: {azml} sshkey generate --file FILE")
                .hint(format!("or use that key: {{azml}} sshkey add {}", public.display())));
        }
    }
    let passphrase = passphrase(ctx, args)?;
    let author = ctx.author(&ctx.env.cwd);
    let comment =
        args.comment.clone().unwrap_or_else(|| format!("{}@{}", author.name.replace(' ', "."), host_name()));
    if comment.chars().any(char::is_control) {
        return Err(CommandError::usage("the comment holds a control character"));
    }
    let mut random = UnwrapErr(SysRng);
    let pair = match args.kind {
        Kind::Ed25519 => KeypairData::from(Ed25519Keypair::random(&mut random)),
        Kind::Rsa => {
            let progress = ctx.notices.progress("Making the key");
            progress.say("looking for large primes");
            KeypairData::from(RsaKeypair::random(&mut random, RSA_BITS).map_err(CommandError::failed)?)
        }
    };
    let mut key = PrivateKey::new(pair, comment).map_err(CommandError::failed)?;
    let line = key.public_key().to_openssh().map_err(CommandError::failed)?;
    let fingerprint = fingerprint(key.public_key());
    if let Some(passphrase) = passphrase {
        key = key.encrypt(&mut random, passphrase).map_err(CommandError::failed)?;
    }
    let text = key.to_openssh(LineEnding::LF).map_err(CommandError::failed)?;
    if let Some(folder) = private.parent() {
        make_folder(folder).map_err(|error| CommandError::file("make folder", folder, error))?;
    }
    write_new(&private, text.as_bytes(), 0o600)
        .map_err(|error| CommandError::file("write", &private, error))?;
    if let Err(error) = write_new(&public, format!("{line}\n").as_bytes(), 0o644) {
        // A private key alone would stand in the way of the next try.
        drop(fs::remove_file(&private));
        return Err(CommandError::file("write", &public, error));
    }
    ctx.notices.status(&format!("Made {} and {}", private.display(), public.display()));
    ctx.notices.hint(&format!("register it: {{azml}} sshkey add {}", public.display()));
    Ok(Output::Value(json!({
        "private_key": private.display().to_string(),
        "public_key": public.display().to_string(),
        "algorithm": algorithm,
        "fingerprint": fingerprint,
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

/// For the user alone, if it is not there yet: ssh insists on that.
fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file that must not be there yet, with this mode from its first byte on.
fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(path)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    if written.is_err() {
        drop(fs::remove_file(path));
    }
    written
}
