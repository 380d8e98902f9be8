//! The batch request: what a client has to do about each of some objects.

use std::collections::BTreeMap;

use lfs_wire::Oid;
use lfs_wire::batch::{Asked, HASH_ALGORITHM, Operation, Request};

use super::{LfsRefused, check_ref, over_quota};
use crate::access::Principal;
use crate::app::App;
use crate::directory::Repo;
use crate::limits::LFS_BATCH_OBJECTS;

/// The work that a client has to do for an object.
#[derive(Debug)]
pub(crate) enum Todo {
    /// The server has what is to be uploaded.
    Nothing,
    Transfer(Oid, u64),
    Refused(LfsRefused),
}

/// Answers a request of somebody who may do what the operation does; one item for each object, in order.
pub(crate) async fn ask(
    app: &App,
    principal: &Principal,
    repo: &Repo,
    request: &Request,
) -> Result<Vec<Todo>, LfsRefused> {
    if request.objects.len() > LFS_BATCH_OBJECTS {
        return Err(LfsRefused::TooMany);
    }
    if let (Operation::Upload, Some(reference)) = (request.operation, &request.reference) {
        check_ref(&app.state.directory(), principal, repo, &reference.name)?;
    }
    if let Some(other) = request.hash_algo.as_ref().filter(|name| *name != HASH_ALGORITHM) {
        let refused = |_: &Asked| Todo::Refused(LfsRefused::Algorithm(other.clone()));
        return Ok(request.objects.iter().map(refused).collect());
    }
    let sound: Vec<Oid> = request.objects.iter().filter_map(|asked| Some(asked.checked().ok()?.0)).collect();
    if request.operation == Operation::Upload && !sound.is_empty() {
        // First, so that none of them is swept away that the client is told to be there.
        app.state.use_lfs_objects(repo.id, &sound, app.clock.now()).await?;
    }
    let known = app.state.lfs_sizes(repo.id, &sound).await?;
    let known = contents(app, known).await;
    let mut room = match request.operation {
        Operation::Upload => Some(Room::of(app, repo).await?),
        Operation::Download => None,
    };
    let mut todo = |asked: &Asked| {
        let (oid, size) = asked.checked().map_err(|error| LfsRefused::Invalid(error.to_string()))?;
        match (known.get(&oid), &mut room) {
            (Some(there), _) if *there != size => Err(LfsRefused::Mismatch("The object has another size.")),
            (Some(_), Some(_)) => Ok(Todo::Nothing),
            (Some(_), None) => Ok(Todo::Transfer(oid, size)),
            (None, None) => Err(LfsRefused::NoObject),
            (None, Some(room)) => {
                room.take(app, repo, size)?;
                Ok(Todo::Transfer(oid, size))
            }
        }
    };
    Ok(request.objects.iter().map(|asked| todo(asked).unwrap_or_else(Todo::Refused)).collect())
}

/// Those objects whose contents are there, as they should be: one that was lost may be uploaded again.
async fn contents(app: &App, known: BTreeMap<Oid, u64>) -> BTreeMap<Oid, u64> {
    let store = app.state.lfs_store().clone();
    let looking = tokio::task::spawn_blocking(move || {
        let is_there = |oid: &Oid, size: &u64| {
            let is_there = store.has(*oid, *size);
            if !is_there {
                tracing::error!(%oid, size, "the content of a large file is lost");
            }
            is_there
        };
        known.into_iter().filter(|(oid, size)| is_there(oid, size)).collect()
    });
    looking.await.expect("looking does not panic")
}

/// The bytes that may still be uploaded.
struct Room {
    largest: u64,
    quota: Option<u64>,
    used: u64,
}

impl Room {
    async fn of(app: &App, repo: &Repo) -> Result<Self, LfsRefused> {
        let directory = app.state.directory();
        let quota = directory.accounts.get(&repo.account).and_then(|account| account.lfs_quota);
        let quota = quota.map(|quota| u64::try_from(quota).unwrap_or_default());
        let used = if quota.is_some() { app.state.lfs_account_bytes(repo.account).await? } else { 0 };
        Ok(Self { largest: app.limits().max_lfs_file, quota, used })
    }

    fn take(&mut self, app: &App, repo: &Repo, size: u64) -> Result<(), LfsRefused> {
        if size > self.largest {
            return Err(LfsRefused::TooLarge { most: self.largest });
        }
        let used = self.used.saturating_add(size);
        if let Some(quota) = self.quota.filter(|quota| used > *quota) {
            return Err(over_quota(app, repo, quota));
        }
        if !app.state.has_room(size) {
            return Err(LfsRefused::DiskFull);
        }
        self.used = used;
        Ok(())
    }
}
