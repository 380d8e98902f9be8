//! The transfers of one object: its content out, its content in, and the confirmation that it is there.

use std::fs::File;

use lfs_wire::Oid;
use lfs_wire::batch::Operation;
use tokio::sync::Semaphore;

use super::{LfsRefused, check, not_kept};
use crate::access::Principal;
use crate::app::App;
use crate::directory::Repo;
use crate::journal::Event;
use crate::limits::PIECES_AT_ONCE;
use crate::state::{Received, Receiving};

/// Turns to open a file: more at once would take a thread each.
static OPENING: Semaphore = Semaphore::const_new(PIECES_AT_ONCE);

/// The content of an object, opened.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) file: File,
    pub(crate) size: u64,
}

/// The bytes of an object that a repository has.
pub(crate) async fn size(app: &App, repo: &Repo, oid: Oid) -> Result<u64, LfsRefused> {
    app.state.lfs_sizes(repo.id, &[oid]).await?.remove(&oid).ok_or(LfsRefused::NoObject)
}

/// Opens the content of an object that a repository has, for a principal who may read there.
pub(crate) async fn open(
    app: &App,
    principal: &Principal,
    repo: &Repo,
    oid: Oid,
) -> Result<Content, LfsRefused> {
    let size = size(app, repo, oid).await?;
    let store = app.state.lfs_store().clone();
    // Nobody closes it.
    let _turn = OPENING.acquire().await.map_err(|error| LfsRefused::internal(&error))?;
    let opening = tokio::task::spawn_blocking(move || match store.content(oid)? {
        Some(file) if file.metadata()?.len() == size => Ok(Some(file)),
        _ => Ok::<_, std::io::Error>(None),
    });
    let opened =
        opening.await.expect("opening does not panic").map_err(|error| LfsRefused::internal(&error))?;
    let Some(file) = opened else {
        tracing::error!(%oid, size, "the content of a large file is lost");
        return Err(LfsRefused::NoObject);
    };
    note(app, principal, repo, oid, size, "download");
    Ok(Content { file, size })
}

/// Refuses an upload whose size is known to be too large.
pub(crate) fn check_size(app: &App, size: u64) -> Result<(), LfsRefused> {
    let most = app.limits().max_lfs_file;
    if size > most { Err(LfsRefused::TooLarge { most }) } else { Ok(()) }
}

/// Begins to receive a content. Blocks.
pub(crate) fn begin(app: &App) -> Result<Receiving, LfsRefused> {
    app.state.lfs_store().receive().map_err(|error| LfsRefused::internal(&error))
}

/// Ends an upload, if what came is what its id says. Blocks until it is on the disk.
pub(crate) fn finish(receiving: Receiving, oid: Oid) -> Result<Received, LfsRefused> {
    let received = receiving.finish().map_err(|error| LfsRefused::internal(&error))?;
    if received.oid == oid {
        Ok(received)
    } else {
        Err(LfsRefused::Mismatch("The content's SHA-256 is not the object's id. Nothing was stored."))
    }
}

/// Gives a repository the object that was uploaded, if the principal may still push there.
pub(crate) async fn keep(
    app: &App,
    principal: &Principal,
    repo: &Repo,
    received: Received,
) -> Result<(), LfsRefused> {
    let repo = check(&app.state.directory(), principal, repo.id, Operation::Upload)?;
    let (oid, size) = (received.oid, received.size);
    let kept = app.state.keep_lfs_object(repo.id, received, app.clock.now()).await;
    kept.map_err(|error| not_kept(app, &repo, error))?;
    note(app, principal, &repo, oid, size, "upload");
    Ok(())
}

/// Confirms that a repository has an object of that size.
pub(crate) async fn verify(app: &App, repo: &Repo, oid: Oid, asked: u64) -> Result<(), LfsRefused> {
    let size = size(app, repo, oid).await?;
    if size != asked {
        return Err(LfsRefused::Mismatch("The object has another size."));
    }
    if app.state.lfs_store().has(oid, size) { Ok(()) } else { Err(LfsRefused::NoObject) }
}

fn note(app: &App, principal: &Principal, repo: &Repo, oid: Oid, size: u64, operation: &'static str) {
    let directory = app.state.directory();
    let name_of = |name: Option<&String>| name.cloned().unwrap_or_default();
    let event = Event::LfsObject {
        account: name_of(directory.accounts.get(&repo.account).map(|account| &account.name)),
        project: name_of(directory.projects.get(&repo.project).map(|project| &project.name)),
        repo: repo.name.clone(),
        user: principal.name.clone(),
        oid: oid.to_string(),
        size,
        operation,
    };
    app.journal.add(app.clock.now(), event);
}
