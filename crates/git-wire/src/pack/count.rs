//! Which objects a receiver lacks.

use std::collections::HashSet;
use std::io;

use gix::ObjectId;

use super::Error;
use super::store::PackStore;

/// What shapes the count.
#[derive(Debug, Clone, Default)]
pub struct CountOptions {
    /// Commits that the receiver has without having their parents.
    pub receiver_shallow: HashSet<ObjectId>,
    /// Commits whose parents aren't to be sent: the new shallow boundary.
    pub boundary: HashSet<ObjectId>,
    /// Annotated tags to send along when what they point to (second) is sent.
    pub include_tags: Vec<(ObjectId, ObjectId)>,
    /// What to leave out.
    pub filter: Filter,
}

/// What a partial clone leaves out, unless it is asked for by name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Filter {
    /// Nothing.
    #[default]
    Nothing,
    /// All file contents.
    Blobs,
    /// File contents of so many bytes or more.
    BlobsFrom(u64),
    /// All folders and file contents.
    Trees,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// The objects to send, each once: commits, then tags, then trees and blobs.
    pub objects: Vec<ObjectId>,
    /// How many of them are commits.
    pub commits: usize,
    /// Objects that the receiver is known to have, near those it lacks: bases for a thin pack. Not complete.
    pub known: HashSet<ObjectId>,
}

/// Finds what a receiver needs that has everything reachable from `haves` and wants everything reachable from `wants`.
///
/// Commits are walked from wants to haves by generation or date, then each new commit's tree is compared with its
/// parents' trees, so that the cost is that of the difference. Without haves it's everything reachable, each object
/// looked at once. Ids among `haves` that aren't here are passed over; `progress` gets the number so far now and then.
///
/// # Errors
/// If an object is missing or damaged, or `progress` fails.
pub fn count(
    repo: &gix::Repository,
    wants: &[ObjectId],
    haves: &[ObjectId],
    options: &CountOptions,
    progress: &mut dyn FnMut(usize) -> io::Result<()>,
) -> Result<Counted, Error> {
    count_with(repo, wants, haves, options, progress)
}

pub(crate) fn count_with(
    repo: &gix::Repository,
    wants: &[ObjectId],
    haves: &[ObjectId],
    options: &CountOptions,
    progress: &mut dyn FnMut(usize) -> io::Result<()>,
) -> Result<Counted, Error> {
    let _ = (repo, wants, haves, options, progress);
    todo!()
}
