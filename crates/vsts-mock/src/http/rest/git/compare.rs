//! Two versions side by side: what differs, how far they are apart, and where they parted.

use git_wire::history::Apart;
use gix::ObjectId;
use serde_json::json;

use super::super::failure::Failure;
use super::super::reply::{Outcome, Reply};
use super::super::shape;
use super::request::{RepoRequest, object_id};
use super::revision::{Descriptor, or_default};
use super::{changes, history};
use crate::operations::changed_files;
use crate::operations::commits::CommitInfo;

/// Changes that are listed by default.
const PAGE: usize = 100;

pub(crate) fn show(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let side = |side: &str| -> Result<ObjectId, Failure> {
        let given = Descriptor::of_side(&request.query, side)?;
        or_default(given, request, &repository)?.resolve(request, &repository)
    };
    let (base, target) = (side("base")?, side("target")?);
    let common = request.merge_bases(&repository, base, target)?.first().copied();
    let Apart { ahead, behind } =
        request.apart(&repository, base, &[target])?.first().copied().unwrap_or_default();
    let from = match common {
        Some(common)
            if request.query.get("diffCommonCommit").is_none() || request.query.flag("diffCommonCommit") =>
        {
            common
        }
        _ => base,
    };
    let all = changed_files::between(&repository, &request.work, Some(from), target)?;
    let (skip, top) = request.query.page(PAGE)?;
    let whole = json!({
        "allChangesIncluded": skip.saturating_add(top) >= all.len(),
        "changeCounts": changes::counts(&all),
        "commonCommit": common.map(|id| id.to_string()),
        "baseCommit": base.to_string(),
        "targetCommit": target.to_string(),
        "aheadCount": ahead,
        "behindCount": behind,
    });
    changes::reply(request, &whole, target, &all, skip, top)
}

/// Lists the merge bases of two commits.
pub(crate) fn merge_bases(request: &RepoRequest) -> Outcome {
    let repository = request.open()?;
    let resolve = |id: &str| Descriptor::commit(&object_id(id)?.to_string()).resolve(request, &repository);
    let other = request.query.get("otherCommitId").ok_or_else(|| Failure::missing("otherCommitId"))?;
    let (one, other) = (resolve(request.part("commitId"))?, resolve(other)?);
    let mut values = Vec::new();
    for base in request.merge_bases(&repository, one, other)? {
        values.push(history::reference(request, &CommitInfo::read(&repository, base)?));
    }
    Ok(Reply::ok(shape::list(values.into_iter())))
}
