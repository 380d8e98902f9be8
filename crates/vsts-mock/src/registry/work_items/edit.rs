//! One change of one work item: its patch, step by step, then what follows from it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::values::{person, present, read};
use super::{NewRelation, Stamp, Step, TestPath, WorkItemError, check_note, check_notes, check_revisions};
use crate::directory::work_item::fields::{self, Field, FieldType};
use crate::directory::work_item::work_item_type::{self, Category, WorkItemType};
use crate::directory::work_item::{ARTIFACT, LINK_TYPES, PARENT, Relation, RelationTarget};
use crate::directory::{Note, Project, WorkItem};
use crate::limits::{FACTS_BYTES, RELATIONS};
use crate::state::Change;

/// The date of the revision that ends the one that is valid.
const NEVER: &str = "9999-01-01T00:00:00Z";

/// A change of a work item that is under way.
pub(super) struct Edit<'c, 's> {
    change: &'c mut Change<'s>,
    before: WorkItem,
    item: WorkItem,
    project: &'c Project,
    stamp: Stamp,
    note: Option<(String, bool)>,
    has_reason: bool,
}

impl<'c, 's> Edit<'c, 's> {
    pub(super) fn begin(
        change: &'c mut Change<'s>,
        item: WorkItem,
        project: &'c Project,
        stamp: Stamp,
    ) -> Self {
        Self { change, before: item.clone(), item, project, stamp, note: None, has_reason: false }
    }

    /// Carries out the steps and puts the item with its new revision.
    pub(super) fn finish(mut self, steps: &[Step]) -> Result<WorkItem, WorkItemError> {
        for step in steps {
            self.step(step)?;
        }
        let is_new = self.before.rev == 0;
        if self.item.text(fields::TITLE).is_empty() {
            return Err(WorkItemError::Rule { field: "Title", code: "Required, InvalidEmpty" });
        }
        if !is_new && self.item == self.before && self.note.is_none() {
            return Ok(self.item);
        }
        check_revisions(&self.item)?;
        self.follow_state()?;
        self.keep_note();
        let Self { change, before, item, stamp, .. } = self;
        let item = if is_new {
            let item = WorkItem { rev: 1, ..item };
            change.put(item.clone());
            item
        } else {
            change.put_revision(item, &before, stamp)
        };
        let linked = item.pull_requests();
        change.sync_pull_requests(&before, &linked);
        link_others(change, &before, &item);
        Ok(item)
    }

