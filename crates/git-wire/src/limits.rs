//! The bounds of the engine that are no option of a conversation; the one place that holds these numbers.

/// How many packs an open repository can get before its table of packs is made larger, for which it is opened anew. A
/// slot takes 128 bytes whether it is used or not.
pub(crate) const FREE_PACK_SLOTS: usize = 256;

/// How many packs a repository may have: as many as gix can number.
pub(crate) const MAX_PACK_SLOTS: u16 = 32_767;
