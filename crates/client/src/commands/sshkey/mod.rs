//! `azml sshkey …`.

pub mod add;
pub mod generate;
pub mod list;
pub mod remove;

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::CommandError;
use crate::service::SshKey;
use crate::ui::{Numbers, Output};

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
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
