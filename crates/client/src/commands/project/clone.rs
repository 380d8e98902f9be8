//! `azml project clone`.

use std::path::PathBuf;

use super::show;
use crate::commands::args::{RegistryArgs, RemoteArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::clone::{Request, clone};
use crate::ui::Output;

/// Bring a project to this computer from its remote repository
///
/// The project is named by its repository's URL or, after `azml login`, by its name in the Experimentation service. The
/// folder gets the newest snapshot on top of master, and the run history; older snapshots are fetched when a
/// run is restored.
///
/// Example: `azml project clone https://acct.visualstudio.com/proj/_git/repo`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The repository, or the project's name at the Experimentation service
    #[arg(value_name = "URL-OR-NAME")]
    url: String,
    /// The folder to make; by default one named like the repository
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The files of master instead of the newest snapshot
    #[arg(long)]
    master: bool,
    /// Do not fetch large files: their places get the Git LFS pointers of three lines
    #[arg(long)]
    no_large: bool,
    /// The project's id, when the repository has several
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    at: RegistryArgs,
}

/// Clones the project, and shows it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let request = Request {
        source: &args.url,
        folder: args.dir.as_deref(),
        master_files: args.master,
        no_large: args.no_large,
        id: args.id.as_deref(),
        token: args.remote.token(),
        registry: args.at.filter(),
    };
    show::output(ctx, &clone(ctx, &request)?)
}
