//! `azml config [show|set|unset]`.

use serde_json::{Map, json};

use crate::context::Context;
use crate::error::CommandError;
use crate::settings::{SETTINGS, VARIABLES};
use crate::ui::{Numbers, Output};

/// Show and change the settings
///
/// Without a command, lists every setting with its value and its source. A flag takes precedence over the environment
/// variable, the variable over config.toml, and config.toml over the default.
///
/// Example: `azml config set push_wait 2.5`
#[derive(Debug, clap::Args)]
#[command(after_long_help = reference())]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show every setting with its value and its source (the default command)
    ///
    /// Example: `azml config show -o table`
    Show,
    /// Write a setting into config.toml
    ///
    /// Example: `azml config set pager 'less -S'`
    Set {
        /// The setting's name
        name: String,
        /// Its value
        value: String,
    },
    /// Take a setting out of config.toml
    ///
    /// Example: `azml config unset pager`
    Unset {
        /// The setting's name
        name: String,
    },
}

/// Shows or changes settings.
pub fn run(ctx: &Context, args: Args) -> Result<Output, CommandError> {
    match args.command {
        None | Some(Command::Show) => Ok(show(ctx)),
        Some(Command::Set { name, value }) => {
            ctx.settings.set(&name, &value)?;
            ctx.notices.status(&format!("{name} = {value} in {}", ctx.settings.path().display()));
            Ok(Output::Nothing)
        }
        Some(Command::Unset { name }) => {
            ctx.settings.unset(&name)?;
            ctx.notices.status(&format!("{name} is not in {} any more", ctx.settings.path().display()));
            Ok(Output::Nothing)
        }
    }
}

fn show(ctx: &Context) -> Output {
    let mut rows = Vec::new();
    let settings: Vec<_> = ctx
        .settings
        .all()
        .map(|(setting, value, source)| {
            let mut row = Map::new();
            row.insert("Name".to_owned(), setting.key.into());
            row.insert("Value".to_owned(), value.into());
            row.insert("From".to_owned(), source.as_str().into());
            row.insert("Variable".to_owned(), setting.variable.into());
            rows.push(row);
            json!({
                "name": setting.key,
                "value": value,
                "source": source.as_str(),
                "variable": setting.variable,
                "default": setting.default,
                "about": setting.about,
            })
        })
        .collect();
    let value = json!({"file": ctx.settings.path().display().to_string(), "settings": settings});
    Output::WithTable { value, rows, numbers: Numbers::AsText }
}

/// Every setting and every variable, as text for the manual.
pub fn reference() -> String {
    let mut lines = vec!["Settings, each with its variable and its default:".to_owned()];
    for setting in SETTINGS {
        let default = if setting.default.is_empty() { "not set" } else { setting.default };
        lines.push(format!("  {} ({}), {default}", setting.key, setting.variable));
        lines.push(format!("      {}", setting.about));
    }
    lines.push("\nOther environment variables:".to_owned());
    for variable in VARIABLES {
        lines.push(format!("  {}\n      {}", variable.name, variable.about));
    }
    lines.join("\n") + "\n"
}
