//! Files of a repository that stand for large ones: what the pages and the REST API show in their place.

use lfs_wire::Pointer;
use lfs_wire::pointer::MAX_POINTER_BYTES;

use super::LfsRefused;
use super::transfer::{Content, open};
use crate::operations::context::RepoContext;

/// The pointer that a file is, by its size and its beginning.
pub(crate) fn pointer(size: u64, start: &[u8]) -> Option<Pointer> {
    let is_whole = size <= MAX_POINTER_BYTES as u64 && size == start.len() as u64;
    if is_whole { Pointer::parse_canonical(start) } else { None }
}

/// Opens the content that a pointer stands for, if the repository has it. Blocks.
pub(crate) fn content(context: &RepoContext, pointer: &Pointer) -> Option<Content> {
    let opening = open(&context.app, &context.principal, &context.repo, pointer.oid);
    match context.runtime.block_on(opening) {
        Ok(content) => Some(content).filter(|content| content.size == pointer.size),
        Err(LfsRefused::NoObject) => None,
        Err(error) => {
            tracing::warn!(%error, oid = %pointer.oid, "a large file is not shown");
            None
        }
    }
}
