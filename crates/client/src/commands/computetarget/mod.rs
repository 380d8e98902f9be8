//! `azml computetarget …`.

pub mod attach;
pub mod detach;
pub mod list;
pub mod prune;
pub mod test;

use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::error::CommandError;
use crate::ops::compute_targets::Target;
use crate::ui::{Numbers, Output};

/// The commands of the group.
#[derive(Debug, clap::Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Command {
    Attach(Box<attach::Args>),
    List(list::Args),
    Test(test::Args),
    Detach(detach::Args),
    Prune(prune::Args),
}

/// Runs one of them.
pub fn run(ctx: &Context, command: &Command) -> Result<Output, CommandError> {
    match command {
        Command::Attach(args) => attach::run(ctx, args),
        Command::List(args) => list::run(ctx, args),
        Command::Test(args) => test::run(ctx, args),
        Command::Detach(args) => detach::run(ctx, args),
        Command::Prune(args) => prune::run(ctx, args),
    }
}

fn shown(target: &Target) -> Value {
    json!({
        "name": target.name,
        "engine": target.engine,
        "address": target.address,
        "run_configurations": target.configurations,
        "compute": target.keys,
        "file": target.path.display().to_string(),
    })
}

fn table(targets: &[Target]) -> Output {
    let row = |target: &Target| {
        let address = target.address.clone().unwrap_or_default();
        let configurations = target.configurations.join(", ");
        let cells = [
            ("Name", &target.name),
            ("Engine", &target.engine),
            ("Address", &address),
            ("Run_configurations", &configurations),
        ];
        cells
            .map(|(header, value)| (header.to_owned(), value.as_str().into()))
            .into_iter()
            .collect::<Map<_, _>>()
    };
    Output::WithTable {
        value: targets.iter().map(shown).collect(),
        rows: targets.iter().map(row).collect(),
        numbers: Numbers::AsText,
    }
}
