//! The history of a work item: what each revision changed, newest first.

use maud::{Markup, html};
use serde_json::Value;
use uuid::Uuid;

use super::super::parts::{PAGE, ago, avatar, pages};
use super::Place;
use crate::directory::WorkItem;
use crate::directory::work_item::fields::{self, FieldType};
use crate::directory::work_item::{LINK_TYPES, Relation, RelationTarget};
use crate::limits::EXCERPT_CHARS;
use crate::operations::work_items::history::{self, FieldChange};

/// Fields that change with every revision, or that say again what another one says.
const QUIET: [&str; 15] = [
    fields::ID,
    fields::REV,
    fields::PROJECT,
    fields::NODE,
    fields::CREATED,
    fields::CREATOR,
    fields::CHANGED,
    fields::CHANGER,
    fields::COMMENTS,
    fields::HISTORY,
    fields::PARENT_ID,
    fields::STATE_CHANGED,
    "Microsoft.VSTS.Common.ActivatedBy",
    "Microsoft.VSTS.Common.ResolvedBy",
    "Microsoft.VSTS.Common.ClosedBy",
];

pub(super) fn show(place: &Place<'_>, item: &WorkItem) -> Markup {
    let ctx = place.ctx;
    let revisions = history::revisions(&ctx.directory, item);
    let skip = ctx.ask_number("skip");
    let shown = (0..revisions.len()).rev().skip(skip).take(PAGE);
    let address = format!("{}?_a=history", place.item(item.id));
    html! {
        @for at in shown {
            @let (after, before) = (revisions[at], at.checked_sub(1).map(|before| revisions[before]));
            article.card aria-label={ "Revision " (after.rev) } {
                p.by {
                    span.person { (avatar(place.name(after.changer))) strong { bdi { (place.name(after.changer)) } } }
                    span.quiet { "revision " (after.rev) ", " (ago(ctx.now, after.changed)) }
                }
                (changes(place, before, after))
            }
        }
        (pages(&address, skip, revisions.len() > skip.saturating_add(PAGE), "Newer", "Older"))
    }
}

fn changes(place: &Place<'_>, before: Option<&WorkItem>, after: &WorkItem) -> Markup {
    let directory = &place.ctx.directory;
    let all = history::changed_fields(directory, place.project, before, after);
    let is_shown = |one: &&FieldChange| {
        let is_date = one.field.kind == FieldType::Time && one.field.is_read_only;
        !is_date && !QUIET.contains(&one.field.reference)
    };
    let (added, removed) = history::changed_links(before, after);
    html! {
        dl.facts { @for one in all.iter().filter(is_shown) {
            dt { (one.field.name) }
            dd {
                @let (old, new) = (value(place, one, &one.before), value(place, one, &one.after));
                @if !old.is_empty() { del { bdi { (old) } } " " }
                @if !new.is_empty() { ins { bdi { (new) } } }
            }
        } }
        @if !added.is_empty() || !removed.is_empty() { ul.plain-list {
            @for one in added { li { "Link added: " (end(one)) } }
            @for one in removed { li { "Link removed: " (end(one)) } }
        } }
        @if let Some(note) = history::comment_of(directory, after) { (place.said(&note.text, note.is_markdown)) }
    }
}

/// A value of a field as the history has it: of a user the name, and of a long text the beginning.
fn value(place: &Place<'_>, change: &FieldChange, value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if change.field.kind == FieldType::Person {
        return Uuid::parse_str(&text).map_or(text, |id| place.name(id).to_owned());
    }
    let mut chars = text.chars();
    let begin: String = chars.by_ref().take(EXCERPT_CHARS).collect();
    if chars.next().is_some() { begin + "…" } else { begin }
}

fn end(relation: &Relation) -> Markup {
    let known = LINK_TYPES.iter().find(|one| one.reference == relation.kind);
    let kind = known.map_or("Link", |one| one.name);
    html! {
        (kind) " "
        @match &relation.target {
            RelationTarget::Item(id) => { (id) }
            RelationTarget::Url(url) => { bdi { (url) } }
        }
    }
}