    fn kind(&self) -> Result<&'static WorkItemType, WorkItemError> {
        let (process, name) = (&self.project.process, &self.item.kind);
        work_item_type::find(process, name).ok_or_else(|| self.no_type(name))
    }

    fn no_type(&self, name: &str) -> WorkItemError {
        WorkItemError::NoType { name: name.to_owned(), project: self.project.name.clone() }
    }

    fn step(&mut self, step: &Step) -> Result<(), WorkItemError> {
        match step {
            Step::Test { path, value } => self.test(path, value),
            Step::Add { field, value } => self.set(field, value, true),
            Step::Replace { field, value } => self.set(field, value, false),
            Step::Remove { field } => self.set(field, &Value::Null, false),
            Step::Format { field, is_markdown } => self.format(field, *is_markdown),
            Step::Link(new) => self.link(new),
            Step::Relink { position, attributes } => {
                let relation = self.relation(*position)?;
                relation.attributes.extend(attributes.clone());
                check_attributes(&relation.attributes)
            }
            Step::Unlink { position } => {
                self.relation(*position)?;
                self.item.relations.remove(*position);
                Ok(())
            }
        }
    }

    fn relation(&mut self, position: usize) -> Result<&mut Relation, WorkItemError> {
        let absent = || WorkItemError::Patch(format!("The work item has no relation at {position}."));
        self.item.relations.get_mut(position).ok_or_else(absent)
    }

    fn test(&self, path: &TestPath, value: &Value) -> Result<(), WorkItemError> {
        let (path, found) = match path {
            TestPath::Id => ("/id".to_owned(), self.item.id.into()),
            TestPath::Rev => ("/rev".to_owned(), self.item.rev.into()),
            TestPath::Field(name) => {
                let field = find(name)?;
                let found = present(&self.change.directory, self.project, &self.item, field);
                (format!("/fields/{}", field.reference), found)
            }
        };
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if plain(&found) == plain(value) {
            return Ok(());
        }
        Err(WorkItemError::TestFailed { path, found: plain(&found), expected: plain(value) })
    }

    fn set(&mut self, name: &str, value: &Value, is_added: bool) -> Result<(), WorkItemError> {
        let field = find(name)?;
        if field.is_read_only {
            let is_same = present(&self.change.directory, self.project, &self.item, field) == *value;
            // Clients send a whole item back.
            let refused = WorkItemError::Rule { field: field.name, code: "ReadOnly" };
            return if is_same { Ok(()) } else { Err(refused) };
        }
        let is_empty = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
        let text = value.as_str().unwrap_or_default().trim();
        match field.reference {
            fields::KIND => {
                let kind =
                    work_item_type::find(&self.project.process, text).ok_or_else(|| self.no_type(text))?;
                kind.name.clone_into(&mut self.item.kind);
                if kind.state(self.item.text(fields::STATE)).is_none() {
                    self.keep(fields::STATE, kind.first_state().into());
                }
            }
            fields::STATE => {
                let refused = || WorkItemError::NotInList { field: "State", value: text.to_owned() };
                let (state, _) = self.kind()?.state(text).ok_or_else(refused)?;
                self.keep(fields::STATE, state.into());
            }
            fields::AREA => self.item.area = self.path(text, fields::AREA)?,
            fields::ITERATION => self.item.iteration = self.path(text, fields::ITERATION)?,
            fields::HISTORY if is_empty => {}
            fields::HISTORY => self.note(value.as_str().unwrap_or_default(), false)?,
            fields::TAGS if is_added && !is_empty => {
                let all = format!("{};{}", self.item.text(fields::TAGS), value.as_str().unwrap_or_default());
                let tags = read(field, &all.into())?;
                self.keep(fields::TAGS, tags);
            }
            reference if is_empty => {
                self.item.fields.remove(reference);
            }
            reference => {
                let value = match field.kind {
                    FieldType::Person => person(&self.change.directory, field, value)?.to_string().into(),
                    _ => read(field, value)?,
                };
                self.keep(reference, value);
            }
        }
        self.has_reason |= field.reference == fields::REASON;
        Ok(())
    }

    fn format(&mut self, name: &str, is_markdown: bool) -> Result<(), WorkItemError> {
        let field = find(name)?;
        if field.kind != FieldType::Html || field.reference == fields::TAGS {
            return Err(WorkItemError::Patch(format!("The field {} has no format.", field.reference)));
        }
        if is_markdown {
            self.item.markdown.insert(field.reference.to_owned());
        } else if self.before.markdown.contains(field.reference) {
            let reference = field.reference;
            return Err(WorkItemError::Patch(format!("{reference} is Markdown, and cannot be HTML again.")));
        }
        Ok(())
    }

    fn keep(&mut self, reference: &str, value: Value) {
        self.item.fields.insert(reference.to_owned(), value);
    }

    /// A path of areas or iterations, without the name of the project.
    fn path(&self, text: &str, field: &'static str) -> Result<String, WorkItemError> {
        let id = if self.before.rev == 0 { -1 } else { self.item.id };
        let refused = || WorkItemError::InvalidPath { id, field };
        let mut parts = text.trim_matches('\\').split('\\').map(str::trim);
        let is_own = parts.next().is_some_and(|first| first.eq_ignore_ascii_case(&self.project.name));
        let below: Vec<&str> = parts.collect();
        if !is_own || below.iter().any(|part| part.is_empty()) || text.chars().count() > 4_000 {
            return Err(refused());
        }
        Ok(below.join("\\"))
    }

    /// Adds a comment.
    pub(super) fn note(&mut self, text: &str, is_markdown: bool) -> Result<(), WorkItemError> {
        check_note(text)?;
        check_notes(self.change, &self.item)?;
        self.note = Some((text.to_owned(), is_markdown));
        Ok(())
    }

    /// The number that the comment gets.
    pub(super) fn next_note(&self) -> i64 {
        self.change.directory.work.next_note(self.item.account)
    }

    fn keep_note(&mut self) {
        let id = self.next_note();
        if let Some((text, is_markdown)) = self.note.take() {
            let Stamp { by, now } = self.stamp;
            let (account, item) = (self.item.account, self.item.id);
            self.change.put(Note {
                account,
                item,
                id,
                text,
                is_markdown,
                version: 1,
                author: by,
                created: now,
                changer: by,
                changed: now,
                is_deleted: false,
            });
        }
    }

    fn link(&mut self, new: &NewRelation) -> Result<(), WorkItemError> {
        let refuse = |message: String| Err(WorkItemError::Patch(message));
        let known = LINK_TYPES.iter().find(|one| one.reference.eq_ignore_ascii_case(&new.kind));
        let Some(kind) = known else {
            let all: Vec<&str> = LINK_TYPES.iter().map(|one| one.reference).collect();
            return refuse(format!(
                "Unrecognized relation type {:?}. vsts-mock has {}.",
                new.kind,
                all.join(", ")
            ));
        };
        if self.item.relations.len() >= RELATIONS {
            return Err(WorkItemError::TooMany(format!("A work item has at most {RELATIONS} links.")));
        }
        let is_there = |one: &Relation| one.kind == kind.reference && is_same(&one.target, &new.target);
        if self.item.relations.iter().any(is_there) {
            return Err(WorkItemError::RelationExists);
        }
        let mut attributes = new.attributes.clone();
        match (&new.target, kind.reverse) {
            (RelationTarget::Item(other), Some(reverse)) => {
                self.check_item(*other, kind.reference, reverse)?;
            }
            (RelationTarget::Url(url), None) if url.len() > FACTS_BYTES / 16 => {
                return refuse("The URL of a relation is too long.".to_owned());
            }
            (RelationTarget::Url(url), None) => {
                let has_name =
                    attributes.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty());
                if kind.reference == ARTIFACT && !(url.starts_with("vstfs:///") && has_name) {
                    return refuse(
                        "An ArtifactLink needs a url that begins with vstfs:/// and attributes.name, such as \"Pull Request\"."
                            .to_owned(),
                    );
                }
                let now = Value::from(self.stamp.now.to_string());
                let numbers = self.item.relations.iter().filter_map(|one| one.attributes.get("id")?.as_i64());
                let id = numbers.max().unwrap_or_default() + 1;
                for name in ["authorizedDate", "resourceCreatedDate", "resourceModifiedDate"] {
                    attributes.insert(name.to_owned(), now.clone());
                }
                attributes.insert("revisedDate".to_owned(), NEVER.into());
                attributes.insert("id".to_owned(), id.into());
            }
            (_, reverse) => {
                let wanted = if reverse.is_some() { "the URL of a work item" } else { "a URL" };
                return refuse(format!("The url of a {} relation has to be {wanted}.", kind.reference));
            }
        }
        if kind.reverse.is_some() {
            attributes.remove("name");
        }
        check_attributes(&attributes)?;
        let (kind, target) = (kind.reference.to_owned(), new.target.clone());
        self.item.relations.push(Relation { kind, target, attributes });
        Ok(())
    }

    /// Refuses a link to a work item that is not there, is the item itself, or would have two parents or be above itself.
    fn check_item(&self, other: i64, kind: &str, reverse: &str) -> Result<(), WorkItemError> {
        let work = &self.change.directory.work;
        let found = work.get(self.item.account, other).filter(|item| item.deletion.is_none());
        let found = found.ok_or_else(|| WorkItemError::no_item(&other))?;
        let (id, name) = (self.item.id, if kind == PARENT { "Parent" } else { "Child" });
        let refuse = |why: &str| Err(WorkItemError::Patch(why.to_owned()));
        if other == id {
            return refuse("TF201036: You cannot link a work item to itself.");
        }
        if found.relations.len() >= RELATIONS {
            return Err(WorkItemError::TooMany(format!("A work item has at most {RELATIONS} links.")));
        }
        let (below, above) = match (kind, reverse) {
            (PARENT, _) => (&self.item, other),
            (_, PARENT) => (found, id),
            _ => return Ok(()),
        };
        if below.parent().is_some() {
            return refuse(&format!(
                "TF201036: You cannot add a {name} link between work items {id} and {other} because a work item can have \
                 only one Parent link."
            ));
        }
        let mut next = Some(above);
        // No chain that is stored has a circle.
        while let Some(at) = next {
            if at == below.id {
                return refuse(&format!(
                    "TF201035: You cannot add a {name} link to work item {other} because it would create a circular \
                     relationship."
                ));
            }
            next = if at == id {
                self.item.parent()
            } else {
                work.get(self.item.account, at).and_then(WorkItem::parent)
            };
        }
        Ok(())
    }

    /// Sets what follows from the state.
    fn follow_state(&mut self) -> Result<(), WorkItemError> {
        let state = self.item.text(fields::STATE).to_owned();
        let is_new = self.before.rev == 0;
        if !is_new && self.before.text(fields::STATE) == state {
            return Ok(());
        }
        let kind = self.kind()?;
        if !self.has_reason {
            let is_first = is_new && state == kind.first_state();
            let reason = if is_first { "New".to_owned() } else { format!("Moved to state {state}") };
            self.keep(fields::REASON, reason.into());
        }
        let (now, by) = (Value::from(self.stamp.now.to_string()), Value::from(self.stamp.by.to_string()));
        self.keep(fields::STATE_CHANGED, now.clone());
        let category = kind.state(&state).map(|(_, category)| category);
        let phases = [
            ("Activated", Category::InProgress),
            ("Resolved", Category::Resolved),
            ("Closed", Category::Completed),
        ];
        for (phase, of) in phases {
            let [date, who] = ["Date", "By"].map(|end| format!("Microsoft.VSTS.Common.{phase}{end}"));
            if category == Some(of) {
                self.keep(&date, now.clone());
                self.keep(&who, by.clone());
            } else if of != Category::InProgress && !matches!(category, Some(Category::Completed)) {
                // Work that goes on is not resolved or closed any more.
                self.item.fields.remove(&date);
                self.item.fields.remove(&who);
            }
        }
        Ok(())
    }
}

