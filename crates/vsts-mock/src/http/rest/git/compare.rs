//! Two versions side by side: what differs, how far they are apart, and where they parted.

use git_wire::history::Apart;
use gix::ObjectId;
use serde_json::json;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::place::{Place, object_id};
use super::revision::{Descriptor, or_default};
use super::{changes, history};
use crate::operations::changed_files;

/// How many changes are listed when nothing is said of it.
const PAGE: usize = 100;

/// How many commits each of `tips` has that `base` has not, and the reverse.
pub(super) fn apart(
    place: &Place,
    repository: &gix::Repository,
    base: ObjectId,
    tips: &[ObjectId],
) -> Result<Vec<Apart>, Failure> {
    let may_go_on = || place.work.check().is_ok();
    let histories = &place.app.histories;
    let apart = histories.apart(repository, &may_go_on, base, tips, |history| place.wants_graph(history));
    Ok(apart.map_err(|error| place.work.history_error(error))?)
}

/// The commits where two parted, newest first.
fn common_ancestors(
    place: &Place,
    repository: &gix::Repository,
    one: ObjectId,
    other: ObjectId,
) -> Result<Vec<ObjectId>, Failure> {
    let may_go_on = || place.work.check().is_ok();
    let mut history = place.app.histories.of(repository, &may_go_on);
    let found = history.merge_bases(one, other).map_err(|error| place.work.history_error(error))?;
    place.wants_graph(&history);
    Ok(found)
}

pub(super) fn show(place: &Place) -> Outcome {
    let repository = place.open()?;
    let side = |side: &str| -> Result<ObjectId, Failure> {
        let given = Descriptor::of_side(&place.query, side)?;
        or_default(given, place, &repository)?.resolve(place, &repository)
    };
    let (base, target) = (side("base")?, side("target")?);
    let common = common_ancestors(place, &repository, base, target)?.first().copied();
    let Apart { ahead, behind } =
        apart(place, &repository, base, &[target])?.first().copied().unwrap_or_default();
    let from = match common {
        Some(common)
            if place.query.get("diffCommonCommit").is_none() || place.query.flag("diffCommonCommit") =>
        {
            common
        }
        _ => base,
    };
    let all = changed_files::between(&repository, &place.work, Some(from), target)?;
    let (skip, top) = place.query.page(PAGE)?;
    let whole = json!({
        "allChangesIncluded": skip.saturating_add(top) >= all.len(),
        "changeCounts": changes::counts(&all),
        "commonCommit": common.map(|id| id.to_string()),
        "baseCommit": base.to_string(),
        "targetCommit": target.to_string(),
        "aheadCount": ahead,
        "behindCount": behind,
    });
    changes::reply(place, &whole, target, &all, skip, top)
}

/// Where two commits parted.
pub(super) fn merge_bases(place: &Place, id: &str) -> Outcome {
    let repository = place.open()?;
    let resolve = |id: &str| Descriptor::commit(&object_id(id)?.to_string()).resolve(place, &repository);
    let other = place.query.get("otherCommitId").ok_or_else(|| Failure::missing("otherCommitId"))?;
    let (one, other) = (resolve(id)?, resolve(other)?);
    let mut values = Vec::new();
    for base in common_ancestors(place, &repository, one, other)? {
        values.push(history::reference(place, &repository.find_commit(base)?)?);
    }
    Ok(Reply::ok(shape::list(values.into_iter())))
}
