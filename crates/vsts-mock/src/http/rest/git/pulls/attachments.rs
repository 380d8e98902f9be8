//! Files attached to pull requests: lists, contents in and out. A content is written to the disk piece by piece as it comes.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::super::super::Call;
use super::super::super::failure::Failure;
use super::super::super::reply::{Outcome, Reply};
use super::super::super::shape as lists;
use super::super::request::RepoRequest;
use super::{asked, shape};
use crate::directory::Attachment;
use crate::http::web::stream::{self, NotReceived};
use crate::operations::pull_requests::attachments::{self, Incoming};

fn shown(request: &RepoRequest, one: &Attachment) -> Value {
    let name = utf8_percent_encode(&one.name, NON_ALPHANUMERIC);
    let url = request.url(&format!("pullRequests/{}/attachments/{name}", one.pull_request));
    json!({
        "_links": { "self": { "href": url }, "repository": { "href": request.repo_json["url"] } },
        "id": one.id,
        "displayName": one.name,
        "contentHash": one.sha1,
        "author": request.identity(one.author),
        "createdDate": shape::time(one.created),
        "url": url,
    })
}

pub(crate) fn list(request: &RepoRequest) -> Outcome {
    let pull = asked(request)?;
    let all = attachments::list(request, &pull);
    Ok(Reply::ok(lists::list(all.iter().map(|one| shown(request, one)))))
}

pub(crate) fn content(request: &RepoRequest) -> Outcome {
    if request.accept.contains("application/zip") && !request.accept.contains("octet-stream") {
        let message = "vsts-mock gives attachments as they are: Accept application/octet-stream.";
        return Err(Failure::new(StatusCode::NOT_IMPLEMENTED, "NotImplementedException", message));
    }
    let pull = asked(request)?;
    let name = request.part("fileName");
    Ok(Reply::large_file(attachments::content(request, &pull, name)?, Some(name.to_owned())))
}

pub(crate) fn remove(request: &RepoRequest) -> Outcome {
    attachments::remove(request, request.part("pullRequestId"), request.part("fileName"))?;
    Ok(Reply::emptied())
}

/// Attaches the body of the request.
pub(crate) fn create(call: Call<'_>, body: Body) -> BoxFuture<'_, Outcome> {
    async move {
        let request = Arc::new(RepoRequest::new(call, Value::Null)?);
        let announced = body.size_hint().exact();
        let work = request.work.clone();
        let beginning = request.clone();
        let begin = move || {
            let pull = asked(&beginning)?;
            Ok::<_, Failure>(Incoming::begin(&beginning, &pull, beginning.part("fileName"), announced)?)
        };
        let incoming = work.run(begin).await?;
        let write = |incoming: &mut Incoming, piece: &[u8]| Ok::<_, Failure>(incoming.write(piece)?);
        let incoming = stream::receive(body, incoming, write).await.map_err(|error| match error {
            NotReceived::Body(error) => error.into(),
            NotReceived::Io(error) => Failure::internal(&error),
            NotReceived::Refused(failure) => failure,
        })?;
        let attach = move || {
            let made = incoming.attach(&request, request.part("pullRequestId"), request.part("fileName"))?;
            Ok::<_, Failure>(Reply::json(StatusCode::CREATED, shown(&request, &made)))
        };
        work.run(attach).await
    }
    .boxed()
}
