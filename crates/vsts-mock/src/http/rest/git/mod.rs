//! `_apis/git/repositories/…`: what is in a repository, read and written.
//!
//! One module for each resource. All of them work on a [`Place`], a repository that the caller may read, on a thread
//! that may block. What writes goes through the same engine and the same questions as a push by Git, so that it is
//! checked, journalled and noted like one.

mod blobs;
mod branches;
mod changes;
mod commits;
mod compare;
mod format;
mod history;
mod items;
mod place;
mod pushes;
mod refs;
mod refusal;
mod revision;
mod staging;
mod tags;
mod trees;
mod write;

use axum::body::Body;
use http::Method;
use serde_json::Value;

use super::Call;
use super::body::{Model, models, read_up_to};
use super::locations::Route;
use super::reply::Outcome;
use crate::limits::REST_PUSH_BYTES;
use format::Format;
use place::Place;

/// What is asked of a repository.
enum Asked {
    Refs(Option<String>),
    UpdateRefs,
    LockRef(Option<String>),
    Pushes,
    Push(String),
    CreatePush,
    PushedCommits(String),
    Commits,
    CommitsBatch,
    Commit(String),
    Changes(String),
    MergeBases(String),
    Items(Option<String>),
    ItemsBatch,
    Tree(String),
    Blob(String),
    Blobs,
    Tag(String),
    CreateTag,
    Branches,
    Branch(String),
    Diff,
}

impl Asked {
    fn of(method: &Method, route: &Route) -> Option<Self> {
        let value = |name: &str| route.value(name).map(str::to_owned);
        let is_get = *method == Method::GET;
        let is_post = *method == Method::POST;
        Some(match route.resource().as_str() {
            "git/refs" if is_get => Self::Refs(value("filter")),
            "git/refs" if is_post => Self::UpdateRefs,
            "git/refs" if *method == Method::PATCH => Self::LockRef(value("filter")),
            "git/pushes" if is_post => Self::CreatePush,
            "git/pushes" if is_get => value("pushId").map_or(Self::Pushes, Self::Push),
            "git/commits" if is_get => match (value("pushId"), value("commitId")) {
                (Some(push), _) => Self::PushedCommits(push),
                (None, Some(commit)) => Self::Commit(commit),
                (None, None) => Self::Commits,
            },
            "git/commitsbatch" if is_post => Self::CommitsBatch,
            "git/changes" if is_get => Self::Changes(value("commitId")?),
            "git/mergebases" if is_get => Self::MergeBases(value("commitId")?),
            "git/items" if is_get => Self::Items(value("path")),
            "git/itemsbatch" if is_post => Self::ItemsBatch,
            "git/trees" if is_get => Self::Tree(value("sha1")?),
            "git/blobs" if is_get => Self::Blob(value("sha1")?),
            "git/blobs" if is_post => Self::Blobs,
            "git/annotatedtags" if is_get => Self::Tag(value("objectId")?),
            "git/annotatedtags" if is_post => Self::CreateTag,
            "git/branchstats" if is_get => value("name").map_or(Self::Branches, Self::Branch),
            "git/commitdiffs" if is_get => Self::Diff,
            _ => return None,
        })
    }

    /// The kind of the body, if there is one.
    fn model(&self) -> Option<&'static Model> {
        Some(match self {
            Self::UpdateRefs => &models::REF_UPDATE,
            Self::LockRef(_) => &models::REF_LOCK,
            Self::CreatePush => &models::PUSH,
            Self::CommitsBatch => &models::COMMITS_CRITERIA,
            Self::ItemsBatch => &models::ITEMS_BATCH,
            Self::CreateTag => &models::TAG,
            _ => return None,
        })
    }
}

/// `None` for what is not here.
pub(super) async fn answer(call: &Call<'_>, method: &Method, route: &Route, body: Body) -> Option<Outcome> {
    let asked = Asked::of(method, route)?;
    Some(run(call, asked, route.repository().unwrap_or_default(), body).await)
}

async fn run(call: &Call<'_>, asked: Asked, repo: &str, body: Body) -> Outcome {
    let model = asked.model();
    let has_body = model.is_some() || matches!(asked, Asked::Blobs);
    let (body, permit) = if has_body {
        read_up_to(call.app, body, REST_PUSH_BYTES, model).await.map(|(body, permit)| (body, Some(permit)))?
    } else {
        (Value::Null, None)
    };
    let place = Place::find(call, repo)?;
    let work = place.work.clone();
    let outcome = work.run(move || {
        let _held = permit;
        respond(&place, &asked, &body)
    });
    outcome.await?.charged(&call.app.budget).await
}

fn respond(place: &Place, asked: &Asked, body: &Value) -> Outcome {
    match asked {
        Asked::Refs(filter) => refs::list(place, filter.as_deref()),
        Asked::UpdateRefs => refs::update(place, body),
        Asked::LockRef(filter) => refs::lock(place, filter.as_deref(), body),
        Asked::Pushes => pushes::list(place),
        Asked::Push(id) => pushes::show(place, id),
        Asked::CreatePush => pushes::create(place, body),
        Asked::PushedCommits(id) => pushes::commits(place, id),
        Asked::Commits => commits::list(place, &place.query),
        Asked::CommitsBatch => commits::batch(place, body),
        Asked::Commit(id) => commits::show(place, id),
        Asked::Changes(id) => commits::changes(place, id),
        Asked::MergeBases(id) => compare::merge_bases(place, id),
        Asked::Items(path) => items::show(place, path.as_deref()),
        Asked::ItemsBatch => items::batch(place, body),
        Asked::Tree(id) => trees::show(place, id),
        Asked::Blob(id) => blobs::show(place, id),
        Asked::Blobs => blobs::many(place, body),
        Asked::Tag(id) => tags::show(place, id),
        Asked::CreateTag => tags::create(place, body),
        Asked::Branches => match place.query.get("name") {
            Some(name) => branches::show(place, name),
            None => branches::list(place),
        },
        Asked::Branch(name) => branches::show(place, name),
        Asked::Diff => compare::show(place),
    }
}
