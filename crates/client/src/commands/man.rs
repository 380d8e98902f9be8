//! `azml man`.

use std::path::{Path, PathBuf};

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::context::Context;
use crate::error::CommandError;
use crate::settings::{SETTINGS, VARIABLES};
use crate::ui::Output;

/// Write the manual pages
///
/// Writes one page for each command, and azml(1) with settings, environment variables and files.
///
/// Example: `azml man --dir ~/.local/share/man/man1`, then `man azml-project-restore`. Without --dir the page of azml
/// itself is printed: `azml man | man -l -`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to write into; made if it is not there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The files that the page of azml itself lists.
const FILES: [(&str, &str); 5] = [
    (".azureml/project.json", "What makes a folder a project: its id."),
    (".azuremlhistory_git", "The history repository: bare, and readable by any Git."),
    (".amlignore", "What snapshots leave out, on top of .gitignore, in the same syntax; ! takes back."),
    ("aml_config/*.runconfig, *.compute", "How and where scripts run."),
    ("~/.config/azml/config.toml", "Settings; see azml config --help."),
];

/// Writes or prints them.
pub fn run(ctx: &Context, args: &Args, mut root: clap::Command) -> Result<Output, CommandError> {
    root.build();
    let Some(dir) = &args.dir else {
        let page = page(&root, "azml").map_err(CommandError::failed)?;
        return Ok(Output::Raw(page));
    };
    let dir = ctx.env.cwd.join(dir);
    std::fs::create_dir_all(&dir).map_err(|error| CommandError::file("make", &dir, error))?;
    let count = write(&dir, &root, "azml")?;
    ctx.notices.status(&format!("{count} manual pages in {}", dir.display()));
    Ok(Output::Nothing)
}

/// The page of a command and those of the commands in it; how many.
fn write(dir: &Path, command: &clap::Command, name: &str) -> Result<usize, CommandError> {
    let file = dir.join(format!("{name}.1"));
    let page = page(command, name).map_err(CommandError::failed)?;
    std::fs::write(&file, page).map_err(|error| CommandError::file("write", &file, error))?;
    let mut count = 1;
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        count += write(dir, inner, &format!("{name}-{}", inner.get_name()))?;
    }
    Ok(count)
}

fn page(command: &clap::Command, name: &str) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let command = command.clone().disable_help_subcommand(true).display_name(name.to_owned());
    let man = Man::new(command).title(name.to_uppercase()).manual("azml manual");
    man.render(&mut out)?;
    if name == "azml" {
        sections().to_writer(&mut out)?;
    }
    Ok(out)
}

/// The sections that belong to no single command.
fn sections() -> Roff {
    let mut roff = Roff::new();
    let settings =
        SETTINGS.iter().map(|setting| (format!("{}, {}", setting.key, setting.variable), setting.about));
    let variables = VARIABLES.iter().map(|variable| (variable.name.to_owned(), variable.about));
    let files = FILES.iter().map(|(file, about)| ((*file).to_owned(), *about));
    section(&mut roff, "SETTINGS", settings.collect());
    section(&mut roff, "ENVIRONMENT", variables.collect());
    section(&mut roff, "FILES", files.collect());
    roff
}

fn section(roff: &mut Roff, title: &str, entries: Vec<(String, &str)>) {
    roff.control("SH", [title]);
    for (name, about) in entries {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(about)]);
    }
}
