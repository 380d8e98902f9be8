//! Events about work items: each revision of one is told once, whatever made it, and each comment.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::super::failure::Failure;
use super::super::shape;
use super::super::work::event::Resource;
use super::told::{Told, Words};
use crate::directory::work_item::fields;
use crate::directory::{Directory, Note, Project, Subscription, WorkItem};
use crate::operations::scope::Scope;
use crate::operations::work_items as items;

/// A change of a work item.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The item as the change left it; of a deleted one as it was before.
    pub(super) item: Arc<WorkItem>,
    pub(super) kind: Kind,
}

/// The kinds of changes.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// It was made, maybe with a comment.
    Created(Option<Arc<Note>>),
    /// From this revision.
    Updated(Arc<WorkItem>),
    Commented(Arc<Note>),
    /// The second one has the user who deleted it.
    Deleted(Arc<WorkItem>),
    Restored,
}

impl Change {
    /// The type of the event that tells it.
    pub(super) fn event_type(&self) -> &'static str {
        match self.kind {
            Kind::Created(_) => "workitem.created",
            Kind::Updated(_) => "workitem.updated",
            Kind::Commented(_) => "workitem.commented",
            Kind::Deleted(_) => "workitem.deleted",
            Kind::Restored => "workitem.restored",
        }
    }
}

/// The changes between two states.
pub(super) fn changes(before: &Directory, after: &Directory) -> Vec<Change> {
    let mut all = Vec::new();
    for one in before.work.all.diff(&after.work.all) {
        match one {
            DiffItem::Add(_, item) => {
                let mut revisions = revisions(after, item, 1);
                let first = revisions.remove(0);
                let note = items::history::comment_of(after, &first).cloned().map(Arc::new);
                all.push(Change { item: first.clone(), kind: Kind::Created(note) });
                all.extend(updates(first, revisions));
            }
            DiffItem::Update { old: (_, old), new: (_, new) } => match (old.deletion, new.deletion) {
                (None, Some(_)) => {
                    all.push(Change { item: old.clone(), kind: Kind::Deleted(new.clone()) });
                }
                (Some(_), None) => all.push(Change { item: new.clone(), kind: Kind::Restored }),
                (Some(_), Some(_)) => {}
                // The other end of a link has no revision of its own.
                (None, None) if old.rev == new.rev => all.extend(updates(old.clone(), vec![new.clone()])),
                (None, None) => all.extend(updates(old.clone(), revisions(after, new, old.rev + 1))),
            },
            // With its project, which tells no event.
            DiffItem::Remove(..) => {}
        }
    }
    for one in before.work.notes.diff(&after.work.notes) {
        let DiffItem::Add(_, note) = one else { continue };
        let Some(item) = after.work.get(note.account, note.item).filter(|item| item.deletion.is_none())
        else {
            continue;
        };
        let then = items::at(after, item, note.created).unwrap_or(item);
        all.push(Change { item: Arc::new(then.clone()), kind: Kind::Commented(note.clone()) });
    }
    all
}

/// The revisions of an item from one of them on.
fn revisions(directory: &Directory, item: &Arc<WorkItem>, first: i64) -> Vec<Arc<WorkItem>> {
    let earlier = directory.work.revisions_of(item).filter(|revision| revision.rev >= first);
    earlier.cloned().map(Arc::new).chain([item.clone()]).collect()
}

fn updates(first: Arc<WorkItem>, others: Vec<Arc<WorkItem>>) -> Vec<Change> {
    let mut before = first;
    let update = |item: Arc<WorkItem>| {
        let kind = Kind::Updated(std::mem::replace(&mut before, item.clone()));
        Change { item, kind }
    };
    others.into_iter().map(update).collect()
}

