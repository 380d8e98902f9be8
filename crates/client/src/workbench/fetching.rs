//! Snapshots that are on this computer, and the way to those that are not.

use azml_core::large::Tree;
use azml_core::run::RunRecord;
use maud::{Markup, html};

use super::page_context::{PageContext, not_found};
use super::{format, layout};
use crate::error::CommandError;
use crate::ops::fetch::tree_here;

/// The tree of a run's snapshot, if it is here.
pub fn tree_of(context: &PageContext<'_>, record: &RunRecord) -> Result<Option<Tree>, CommandError> {
    let commit = record.commit_id().ok_or_else(|| not_found("The record of this run names no snapshot"))?;
    tree_here(&context.opened, commit)
}

/// For a snapshot that is not here.
pub fn fetch(context: &PageContext<'_>, record: &RunRecord, here: &str) -> Markup {
    html! {
        p { "The snapshot of this run is not on this computer yet." }
        form method="post" action=(format::run_path(record, "/fetch")) {
            (layout::hidden(context, here))
            input type="hidden" name="what" value="snapshot";
            button.primary { "Fetch it from the remote" }
        }
    }
}
