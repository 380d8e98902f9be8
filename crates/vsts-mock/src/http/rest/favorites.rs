//! `_apis/git/favorites/refs`: the branches that users have marked; `az repos pr checkout` marks the source.

use serde_json::{Value, json};
use uuid::Uuid;

use super::failure::{Failure, excerpt};
use super::query::choice;
use super::reply::{Outcome, Reply};
use super::{Call, shape};
use crate::directory::RefFavorite;
use crate::operations::ref_favorites::{self as favorites, NewFavorite};

/// The types of favorites: whether each is a folder.
const TYPES: [(&str, u64, bool); 2] = [("folder", 1, true), ("ref", 2, false)];

fn shown(base: &str, favorite: &RefFavorite) -> Value {
    json!({
        "id": favorite.id,
        "identityId": favorite.user.to_string(),
        "name": favorite.name,
        "repositoryId": favorite.repo.to_string(),
        "type": if favorite.is_folder { "folder" } else { "ref" },
        "url": format!("{base}/_apis/git/favorites/refs/{}", favorite.id),
    })
}

/// The favorites of somebody, or one of the caller's.
pub(super) fn read(call: &Call<'_>) -> Outcome {
    let directory = call.app.state.directory();
    let base = call.base(call.account(&directory)?);
    if let Some(id) = call.value("favoriteId") {
        return Ok(Reply::ok(shown(&base, favorites::one(&directory, call.scope(), id)?)));
    }
    let user = call.query.get("identityId").filter(|id| !id.is_empty()).map(|id| {
        Uuid::parse_str(id).map_err(|_| Failure::bad(format!("identityId is not an id: {}", excerpt(id))))
    });
    let repo = call.query.get("repositoryId").filter(|id| !id.is_empty());
    let all = favorites::list(&directory, call.scope(), user.transpose()?, repo)?;
    Ok(Reply::ok(shape::list(all.into_iter().map(|one| shown(&base, one)))))
}

pub(super) async fn create(call: &Call<'_>, body: Value) -> Outcome {
    let text = |name: &str| body[name].as_str().ok_or_else(|| Failure::missing(name));
    let is_folder = choice("type", &body["type"], &TYPES)?.unwrap_or_default();
    let new = NewFavorite { repo: text("repositoryId")?, name: text("name")?, is_folder };
    let made = favorites::add(call.app, call.scope(), &new).await?;
    let directory = call.app.state.directory();
    Ok(Reply::ok(shown(&call.base(call.account(&directory)?), &made)))
}

pub(super) async fn delete(call: &Call<'_>) -> Outcome {
    favorites::remove(call.app, call.scope(), call.part("favoriteId")).await?;
    Ok(Reply::emptied())
}
