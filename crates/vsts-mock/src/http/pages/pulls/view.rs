//! One pull request as a visitor sees it: what its parts share, above all the forms.

use maud::{Markup, html};
use uuid::Uuid;

use super::super::refusal::Refusal;
use super::super::source::Source;
use super::page_of;
use crate::access::Permission;
use crate::directory::PullRequest;

/// A pull request on one of its pages.
pub(super) struct View<'v> {
    pub(super) source: &'v Source<'v>,
    pub(super) pull: &'v PullRequest,
    /// The page, by its name in the address.
    pub(super) part: &'static str,
    pub(super) refusal: Option<&'v Refusal<'v>>,
    pub(super) may_work: bool,
}

impl<'v> View<'v> {
    pub(super) fn new(
        source: &'v Source<'v>,
        pull: &'v PullRequest,
        part: &'static str,
        refusal: Option<&'v Refusal<'v>>,
    ) -> Self {
        let may_work = source.may(Permission::PullRequestContribute) && source.ctx.has_session();
        Self { source, pull, part, refusal, may_work }
    }

    /// The address of this page.
    pub(super) fn here(&self) -> String {
        let page = page_of(self.source, self.pull.id);
        let view = if self.source.ctx.ask("view") == Some("split") { "&view=split" } else { "" };
        match self.part {
            "overview" => page,
            part => format!("{page}?_a={part}{view}"),
        }
    }

    /// A form that does something with the pull request, with its own hidden fields.
    pub(super) fn form(&self, action: &str, hidden: &[(&str, &str)], fields: &Markup) -> Markup {
        html! {
            form method="post" action=(self.here()) {
                (self.source.ctx.token())
                input type="hidden" name="do" value=(action);
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                (fields)
            }
        }
    }

    /// The text in a field of this form if it was refused.
    pub(super) fn kept(&self, action: &str, hidden: &[(&str, &str)], field: &str) -> &'v str {
        let is_it = |refusal: &&Refusal<'_>| {
            refusal.form.get("do") == action
                && hidden.iter().all(|(name, value)| refusal.form.get(name) == *value)
        };
        Refusal::kept(self.refusal.filter(is_it), field)
    }

    pub(super) fn name(&self, id: Uuid) -> String {
        self.source.app.state.directory().identity_name(id).unwrap_or("Anonymous").to_owned()
    }

    /// A text that somebody wrote, in Markdown.
    pub(super) fn text(&self, text: &str) -> Markup {
        html! { div.said { (self.source.said(text)) } }
    }
}
