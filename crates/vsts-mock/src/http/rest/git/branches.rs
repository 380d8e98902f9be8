//! Branches with how far they are from another one.

use gix::ObjectId;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::place::Place;
use super::revision::{Descriptor, default_branch, or_default};
use super::{commits, compare};

/// The branch that others are measured by: the default one, unless another is named.
fn base(place: &Place, repository: &gix::Repository) -> Result<ObjectId, Failure> {
    or_default(Descriptor::of_side(&place.query, "base")?, place, repository)?.resolve(place, repository)
}

fn stats(
    place: &Place,
    repository: &gix::Repository,
    name: &str,
    tip: ObjectId,
    base: Option<ObjectId>,
) -> Result<Value, Failure> {
    let (ahead, behind) = match base {
        Some(base) => compare::apart(repository, tip, base)?,
        None => (0, 0),
    };
    let commit = commits::whole(place, repository, tip)?;
    let is_base = default_branch(repository)?.is_some_and(|default| default == name);
    Ok(json!({
        "commit": commit,
        "name": name,
        "aheadCount": ahead,
        "behindCount": behind,
        "isBaseVersion": is_base,
    }))
}

pub(super) fn list(place: &Place) -> Outcome {
    let repository = place.open()?;
    let mut tips = Vec::new();
    for reference in repository.references()?.local_branches()?.flatten() {
        let name = reference.name().shorten().to_string();
        if let Some(id) = reference.try_id() {
            tips.push((name, id.detach()));
        }
    }
    if tips.is_empty() {
        return Ok(Reply::ok(shape::list(std::iter::empty())));
    }
    // Without a default branch there is nothing to measure by.
    let base =
        if default_branch(&repository)?.is_some() || Descriptor::of_side(&place.query, "base")?.is_some() {
            Some(base(place, &repository)?)
        } else {
            None
        };
    let mut values = Vec::new();
    for (name, tip) in tips {
        values.push(stats(place, &repository, &name, tip, base)?);
    }
    Ok(Reply::ok(shape::list(values.into_iter())))
}

pub(super) fn show(place: &Place, name: &str) -> Outcome {
    let repository = place.open()?;
    let tip = Descriptor::branch(name).resolve(place, &repository)?;
    let base = base(place, &repository).ok();
    Ok(Reply::ok(stats(place, &repository, name, tip, base)?))
}
