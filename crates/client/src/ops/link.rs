//! Linking a project to a remote Git repository.

use azml_core::remote_url::RemoteUrl;
use azml_core::snapshot::Message;
use azml_core::user_repo::UserRepo;

use super::{push, registry, snapshot};
use crate::context::{Context, NamedBy, Opened};
use crate::error::CommandError;
use crate::sync::{self, LinkMode, SyncError};

/// Links a project that has no remote yet to the empty repository at `repo`, and tells the registry.
pub fn update(ctx: &Context, opened: &Opened, repo: &str, token: Option<&str>) -> Result<(), CommandError> {
    let url = ctx.url(repo, opened.project.root())?;
    let repository = url.without_secret().to_string();
    let scope = opened.project.scope();
    if let Some(linked) = opened.history.remote_url()? {
        // A registered project whose service did not hear of the repository: that is what remains to do.
        if linked.without_secret().to_string() != repository || scope.is_local() {
            return Err(CommandError::failed(format!(
                "the project is linked already, to {}",
                linked.without_secret()
            ))
            .hint("{azml} project show"));
        }
    } else {
        link(ctx, opened, url, token, LinkMode::Empty)?;
    }
    if !scope.is_local() {
        registry::set_repository(ctx, scope.as_str(), &repository);
    }
    Ok(())
}

/// Pushes master and the history to the remote and, if that went well, makes it the project's.
pub fn link(
    ctx: &Context,
    opened: &Opened,
    url: RemoteUrl,
    token: Option<&str>,
    mode: LinkMode,
) -> Result<(), CommandError> {
    let root = opened.project.root();
    let user = UserRepo::open(root)?.ok_or_else(|| SyncError::NoCommit { root: root.to_owned() })?;
    if opened.history.tip()?.is_none() {
        snapshot::take(ctx, &opened.history, first_message(), false)?;
    }
    let remote = ctx.remote_at(url, NamedBy::User(root), token)?;
    sync::with_progress(ctx, root, "Linking", |context| {
        sync::link(&opened.history, &user, &remote, mode, context)
    })?;
    // What runs left before there was a remote.
    push::push_unpushed(ctx, opened, &remote);
    ctx.notices.status(&format!("Linked to {}", remote.url().without_secret()));
    Ok(())
}

/// The message of the first snapshot of a history.
pub fn first_message() -> Message {
    Message { subject: "Project created".to_owned(), ..Message::default() }
}
