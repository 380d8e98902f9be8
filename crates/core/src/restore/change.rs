//! One path that a restore changes.

use gix::bstr::BString;

use crate::checkout::listing::Entry;

/// One path that a restore changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The path, with `/`.
    pub path: BString,
    /// The folder's entry there.
    pub before: Option<Entry>,
    /// The entry it is to have there.
    pub after: Option<Entry>,
}
