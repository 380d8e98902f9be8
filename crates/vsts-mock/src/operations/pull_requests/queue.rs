//! The worker that looks after the pull requests of repositories in the merge queue.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::super::work::Work;
use super::{complete, iterations, merge};
use crate::access::Principal;
use crate::app::App;
use crate::directory::pull_request::PullStatus;
use crate::limits::MERGES_AT_ONCE;

/// Works until it is told to stop. What a stopped server has left is done first.
pub(crate) async fn keep_working(app: &Arc<App>, stop: CancellationToken) {
    add_active(app);
    let turns = Arc::new(Semaphore::new(MERGES_AT_ONCE));
    let mut running = JoinSet::new();
    while let Some(repo) = stop.run_until_cancelled(app.merge_queue.next()).await {
        let (app, turns) = (app.clone(), turns.clone());
        running.spawn(async move {
            let _turn = turns.acquire().await.expect("the semaphore is never closed");
            let (worker, inside) = (app.clone(), app.gate.enter_to_work().await);
            let work = tokio::task::spawn_blocking(move || {
                let _inside = inside;
                look_after(&worker, repo);
            });
            if let Err(error) = work.await {
                tracing::error!(%error, %repo, "the pull requests of a repository could not be looked after");
            }
            app.merge_queue.finish(repo);
        });
        while running.try_join_next().is_some() {}
    }
    // What has begun ends soundly.
    while running.join_next().await.is_some() {}
}

/// Adds every repository with an active pull request.
pub(crate) fn add_active(app: &App) {
    let active = app.state.directory().pulls.active.clone();
    active.iter().for_each(|(repo, _)| app.merge_queue.add(*repo));
}

fn look_after(app: &Arc<App>, repo: Uuid) {
    let directory = app.state.directory();
    let Some(repo) = directory.repos.get(&repo).cloned() else { return };
    for id in directory.pulls.active_in(repo.id) {
        let server = Principal { name: "vsts-mock".to_owned(), ..Principal::anonymous() };
        let ctx = RepoContext::new(app, app.state.directory(), &server, repo.clone(), Work::new());
        if let Err(error) = look_after_one(&ctx, id) {
            tracing::error!(%error, pull = id, repo = repo.name, "a pull request could not be looked after");
        }
    }
}

fn look_after_one(ctx: &RepoContext, id: i64) -> Result<(), Refused> {
    let mut pull = super::stored(ctx, &ctx.app.state.directory(), &id.to_string())?;
    // A completion that fails leaves a merge that is due.
    for _ in 0..2 {
        pull = iterations::note(ctx, &pull)?;
        if pull.queued.is_none() {
            pull = merge::attempt(ctx, &pull)?;
            pull = complete::queue_auto(ctx, &pull)?;
        }
        if pull.status != PullStatus::Active || pull.queued.is_none() {
            return Ok(());
        }
        if ctx.app.merge_queue.are_completions_held() {
            return Ok(());
        }
        pull = complete::run(ctx, &pull)?;
    }
    Ok(())
}
