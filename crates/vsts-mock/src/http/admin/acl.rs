//! Access control entries in the admin API: of an account, a project, a repository and its branches.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde_json::{Value, json};

use super::{Answer, Place, body, ok};
use crate::access::token;
use crate::app::App;
use crate::config::{SeedEntry, apply_entry};
use crate::operations::administration;

/// Answers with the entries at a place; for a repository, with those of its branches too.
pub(super) async fn list(State(app): State<Arc<App>>, Path(place): Path<Place>) -> Answer {
    let directory = app.state.directory();
    let (account, at) = directory.find_list(place.path())?;
    let entries: Vec<Value> = directory
        .entries_below(account, &at)
        .filter(|(found, _, _)| place.repo.is_some() || *found == at)
        .map(|(found, identity, entry)| {
            json!({
                "user": directory.users.get(&identity).map(|user| &user.name),
                "group": directory.groups.get(&identity).map(|group| &group.name),
                "allow": entry.allow.names(),
                "deny": entry.deny.names(),
                "branch": token::reference_name(found, &at),
                "automatic": entry.automatic,
            })
        })
        .collect();
    ok(&json!({ "acl": entries }))
}

pub(super) async fn set(app: State<Arc<App>>, Path(place): Path<Place>, request: Request) -> Answer {
    let new: SeedEntry = body(&app, request).await?;
    administration::change(&app, |change| apply_entry(change, place.path(), &new)).await?;
    list(app, Path(place)).await
}
