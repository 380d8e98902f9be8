//! `azml project clone`.

use std::path::PathBuf;

use azml_core::id::ProjectId;
use azml_core::quote::quoted_path;
use azml_core::remote_url::RemoteUrl;

use super::registry::{self, Where};
use super::show;
use crate::commands::runs;
use crate::context::{Context, NamedBy};
use crate::error::{CommandError, ErrorKind};
use crate::ops::open::open_and_recover;
use crate::service::{Found, Service};
use crate::snapshots;
use crate::sync::{self, RoamOptions, SyncError};
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
    /// The project's id, when the repository has several
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// A personal access token for the repository
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    #[command(flatten)]
    at: Where,
}

/// Roams the project.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let registered = registered(ctx, args)?;
    let mut id = registered.as_ref().map(|found| found.project);
    if let Some(given) = &args.id {
        id = Some(given.parse::<ProjectId>()?);
    }
    let folder = match (&args.dir, &registered) {
        (Some(dir), _) => ctx.env.cwd.join(dir),
        (None, Some(found)) => ctx.env.cwd.join(folder_name(&found.name).unwrap_or("project")),
        (None, None) => ctx.env.cwd.join(named_folder(ctx, &args.url)?),
    };
    // The repository that comes about there is the one that conditions of Git's configuration are about.
    let (url, by) = match &registered {
        Some(found) => (repository_of(found)?, NamedBy::Folder(&folder)),
        None => (ctx.url(&args.url, &folder)?, NamedBy::User(&folder)),
    };
    let remote = ctx.remote_at(url, by, args.vststoken.as_deref())?;
    let options = RoamOptions { id, master_files: args.master };
    let roamed = sync::with_progress(ctx, &ctx.env.cwd, "Cloning", |context| {
        sync::roam(&remote, &folder, &options, context)
    })
    .map_err(|error| told(error, registered.as_ref()))?;
    let opened = open_and_recover(ctx, Some(&folder))?;
    ctx.notices.status(&format!("Brought project {} to {}", opened.project.name(), quoted_path(&folder)));
    snapshots::tell_passed_over(ctx, &roamed.passed_over);
    if let Some(folder) = &roamed.folder {
        ctx.notices
            .status(&format!("It was the folder {folder} of a larger Git repository, which was not brought"));
    }
    runs::warn_after_sync(ctx, &opened);
    show::describe(ctx, &opened)
}

/// The project of that name in the registry; none if what was given is a URL or a path.
///
/// A single word is a name as long as there is a registry to ask and it knows the name; a folder of this computer is meant
/// else, and in any case by `./FOLDER`.
fn registered(ctx: &Context, args: &Args) -> Result<Option<Found>, CommandError> {
    let is_word = !args.url.contains([':', '/', '\\']);
    if !is_word && args.at.is_empty() {
        return Ok(None);
    }
    if args.at.is_empty() && ctx.git_config(None, &args.url)?.rewrites(&args.url)? {
        return Ok(None);
    }
    let is_folder = args.at.is_empty() && ctx.env.cwd.join(&args.url).exists();
    let service = match Service::signed_in(ctx) {
        Err(_) if is_folder => return Ok(None),
        service => service?,
    };
    match registry::find(&service, &args.url, &args.at) {
        Err(error) if is_folder && error.kind == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

fn repository_of(found: &Found) -> Result<RemoteUrl, CommandError> {
    let url = found.repository.as_deref().ok_or_else(|| {
        CommandError::not_found(format!(
            "the project {} has no Git repository, so that it is on one computer alone",
            found.name
        ))
        .hint("on that computer: {azml} project update -r URL")
    })?;
    Ok(RemoteUrl::parse(url)?)
}

/// Being a member of the workspace says nothing about the repository: a denial there is told as that.
fn told(error: SyncError, registered: Option<&Found>) -> CommandError {
    let is_denied = matches!(
        error,
        SyncError::Denied { .. } | SyncError::NotFound { .. } | SyncError::Unauthorized { .. }
    );
    match registered {
        Some(found) if is_denied => CommandError::new(
            ErrorKind::NotAllowed,
            format!(
                "you are a member of {}/{}, but may not read the project's Git repository {}: {error}",
                found.account,
                found.workspace,
                found.repository.as_deref().unwrap_or_default()
            ),
        )
        .hint(
            "ask its owner for access to the repository; the workspace's members don't have it by themselves",
        )
        .hint("or use another token for it: {azml} project clone NAME --vststoken TOKEN"),
        _ => error.into(),
    }
}

/// The name of the folder for a repository's URL, as somebody typed it.
fn named_folder(ctx: &Context, typed: &str) -> Result<String, CommandError> {
    let url = RemoteUrl::parse_rewritable(typed)?;
    let local = url.local_path().and_then(|path| ctx.env.cwd.join(path).canonicalize().ok());
    let path = local.map_or_else(|| url.path().to_owned(), |path| path.to_string_lossy().into_owned());
    folder_name(&path).map(str::to_owned).ok_or_else(|| {
        CommandError::usage("the URL does not name a folder").hint("name one: {azml} project clone URL DIR")
    })
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
