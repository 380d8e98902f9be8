//! The pointers to large files that a repository's refs reach: which of its objects of Git LFS are in use.

use std::collections::{BTreeSet, HashSet};

use git_wire::{Interrupt, Repository};
use gix::objs::{Kind, TreeRefIter};
use lfs_wire::pointer::MAX_POINTER_BYTES;
use lfs_wire::{Oid, Pointer};

/// The reason why a walk did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PointersError {
    #[error("the walk was ended")]
    Ended,
    /// An object cannot be read, or says nothing that makes sense.
    #[error("the repository cannot be walked through")]
    Git(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn git(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> PointersError {
    PointersError::Git(error.into())
}

/// The ids in all pointer files of all versions that any ref reaches. Each tree and each file is looked at once.
pub(crate) fn reached(
    repository: &Repository,
    interrupt: &Interrupt,
) -> Result<BTreeSet<Oid>, PointersError> {
    let repository = repository.read();
    let (mut found, mut seen, mut left) = (BTreeSet::new(), HashSet::new(), Vec::new());
    for reference in repository.references().map_err(git)?.all().map_err(git)? {
        left.extend(reference.map_err(git)?.try_id().map(gix::Id::detach));
    }
    while let Some(id) = left.pop() {
        if interrupt.is_set() {
            return Err(PointersError::Ended);
        }
        if !seen.insert(id) {
            continue;
        }
        let header = repository.find_header(id).map_err(git)?;
        if header.kind() == Kind::Blob && header.size() > MAX_POINTER_BYTES as u64 {
            continue;
        }
        let object = repository.find_object(id).map_err(git)?;
        match object.kind {
            Kind::Blob => found.extend(Pointer::parse(&object.data).map(|pointer| pointer.oid)),
            Kind::Commit => {
                let commit = object.into_commit();
                left.push(commit.tree_id().map_err(git)?.detach());
                left.extend(commit.parent_ids().map(gix::Id::detach));
            }
            Kind::Tag => left.push(object.into_tag().target_id().map_err(git)?.detach()),
            Kind::Tree => {
                for entry in TreeRefIter::from_bytes(&object.data, repository.object_hash()) {
                    let entry = entry.map_err(git)?;
                    if !entry.mode.is_commit() {
                        left.push(entry.oid.to_owned());
                    }
                }
            }
        }
    }
    Ok(found)
}