/// The event, if the creator of the subscription may read the project's work items and the filters let it pass.
pub(super) fn told(
    change: &Change,
    directory: &Directory,
    scope: Scope<'_>,
    base: &str,
    filters: &Subscription,
) -> Result<Option<Told>, Failure> {
    let Some(project) = items::project(directory, scope)? else { return Ok(None) };
    if !passes(change, directory, project, filters) {
        return Ok(None);
    }
    let resource = Resource::new(directory, base, project, &filters.resource_version);
    let item = &change.item;
    let value = match &change.kind {
        Kind::Created(note) => resource.item(item, note.as_deref()),
        Kind::Commented(note) => resource.item(item, Some(note)),
        Kind::Updated(before) => resource.update(before, item),
        Kind::Deleted(_) => resource.deleted(item),
        Kind::Restored => resource.item(item, None),
    };
    let name = |user| {
        let shown = shape::identity(directory, base, user);
        shown["displayName"].as_str().unwrap_or_default().to_owned()
    };
    let state = item.text(fields::STATE);
    let (how, details) = match &change.kind {
        Kind::Created(_) => (format!("created by {}", name(item.changer)), facts(item, project)),
        Kind::Commented(note) => (format!("commented on by {}", name(note.author)), Vec::new()),
        Kind::Updated(before) if before.text(fields::STATE) != state => {
            let changed = news(directory, project, before, item);
            (format!("transitioned to {state} by {}", name(item.changer)), changed)
        }
        Kind::Updated(before) => {
            (format!("updated by {}", name(item.changer)), news(directory, project, before, item))
        }
        Kind::Deleted(gone) => {
            let by = gone.deletion.map(|deletion| name(deletion.by)).unwrap_or_default();
            (format!("deleted by {by}"), facts(item, project))
        }
        Kind::Restored => (format!("restored by {}", name(item.changer)), facts(item, project)),
    };
    let page = (!matches!(change.kind, Kind::Deleted(_))).then(|| resource.page(item));
    let message = words(item, page.as_deref(), &how);
    let mut detailed = message.clone();
    if let Kind::Commented(note) = &change.kind {
        detailed.add(&format!("\r\n\r\n{}\r\n", note.text), &format!("<br/>{}", note.text));
    }
    if !details.is_empty() {
        let list = |mark: &str| {
            let lines = details.iter().map(|(name, value)| format!("{mark} {name}: {value}\r\n"));
            format!("\r\n\r\n{}", lines.collect::<String>())
        };
        let items =
            details.iter().map(|(name, value)| format!("\r\n<li>{}: {}</li>", name, Words::escaped(value)));
        detailed.text += &list("-");
        detailed.markdown += &list("*");
        detailed.html.extend(["<ul>", &items.collect::<String>(), "</ul>"]);
    }
    Ok(Some(Told { resource: value, resource_version: resource.version(), message, detailed }))
}

/// `Bug #5 (It breaks) created by alice`, with the address of its page.
fn words(item: &WorkItem, page: Option<&str>, how: &str) -> Words {
    let (name, title) = (format!("{} #{}", item.kind, item.id), item.text(fields::TITLE));
    let (escaped_name, escaped) = (Words::escaped(&name), Words::escaped(&format!(" ({title}) {how}")));
    match page {
        Some(page) => Words {
            text: format!("{name} ({title}) {how}\r\n({page})"),
            html: format!("<a href=\"{}\">{escaped_name}</a>{escaped}", Words::escaped(page)),
            markdown: format!("[{name}]({page}) ({title}) {how}"),
        },
        None => Words::plain(&format!("{name} ({title}) {how}")),
    }
}

/// The fields that a detailed message has.
fn facts(item: &WorkItem, project: &Project) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("Area", project.path_of(&item.area)),
        ("Iteration", project.path_of(&item.iteration)),
        ("State", item.text(fields::STATE).to_owned()),
    ];
    if !item.text(fields::SEVERITY).is_empty() {
        all.push(("Severity", item.text(fields::SEVERITY).to_owned()));
    }
    all
}

/// The new state and title that an update made.
fn news(
    directory: &Directory,
    project: &Project,
    before: &WorkItem,
    after: &WorkItem,
) -> Vec<(&'static str, String)> {
    let changed = items::history::changed_fields(directory, project, Some(before), after);
    let names = [(fields::STATE, "New State"), (fields::TITLE, "New Title")];
    let new = |one: &items::history::FieldChange| {
        let (_, name) = names.iter().find(|(field, _)| *field == one.field.reference)?;
        Some((*name, one.after.as_str().unwrap_or_default().to_owned()))
    };
    changed.iter().filter_map(new).collect()
}

/// Returns whether the filters of a subscription let a change pass.
fn passes(change: &Change, directory: &Directory, project: &Project, filters: &Subscription) -> bool {
    let item = &change.item;
    let area = project.path_of(&item.area).to_lowercase();
    let is_below = |path: &str| {
        let path = path.trim_matches('\\').to_lowercase();
        area.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with('\\'))
    };
    filters.filter("areaPath").is_none_or(is_below)
        && filters.filter("workItemType").is_none_or(|kind| kind.eq_ignore_ascii_case(&item.kind))
        && filters
            .filter("tag")
            .is_none_or(|tag| item.tags().iter().any(|own| own.to_lowercase() == tag.trim().to_lowercase()))
        && match &change.kind {
            Kind::Commented(note) => filters
                .filter("commentPattern")
                .is_none_or(|wanted| note.text.to_lowercase().contains(&wanted.to_lowercase())),
            Kind::Updated(before) => is_wanted_update(directory, project, before, item, filters),
            Kind::Created(_) | Kind::Deleted(_) | Kind::Restored => true,
        }
}

fn is_wanted_update(
    directory: &Directory,
    project: &Project,
    before: &WorkItem,
    after: &WorkItem,
    filters: &Subscription,
) -> bool {
    let has_field = |wanted: &str| {
        let changed = items::history::changed_fields(directory, project, Some(before), after);
        let wanted: Vec<_> = wanted.split([',', ';']).filter_map(fields::find).collect();
        changed.iter().any(|one| wanted.iter().any(|field| field.reference == one.field.reference))
    };
    let wants_links = filters.filter("linksChanged").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
    let (added, removed) = items::history::changed_links(Some(before), after);
    filters.filter("changedFields").is_none_or(has_field)
        && (!wants_links || !added.is_empty() || !removed.is_empty())
}
