//! Packs for clients that have nothing: the closure as it is stored, followed by newer objects.
//!
//! Objects of the closure are neither walked nor inflated nor compressed again.

use std::io::Write;
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::Kind;

use super::closure::Closure;
use super::objects::{IdSet, peel};
use super::store::{Pack, PackStore};
use super::write::{Base, write_onto};
use super::{Commits, CountOptions, Counted, Error, WriteOptions, Written, count_with};

/// A closure that a client gets whole, and the objects that it gets beside it.
pub(crate) struct ClosurePack {
    pack: Arc<Pack>,
    /// Objects that the closure lacks.
    pub(crate) news: Counted,
}

impl ClosurePack {
    /// Returns the closure if a client that wants `wants` and has nothing gets all of it. Walks only newer commits.
    pub(crate) fn find(
        commits: &mut Commits<'_>,
        store: &PackStore,
        closure: &Closure,
        wants: &[ObjectId],
        options: &CountOptions,
    ) -> Result<Option<Self>, Error> {
        let Some(pack) = store.packs(false)?.iter().find(|pack| pack.has_checksum(&closure.pack)).cloned()
        else {
            return Ok(None);
        };
        if pack.objects() != closure.objects || !reaches_all(commits, closure, wants, options)? {
            return Ok(None);
        }
        let is_new = |id: &ObjectId| !closure.has_tip(id);
        let mut further: Vec<ObjectId> = wants.iter().copied().filter(is_new).collect();
        let mut include_tags = options.include_tags.clone();
        include_tags.retain(|(tag, target)| {
            let is_old = pack.offset_of(target).is_some();
            if is_old && is_new(tag) {
                further.push(*tag);
            }
            !is_old
        });
        let news = if further.is_empty() {
            Counted::default()
        } else {
            let options = CountOptions { include_tags, ..options.clone() };
            count_with(commits, &further, &closure.tips, &options, &mut |_| Ok(()))?
        };
        // What was reachable by another way already may be found anew.
        let Counted { mut objects, known, .. } = news;
        objects.retain(|id| pack.offset_of(id).is_none());
        Ok(Some(Self { pack, news: Counted { commits: 0, objects, known } }))
    }

    /// Returns the number of objects that the client gets.
    pub(crate) fn objects(&self) -> usize {
        self.pack.objects() as usize + self.news.objects.len()
    }

    /// Streams the pack.
    pub(crate) fn write(
        &self,
        commits: &Commits<'_>,
        store: &PackStore,
        options: WriteOptions,
        out: &mut dyn Write,
    ) -> Result<Written, Error> {
        if self.news.objects.is_empty() {
            let bytes = self.pack.bytes()?;
            out.write_all(bytes).and_then(|()| out.flush()).map_err(Error::Send)?;
            return Ok(Written::reused(self.pack.objects(), bytes.len() as u64));
        }
        write_onto(commits.objects(), store, Some(Base(&self.pack)), &self.news, options, out)
    }
}

/// Returns whether everything in the closure is part of what the client wants: each tip is wanted itself, or is part
/// of the history of what is wanted.
fn reaches_all(
    commits: &mut Commits<'_>,
    closure: &Closure,
    wants: &[ObjectId],
    options: &CountOptions,
) -> Result<bool, Error> {
    let wanted: IdSet = wants.iter().copied().collect();
    let left: Vec<ObjectId> = closure.tips.iter().copied().filter(|tip| !wanted.contains(tip)).collect();
    if left.is_empty() {
        return Ok(true);
    }
    let mut buffer = Vec::new();
    let mut inner = Vec::with_capacity(left.len());
    for tip in left {
        let mut is_tag = false;
        match peel(commits.objects(), tip, &mut buffer, &mut |_| is_tag = true)? {
            // A tag that isn't asked for goes along if the client says so.
            Some(_) if is_tag && !options.include_tags.iter().any(|(tag, _)| *tag == tip) => {
                return Ok(false);
            }
            Some((commit, Kind::Commit)) => inner.push(commit),
            _ => return Ok(false),
        }
    }
    let mut outer = Vec::with_capacity(wants.len());
    for want in wants {
        if let Some((commit, Kind::Commit)) = peel(commits.objects(), *want, &mut buffer, &mut |_| {})? {
            outer.push(commit);
        }
    }
    let none = IdSet::default();
    Ok(commits.missing(&inner, &outer, &none, &none)?.new.is_empty())
}