fn find(name: &str) -> Result<&'static Field, WorkItemError> {
    fields::find(name).ok_or_else(|| WorkItemError::NoField { name: name.to_owned() })
}

/// The type of link that the other item has.
pub(super) fn reverse_of(kind: &str) -> Option<&'static str> {
    LINK_TYPES.iter().find(|one| one.reference == kind).and_then(|one| one.reverse)
}

fn is_same(one: &RelationTarget, other: &RelationTarget) -> bool {
    match (one, other) {
        (RelationTarget::Url(one), RelationTarget::Url(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    }
}

fn check_attributes(attributes: &BTreeMap<String, Value>) -> Result<(), WorkItemError> {
    if serde_json::json!(attributes).to_string().len() > FACTS_BYTES {
        return Err(WorkItemError::TooMany("The attributes of a relation are too long.".to_owned()));
    }
    Ok(())
}

/// Gives the other ends of links between work items what they lack, and takes away what they have too much.
fn link_others(change: &mut Change<'_>, before: &WorkItem, after: &WorkItem) {
    let has = |item: &WorkItem, relation: &Relation| {
        item.relations.iter().any(|own| own.kind == relation.kind && own.target == relation.target)
    };
    for gone in before.relations.iter().filter(|one| !has(after, one)) {
        change.remove_reverse(after, gone);
    }
    for new in after.relations.iter().filter(|one| !has(before, one)) {
        let RelationTarget::Item(other) = new.target else { continue };
        let other = change.directory.work.get(after.account, other).cloned();
        if let (Some(mut other), Some(reverse)) = (other, reverse_of(&new.kind)) {
            let (kind, target) = (reverse.to_owned(), RelationTarget::Item(after.id));
            other.relations.push(Relation { kind, target, attributes: new.attributes.clone() });
            change.put(other);
        }
    }
}
