//! The refs that a client gets to see.

use bstr::{BStr, BString, ByteSlice};
use gix::ObjectId;
use gix::refs::Target;

use crate::pack::objects::{IdSet, Objects, peel};
use crate::pack::{Commits, CountOptions, count_with};
use crate::pktline::Writer;
use crate::{Error, Interrupt, Policy, Reader, packed_refs};

/// The longest chain of symbolic refs; a longer one is taken for a loop.
const MAX_SYMREF_DEPTH: usize = 5;

/// A ref as it's shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VisibleRef {
    pub(crate) name: BString,
    /// `None` for a `HEAD` whose branch has no commit yet.
    pub(crate) id: Option<ObjectId>,
    /// The object that the tag finally points to.
    pub(crate) peeled: Option<ObjectId>,
    /// The ref that this one stands for.
    pub(crate) symref_target: Option<BString>,
}

/// The same, on loan while it's looked at: nothing is allocated for one of thousands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) name: &'a BStr,
    pub(crate) id: Option<ObjectId>,
    pub(crate) peeled: Option<ObjectId>,
    pub(crate) symref_target: Option<&'a BStr>,
}

/// The visible refs.
#[derive(Debug, Default)]
pub(crate) struct VisibleRefs {
    /// `HEAD` first, if it matches, then all others by name.
    pub(crate) refs: Vec<VisibleRef>,
    /// True if the policy hides any.
    pub(crate) hides_some: bool,
}

impl VisibleRefs {
    /// Writes the refs as versions 0 and 1 show them, with the capabilities on the first line, up to the flush line.
    pub(crate) fn write(
        &self,
        repo: &Reader,
        capabilities: &str,
        lines: &mut Writer<impl std::io::Write>,
    ) -> Result<(), Error> {
        let mut is_first = true;
        let mut line = Vec::new();
        for shown in &self.refs {
            let Some(id) = shown.id else { continue };
            line.clear();
            line.extend_from_slice(id.to_hex().to_string().as_bytes());
            line.push(b' ');
            line.extend_from_slice(&shown.name);
            if std::mem::take(&mut is_first) {
                line.push(0);
                line.extend_from_slice(capabilities.as_bytes());
            }
            lines.text(&line)?;
            if let Some(peeled) = shown.peeled {
                lines.text(format!("{} {}^{{}}", peeled.to_hex(), shown.name))?;
            }
        }
        if is_first {
            let null = ObjectId::null(gix::hash::Kind::Sha1);
            lines.text(format!("{null} capabilities^{{}}\0{capabilities}"))?;
        }
        if let Ok(Some(shallow)) = repo.shallow_commits() {
            for commit in shallow.iter() {
                lines.text(format!("shallow {commit}"))?;
            }
        }
        lines.flush_line()?;
        Ok(())
    }
}

/// Selects refs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Selection<'a> {
    /// Those whose names begin with one of these; all if there are none.
    pub(crate) prefixes: &'a [BString],
    /// True to find the objects that tags point to.
    pub(crate) peel: bool,
    /// True to show a `HEAD` without commit.
    pub(crate) unborn: bool,
}

/// The refs of `repo` that `policy` doesn't hide. Those that can't be read are passed over, as Git does.
pub(crate) fn visible(
    repo: &gix::Repository,
    policy: &dyn Policy,
    selection: Selection<'_>,
) -> Result<VisibleRefs, gix::Error> {
    let mut refs = Vec::new();
    let hides_some = each_visible(repo, policy, selection, &mut |shown| {
        refs.push(VisibleRef {
            name: shown.name.to_owned(),
            id: shown.id,
            peeled: shown.peeled,
            symref_target: shown.symref_target.map(ToOwned::to_owned),
        });
    })?;
    Ok(VisibleRefs { refs, hides_some })
}

