//! The commands: one file a leaf, each with `Args` (whose comments are the manual) and `run`.

pub mod account;
mod args;
pub mod completion;
pub mod computetarget;
pub mod config;
pub mod credential;
pub mod experiment;
pub mod history;
pub mod login;
pub mod logout;
pub mod man;
pub mod mlflow;
pub mod node;
mod patch;
pub mod project;
mod restore;
pub mod run;
pub mod snapshot;
pub mod sshkey;
pub mod sweep;
pub mod ui;

use std::sync::Arc;

use crate::context::Context;
use crate::error::CommandError;
use crate::ui::{Output, Ui};

/// All commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Create, link, clone and restore projects
    #[command(subcommand)]
    Project(project::Command),
    Snapshot(snapshot::Args),
    /// Run scripts
    #[command(subcommand)]
    Experiment(experiment::Command),
    /// Attach, list, test and detach compute targets
    #[command(subcommand)]
    Computetarget(computetarget::Command),
    /// View the run history
    #[command(subcommand)]
    History(history::Command),
    Run(run::Args),
    Sweep(sweep::Args),
    /// Move runs from MLflow into the run history, and back
    #[command(subcommand)]
    Mlflow(mlflow::Command),
    Login(login::Args),
    Logout(logout::Args),
    /// Show who you are at the service, and what you can see there
    #[command(subcommand)]
    Account(account::Command),
    /// Make SSH keys, and register them at the service
    #[command(subcommand)]
    Sshkey(sshkey::Command),
    Credential(credential::Args),
    Config(config::Args),
    Ui(ui::Args),
    /// Print a completion script for a shell
    ///
    /// Example: `azml completion bash > ~/.local/share/bash-completion/completions/azml`.
    Completion(completion::Args),
    Man(man::Args),
    /// Serve another azml, whose runs go on on this computer
    #[command(subcommand, hide = true)]
    Node(node::Command),
}

/// Runs a command. The front end of [`Command::Ui`] is another; `tree` is the tree of commands as clap has it.
pub fn run(
    ui: &Arc<Ui>,
    ctx: &Context,
    command: Command,
    tree: clap::Command,
) -> Result<Output, CommandError> {
    match command {
        Command::Project(command) => project::run(ui, ctx, command),
        Command::Snapshot(args) => snapshot::run(ui, ctx, args),
        Command::Experiment(command) => experiment::run(ui, ctx, command),
        Command::Computetarget(command) => computetarget::run(ctx, &command),
        Command::History(command) => history::run(ui, ctx, command),
        Command::Run(args) => run::run(ui, ctx, &args),
        Command::Sweep(args) => sweep::run(ui, ctx, &args),
        Command::Node(command) => node::run(ui, ctx, command),
        Command::Mlflow(command) => mlflow::run(ctx, command),
        Command::Login(args) => login::run(ctx, &args),
        Command::Logout(args) => logout::run(ctx, &args),
        Command::Account(command) => account::run(ctx, command),
        Command::Sshkey(command) => sshkey::run(ctx, command),
        Command::Credential(args) => credential::run(ctx, &args),
        Command::Config(args) => config::run(ctx, args),
        Command::Ui(_) => Ok(Output::Nothing),
        Command::Man(args) => man::run(ctx, &args, tree),
        Command::Completion(args) => Ok(completion::run(&args, tree)),
    }
}
