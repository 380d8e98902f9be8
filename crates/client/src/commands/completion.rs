//! `azml completion SHELL`.

use clap_complete::Shell;

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
pub fn run(args: &Args, mut tree: clap::Command) -> Output {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut tree, "azml", &mut script);
    Output::Raw(script)
}