/// Shows the refs of `repo` that `policy` doesn't hide, `HEAD` first, if it matches, then all others by name. Gives back
/// whether the policy hides any.
///
/// Of `packed-refs` only what matches is looked at, found by binary search, and what tags point to is taken from there.
pub(crate) fn each_visible(
    repo: &gix::Repository,
    policy: &dyn Policy,
    selection: Selection<'_>,
    show: &mut dyn FnMut(Shown<'_>),
) -> Result<bool, gix::Error> {
    let packed = repo.refs.cached_packed_buffer()?;
    let packed: &[u8] = packed.as_ref().map_or(&[], |snapshot| (***snapshot).as_ref());
    let mut view = View { repo, policy, selection, hides_some: false, buffer: Vec::new(), show };
    if is_selected(b"HEAD".as_bstr(), selection.prefixes)
        && let Ok(Some(head)) = repo.refs.try_find("HEAD")
    {
        view.loose(&head);
    }
    let prefixes = minimal(selection.prefixes);
    let all = [BString::from("refs/")];
    let prefixes = if selection.prefixes.is_empty() { &all[..] } else { &prefixes[..] };
    for prefix in prefixes {
        // What is shorter than `refs/` means all that a longer one would.
        let prefix = if b"refs/".starts_with(prefix) { &all[0] } else { prefix };
        let path: Result<&gix::path::RelativePath, _> = prefix.as_bstr().try_into();
        let Some(path) = path.ok().filter(|_| prefix.starts_with(b"refs/")) else { continue };
        let mut loose = Vec::new();
        for reference in repo.refs.iter_prefixed_packed(path, None).map_err(gix::Error::from_error)? {
            match reference {
                Ok(reference) if reference.name.as_bstr().starts_with(prefix) => loose.push(reference),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a ref that can't be read isn't shown"),
            }
        }
        let mut loose = loose.iter().peekable();
        for stored in packed_refs::prefixed(packed, prefix) {
            while let Some(reference) = loose.next_if(|loose| loose.name.as_bstr() < stored.name) {
                view.loose(reference);
            }
            // A loose one comes before the packed one of the same name.
            match loose.next_if(|loose| loose.name.as_bstr() == stored.name) {
                Some(reference) => view.loose(reference),
                None => view.direct(stored.name, stored.id, stored.peeled),
            }
        }
        loose.for_each(|reference| view.loose(reference));
    }
    Ok(view.hides_some)
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

/// A walk over the refs that shows those that are selected and not hidden.
struct View<'a> {
    repo: &'a gix::Repository,
    policy: &'a dyn Policy,
    selection: Selection<'a>,
    hides_some: bool,
    buffer: Vec<u8>,
    show: &'a mut dyn FnMut(Shown<'_>),
}

impl View<'_> {
    /// A ref in a file of its own.
    fn loose(&mut self, reference: &gix::refs::Reference) {
        let name = reference.name.as_bstr();
        let target = match &reference.target {
            Target::Object(id) => return self.direct(name, *id, reference.peeled),
            Target::Symbolic(target) => target,
        };
        if self.policy.is_hidden(name) || self.policy.is_hidden(target.as_bstr()) {
            self.hides_some = true;
            return;
        }
        let symref_target = Some(target.as_bstr());
        match resolve(self.repo, target.clone()) {
            Some(id) => self.object(name, id, symref_target),
            None if self.selection.unborn && name == "HEAD" => {
                (self.show)(Shown { name, id: None, peeled: None, symref_target });
            }
            None => {}
        }
    }

    /// A ref that names an object.
    fn direct(&mut self, name: &BStr, id: ObjectId, peeled: Option<ObjectId>) {
        if self.policy.is_hidden(name) {
            self.hides_some = true;
        } else if peeled.is_some() {
            let peeled = peeled.filter(|_| self.selection.peel);
            (self.show)(Shown { name, id: Some(id), peeled, symref_target: None });
        } else {
            self.object(name, id, None);
        }
    }

    /// A ref of which it isn't known whether it names a tag.
    fn object(&mut self, name: &BStr, id: ObjectId, symref_target: Option<&BStr>) {
        let mut peeled = None;
        // A branch points to a commit, always.
        if self.selection.peel && !name.starts_with(b"refs/heads/") && name != "HEAD" {
            match peel(&self.repo.objects, id, &mut self.buffer, &mut |_| {}) {
                Ok(Some((target, _))) if target != id => peeled = Some(target),
                Ok(Some(_)) => {}
                // It points to nothing.
                Ok(None) | Err(_) => return,
            }
        }
        (self.show)(Shown { name, id: Some(id), peeled, symref_target });
    }
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
    interrupt: &Interrupt,
) -> Result<Option<ObjectId>, Error> {
    if let Some(absent) = wants.iter().find(|id| !repo.objects.has(id)) {
        return Ok(Some(*absent));
    }
    Ok(forbidden(repo, policy, wants, interrupt)?.first().copied())
}

/// All of `wants` that the client may not have.
pub(crate) fn forbidden(
    repo: &gix::Repository,
    policy: &dyn Policy,
    wants: &[ObjectId],
    interrupt: &Interrupt,
) -> Result<Vec<ObjectId>, Error> {
    let is_there = |id: &&ObjectId| repo.objects.has(id);
    let (there, mut forbidden): (Vec<ObjectId>, Vec<ObjectId>) = wants.iter().partition(is_there);
    if there.is_empty() || !policy.hides_refs() {
        return Ok(forbidden);
    }
    let selection = Selection { prefixes: &[], peel: true, unborn: false };
    let list = visible(repo, policy, selection).map_err(Error::Refs)?;
    if !list.hides_some {
        return Ok(forbidden);
    }
    let tips: IdSet = list.refs.iter().flat_map(|shown| [shown.id, shown.peeled]).flatten().collect();
    let left: Vec<ObjectId> = there.into_iter().filter(|id| !tips.contains(id)).collect();
    if left.is_empty() {
        return Ok(forbidden);
    }
    let tips: Vec<ObjectId> = tips.into_iter().collect();
    let mut commits = Commits::new(repo, &repo.objects).until(interrupt);
    let all = count_with(&mut commits, &tips, &[], &CountOptions::default(), &mut |_| Ok(()))?;
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
