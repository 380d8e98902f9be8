//! The azml command line.
//!
//! One invocation: [`run()`] reads the arguments ([`cli`]), compiles `--query` ([`query`]), makes the
//! [`context::Context`] of the operations, runs the command ([`commands`]) and prints its result or its
//! error ([`ui`], [`error`]); `azml ui` serves pages instead ([`workbench`], [`mlflow_ui`]). All call [`ops`], one file for
//! each thing that azml can do. What talks to remotes is in [`sync`], [`transport`] and [`credentials`]; how a script is run
//! is in [`run`](mod@run).
//!
//! | on disk | owner |
//! | --- | --- |
//! | `<config>/config.toml` | [`settings`] |
//! | `<config>/tokens.json` | [`credentials`]: logins |
//! | `<state>/projects/<guid>/runs/<run_id>/` | [`run::live`]: lock, record and metrics of a run in progress |
//! | `<state>/projects/<guid>/runs/<run_id>/work/` | [`run::folder`]: the folder that the script runs in |
//! | `<state>/projects/<guid>/spare/` | [`run::recycled`]: the last run's folder, for the next run |
//! | `<state>/python/<version>/azureml/` | [`run::python`]: the module `azureml.logging` |
//! | `<history>/azml/runs/<run_id>/` | [`run::attachments`]: outputs and logs of a run |

#![expect(
    unreachable_pub,
    reason = "all modules of a program are private: rustc finds what nobody uses, and `pub` is for the crate"
)]

mod cli;
mod commands;
mod context;
mod credentials;
mod engine;
mod env;
mod error;
mod git_config;
mod hints;
mod home;
mod invoked;
mod limits;
mod loopback;
mod metrics;
mod mlflow;
mod mlflow_ui;
mod notices;
mod ops;
mod query;
mod run;
mod serve;
mod service;
mod settings;
mod sync;
mod text;
mod transport;
mod ui;
mod workbench;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::Parsed;
use crate::commands::Command;
use crate::context::Context;
use crate::env::Env;
use crate::error::{CommandError, ErrorKind};
use crate::invoked::Invoked;
use crate::query::Query;
use crate::serve::Options;
use crate::settings::Settings;
use crate::ui::{Output, Pager, Ui, UiOptions};

fn main() -> ExitCode {
    run(std::env::args_os().collect(), Env::from_process())
}

/// Runs one command line and returns the process's exit code.
fn run(args: Vec<OsString>, env: Env) -> ExitCode {
    let (invoked, parsed) = cli::parse(args);
    let plain =
        |env: &Env| Ui::new(env, UiOptions { program: Some(invoked.prefix()), ..UiOptions::default() });
    let cli = match parsed {
        Ok(Parsed::Run(cli)) => *cli,
        Ok(Parsed::Text(text)) => {
            let ui = plain(&env);
            return finish(&ui, ui.write_out(text.as_bytes()));
        }
        Err(error) => return finish(&plain(&env), Err(error)),
    };
    let query = match cli.global.query.as_deref().map(Query::compile).transpose() {
        Ok(query) => query,
        Err(error) => {
            let error = CommandError::usage(error).hint("{azml} history list --query \"[].run_id\"");
            return finish(&plain(&env), Err(error));
        }
    };
    let settings = match Settings::read(&env) {
        Ok(settings) => settings,
        Err(error) => return finish(&plain(&env), Err(error.into())),
    };
    let options = UiOptions {
        format: cli.global.output.or(settings.output()),
        query,
        color: cli.global.color.unwrap_or(settings.color()),
        only_show_errors: cli.global.only_show_errors,
        logging: cli.global.verbose || cli.global.debug,
        program: Some(invoked.prefix()),
        pager: Pager::of(&env, settings.pager()),
    };
    let ui = Ui::new(&env, options);
    ui::start_log(settings.log(), cli.global.verbose, cli.global.debug, ui.colors_errors());
    for key in settings.unknown() {
        ui.warning(&format!("{} has `{key}`, which this azml does not know", settings.path().display()));
        ui.hint(&format!("{{azml}} config unset {key}"));
    }
    let ui = Arc::new(ui);
    let ctx = Context { env, notices: Arc::clone(&ui) as _, invoked, settings };
    let result = match cli.command {
        Command::Ui(args) => {
            let options = Options { port: args.port, opens_browser: !args.no_open };
            let path = args.project.path.as_deref();
            let run = if args.mlflow { mlflow_ui::run } else { workbench::start::run };
            run(&ui, &ctx, path, options)
        }
        command => commands::run(&ui, &ctx, command, cli::command(Invoked::Azml))
            .and_then(|output: Output| ui.result(output)),
    };
    finish(&ui, result.map_err(|error| ctx.with_place_in_git_config(error)))
}

fn finish(ui: &Ui, result: Result<(), CommandError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let error = hints::with_hint(error);
            if !matches!(error.kind, ErrorKind::Told(_)) {
                ui.error(&error);
            }
            ExitCode::from(error.kind.exit_code())
        }
    }
}
