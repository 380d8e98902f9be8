//! The work items of a project: a list with its query, the page of each, a form for a new one, and the recycle bin.

mod detail;
mod follow;
mod form;
mod history;
mod links;
mod list;
mod recycle_bin;

use maud::{Markup, html};
use uuid::Uuid;

use super::find::{absent, crumbs, find_project};
use super::markdown::{self, Key};
use super::refusal::Refusal;
use super::request_context::RequestContext;
use super::route::WorkPage;
use super::{Answer, Failure, Outcome};
use crate::access::authorize_work_writing;
use crate::directory::work_item::fields;
use crate::directory::{Account, Project};
use crate::http::web::encode;
use crate::operations::scope::Scope;
use crate::operations::work_items as items;
pub(super) use follow::follow;

/// The work items of a project, as a visitor sees them.
struct Place<'c> {
    ctx: &'c RequestContext,
    account: &'c Account,
    project: &'c Project,
    /// True if the visitor may make, change and delete them by forms.
    may_write: bool,
}

impl<'c> Place<'c> {
    /// The project of an address, if the visitor may read its work items.
    fn find(ctx: &'c RequestContext, account: &str, project: &str) -> Result<Self, Failure> {
        let (account, project) = find_project(&ctx.directory, &ctx.principal, account, project)?;
        let scope = ctx.scope(&account.name, Some(&project.name));
        items::project(&ctx.directory, scope).map_err(|_| absent(&ctx.principal))?;
        let may_write =
            ctx.has_session() && authorize_work_writing(&ctx.directory, &ctx.principal, project).is_ok();
        Ok(Self { ctx, account, project, may_write })
    }

    fn scope(&self) -> Scope<'_> {
        self.ctx.scope(&self.account.name, Some(&self.project.name))
    }

    /// The visitor's view of all projects of the account.
    fn everywhere(&self) -> Scope<'_> {
        self.ctx.scope(&self.account.name, None)
    }

    /// The address of the list, or of a page below it.
    fn path(&self, below: &str) -> String {
        format!("{}{below}", list_of(self.ctx, &self.account.name, &self.project.name))
    }

    fn item(&self, id: i64) -> String {
        page_of(self.ctx, &self.account.name, &self.project.name, id)
    }

    /// The way to the list.
    fn way(&self) -> Vec<(String, String)> {
        let mut way = crumbs(self.ctx, self.account, Some(self.project));
        way.push(("Work items".to_owned(), self.path("")));
        way
    }

    /// The name of a user.
    fn name(&self, id: Uuid) -> &str {
        self.ctx.directory.identity_name(id).unwrap_or("Anonymous")
    }

    /// A text that somebody wrote: Markdown, whose links lead from the list, or HTML.
    fn said(&self, text: &str, is_markdown: bool) -> Markup {
        let base = self.path("");
        html! { div.said {
            @match markdown::blob_of(text).filter(|_| is_markdown) {
                Some(blob) => {
                    @let key = Key { blob, base: base.clone() };
                    (markdown::render(text, key, &|to, _| format!("{base}/{}", markdown::join("", to))))
                }
                None => { (markdown::harmless(text)) }
            }
        } }
    }

    /// A form that does something on a page, with its own hidden fields.
    fn form(&self, page: &str, action: &str, hidden: &[(&str, &str)], fields: &Markup) -> Markup {
        html! {
            form method="post" action=(page) {
                (self.ctx.token())
                input type="hidden" name="do" value=(action);
                @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
                (fields)
            }
        }
    }
}

/// A page.
pub(super) fn show(ctx: &RequestContext, account: &str, project: &str, page: &WorkPage) -> Outcome {
    show_with(&Place::find(ctx, account, project)?, page, None)
}

/// A page, on which a form was refused.
fn show_with(place: &Place<'_>, page: &WorkPage, refusal: Option<&Refusal<'_>>) -> Outcome {
    match page {
        WorkPage::List => list::show(place),
        WorkPage::New => Ok(form::choose(place).into()),
        WorkPage::NewOf(kind) => form::new(place, kind, refusal),
        WorkPage::Item(id) => detail::show(place, id, refusal),
        WorkPage::RecycleBin => recycle_bin::show(place, refusal),
    }
}

/// The address of the list of a project.
pub(super) fn list_of(ctx: &RequestContext, account: &str, project: &str) -> String {
    format!("{}/_workitems", ctx.project_path(account, project))
}

/// The address of the page of a work item.
fn page_of(ctx: &RequestContext, account: &str, project: &str, id: i64) -> String {
    format!("{}/edit/{id}", list_of(ctx, account, project))
}

/// The work items that a pull request is linked to.
pub(super) fn linked(ctx: &RequestContext, account: &str, ids: &[String]) -> Markup {
    let scope = ctx.scope(account, None);
    let found: Vec<_> = ids.iter().map(|id| (id, items::find(&ctx.directory, scope, id).ok())).collect();
    html! { @if !found.is_empty() {
        section.card aria-labelledby="work-items" {
            h2 #work-items { "Work items" }
            ul { @for (id, item) in found { li {
                @match item {
                    Some((item, project)) => {
                        a href=(page_of(ctx, account, &project.name, item.id)) { (item.id) ": " bdi { (item.text(fields::TITLE)) } }
                        " " span.tag { (item.text(fields::STATE)) }
                    }
                    None => { (id) }
                }
            } } }
        }
    } }
}

/// The address of a type's form.
fn form_of(place: &Place<'_>, kind: &str) -> String {
    place.path(&format!("/create/{}", encode(kind)))
}

/// The answer that leads to a page below the list.
fn go(place: &Place<'_>, below: &str) -> Answer {
    Answer::go(place.path(below))
}
