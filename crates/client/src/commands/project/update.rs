//! `azml project update`.

use std::path::PathBuf;

use azml_core::remote_url::RemoteUrl;
use azml_core::snapshot::Message;
use azml_core::user_repo::UserRepo;

use super::{registry, show};
use crate::commands::owed;
use crate::context::{Context, NamedBy, Opened};
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::snapshots;
use crate::sync::{self, LinkMode, SyncError};
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
    /// A personal access token for the repository
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Links it.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let url = ctx.url(&args.repo, opened.project.root())?;
    let repository = url.without_secret().to_string();
    if let Some(linked) = opened.history.remote_url()? {
        // A registered project whose service did not hear of the repository: that is what remains to do.
        if linked.without_secret().to_string() == repository && !opened.project.scope().is_local() {
            registry::note_repository(ctx, opened.project.scope().as_str(), &repository);
            return show::describe(ctx, &opened);
        }
        return Err(CommandError::failed(format!(
            "the project is linked already, to {}",
            linked.without_secret()
        ))
        .hint("{azml} project show"));
    }
    link(ctx, &opened, url, args.vststoken.as_deref(), LinkMode::Empty)?;
    if !opened.project.scope().is_local() {
        registry::note_repository(ctx, opened.project.scope().as_str(), &repository);
    }
    show::describe(ctx, &opened)
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
        snapshots::take(ctx, &opened.history, first_message(), false)?;
    }
    let remote = ctx.remote_at(url, NamedBy::User(root), token)?;
    sync::with_progress(ctx, root, "Linking", |context| {
        sync::link(&opened.history, &user, &remote, mode, context)
    })?;
    // What runs left before there was a remote.
    owed::deliver(ctx, opened, &remote);
    ctx.notices.status(&format!("Linked to {}", remote.url().without_secret()));
    Ok(())
}

/// What the snapshot says that stands at the beginning of a history.
pub fn first_message() -> Message {
    Message { subject: "Project created".to_owned(), ..Message::default() }
}
