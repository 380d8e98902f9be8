//! The page of a work item: its fields, links and comments, and its history.

use maud::{Markup, html};

use super::super::layout::Page;
use super::super::parts::{PAGE, ago, avatar, pages, problem};
use super::super::refusal::{Refusal, refusable};
use super::{Outcome, Place, form, history, links, list};
use crate::directory::work_item::fields;
use crate::directory::{Note, WorkItem};
use crate::http::web::form::Form;
use crate::operations::work_items as items;

/// The page; `refusal` is a form that was refused.
pub(super) fn show(place: &Place<'_>, id: &str, refusal: Option<&Refusal<'_>>) -> Outcome {
    let ctx = place.ctx;
    let (item, _) = items::find(&ctx.directory, place.scope(), id)?;
    let title = item.text(fields::TITLE);
    let here = place.item(item.id);
    let is_history = ctx.ask("_a") == Some("history") && refusal.is_none();
    let words = Refusal::words(refusal);
    let part = |address: &str, name: &str, is_shown: bool| {
        html! { li { a href=(address) aria-current=[is_shown.then_some("page")] { (name) } } }
    };
    let body = html! {
        div.page {
            h1 { (item.id) ": " bdi { (title) } }
            p.lead {
                span.tag { (item.kind) } " made by " bdi { (place.name(item.creator)) } ", "
                (ago(ctx.now, item.created)) "; revision " (item.rev) ", " (ago(ctx.now, item.changed))
            }
            (problem(words))
            nav.tabs aria-label="Work item" { ul {
                (part(&here, "Overview", !is_history))
                (part(&format!("{here}?_a=history"), "History", is_history))
            } }
            @if is_history { (history::show(place, item)) }
            @else { (overview(place, item, refusal)?) }
        }
    };
    let mut way = place.way();
    way.push((item.id.to_string(), here));
    Ok(refusable(Page::new(title, way, body), words))
}

/// The form that was refused, if it did that.
fn refused<'f>(refusal: Option<&'f Refusal<'f>>, action: &str) -> Option<&'f Refusal<'f>> {
    refusal.filter(|refusal| refusal.form.get("do") == action)
}

fn overview(
    place: &Place<'_>,
    item: &WorkItem,
    refusal: Option<&Refusal<'_>>,
) -> Result<Markup, super::Failure> {
    let here = place.item(item.id);
    let link = refused(refusal, "link").map(|refusal| refusal.form);
    let edit = refused(refusal, "edit");
    let long = [("Steps to reproduce", fields::REPRO_STEPS), ("Description", fields::DESCRIPTION)];
    let kind = form::kind_of(place, &item.kind)?;
    Ok(html! {
        (facts(place, item))
        @for (label, field) in long {
            @let text = item.text(field);
            @if !text.is_empty() { section.card aria-label=(label) {
                h2 { (label) }
                (place.said(text, item.markdown.contains(field)))
            } }
        }
        @if place.may_write {
            details.help open[edit.is_some()] {
                summary { "Change fields" }
                div.card {
                    (place.form(&here, "edit", &[("rev", &item.rev.to_string())], &html! {
                        (form::inputs(place, kind, Some(item), edit))
                        div.actions { button { "Save" } }
                    }))
                }
            }
        }
        (links::section(place, item, link))
        (comments(place, item, refusal))
        @if place.may_write { section.card.danger aria-labelledby="delete" {
            h2 #delete { "Delete" }
            p { "It goes into the recycle bin, from which it can be restored." }
            (place.form(&here, "delete", &[], &html! { button.plain.danger { "Delete this work item" } }))
        } }
    })
}

fn facts(place: &Place<'_>, item: &WorkItem) -> Markup {
    let number = |field: &str| item.fields.get(field).and_then(serde_json::Value::as_i64);
    html! { section.card aria-label="Fields" { dl.facts {
        dt { "State" } dd {
            span.tag { (item.text(fields::STATE)) }
            @if item.text(fields::REASON) != item.text(fields::STATE) { " " span.quiet { (item.text(fields::REASON)) } }
        }
        dt { "Assigned to" } dd { (list::assigned(place, item)) }
        @if let Some(priority) = number(fields::PRIORITY) { dt { "Priority" } dd { (priority) } }
        @if !item.text(fields::SEVERITY).is_empty() { dt { "Severity" } dd { (item.text(fields::SEVERITY)) } }
        dt { "Area" } dd { bdi { (place.project.path_of(&item.area)) } }
        dt { "Iteration" } dd { bdi { (place.project.path_of(&item.iteration)) } }
        @if !item.tags().is_empty() {
            dt { "Tags" } dd { @for tag in item.tags() { span.tag { bdi { (tag) } } " " } }
        }
    } } }
}

/// The comments, newest first, with a form for another one.
fn comments(place: &Place<'_>, item: &WorkItem, refusal: Option<&Refusal<'_>>) -> Markup {
    let (here, skip) = (place.item(item.id), place.ctx.ask_number("skip"));
    let all = place.ctx.directory.work.notes_of(item).rev().filter(|note| !note.is_deleted);
    let mut found: Vec<&Note> = all.skip(skip).take(PAGE + 1).collect();
    let has_more = found.len() > PAGE;
    found.truncate(PAGE);
    let kept = Refusal::kept(refused(refusal, "comment"), "content");
    html! { section aria-labelledby="comments" {
        h2 #comments { "Comments" }
        @if place.may_write { (place.form(&here, "comment", &[], &html! {
            label for="content" { "A new comment" }
            textarea #content name="content" rows="4" required { "\n" (kept) }
            p.hint { "Markdown is understood." }
            div.actions { button { "Comment" } }
        })) }
        @if found.is_empty() { p.quiet { "Nobody has said anything." } }
        @for note in found { (comment(place, note, refusal.map(|refusal| refusal.form))) }
        (pages(&format!("{here}?_a=overview"), skip, has_more, "Newer", "Older"))
    } }
}

fn comment(place: &Place<'_>, note: &Note, refused: Option<&Form>) -> Markup {
    let (here, id) = (place.item(note.item), note.id.to_string());
    let hidden = [("comment", id.as_str())];
    let is_own = place.may_write && place.ctx.principal.user == Some(note.author);
    let kept = refused.filter(|form| form.get("do") == "edit-comment" && form.get("comment") == id);
    let name = place.name(note.author);
    html! { article.card.thread id={ "comment-" (id) } aria-label={ "Comment " (id) } {
        p.by {
            span.person { (avatar(name)) bdi { (name) } } " " span.quiet { (ago(place.ctx.now, note.created)) }
            @if note.version > 1 { span.quiet { "(changed)" } }
        }
        (place.said(&note.text, note.is_markdown))
        @if is_own {
            details.help open[kept.is_some()] {
                summary { "Change or delete" span.sr { " comment " (id) } }
                (place.form(&here, "edit-comment", &hidden, &html! {
                    label for={ "edit-" (id) } { "The comment (" (if note.is_markdown { "Markdown" } else { "HTML" }) ")" }
                    textarea id={ "edit-" (id) } name="content" rows="3" required {
                        "\n" (kept.map_or(note.text.as_str(), |form| form.raw("content")))
                    }
                    div.actions { button.plain aria-label={ "Save comment " (id) } { "Save" } }
                }))
                (place.form(&here, "delete-comment", &hidden, &html! {
                    div.actions { button.plain.danger aria-label={ "Delete comment " (id) } { "Delete" } }
                }))
            }
        }
    } }
}
