//! `azml project update`.

use super::show;
use crate::commands::args::LinkedProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::link;
use crate::ui::Output;

/// Link the project to a remote Git repository
///
/// You need write access, and the repository must be empty (without a master branch): master and the run history
/// are made there in one push. If that fails, nothing changes. A project in a folder of a larger Git repository is
/// linked to that repository's remote or to one of its own, and only its run history goes there.
///
/// Example: `azml project update -r https://acct.visualstudio.com/proj/_git/repo`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The repository, for example `https://ACCOUNT.visualstudio.com/PROJECT/_git/REPO`
    #[arg(long, short, value_name = "URL")]
    repo: String,
    #[command(flatten)]
    project: LinkedProjectArgs,
}

/// Links it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = args.project.open(ctx)?;
    link::update(ctx, &opened, &args.repo, args.project.token())?;
    show::output(ctx, &opened)
}
