//! The form with the fields of a work item: of a new one, and of one that is changed.

use maud::{Markup, html};
use serde_json::Value;
use uuid::Uuid;

use super::super::layout::Page;
use super::super::parts::problem;
use super::super::refusal::{Refusal, refusable};
use super::{Failure, Outcome, Place, form_of};
use crate::access::subjects;
use crate::directory::WorkItem;
use crate::directory::work_item::fields::{self, Field, FieldType, allowed};
use crate::directory::work_item::work_item_type::{self, WorkItemType, of_process};
use crate::http::web::form::Form;
use crate::limits::{FIELD_CHARS, FIELD_TEXT_CHARS, PEOPLE_OFFERED};
use crate::registry::WorkItemError;
use crate::registry::work_items::Step;
use crate::registry::work_items::values::present;

/// The fields that the form has, with their names in it. Only some types have some of them.
pub(super) const FIELDS: [(&str, &str); 10] = [
    ("title", fields::TITLE),
    ("state", fields::STATE),
    ("assigned", fields::ASSIGNED),
    ("priority", fields::PRIORITY),
    ("severity", fields::SEVERITY),
    ("area", fields::AREA),
    ("iteration", fields::ITERATION),
    ("tags", fields::TAGS),
    ("steps", fields::REPRO_STEPS),
    ("description", fields::DESCRIPTION),
];

/// The fields of the form for a type; a new item has its type's first state.
fn fields_of(kind: &WorkItemType, is_new: bool) -> impl Iterator<Item = (&'static str, &'static Field)> {
    let known = FIELDS.into_iter().filter_map(|(name, field)| Some((name, fields::find(field)?)));
    known.filter(move |(_, field)| match field.reference {
        fields::STATE => !is_new,
        fields::REPRO_STEPS => kind.name == "Bug",
        reference => kind.has(reference),
    })
}

