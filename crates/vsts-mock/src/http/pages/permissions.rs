//! Permissions.
use super::form::Form;
use super::route::RepoNames;
use super::source::Source;
use super::visit::Visit;
use super::{Failure, Outcome};
use std::sync::Arc;
pub(super) fn show(_source: &Source<'_>, _refused: Option<&str>) -> Outcome {
    Err(Failure::absent("later"))
}
pub(super) async fn follow(_visit: &Arc<Visit>, _names: &RepoNames, _form: &Form) -> Outcome {
    Err(Failure::absent("later"))
}
