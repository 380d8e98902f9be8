//! The garbage among large files: objects that no ref of their repository reaches, and contents that no repository has.
//!
//! An object goes when nobody has uploaded it, or counted on it in a push, for [`LFS_GRACE`], and no pointer to it is in any
//! version that a ref reaches. A repository that cannot be walked through keeps all of its objects, and so does one in the
//! recycle bin.

use git_wire::Interrupt;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::limits::{LFS_GRACE, LFS_SWEEP_EVERY};
use crate::registry::pointers;
use crate::state::StateError;

/// The number of objects, and of contents, that a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    pub(crate) objects: usize,
    pub(crate) contents: usize,
}

/// Sweeps again and again, until it is told to stop.
pub(crate) async fn keep_sweeping(app: &App, stop: CancellationToken) {
    loop {
        match stop.run_until_cancelled(sweep(app)).await {
            None => return,
            Some(Ok(swept)) => tracing::debug!(?swept, "large files swept"),
            Some(Err(error)) => tracing::warn!(%error, "large files could not be swept"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(LFS_SWEEP_EVERY)).await.is_none() {
            return;
        }
    }
}

/// Removes the garbage; as much of it as is found before the state is replaced.
pub(crate) async fn sweep(app: &App) -> Result<Swept, StateError> {
    let inside = app.gate.enter_to_work().await;
    inside.ended().run_until_cancelled(sweep_all(app)).await.unwrap_or(Ok(Swept::default()))
}

async fn sweep_all(app: &App) -> Result<Swept, StateError> {
    let time = app.clock.now() - LFS_GRACE;
    let mut swept = Swept::default();
    for (id, unused) in app.state.lfs_unused_since(time).await? {
        let Some(repo) = app.state.directory().repos.get(&id).cloned() else { continue };
        let repository = match app.state.open_repo(&repo) {
            Ok(repository) => repository,
            Err(error) => {
                tracing::warn!(repo = repo.name, %error, "its large files are not swept");
                continue;
            }
        };
        let interrupt = Interrupt::default();
        let _ends_with_the_sweep = interrupt.set_on_drop();
        let walk = interrupt.clone();
        let walking = tokio::task::spawn_blocking(move || pointers::reached(&repository, &walk));
        match walking.await.expect("walking does not panic") {
            Ok(reached) => {
                for oid in unused.difference(&reached) {
                    swept.objects += usize::from(app.state.drop_lfs_object(id, *oid, time).await?);
                }
            }
            Err(error) => tracing::warn!(repo = repo.name, %error, "its large files are not swept"),
        }
    }
    swept.contents = app.state.sweep_lfs_contents().await?;
    Ok(swept)
}
