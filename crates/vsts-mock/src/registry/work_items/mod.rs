//! The rules by which work items change: the types, states and values that fields may have, revisions, and links with
//! both of their ends.

mod edit;
pub(crate) mod values;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;
use uuid::Uuid;

use super::users::in_milliseconds;
use crate::directory::work_item::{
    ARTIFACT, Deletion, Relation, RelationTarget, artifact_of, fields, work_item_type,
};
use crate::directory::{Note, Project, PullRequest, Record, Revision, WorkItem};
use crate::limits::{FIELD_TEXT_CHARS, WORK_ITEM_COMMENTS, WORK_ITEM_REVISIONS, WORK_ITEMS};
use crate::state::Change;
use edit::Edit;

/// Why a work item is not changed, in the words of the service.
#[derive(Debug, Error)]
pub enum WorkItemError {
    /// It does not exist, or may as well not.
    #[error("TF401232: Work item {id} does not exist, or you do not have permissions to read it.")]
    NoItem {
        /// Its number, as given.
        id: String,
    },
    /// The project's process has no such type.
    #[error(
        "VS402323: Work item type {name} does not exist in project {project} or you do not have permission to access it."
    )]
    NoType {
        /// The type, as given.
        name: String,
        /// The project.
        project: String,
    },
    /// There is no such field.
    #[error("TF51535: Cannot find field {name}.")]
    NoField {
        /// The field, as given.
        name: String,
    },
    /// The value breaks a rule of the field.
    #[error("TF401320: Rule Error for field {field}. Error code: {code}.")]
    Rule {
        /// The field's name.
        field: &'static str,
        /// The service's names of the rules that are broken.
        code: &'static str,
    },
    /// The field has a list of values, and this one is not in it.
    #[error("The field '{field}' contains the value '{value}' that is not in the list of supported values")]
    NotInList {
        /// The field's name.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// Nobody is called that.
    #[error("The identity value '{value}' for field '{field}' is an unknown identity.")]
    UnknownIdentity {
        /// The field's name.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// The path does not begin with the name of the project.
    #[error("TF401347: Invalid tree name given for work item {id}, field '{field}'.")]
    InvalidPath {
        /// The work item's number; -1 for a new one.
        id: i64,
        /// The field's reference name.
        field: &'static str,
    },
    /// A test of a patch failed.
    #[error(
        "VS403351: Test Operation for path {path} failed, value {found} was not equal to test value {expected}."
    )]
    TestFailed {
        /// The path that was tested.
        path: String,
        /// The present value.
        found: String,
        /// The value of the test.
        expected: String,
    },
    /// The patch cannot be carried out.
    #[error("{0}")]
    Patch(String),
    /// The link is there already.
    #[error("Relation already exists.")]
    RelationExists,
    /// There is more than there may be.
    #[error("{0}")]
    TooMany(String),
}

impl WorkItemError {
    pub(crate) fn no_item(id: &(impl ToString + ?Sized)) -> Self {
        Self::NoItem { id: id.to_string() }
    }
}

/// One operation of a patch.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The revision or a field has to have this value.
    Test { path: TestPath, value: Value },
    /// A field gets a value; tags are added to those that there are.
    Add { field: String, value: Value },
    /// A field gets a value.
    Replace { field: String, value: Value },
    /// A field loses its value.
    Remove { field: String },
    /// A field of several lines is Markdown, or HTML.
    Format { field: String, is_markdown: bool },
    /// A link is added.
    Link(NewRelation),
    /// The attributes of a link change, which its position names.
    Relink { position: usize, attributes: BTreeMap<String, Value> },
    /// A link is removed.
    Unlink { position: usize },
}

/// The place of a test.
#[derive(Clone, Debug)]
pub(crate) enum TestPath {
    Id,
    Rev,
    Field(String),
}

/// A link to add.
#[derive(Clone, Debug)]
pub(crate) struct NewRelation {
    pub(crate) kind: String,
    pub(crate) target: RelationTarget,
    pub(crate) attributes: BTreeMap<String, Value>,
}

/// The author of a change, and its time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) by: Uuid,
    pub(crate) now: Timestamp,
}

impl Stamp {
    pub(crate) fn new(by: Uuid, now: Timestamp) -> Self {
        Self { by, now: in_milliseconds(now) }
    }
}

