//! `azml sshkey …`.

pub mod add;
pub mod generate;
pub mod list;
pub mod remove;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::CommandError;
use crate::service::SshKey;
use crate::ui::{Numbers, Output};

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
#[expect(missing_docs, reason = "the manual of each is in its Args")]
#[command(arg_required_else_help = true)]
pub enum Command {
    Generate(generate::Args),
    Add(add::Args),
    List(list::Args),
    Remove(remove::Args),
}

/// Runs one of them.
pub fn run(ctx: &Context, command: Command) -> Result<Output, CommandError> {
    match command {
        Command::Generate(args) => generate::run(ctx, &args),
        Command::Add(args) => add::run(ctx, &args),
        Command::List(args) => list::run(ctx, &args),
        Command::Remove(args) => remove::run(ctx, &args),
    }
}

/// The folder where ssh looks for keys.
fn ssh_folder(ctx: &Context) -> Result<PathBuf, CommandError> {
    let home = ctx.env.home().ok_or_else(|| {
        CommandError::usage("there is no home folder to look for keys in")
            .hint("{azml} sshkey generate --file FILE")
    })?;
    Ok(home.join(".ssh"))
}

/// The public key's file beside a private one.
fn public_beside(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn shown(key: &SshKey) -> Value {
    json!({
        "id": key.id,
        "name": key.name,
        "fingerprint": key.fingerprint,
        "algorithm": key.algorithm,
        "created": key.created,
        "expires": key.expires,
    })
}

fn table(keys: &[SshKey]) -> Output {
    let row = |key: &SshKey| {
        let mut row = Map::new();
        for (header, value) in [
            ("Name", &key.name),
            ("Fingerprint", &key.fingerprint),
            ("Algorithm", &key.algorithm),
            ("Created", &key.created),
        ] {
            row.insert(header.to_owned(), value.clone().into());
        }
        row
    };
    Output::WithTable {
        value: keys.iter().map(shown).collect(),
        rows: keys.iter().map(row).collect(),
        numbers: Numbers::AsText,
    }
}
