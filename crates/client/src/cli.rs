//! The command line: global options, the tree of commands, and the two names that azml answers to.
//!
//! Invoked through a link named `az`, azml takes `az ml …`, the Workbench's own commands letter for letter;
//! as `azml` it is the same without `ml`.

use std::ffi::OsString;
use std::path::Path;

use clap::{Args, CommandFactory, FromArgMatches, Parser};

use crate::commands::Command;
use crate::error::CommandError;
use crate::invoked::Invoked;
use crate::ui::{ColorChoice, OutputFormat};

/// Commit the whole project folder before every run, list the runs, restore any of them
///
/// Before every run azml commits the project folder to a hidden run-history branch in Git, pushes it to the
/// project's remote, and can bring back the exact folder of any run, on any computer. Your own Git branches,
/// index and stash are never touched.
#[derive(Debug, Parser)]
#[command(name = "azml", version, arg_required_else_help = true, subcommand_required = true)]
#[command(max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed (also a script that failed), 2 usage, 3 not found, \
4 not signed in or not allowed, 130 interrupted.";

/// Options that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Format of the result: a table on a terminal, JSON otherwise
    #[arg(long, short, global = true, value_enum, ignore_case = true, value_name = "FORMAT")]
    #[arg(hide_possible_values = false)]
    pub output: Option<OutputFormat>,
    /// Pick from the result with a JMESPath expression
    #[arg(long, global = true, value_name = "JMESPATH")]
    pub query: Option<String>,
    /// Say more on standard error
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Log everything on standard error
    #[arg(long, global = true)]
    pub debug: bool,
    /// Say nothing but errors on standard error
    #[arg(long, global = true, conflicts_with_all = ["verbose", "debug"])]
    pub only_show_errors: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub color: Option<ColorChoice>,
}

/// The request that the arguments make.
#[derive(Debug)]
pub enum Parsed {
    /// A command to run.
    Run(Box<Cli>),
    /// Text for standard output: help or version.
    Text(String),
}

/// Reads the name of the program and its arguments.
pub fn parse(args: Vec<OsString>) -> (Invoked, Result<Parsed, CommandError>) {
    let mut args = args.into_iter();
    let program = args.next().unwrap_or_default();
    let is_az = Path::new(&program).file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("az"));
    if !is_az {
        return (Invoked::Azml, parse_ml(Invoked::Azml, args));
    }
    let group = args.next();
    let parsed = match group.as_ref().and_then(|group| group.to_str()) {
        Some("ml") => parse_ml(Invoked::AzMl, args),
        None | Some("-h" | "--help" | "help") => Ok(Parsed::Text(AZ_HELP.to_owned())),
        Some("--version" | "-V" | "version") => Ok(Parsed::Text(version())),
        Some(_) => {
            let group = group.unwrap_or_default();
            Err(CommandError::usage(format!(
                "`az {}` is not here: this `az` is azml, which has the group `ml` only",
                group.to_string_lossy()
            ))
            .hint("az ml --help"))
        }
    };
    (Invoked::AzMl, parsed)
}

const AZ_HELP: &str = "\
Usage: az ml <COMMAND>

Groups:
  ml    Run history of machine-learning projects in Git (azml)

Run `az ml --help` for its commands.
";

fn version() -> String {
    format!("azml {}\n", env!("CARGO_PKG_VERSION"))
}

/// The tree of commands as clap has it, under the name that it was invoked by.
pub fn command(invoked: Invoked) -> clap::Command {
    Cli::command().bin_name(invoked.prefix())
}

fn parse_ml(invoked: Invoked, args: impl Iterator<Item = OsString>) -> Result<Parsed, CommandError> {
    let args = std::iter::once(OsString::from(invoked.prefix())).chain(args);
    let matches = match command(invoked).try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => return from_clap(&error),
    };
    match Cli::from_arg_matches(&matches) {
        Ok(cli) => Ok(Parsed::Run(Box::new(cli))),
        Err(error) => from_clap(&error),
    }
}

/// Help asked for, also by naming a group alone, is a result; all else that clap says is a usage error.
fn from_clap(error: &clap::Error) -> Result<Parsed, CommandError> {
    use clap::error::ErrorKind;
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Ok(Parsed::Text(text)),
        _ => {
            let message = text.strip_prefix("error: ").unwrap_or(&text);
            // clap's last paragraph points to --help; ours is a hint.
            let message = message.split("\n\nFor more information").next().unwrap_or(message).trim_end();
            Err(CommandError::usage(message.to_owned()).hint("{azml} --help"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_tree_of_commands_is_sound() {
        command(Invoked::Azml).debug_assert();
    }

    #[test]
    fn the_commands_of_the_article_parse_letter_for_letter() {
        for line in [
            "az ml project update -r https://acct.visualstudio.com/project-name/_git/repo-name",
            "az ml history list -o table",
            "az ml project restore --run-id iris_1504832281116",
            "az ml experiment submit -c local iris_sklearn.py 0.1",
            "/usr/bin/az ml project create -n iris -w ws -a acct -g rg --path . -r http://h/_git/p",
            "azml history list -o TABLE --last 3",
        ] {
            let (_, parsed) = parse(words(line));
            assert!(matches!(parsed, Ok(Parsed::Run(_))), "{line}: {parsed:?}");
        }
    }

    #[test]
    fn everything_after_the_script_is_the_scripts() {
        let (_, parsed) =
            parse(words("azml -o json experiment submit -c local train.py -o x --query y -- z"));
        let Ok(Parsed::Run(cli)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(cli.global.output, Some(OutputFormat::Json));
        assert_eq!(cli.global.query, None);
        let Command::Experiment(crate::commands::experiment::Command::Submit(args)) = cli.command else {
            panic!("another command")
        };
        assert_eq!(args.command, words("train.py -o x --query y -- z"));
    }

    #[test]
    fn groups_of_the_real_az_are_refused_by_name() {
        let (invoked, parsed) = parse(words("az login"));
        assert_eq!(invoked, Invoked::AzMl);
        let error = parsed.expect_err("no such group");
        assert!(error.to_string().contains("`az login` is not here"), "{error}");
    }

    #[test]
    fn a_group_alone_shows_its_help() {
        for line in ["az", "az ml", "az ml history", "azml", "azml project"] {
            let (_, parsed) = parse(words(line));
            assert!(matches!(parsed, Ok(Parsed::Text(_))), "{line}: {parsed:?}");
        }
    }
}
