//! Types of work items.

use super::super::Field::{Any, Flag, Text};
use super::super::Model;
use super::model;

/// Work items that are asked for by their numbers.
pub(crate) static WORK_ITEM_BATCH: Model =
    model("WorkItemBatchGetRequest", &[(Any, "$expand errorPolicy fields ids"), (Text, "asOf")]);

/// A query.
pub(crate) static WIQL: Model = model("Wiql", &[(Text, "query")]);

/// A comment on a work item.
pub(crate) static WORK_ITEM_COMMENT: Model = model("CommentCreate", &[(Text, "text")]);

/// A work item that comes back from the recycle bin.
pub(crate) static BINNED_WORK_ITEM: Model = model("WorkItemDeleteUpdate", &[(Flag, "isDeleted")]);
