//! The bounds of work items and of queries for them.

/// Work items of one account, in the recycle bin or not.
pub(crate) const WORK_ITEMS: usize = 50_000;

/// Revisions of one work item.
pub(crate) const WORK_ITEM_REVISIONS: i64 = 10_000;

/// Characters of a field that holds a line of text.
pub(crate) const FIELD_CHARS: usize = 255;

/// Characters of a field that holds text of any length, and of a comment.
pub(crate) const FIELD_TEXT_CHARS: usize = 150_000;

/// Links of one work item.
pub(crate) const RELATIONS: usize = 1_000;

/// Tags of one work item.
pub(crate) const TAGS: usize = 100;

/// Comments on one work item.
pub(crate) const WORK_ITEM_COMMENTS: usize = 1_000;

/// Operations of one patch of a work item.
pub(crate) const PATCH_OPERATIONS: usize = 1_000;

/// Work items that one request may ask for by their numbers.
pub(crate) const WORK_ITEMS_ASKED: usize = 200;

/// Characters of a query.
pub(crate) const WIQL_CHARS: usize = 32_000;

/// Levels of parentheses and of `NOT` in a query.
pub(crate) const WIQL_DEPTH: usize = 32;

/// Conditions, values of lists, columns and fields to sort by of a query, together.
pub(crate) const WIQL_TERMS: usize = 1_000;

/// Work items that a query finds.
pub(crate) const WIQL_RESULTS: usize = 20_000;

/// Users of one answer about licences.
pub(crate) const ENTITLEMENTS: usize = 100;

/// People whom the pages of work items offer, to assign to and to ask for.
pub(crate) const PEOPLE_OFFERED: usize = 500;
