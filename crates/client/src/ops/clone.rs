//! Cloning a project: its newest snapshot and its run history, from the remote alone.

use std::path::Path;

use azml_core::id::ProjectId;
use azml_core::quote::quoted_path;
use azml_core::remote_url::RemoteUrl;

use super::open::open_and_recover;
use super::{registry, runs, snapshot};
use crate::context::{Context, NamedBy, Opened};
use crate::error::CommandError;
use crate::service::{Filter, Found, Service, ServiceError};
use crate::sync::{self, CloneOptions, SyncError};

/// A request to clone a project: its source and the target folder.
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// The repository, or the project's name in the registry.
    pub source: &'a str,
    /// The folder to create; by default one named like the repository.
    pub folder: Option<&'a Path>,
    /// Bring the files of master instead of the newest snapshot.
    pub master_files: bool,
    /// Pointers in the places of large files.
    pub no_large: bool,
    /// The project's id, if the repository has several.
    pub id: Option<&'a str>,
    /// A token for the repository.
    pub token: Option<&'a str>,
    /// The place in the registry.
    pub registry: Filter,
}

/// A refusal of a clone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registered project has no repository.
    #[error("the project {name} has no Git repository, so that it is on one computer alone")]
    NoRepository { name: String },
    /// The user may see the registered project, and not read its repository.
    #[error("you are a member of {}/{}, but may not read the project's Git repository {}: {denial}",
        .found.account, .found.workspace, .found.repository.as_deref().unwrap_or_default())]
    Denied { found: Box<Found>, denial: SyncError },
    /// The folder can't be named like the repository.
    #[error("the URL does not name a folder")]
    NoFolderName,
}

/// Brings a project to this computer.
pub fn clone(ctx: &Context, request: &Request<'_>) -> Result<Opened, CommandError> {
    let registered = registered(ctx, request)?;
    let mut id = registered.as_ref().map(|found| found.project);
    if let Some(given) = request.id {
        id = Some(given.parse::<ProjectId>()?);
    }
    let folder = match (request.folder, &registered) {
        (Some(dir), _) => ctx.env.cwd.join(dir),
        (None, Some(found)) => ctx.env.cwd.join(folder_name(&found.name).unwrap_or("project")),
        (None, None) => ctx.env.cwd.join(named_folder(ctx, request.source)?),
    };
    // The repository that comes about there is the one that conditions of Git's configuration are about.
    let (url, by) = match &registered {
        Some(found) => (repository_of(found)?, NamedBy::Folder(&folder)),
        None => (ctx.url(request.source, &folder)?, NamedBy::User(&folder)),
    };
    let remote = ctx.remote_at(url, by, request.token)?;
    let options = CloneOptions { id, no_large: request.no_large, master_files: request.master_files };
    let cloned = sync::with_progress(ctx, &ctx.env.cwd, "Cloning", |context| {
        sync::clone(&remote, &folder, &options, context)
    })
    .map_err(|error| refusal(error, registered.as_ref()))?;
    let opened = open_and_recover(ctx, Some(&folder))?;
    ctx.notices.status(&format!("Brought project {} to {}", opened.project.name(), quoted_path(&folder)));
    snapshot::warn_passed_over(ctx, &cloned.passed_over);
    if !cloned.large_missing.files.is_empty() {
        ctx.notices.warning(&format!("{}: pointers are in their places", cloned.large_missing));
    }
    if let Some(folder) = &cloned.folder {
        ctx.notices
            .status(&format!("It was the folder {folder} of a larger Git repository, which was not brought"));
    }
    runs::warn_after_sync(ctx, &opened);
    Ok(opened)
}

/// The project of that name in the registry; none if what was given is a URL or a path.
///
/// A single word is a name as long as there is a registry to ask and it knows the name; a folder of this computer is meant
/// else, and in any case by `./FOLDER`.
fn registered(ctx: &Context, request: &Request<'_>) -> Result<Option<Found>, CommandError> {
    let is_word = !request.source.contains([':', '/', '\\']);
    if !is_word && request.registry.is_empty() {
        return Ok(None);
    }
    if request.registry.is_empty() && ctx.git_config(None, request.source)?.rewrites(request.source)? {
        return Ok(None);
    }
    let is_folder = request.registry.is_empty() && ctx.env.cwd.join(request.source).exists();
    let service = match Service::signed_in(ctx) {
        Err(_) if is_folder => return Ok(None),
        service => service?,
    };
    match registry::find(&service, request.source, &request.registry) {
        Err(registry::Error::NoProject { .. } | registry::Error::Service(ServiceError::NotFound { .. }))
            if is_folder =>
        {
            Ok(None)
        }
        found => Ok(Some(found?)),
    }
}

fn repository_of(found: &Found) -> Result<RemoteUrl, CommandError> {
    let url = found.repository.as_deref().ok_or_else(|| Error::NoRepository { name: found.name.clone() })?;
    Ok(RemoteUrl::parse(url)?)
}

/// Being a member of the workspace says nothing about the repository: a denial there is told as that.
fn refusal(error: SyncError, registered: Option<&Found>) -> CommandError {
    let is_denied = matches!(
        error,
        SyncError::Denied { .. } | SyncError::NotFound { .. } | SyncError::Unauthorized { .. }
    );
    match registered {
        Some(found) if is_denied => Error::Denied { found: Box::new(found.clone()), denial: error }.into(),
        _ => error.into(),
    }
}

/// The name of the folder for a repository's URL, as somebody typed it.
fn named_folder(ctx: &Context, typed: &str) -> Result<String, CommandError> {
    let url = RemoteUrl::parse_rewritable(typed)?;
    let local = url.local_path().and_then(|path| ctx.env.cwd.join(path).canonicalize().ok());
    let path = local.map_or_else(|| url.path().to_owned(), |path| path.to_string_lossy().into_owned());
    Ok(folder_name(&path).map(str::to_owned).ok_or(Error::NoFolderName)?)
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
