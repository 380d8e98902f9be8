//! Branches with how far they are from another one.

use git_wire::history::Apart;
use gix::ObjectId;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply, write_json};
use super::super::shape;
use super::commits;
use super::request::RepoRequest;
use super::revision::{Descriptor, or_default};
use crate::operations::refs;
use crate::operations::versions::default_branch;

/// The branch that others are measured by: the default one, unless another is named.
fn base(request: &RepoRequest, repository: &gix::Repository) -> Result<ObjectId, Failure> {
    or_default(Descriptor::of_side(&request.query, "base")?, request, repository)?
        .resolve(request, repository)
}

fn stats(
    request: &RepoRequest,
    repository: &gix::Repository,
    name: &str,
    tip: ObjectId,
    apart: Apart,
) -> Result<Value, Failure> {
    let commit = commits::whole(request, repository, tip)?;
    let is_base = default_branch(repository)?.is_some_and(|default| default == name);
    Ok(json!({
        "commit": commit,
        "name": name,
        "aheadCount": apart.ahead,
        "behindCount": apart.behind,
        "isBaseVersion": is_base,
    }))
}

fn list(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let tips = refs::branches(&repository, &request.work)?;
    if tips.is_empty() {
        return Ok(Reply::ok(shape::list(std::iter::empty())));
    }
    // Without a default branch there is nothing to measure by.
    let base =
        if default_branch(&repository)?.is_some() || Descriptor::of_side(&request.query, "base")?.is_some() {
            Some(base(request, &repository)?)
        } else {
            None
        };
    let ids: Vec<ObjectId> = tips.iter().map(|tip| tip.commit).collect();
    let apart = match base {
        Some(base) => request.apart(&repository, base, &ids)?,
        None => vec![Apart::default(); ids.len()],
    };
    let measured: Vec<_> = tips.into_iter().zip(apart).collect();
    Reply::list(&measured, |out, (tip, apart)| {
        request.work.check()?;
        write_json(out, &stats(request, &repository, &tip.name.to_string(), tip.commit, *apart)?)
    })
}

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let Some(name) = request.value("name").or_else(|| request.query.get("name")) else {
        return list(request);
    };
    let repository = request.open()?;
    let tip = Descriptor::branch(name).resolve(request, &repository)?;
    let apart = match base(request, &repository) {
        Ok(base) => request.apart(&repository, base, &[tip])?,
        Err(_) => Vec::new(),
    };
    Ok(Reply::ok(stats(request, &repository, name, tip, apart.first().copied().unwrap_or_default())?))
}
