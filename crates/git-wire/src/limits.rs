//! The bounds of the engine that are no option of a conversation; the one place that holds these numbers.

/// Bytes of an object's content that is read whole rather than piece by piece.
pub(crate) const WHOLE_CONTENT_BYTES: u64 = 256 << 10;

/// The number of packs that an open repository can get before it is opened anew with a larger table of packs. A slot
/// takes 128 bytes whether it is used or not.
pub(crate) const FREE_PACK_SLOTS: usize = 256;

/// The number of packs that a repository may have: as many as gix can number.
pub(crate) const MAX_PACK_SLOTS: u16 = 32_767;

/// Bytes of a ref's own file that is read in one piece. A longer one is left to gix.
pub(crate) const LOOSE_REF_BYTES: usize = 256;

/// Bytes of a commit-graph file that is read into memory: that of some 3 million commits. A larger one is passed over.
pub(crate) const MAX_COMMIT_GRAPH_BYTES: u64 = 256 << 20;

/// Bits that one path may set in a changed-path filter; Git sets 7.
pub(crate) const MAX_FILTER_HASHES: u32 = 32;

/// Changed-path filters that are computed for one commit-graph; the next one gets more. Older commits wait.
pub(crate) const MAX_NEW_FILTERS: usize = 500_000;

/// Folders of a path that is looked for in changed-path filters. Each is hashed from the root on, so that the cost of all would be
/// the square of the path's length.
pub(crate) const MAX_HASHED_FOLDERS: usize = 64;

/// Trees nested in trees that are compared for a filter: as Git's `core.maxTreeDepth`. Deeper changes make it "too large".
pub(crate) const MAX_FILTER_DEPTH: usize = 2_048;

/// Commits that may come before the commit-graph is written anew while packs are only rolled up: so many of those that it has
/// already, in hundredths.
pub(crate) const GRAPH_MAY_LACK_PERCENT: usize = 2;

/// Bytes of what a remote says first and of its list of refs: a mirror with a million refs takes about 100 MB.
pub(crate) const MAX_ADVERTISEMENT_BYTES: u64 = lowered(192 << 20);
/// Refs that a remote may list, and other lines of what it says first.
pub(crate) const MAX_REMOTE_REFS: u64 = lowered(2_000_000);
/// Symbolic refs that a remote may name among its capabilities, before version 2.
pub(crate) const MAX_REMOTE_SYMREFS: usize = 64;
/// Bytes of lines in one answer of a remote, a pack not counted: acknowledgements, a boundary, a report, text for people.
pub(crate) const MAX_ANSWER_BYTES: u64 = lowered(64 << 20);
/// Bytes of a pack that a remote sends, and of one object in it and all of them, inflated.
pub(crate) const MAX_FETCHED_PACK_BYTES: u64 = 128 << 30;
pub(crate) const MAX_FETCHED_OBJECT_BYTES: usize = 8 << 30;
pub(crate) const MAX_FETCHED_INFLATED_BYTES: u64 = 2 << 40;
/// Objects of a pack that a remote sends.
pub(crate) const MAX_FETCHED_OBJECTS: u32 = 50_000_000;

/// Bytes of a file that is compressed to learn how large that makes it; larger ones count as they are.
pub(crate) const MAX_COMPRESSED: u64 = 64 << 20;

/// Deltas that stand on one another in a pack that is stored, at most. What would stand deeper is stored whole, so that
/// reading an object never costs more than this. Git makes chains of 50, and of 250 where it is told to be aggressive.
pub(crate) const MAX_CHAIN: u32 = 256;
/// Bytes of delta bases that are held in memory while one pack is taken in. Larger ones wait in files.
pub(crate) const MAX_BASE_MEMORY: u64 = 96 << 20;
/// Bytes of delta bases that wait in files while one pack is taken in.
pub(crate) const MAX_BASE_FILES: u64 = 4 << 30;
/// Bytes of a received commit, tree or tag, which is held in memory to be checked. A blob is not.
pub(crate) const MAX_STRUCTURED: u64 = 64 << 20;
/// Bytes of a received `.gitmodules` or `.gitattributes`, which is held in memory to be checked; Git reads no more of
/// attributes either.
pub(crate) const MAX_SPECIAL: u64 = 100 << 20;
/// Bytes of an object that is made of a delta in memory. A larger one that is no base is hashed in pieces.
pub(crate) const MAX_MADE_IN_MEMORY: u64 = 4 << 20;
/// Bytes of a loose object's file from which on its content is streamed into a pack. What is smaller inflates to some 8 MB at most.
pub(crate) const STREAMED_LOOSE_FILE: u64 = 8 << 10;
/// Bytes of memory for making an object of its deltas, from which on those who send packs take turns.
pub(crate) const LARGE_OBJECT_BYTES: u64 = 16 << 20;
/// Bytes of memory for such objects in the whole process. One that needs more is alone.
pub(crate) const LARGE_OBJECTS_BYTES: u64 = 256 << 20;
/// Bytes of a base that a thin pack leaves out, above which such bases are read one at a time in the whole process.
pub(crate) const LARGE_THIN_BASE: u64 = 32 << 20;

/// Bytes of an object up to which maintenance looks for a delta of it.
pub(crate) const DELTA_OBJECT_BYTES: u64 = 64 << 20;
/// Bytes of memory for the objects that one thread compares with the next one.
pub(crate) const DELTA_WINDOW_BYTES: usize = 128 << 20;
/// Bytes of the deltas that one thread keeps until the pack is written. Others are made again then.
pub(crate) const DELTA_CACHE_BYTES: usize = 64 << 20;

/// Lowers a bound in unit tests, so that they meet it in time.
const fn lowered(bound: u64) -> u64 {
    if cfg!(test) { bound >> 6 } else { bound }
}
