//! A form that was refused: the page that had it is shown again, with the reason, and nobody types anything twice.

use super::{Answer, Failure, Page};
use crate::http::web::form::Form;

/// A form that was refused, and why.
pub(super) struct Refusal<'f> {
    pub(super) words: String,
    pub(super) form: &'f Form,
}

impl<'f> Refusal<'f> {
    /// The refusal of a form whose page tells the reason; other failures have pages of their own.
    pub(super) fn of(failure: Failure, form: &'f Form) -> Result<Self, Failure> {
        match failure {
            Failure::Bad(words) | Failure::Forbidden(words) => Ok(Self { words, form }),
            other => Err(other),
        }
    }

    /// The text in a field of a refused form.
    pub(super) fn kept<'r>(refusal: Option<&'r Self>, field: &str) -> &'r str {
        refusal.map_or("", |refusal| refusal.form.raw(field))
    }

    /// The reason, if there is one.
    pub(super) fn words(refusal: Option<&Self>) -> Option<&str> {
        refusal.map(|refusal| refusal.words.as_str())
    }
}

/// The answer with a page, which has its own status if a form was refused.
pub(super) fn refusable(page: Page, refused: Option<&str>) -> Answer {
    let page = if refused.is_some() { page.with_status(http::StatusCode::BAD_REQUEST) } else { page };
    page.into()
}
