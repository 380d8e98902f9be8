//! The recycle bin: deleted items, which come back, or go for good.

use maud::html;

use super::super::layout::Page;
use super::super::parts::{PAGE, ago, pages, problem};
use super::super::refusal::{Refusal, refusable};
use super::{Outcome, Place};
use crate::access::administers;
use crate::directory::work_item::fields;
use crate::operations::work_items::recycle_bin as bin;

pub(super) fn show(place: &Place<'_>, refusal: Option<&Refusal<'_>>) -> Outcome {
    let (ctx, here) = (place.ctx, place.path("/recyclebin"));
    let skip = ctx.ask_number("skip");
    let all = bin::list(&ctx.directory, place.scope())?;
    let found: Vec<_> = all.iter().skip(skip).take(PAGE).collect();
    let may_destroy = place.may_write
        && administers(&ctx.directory, &ctx.principal, place.account.id, Some(place.project.id));
    let words = Refusal::words(refusal);
    let body = html! {
        div.page {
            h1 { "Recycle bin" }
            (problem(words))
            @if all.is_empty() { div.card.quiet { p { "No work item is deleted." } } }
            @else { div.wide { table {
                thead { tr {
                    th scope="col" { "Work item" } th scope="col" { "Type" } th scope="col" { "Deleted by" } th scope="col" { "Deleted" }
                    @if place.may_write { th scope="col" { "Actions" } }
                } }
                tbody { @for item in found {
                    @let id = item.id.to_string();
                    tr {
                        th scope="row" { (item.id) ": " bdi { (item.text(fields::TITLE)) } }
                        td { (item.kind) }
                        td { @if let Some(deletion) = item.deletion { bdi { (place.name(deletion.by)) } } }
                        td.when { @if let Some(deletion) = item.deletion { (ago(ctx.now, deletion.time)) } }
                        @if place.may_write { td { div.actions {
                            (place.form(&here, "restore", &[("id", &id)], &html! {
                                button.plain aria-label={ "Restore " (item.id) } { "Restore" }
                            }))
                            @if may_destroy { (place.form(&here, "destroy", &[("id", &id)], &html! {
                                button.plain.danger aria-label={ "Delete for good: " (item.id) } { "Delete for good" }
                            })) }
                        } } }
                    }
                } }
            } } }
            (pages(&format!("{here}?list=all"), skip, all.len() > skip.saturating_add(PAGE), "Previous", "Next"))
        }
    };
    let mut way = place.way();
    way.push(("Recycle bin".to_owned(), here));
    Ok(refusable(Page::new("Recycle bin", way, body), words))
}