impl Change<'_> {
    /// Makes a work item of a type.
    pub(crate) fn create_work_item(
        &mut self,
        project: &Project,
        kind: &str,
        steps: &[Step],
        stamp: Stamp,
    ) -> Result<WorkItem, WorkItemError> {
        let kind = work_item_type::find(&project.process, kind)
            .ok_or_else(|| WorkItemError::NoType { name: kind.to_owned(), project: project.name.clone() })?;
        if self.directory.work.of_account(project.account).count() >= WORK_ITEMS {
            return Err(WorkItemError::TooMany(format!("An account has at most {WORK_ITEMS} work items.")));
        }
        let mut defaults = BTreeMap::new();
        for (field, value) in [
            (fields::PRIORITY, Value::from(2)),
            (fields::SEVERITY, "3 - Medium".into()),
            (fields::VALUE_AREA, "Business".into()),
        ] {
            if kind.has(field) {
                defaults.insert(field.to_owned(), value);
            }
        }
        defaults.insert(fields::STATE.to_owned(), kind.first_state().into());
        let item = WorkItem {
            account: project.account,
            id: self.directory.work.next_id(project.account),
            project: project.id,
            kind: kind.name.to_owned(),
            rev: 0,
            area: String::new(),
            iteration: String::new(),
            creator: stamp.by,
            created: stamp.now,
            changer: stamp.by,
            changed: stamp.now,
            fields: defaults,
            markdown: BTreeSet::new(),
            relations: Vec::new(),
            deletion: None,
        };
        Edit::begin(self, item, project, stamp).finish(steps)
    }

    /// Changes a work item; a patch that changes nothing makes no revision.
    pub(crate) fn update_work_item(
        &mut self,
        item: &WorkItem,
        steps: &[Step],
        stamp: Stamp,
    ) -> Result<WorkItem, WorkItemError> {
        let project = self.directory.projects.get(&item.project).cloned();
        let project = project.ok_or_else(|| WorkItemError::no_item(&item.id))?;
        Edit::begin(self, item.clone(), &project, stamp).finish(steps)
    }

    /// Links a work item to a pull request, whose record has to be put with its number in it.
    pub(crate) fn link_work_item(
        &mut self,
        id: &str,
        pull: &PullRequest,
        project: Uuid,
        stamp: Stamp,
    ) -> Result<(), WorkItemError> {
        let found = id.parse().ok().and_then(|id| self.directory.work.get(pull.account, id));
        let found = found.filter(|item| item.deletion.is_none()).cloned();
        let item = found.ok_or_else(|| WorkItemError::no_item(id))?;
        if item.pull_requests().contains(&(pull.repo, pull.id)) {
            return Ok(());
        }
        let link = NewRelation {
            kind: ARTIFACT.to_owned(),
            target: RelationTarget::Url(artifact_of(project, pull.repo, pull.id)),
            attributes: BTreeMap::from([("name".to_owned(), "Pull Request".into())]),
        };
        self.update_work_item(&item, &[Step::Link(link)], stamp).map(|_| ())
    }

    /// Moves the work items of a completed pull request to the state that follows.
    pub(crate) fn transition_work_items(&mut self, pull: &PullRequest, stamp: Stamp) {
        for id in &pull.work_items {
            let found = id.parse().ok().and_then(|id| self.directory.work.get(pull.account, id)).cloned();
            let Some(item) = found.filter(|item| item.deletion.is_none()) else { continue };
            let process = self.directory.projects.get(&item.project).map(|project| project.process.as_str());
            let kind = process.and_then(|process| work_item_type::find(process, &item.kind));
            let Some(state) = kind.and_then(|kind| kind.state_after_merge(item.text(fields::STATE))) else {
                continue;
            };
            let step = Step::Replace { field: fields::STATE.to_owned(), value: state.into() };
            if let Err(error) = self.update_work_item(&item, &[step], stamp) {
                tracing::info!(%error, item = item.id, "the state of a work item stays");
            }
        }
    }

    /// Puts a work item into the recycle bin.
    pub(crate) fn bin_work_item(&mut self, item: &WorkItem, stamp: Stamp) -> WorkItem {
        let deletion = Deletion { by: stamp.by, time: stamp.now, is_final: false };
        self.sync_pull_requests(item, &[]);
        self.put_revision(WorkItem { deletion: Some(deletion), ..item.clone() }, item, stamp)
    }

    /// Takes a work item out of the recycle bin again.
    pub(crate) fn restore_work_item(
        &mut self,
        item: &WorkItem,
        stamp: Stamp,
    ) -> Result<WorkItem, WorkItemError> {
        check_revisions(item)?;
        let none = WorkItem { relations: Vec::new(), ..item.clone() };
        self.sync_pull_requests(&none, &item.pull_requests());
        Ok(self.put_revision(WorkItem { deletion: None, ..item.clone() }, item, stamp))
    }

    /// Puts an item as a new revision of what it was before.
    fn put_revision(&mut self, item: WorkItem, before: &WorkItem, stamp: Stamp) -> WorkItem {
        let (account, id, rev) = (before.account, before.id, before.rev);
        self.put(Revision { account, item: id, rev, state: before.clone() });
        let item = WorkItem { rev: rev + 1, changer: stamp.by, changed: stamp.now, ..item };
        self.put(item.clone());
        item
    }

    /// Removes all of a work item but its number.
    pub(crate) fn destroy_work_item(&mut self, item: &WorkItem, stamp: Stamp) {
        self.sync_pull_requests(item, &[]);
        for relation in &item.relations {
            self.remove_reverse(item, relation);
        }
        self.remove_parts(item);
        let deletion = Deletion { by: stamp.by, time: stamp.now, is_final: true };
        self.put(WorkItem {
            fields: BTreeMap::new(),
            relations: Vec::new(),
            deletion: Some(deletion),
            ..item.clone()
        });
    }

    fn remove_parts(&mut self, item: &WorkItem) {
        let work = self.directory.work.clone();
        let (account, id) = (item.account, item.id);
        self.remove_all::<Revision>(work.revisions_of(item).map(|one| (account, id, one.rev)));
        self.remove_all::<Note>(work.notes_of(item).map(Record::key));
    }

    /// Removes the work items of a project.
    pub(super) fn remove_work_items(&mut self, project: &Project) {
        let own: Vec<_> = self.directory.work.of_project(project.account, project.id).cloned().collect();
        for item in own {
            self.remove_parts(&item);
            self.remove::<WorkItem>(&item.key());
        }
    }

    /// Adds a comment, which makes a revision of the item.
    pub(crate) fn add_note(
        &mut self,
        item: &WorkItem,
        text: &str,
        is_markdown: bool,
        stamp: Stamp,
    ) -> Result<Note, WorkItemError> {
        let project = self.directory.projects.get(&item.project).cloned();
        let project = project.ok_or_else(|| WorkItemError::no_item(&item.id))?;
        let mut edit = Edit::begin(self, item.clone(), &project, stamp);
        edit.note(text, is_markdown)?;
        let id = edit.next_note();
        edit.finish(&[])?;
        let note = self.directory.work.notes.get(&(item.account, item.id, id)).map(|note| (**note).clone());
        note.ok_or_else(|| WorkItemError::no_item(&item.id))
    }

    /// Changes the text of a comment.
    pub(crate) fn rewrite_note(
        &mut self,
        note: &Note,
        text: &str,
        stamp: Stamp,
    ) -> Result<Note, WorkItemError> {
        check_note(text)?;
        let changed = Note {
            text: text.to_owned(),
            version: note.version + 1,
            changer: stamp.by,
            changed: stamp.now,
            ..note.clone()
        };
        self.put(changed.clone());
        Ok(changed)
    }

    /// Takes a comment away; its place stays.
    pub(crate) fn delete_note(&mut self, note: &Note, stamp: Stamp) {
        self.put(Note {
            text: String::new(),
            version: note.version + 1,
            changer: stamp.by,
            changed: stamp.now,
            is_deleted: true,
            ..note.clone()
        });
    }

    /// Brings the lists of the pull requests that an item was linked to, and is linked to now, up to date.
    fn sync_pull_requests(&mut self, before: &WorkItem, after: &[(Uuid, i64)]) {
        let id = before.id.to_string();
        let was = before.pull_requests();
        let of = |directory: &crate::directory::Directory, (repo, pull): (Uuid, i64)| {
            directory.pulls.get(before.account, pull).filter(|pull| pull.repo == repo).cloned()
        };
        for gone in was.iter().filter(|one| !after.contains(one)) {
            if let Some(mut pull) = of(&self.directory, *gone) {
                pull.work_items.retain(|own| *own != id);
                self.put(pull);
            }
        }
        for new in after.iter().filter(|one| !was.contains(one)) {
            if let Some(mut pull) = of(&self.directory, *new).filter(|pull| !pull.work_items.contains(&id)) {
                pull.work_items.push(id.clone());
                self.put(pull);
            }
        }
    }

    /// Removes the other end of a link between work items.
    fn remove_reverse(&mut self, item: &WorkItem, relation: &Relation) {
        let RelationTarget::Item(other) = relation.target else { return };
        let reverse = edit::reverse_of(&relation.kind);
        let Some(mut other) = self.directory.work.get(item.account, other).cloned() else { return };
        let own = RelationTarget::Item(item.id);
        other.relations.retain(|one| !(Some(one.kind.as_str()) == reverse && one.target == own));
        self.put(other);
    }
}

/// Refuses a further revision of an item that has many.
fn check_revisions(item: &WorkItem) -> Result<(), WorkItemError> {
    if item.rev >= WORK_ITEM_REVISIONS {
        return Err(WorkItemError::TooMany(format!(
            "A work item has at most {WORK_ITEM_REVISIONS} revisions."
        )));
    }
    Ok(())
}

fn check_note(text: &str) -> Result<(), WorkItemError> {
    if text.trim().is_empty() {
        return Err(WorkItemError::Patch("A comment needs a text.".to_owned()));
    }
    if text.chars().count() > FIELD_TEXT_CHARS {
        return Err(WorkItemError::TooMany(format!("A comment has at most {FIELD_TEXT_CHARS} characters.")));
    }
    Ok(())
}

fn check_notes(change: &Change<'_>, item: &WorkItem) -> Result<(), WorkItemError> {
    if change.directory.work.notes_of(item).count() >= WORK_ITEM_COMMENTS {
        return Err(WorkItemError::TooMany(format!(
            "A work item has at most {WORK_ITEM_COMMENTS} comments."
        )));
    }
    Ok(())
}
