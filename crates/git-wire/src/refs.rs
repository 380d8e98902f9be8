//! The refs that a client gets to see.

use bstr::{BStr, BString, ByteSlice};
use gix::ObjectId;
use gix::refs::Target;

use crate::Policy;
use crate::pack::objects::{IdSet, Objects, peel};

/// How many symbolic refs may point to one another; more is taken for a loop.
const MAX_SYMREF_DEPTH: usize = 5;

/// A ref as it's shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VisibleRef {
    pub(crate) name: BString,
    /// `None` for a `HEAD` whose branch has no commit yet.
    pub(crate) id: Option<ObjectId>,
    /// What the tag that it points to points to in the end.
    pub(crate) peeled: Option<ObjectId>,
    /// The ref that this one stands for.
    pub(crate) symref_target: Option<BString>,
}

/// What there is to see.
#[derive(Debug, Default)]
pub(crate) struct VisibleRefs {
    /// `HEAD` first, if it matches, then all others by name.
    pub(crate) refs: Vec<VisibleRef>,
    /// Whether the policy hides any.
    pub(crate) hides_some: bool,
}

/// Which refs to look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'a> {
    /// Those whose names begin with one of these; all if there are none.
    pub(crate) prefixes: &'a [BString],
    /// Whether to look what tags point to.
    pub(crate) peel: bool,
    /// Whether to show a `HEAD` without commit.
    pub(crate) unborn: bool,
}

