//! The project folder's content, as a snapshot taken now would have it.

use super::Error;
use crate::{
    history::HistoryRepo,
    large::Tree,
    snapshot::{self, Limits, Silent, TreeRequest},
};

/// Stores the folder as a tree. Nothing is too large here: what can't be stored could be lost.
pub(super) fn store(history: &HistoryRepo) -> Result<Tree, Error> {
    let request = TreeRequest { limits: Limits::NONE, ..TreeRequest::default() };
    snapshot::tree(history, &request, &Silent).map(|taken| taken.tree()).map_err(Error::Look)
}