/// The type of that name in the project.
pub(super) fn kind_of(place: &Place<'_>, name: &str) -> Result<&'static WorkItemType, Failure> {
    let absent = || WorkItemError::NoType { name: name.to_owned(), project: place.project.name.clone() };
    Ok(work_item_type::find(&place.project.process, name).ok_or_else(absent)?)
}

/// The types to choose from.
pub(super) fn choose(place: &Place<'_>) -> Page {
    let body = html! {
        div.page.narrowed {
            h1 { "New work item" }
            ul.cards { @for kind in of_process(&place.project.process) { li.card {
                h2 { a href=(form_of(place, kind.name)) { (kind.name) } }
                p { (kind.description) }
            } } }
        }
    };
    let mut way = place.way();
    way.push(("New".to_owned(), place.path("/create")));
    Page::new("New work item", way, body)
}

/// The form for a new item of a type.
pub(super) fn new(place: &Place<'_>, kind: &str, refusal: Option<&Refusal<'_>>) -> Outcome {
    let kind = kind_of(place, kind)?;
    let here = form_of(place, kind.name);
    let words = Refusal::words(refusal);
    let title = format!("New {}", kind.name);
    let body = html! {
        div.page.narrowed {
            h1 { (title) }
            (problem(words))
            (place.form(&here, "create", &[], &html! {
                div.card {
                    (inputs(place, kind, None, refusal))
                    div.actions { button { "Create" } a href=(place.path("")) { "Cancel" } }
                }
            }))
        }
    };
    let mut way = place.way();
    way.push((title.clone(), here));
    Ok(refusable(Page::new(title, way, body), words))
}

/// The text of a field in the form: of a user the name.
fn text_of(place: &Place<'_>, item: Option<&WorkItem>, field: &Field) -> String {
    let Some(item) = item else {
        return match field.reference {
            fields::AREA | fields::ITERATION => place.project.name.clone(),
            fields::PRIORITY => "2".to_owned(),
            fields::SEVERITY => "3 - Medium".to_owned(),
            _ => String::new(),
        };
    };
    let value = present(&place.ctx.directory, place.project, item, field);
    match value {
        Value::Null => String::new(),
        Value::String(id) if field.kind == FieldType::Person => {
            Uuid::parse_str(&id).ok().map_or(id, |id| place.name(id).to_owned())
        }
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// True if what the form writes into a field of several lines is Markdown: there is nothing in it yet, or Markdown.
fn is_markdown(item: Option<&WorkItem>, field: &Field) -> bool {
    item.is_none_or(|item| item.markdown.contains(field.reference) || item.text(field.reference).is_empty())
}

/// The fields of the form; those of a refused one with what was typed.
pub(super) fn inputs(
    place: &Place<'_>,
    kind: &WorkItemType,
    item: Option<&WorkItem>,
    refusal: Option<&Refusal<'_>>,
) -> Markup {
    html! { @for (name, field) in fields_of(kind, item.is_none()) {
        @let value = match refusal {
            Some(refusal) => refusal.form.raw(name).to_owned(),
            None => text_of(place, item, field),
        };
        (input(place, kind, (name, field), &value, is_markdown(item, field)))
    } }
}

fn input(
    place: &Place<'_>,
    kind: &WorkItemType,
    (name, field): (&str, &Field),
    value: &str,
    is_markdown: bool,
) -> Markup {
    let label = field.name;
    let select = |options: &[&str]| {
        html! {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                @for option in options { option value=(option) selected[*option == value] { (option) } }
                @if !options.contains(&value) && !value.is_empty() { option value=(value) selected { (value) } }
            }
        }
    };
    match (field.kind, field.reference) {
        (_, fields::STATE) => select(&kind.states.iter().map(|(state, _)| *state).collect::<Vec<_>>()),
        (FieldType::Person, _) => {
            let people = subjects(&place.ctx.directory, place.account.id, Some(place.project.id));
            let people: Vec<_> = people.iter().filter(|one| !one.is_group).take(PEOPLE_OFFERED).collect();
            let is_absent = !value.is_empty() && people.iter().all(|one| one.name != value);
            html! {
                label for=(name) { (label) }
                select id=(name) name=(name) {
                    option value="" { "Nobody" }
                    @for one in people { option value=(one.name) selected[one.name == value] { (one.name) } }
                    @if is_absent { option value=(value) selected { (value) } }
                }
            }
        }
        (_, reference) if !allowed(reference).is_empty() => select(allowed(reference)),
        (FieldType::Html, reference) if reference != fields::TAGS => html! {
            label for=(name) { (label) " (" (if is_markdown { "Markdown" } else { "HTML" }) ")" }
            // The parser of a page drops the first line's end.
            textarea id=(name) name=(name) rows="6" maxlength=(FIELD_TEXT_CHARS) { "\n" (value) }
        },
        (_, reference) => html! {
            label for=(name) { (label) }
            input id=(name) name=(name) value=(value) maxlength=(FIELD_CHARS) autocomplete="off"
                required[matches!(reference, fields::TITLE | fields::AREA | fields::ITERATION)];
            @if reference == fields::TAGS { p.hint { "Separated by semicolons." } }
        },
    }
}

/// The steps that a form of a new item, or of one that is there, asks for: only of what it changes.
pub(super) fn steps(
    place: &Place<'_>,
    kind: &WorkItemType,
    item: Option<&WorkItem>,
    form: &Form,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for (name, field) in fields_of(kind, item.is_none()).filter(|(name, _)| form.has(name)) {
        // Browsers end the lines of a form with two characters.
        let new = form.raw(name).replace("\r\n", "\n");
        let old = text_of(place, item, field).replace("\r\n", "\n");
        let is_kept = if field.kind == FieldType::Html { new == old } else { new.trim() == old.trim() };
        if is_kept && (item.is_some() || new.is_empty()) {
            continue;
        }
        let reference = field.reference.to_owned();
        let is_long = field.kind == FieldType::Html && field.reference != fields::TAGS;
        if is_long && !new.trim().is_empty() && is_markdown(item, field) {
            steps.push(Step::Format { field: reference.clone(), is_markdown: true });
        }
        steps.push(Step::Replace { field: reference, value: new.into() });
    }
    steps
}
