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
use place::Place;

/// Answers a request about what is in a repository. Blocks.
type Handler = fn(&Place, &Route, &Value) -> Outcome;

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
        ("git/refs", &Method::GET) => (Nothing, |place, route, _| refs::list(place, route.value("filter"))),
        ("git/refs", &Method::POST) => {
            (Model(&models::REF_UPDATE), |place, _, body| refs::update(place, body))
        }
        ("git/refs", &Method::PATCH) => {
            (Model(&models::REF_LOCK), |place, route, body| refs::lock(place, route.value("filter"), body))
        }
        ("git/pushes", &Method::POST) => (Model(&models::PUSH), |place, _, body| pushes::create(place, body)),
        ("git/pushes", &Method::GET) if has("pushId") => {
            (Nothing, |place, route, _| pushes::show(place, part(route, "pushId")))
        }
        ("git/pushes", &Method::GET) => (Nothing, |place, _, _| pushes::list(place)),
        ("git/commits", &Method::GET) if has("pushId") => {
            (Nothing, |place, route, _| pushes::commits(place, part(route, "pushId")))
        }
        ("git/commits", &Method::GET) if has("commitId") => {
            (Nothing, |place, route, _| commits::show(place, part(route, "commitId")))
        }
        ("git/commits", &Method::GET) => (Nothing, |place, _, _| commits::list(place, &place.query)),
        ("git/commitsbatch", &Method::POST) => {
            (Model(&models::COMMITS_CRITERIA), |place, _, body| commits::batch(place, body))
        }
        ("git/changes", &Method::GET) if has("commitId") => {
            (Nothing, |place, route, _| commits::changes(place, part(route, "commitId")))
        }
        ("git/mergebases", &Method::GET) if has("commitId") => {
            (Nothing, |place, route, _| compare::merge_bases(place, part(route, "commitId")))
        }
        ("git/items", &Method::GET) => (Nothing, |place, route, _| items::show(place, route.value("path"))),
        ("git/itemsbatch", &Method::POST) => {
            (Model(&models::ITEMS_BATCH), |place, _, body| items::batch(place, body))
        }
        ("git/trees", &Method::GET) if has("sha1") => {
            (Nothing, |place, route, _| trees::show(place, part(route, "sha1")))
        }
        ("git/blobs", &Method::GET) if has("sha1") => {
            (Nothing, |place, route, _| blobs::show(place, part(route, "sha1")))
        }
        ("git/blobs", &Method::POST) => (Json, |place, _, body| blobs::many(place, body)),
        ("git/annotatedtags", &Method::GET) if has("objectId") => {
            (Nothing, |place, route, _| tags::show(place, part(route, "objectId")))
        }
        ("git/annotatedtags", &Method::POST) => {
            (Model(&models::TAG), |place, _, body| tags::create(place, body))
        }
        ("git/branchstats", &Method::GET) => {
            (Nothing, |place, route, _| match route.value("name").or_else(|| place.query.get("name")) {
                Some(name) => branches::show(place, name),
                None => branches::list(place),
            })
        }
        ("git/commitdiffs", &Method::GET) => (Nothing, |place, _, _| compare::show(place)),
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
    let place = Place::find(call, route.repository().unwrap_or_default())?;
    let work = place.work.clone();
    let outcome = work.run(move || {
        let _held = permit;
        handler(&place, &route, &body)
    });
    outcome.await?.charged(&call.app.budget).await
}
