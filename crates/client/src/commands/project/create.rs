//! `azml project create`.

use std::path::PathBuf;

use super::show;
use crate::commands::args::{RegistryArgs, RemoteArgs};
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::create::{Request, create};
use crate::ui::Output;

/// Make a project
///
/// Makes the folder PATH/NAME with a Git repository (branch master, one commit), a skeleton and a run history. With
/// --repo both are also made in a remote repository, which must be empty. With --existing an existing folder becomes a
/// project. Inside an existing Git repository, the project uses it; --repo then receives only the run history. With
/// --account and --workspace, and after `azml login`, the project is registered at the Experimentation service, so that
/// the workspace's members find it by its name.
///
/// Example: `azml project create -n iris -r https://acct.visualstudio.com/proj/_git/repo`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The project's name: 2 to 50 letters, digits, `-` or `_`
    #[arg(long, short, value_name = "NAME", required_unless_present = "existing")]
    name: Option<String>,
    /// The folder to make the project in; with --existing the folder itself
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Link the project to this Git repository, which must be empty
    #[arg(long, short, value_name = "URL")]
    repo: Option<String>,
    /// Make a project of an existing folder
    #[arg(long)]
    existing: bool,
    /// Make a Git repository for this project only, even inside another repository
    #[arg(long)]
    init_repo: bool,
    /// Begin with the files of this Git repository's newest commit
    #[arg(long, short = 'u', value_name = "URL", conflicts_with = "existing")]
    template_url: Option<String>,
    /// Take in any number of bytes, even over 200 MB in Git and 10 GB of large files
    #[arg(long)]
    allow_large: bool,
    #[command(flatten)]
    remote: RemoteArgs,
    #[command(flatten)]
    at: RegistryArgs,
}

/// Creates it, and shows it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let request = Request {
        name: args.name.as_deref(),
        path: args.path.as_deref(),
        repo: args.repo.as_deref(),
        existing: args.existing,
        init_repo: args.init_repo,
        template: args.template_url.as_deref(),
        allow_large: args.allow_large,
        token: args.remote.token(),
        registry: args.at.filter(),
    };
    show::output(ctx, &create(ctx, &request)?)
}
