//! Access control entries in the admin API: of an account, a project, a repository and its branches.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answer, Failure, body, ok};
use crate::access::token;
use crate::app::App;
use crate::registry::{EntryInput, ListPath};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEntry {
    user: Option<String>,
    group: Option<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    deny: Vec<String>,
    branch: Option<String>,
}

async fn set(app: &App, place: ListPath<'_>, new: NewEntry) -> Answer {
    let mut change = app.state.change().await;
    let input = EntryInput {
        user: new.user.as_deref(),
        group: new.group.as_deref(),
        allow: &new.allow,
        deny: &new.deny,
    };
    change.set_acl(ListPath { branch: new.branch.as_deref(), ..place }, &input)?;
    change.commit().await?;
    list(app, place).await
}

/// The entries at the place; for a repository, those of its branches too.
async fn list(app: &App, place: ListPath<'_>) -> Answer {
    let change = app.state.change().await;
    let (account, at) = change.token_of(place).map_err(Failure::from)?;
    let directory = &change.directory;
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

fn of<'a>(account: &'a str, project: Option<&'a str>, repo: Option<&'a str>) -> ListPath<'a> {
    ListPath { account, project, repo, branch: None }
}

pub(super) async fn of_account(State(app): State<Arc<App>>, Path(account): Path<String>) -> Answer {
    list(&app, of(&account, None, None)).await
}

pub(super) async fn set_account(
    State(app): State<Arc<App>>,
    Path(account): Path<String>,
    request: Request,
) -> Answer {
    set(&app, of(&account, None, None), body(&app, request).await?).await
}

pub(super) async fn of_project(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
) -> Answer {
    list(&app, of(&account, Some(&project), None)).await
}

pub(super) async fn set_project(
    State(app): State<Arc<App>>,
    Path((account, project)): Path<(String, String)>,
    request: Request,
) -> Answer {
    set(&app, of(&account, Some(&project), None), body(&app, request).await?).await
}

pub(super) async fn of_repo(
    State(app): State<Arc<App>>,
    Path((account, project, repo)): Path<(String, String, String)>,
) -> Answer {
    list(&app, of(&account, Some(&project), Some(&repo))).await
}

pub(super) async fn set_repo(
    State(app): State<Arc<App>>,
    Path((account, project, repo)): Path<(String, String, String)>,
    request: Request,
) -> Answer {
    set(&app, of(&account, Some(&project), Some(&repo)), body(&app, request).await?).await
}
