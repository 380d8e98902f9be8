//! `azml project clone`.

use std::path::PathBuf;

use azml_core::id::ProjectId;
use azml_core::remote_url::RemoteUrl;

use super::show;
use crate::context::Context;
use crate::error::CommandError;
use crate::sync::{self, RoamOptions};
use crate::ui::Output;

/// Bring a project to this computer from its remote repository
///
/// The folder gets the newest snapshot on top of master, and the run history; older snapshots are fetched when a
/// run is restored.
///
/// Example: `azml project clone https://acct.visualstudio.com/proj/_git/repo`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The repository
    #[arg(value_name = "URL")]
    url: String,
    /// The folder to make; by default one named like the repository
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The files of master instead of the newest snapshot
    #[arg(long)]
    master: bool,
    /// The project's id, when the repository has several
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// A personal access token for the repository
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
}

/// Roams the project.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let url = RemoteUrl::parse(&args.url)?;
    let id = args.id.as_deref().map(str::parse::<ProjectId>).transpose()?;
    let folder = match &args.dir {
        Some(dir) => ctx.env.cwd.join(dir),
        None => ctx.env.cwd.join(folder_name(url.path()).ok_or_else(|| {
            CommandError::usage("the URL does not name a folder")
                .hint("name one: {azml} project clone URL DIR")
        })?),
    };
    let remote = ctx.remote_at(url, args.vststoken.as_deref(), None);
    let by = ctx.signature(&ctx.env.cwd);
    {
        let progress = ctx.ui.progress("Cloning");
        let watch = ctx.watch(&progress);
        let options = RoamOptions { id, master_files: args.master };
        sync::roam(&remote, &folder, &options, sync::Context { by: &by, observer: &watch })?;
    }
    let opened = ctx.open(Some(&folder))?;
    ctx.ui.status(&format!("Brought project {} to {}", opened.project.name(), folder.display()));
    show::describe(ctx, &opened)
}

/// The last part of a repository's path, without `.git`.
fn folder_name(path: &str) -> Option<&str> {
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let last = last.rsplit(':').next()?;
    Some(last.strip_suffix(".git").unwrap_or(last))
        .filter(|name| !name.is_empty() && *name != "." && *name != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_named_like_the_repository() {
        for (path, name) in [
            ("/acme/iris/_git/extra", Some("extra")),
            ("/srv/repos/iris.git/", Some("iris")),
            ("iris.git", Some("iris")),
            ("/", None),
            ("", None),
            ("/a/..", None),
        ] {
            assert_eq!(folder_name(path), name, "{path}");
        }
    }
}
