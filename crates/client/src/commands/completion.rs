//! `azml completion SHELL`.

use clap_complete::Shell;

use crate::cli;
use crate::context::Context;
use crate::error::CommandError;
use crate::invoked::Invoked;
use crate::ui::Output;

/// Print a completion script for a shell
///
/// Example: `azml completion bash > ~/.local/share/bash-completion/completions/azml`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(_ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::command(Invoked::Azml), "azml", &mut script);
    Ok(Output::Raw(script))
}