/// The refs of `repo` that `policy` doesn't hide. Those that can't be read are passed over, as Git does.
pub(crate) fn visible(
    repo: &gix::Repository,
    policy: &dyn Policy,
    selection: Selection<'_>,
) -> Result<VisibleRefs, gix::Error> {
    let mut list = VisibleRefs::default();
    let platform = repo.refs.iter()?;
    let mut buffer = Vec::new();
    if is_selected(b"HEAD".as_bstr(), selection.prefixes)
        && let Ok(Some(head)) = repo.refs.try_find("HEAD")
    {
        show(repo, policy, selection, head, &mut list, &mut buffer);
    }
    let prefixes = minimal(selection.prefixes);
    let all = [BString::default()];
    let prefixes = if selection.prefixes.is_empty() { &all[..] } else { &prefixes[..] };
    for prefix in prefixes {
        let path: Result<&gix::path::RelativePath, _> = prefix.as_bstr().try_into();
        let references = match path {
            Ok(path) if prefix.starts_with(b"refs/") => platform.prefixed(path),
            _ if b"refs/".starts_with(prefix) => platform.all(),
            // No ref can match.
            _ => continue,
        };
        for reference in references.map_err(gix::Error::from_error)? {
            match reference {
                Ok(reference) if reference.name.as_bstr().starts_with(prefix) => {
                    show(repo, policy, selection, reference, &mut list, &mut buffer);
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a ref that can't be read isn't shown"),
            }
        }
    }
    Ok(list)
}

fn is_selected(name: &BStr, prefixes: &[BString]) -> bool {
    prefixes.is_empty() || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// `prefixes` in order, without those that a shorter one covers.
fn minimal(prefixes: &[BString]) -> Vec<BString> {
    let mut sorted = prefixes.to_vec();
    sorted.sort_unstable();
    let mut kept: Vec<BString> = Vec::with_capacity(sorted.len());
    for prefix in sorted {
        if kept.last().is_none_or(|shorter| !prefix.starts_with(shorter)) {
            kept.push(prefix);
        }
    }
    kept
}

fn show(
    repo: &gix::Repository,
    policy: &dyn Policy,
    selection: Selection<'_>,
    reference: gix::refs::Reference,
    list: &mut VisibleRefs,
    buffer: &mut Vec<u8>,
) {
    let name: BString = reference.name.as_bstr().to_owned();
    if policy.is_hidden(name.as_bstr()) {
        list.hides_some = true;
        return;
    }
    let mut peeled = reference.peeled;
    let mut symref_target = None;
    let id = match reference.target {
        Target::Object(id) => id,
        Target::Symbolic(target) => {
            if policy.is_hidden(target.as_bstr()) {
                list.hides_some = true;
                return;
            }
            let id = resolve(repo, target.clone());
            symref_target = Some(target.as_bstr().to_owned());
            peeled = None;
            let Some(id) = id else {
                if selection.unborn && name == "HEAD" {
                    list.refs.push(VisibleRef { name, id: None, peeled: None, symref_target });
                }
                return;
            };
            id
        }
    };
    // A branch points to a commit, always.
    if selection.peel && peeled.is_none() && !name.starts_with(b"refs/heads/") && name != "HEAD" {
        match peel(&repo.objects, id, buffer, &mut |_| {}) {
            Ok(Some((target, _))) if target != id => peeled = Some(target),
            Ok(Some(_)) => {}
            // It points to nothing.
            Ok(None) | Err(_) => return,
        }
    }
    list.refs.push(VisibleRef {
        name,
        id: Some(id),
        peeled: peeled.filter(|_| selection.peel),
        symref_target,
    });
}

/// The object that the ref `name` points to, through further symbolic refs.
pub(crate) fn resolve(repo: &gix::Repository, name: gix::refs::FullName) -> Option<ObjectId> {
    let mut name = name;
    for _ in 0..MAX_SYMREF_DEPTH {
        match repo.refs.try_find(name.as_ref()).ok()??.target {
            Target::Object(id) => return Some(id),
            Target::Symbolic(next) => name = next,
        }
    }
    None
}

/// Checks that the client may have `wants`: that they are there and, if the policy hides refs, reachable from one that
/// it doesn't hide. Gives back the first that it may not have.
pub(crate) fn find_forbidden(
    repo: &gix::Repository,
    policy: &dyn Policy,
    wants: &[ObjectId],
) -> Result<Option<ObjectId>, crate::Error> {
    if let Some(absent) = wants.iter().find(|id| !repo.objects.has(id)) {
        return Ok(Some(*absent));
    }
    Ok(forbidden(repo, policy, wants)?.first().copied())
}

/// All of `wants` that the client may not have.
pub(crate) fn forbidden(
    repo: &gix::Repository,
    policy: &dyn Policy,
    wants: &[ObjectId],
) -> Result<Vec<ObjectId>, crate::Error> {
    let is_there = |id: &&ObjectId| repo.objects.has(id);
    let (there, mut forbidden): (Vec<ObjectId>, Vec<ObjectId>) = wants.iter().partition(is_there);
    if there.is_empty() || !policy.hides_refs() {
        return Ok(forbidden);
    }
    let selection = Selection { prefixes: &[], peel: true, unborn: false };
    let list = visible(repo, policy, selection).map_err(crate::Error::Refs)?;
    if !list.hides_some {
        return Ok(forbidden);
    }
    let tips: IdSet = list.refs.iter().flat_map(|shown| [shown.id, shown.peeled]).flatten().collect();
    let left: Vec<ObjectId> = there.into_iter().filter(|id| !tips.contains(id)).collect();
    if left.is_empty() {
        return Ok(forbidden);
    }
    let tips: Vec<ObjectId> = tips.into_iter().collect();
    let all = crate::pack::count(repo, &tips, &[], &crate::pack::CountOptions::default(), &mut |_| Ok(()))?;
    let reachable: IdSet = all.objects.into_iter().collect();
    forbidden.extend(left.into_iter().filter(|id| !reachable.contains(id)));
    Ok(forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_that_a_shorter_one_covers_are_dropped() {
        let prefixes: Vec<BString> = ["refs/tags/", "refs/heads/a", "refs/heads/", "refs/heads/ab", "HEAD"]
            .map(BString::from)
            .to_vec();
        assert_eq!(minimal(&prefixes), ["HEAD", "refs/heads/", "refs/tags/"]);
    }
}
