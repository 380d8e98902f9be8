//! `_apis/git/repositories/…`: what is in a repository, read and written.
//!
//! One module for each resource. All of them work on a [`RepoRequest`], a repository that the caller may read, on a thread
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
mod pushes;
mod refs;
mod refusal;
mod request;
mod revision;
mod tags;
mod tree_changes;
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
use request::RepoRequest;

/// Answers a request about what is in a repository. Blocks.
type Handler = fn(&RepoRequest, &Route, &Value) -> Outcome;

/// The body that a request has.
enum Takes {
    Nothing,
    Json,
    Model(&'static Model),
}

/// The table of resources and methods: the body of a request, and what answers it. `None` for what is not here.
fn handler(method: &Method, route: &Route) -> Option<(Takes, Handler)> {
    use Takes::{Json, Model, Nothing};
    let has = |name: &str| route.value(name).is_some();
    let row: (Takes, Handler) = match (route.resource().as_str(), method) {
        ("git/refs", &Method::GET) => {
            (Nothing, |request, route, _| refs::list(request, route.value("filter")))
        }
        ("git/refs", &Method::POST) => {
            (Model(&models::REF_UPDATE), |request, _, body| refs::update(request, body))
        }
        ("git/refs", &Method::PATCH) => (Model(&models::REF_LOCK), |request, route, body| {
            refs::lock(request, route.value("filter"), body)
        }),
        ("git/pushes", &Method::POST) => {
            (Model(&models::PUSH), |request, _, body| pushes::create(request, body))
        }
        ("git/pushes", &Method::GET) if has("pushId") => {
            (Nothing, |request, route, _| pushes::show(request, part(route, "pushId")))
        }
        ("git/pushes", &Method::GET) => (Nothing, |request, _, _| pushes::list(request)),
        ("git/commits", &Method::GET) if has("pushId") => {
            (Nothing, |request, route, _| pushes::commits(request, part(route, "pushId")))
        }
        ("git/commits", &Method::GET) if has("commitId") => {
            (Nothing, |request, route, _| commits::show(request, part(route, "commitId")))
        }
        ("git/commits", &Method::GET) => (Nothing, |request, _, _| commits::list(request, &request.query)),
        ("git/commitsbatch", &Method::POST) => {
            (Model(&models::COMMITS_CRITERIA), |request, _, body| commits::batch(request, body))
        }
        ("git/changes", &Method::GET) if has("commitId") => {
            (Nothing, |request, route, _| commits::changes(request, part(route, "commitId")))
        }
        ("git/mergebases", &Method::GET) if has("commitId") => {
            (Nothing, |request, route, _| compare::merge_bases(request, part(route, "commitId")))
        }
        ("git/items", &Method::GET) => {
            (Nothing, |request, route, _| items::show(request, route.value("path")))
        }
        ("git/itemsbatch", &Method::POST) => {
            (Model(&models::ITEMS_BATCH), |request, _, body| items::batch(request, body))
        }
        ("git/trees", &Method::GET) if has("sha1") => {
            (Nothing, |request, route, _| trees::show(request, part(route, "sha1")))
        }
        ("git/blobs", &Method::GET) if has("sha1") => {
            (Nothing, |request, route, _| blobs::show(request, part(route, "sha1")))
        }
        ("git/blobs", &Method::POST) => (Json, |request, _, body| blobs::many(request, body)),
        ("git/annotatedtags", &Method::GET) if has("objectId") => {
            (Nothing, |request, route, _| tags::show(request, part(route, "objectId")))
        }
        ("git/annotatedtags", &Method::POST) => {
            (Model(&models::TAG), |request, _, body| tags::create(request, body))
        }
        ("git/branchstats", &Method::GET) => {
            (Nothing, |request, route, _| match route.value("name").or_else(|| request.query.get("name")) {
                Some(name) => branches::show(request, name),
                None => branches::list(request),
            })
        }
        ("git/commitdiffs", &Method::GET) => (Nothing, |request, _, _| compare::show(request)),
        _ => return None,
    };
    Some(row)
}

/// A value of the path that the table has asked for.
fn part<'a>(route: &'a Route, name: &str) -> &'a str {
    route.value(name).unwrap_or_default()
}

/// `None` for what is not here.
pub(super) async fn answer(call: &Call<'_>, method: &Method, route: Route, body: Body) -> Option<Outcome> {
    let (takes, handler) = handler(method, &route)?;
    Some(run(call, takes, handler, route, body).await)
}

async fn run(call: &Call<'_>, takes: Takes, handler: Handler, route: Route, body: Body) -> Outcome {
    let model = match takes {
        Takes::Nothing => None,
        Takes::Json => Some(None),
        Takes::Model(model) => Some(Some(model)),
    };
    let (body, permit) = match model {
        None => (Value::Null, None),
        Some(model) => {
            let (body, permit) = read_up_to(call.app, body, REST_PUSH_BYTES, model).await?;
            (body, Some(permit))
        }
    };
    let request = RepoRequest::find(call, route.repository().unwrap_or_default())?;
    let work = request.work.clone();
    let outcome = work.run(move || {
        let _held = permit;
        handler(&request, &route, &body)
    });
    outcome.await?.charged(&call.app.budget).await
}
