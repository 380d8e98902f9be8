//! Work items, their revisions and comments: records that are stored as JSON beside their keys.
//!
//! [`work_item_type`] has the types that a process has, with their states; [`fields`] the fields that there are.

pub(crate) mod fields;
pub(crate) mod wiql;
pub(crate) mod work_item_type;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// A work item, as its last revision made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WorkItem {
    pub(crate) account: Uuid,
    /// Unique in the account.
    pub(crate) id: i64,
    pub(crate) project: Uuid,
    /// The name of its type.
    pub(crate) kind: String,
    /// Counts from 1.
    pub(crate) rev: i64,
    /// The area and the iteration below the project, without its name: empty, or `Team\Part`.
    pub(crate) area: String,
    pub(crate) iteration: String,
    pub(crate) creator: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) changer: Uuid,
    pub(crate) changed: Timestamp,
    /// The fields that clients set, and the state's, by their reference names; of a user the id.
    pub(crate) fields: BTreeMap<String, Value>,
    /// Fields of several lines that are Markdown, by their reference names; the others are HTML.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) markdown: BTreeSet<String>,
    pub(crate) relations: Vec<Relation>,
    /// Set while it is in the recycle bin.
    pub(crate) deletion: Option<Deletion>,
}

/// The deletion of a work item.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    pub(crate) by: Uuid,
    pub(crate) time: Timestamp,
    /// True if nothing of it is left but its number, which no other gets.
    pub(crate) is_final: bool,
}

/// A link of a work item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Relation {
    /// The reference name of its type: `ArtifactLink`, `System.LinkTypes.Hierarchy-Reverse`.
    pub(crate) kind: String,
    pub(crate) target: RelationTarget,
    /// The name, the comment and so on, as the client gave them.
    pub(crate) attributes: BTreeMap<String, Value>,
}

/// The other end of a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RelationTarget {
    /// A work item of the same account.
    Item(i64),
    Url(String),
}

/// A revision of a work item before its last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Revision {
    pub(crate) account: Uuid,
    pub(crate) item: i64,
    pub(crate) rev: i64,
    /// All of the item at that revision.
    pub(crate) state: WorkItem,
}

/// A comment on a work item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) account: Uuid,
    pub(crate) item: i64,
    /// Unique in the account.
    pub(crate) id: i64,
    pub(crate) text: String,
    /// True if the text is Markdown, not HTML.
    pub(crate) is_markdown: bool,
    /// Counts the changes from 1.
    pub(crate) version: i64,
    pub(crate) author: Uuid,
    pub(crate) created: Timestamp,
    pub(crate) changer: Uuid,
    pub(crate) changed: Timestamp,
    pub(crate) is_deleted: bool,
}

impl WorkItem {
    /// A field that clients set, as text; empty if it has none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Its tags, in their order.
    pub(crate) fn tags(&self) -> Vec<&str> {
        split_tags(self.text(fields::TAGS))
    }

    /// The work item above it.
    pub(crate) fn parent(&self) -> Option<i64> {
        self.relations.iter().find_map(|relation| match relation.target {
            RelationTarget::Item(id) if relation.kind == PARENT => Some(id),
            _ => None,
        })
    }

    /// The numbers of the pull requests of its account that it is linked to, with their repositories.
    pub(crate) fn pull_requests(&self) -> Vec<(Uuid, i64)> {
        let urls = self.relations.iter().filter_map(|relation| match &relation.target {
            RelationTarget::Url(url) if relation.kind == ARTIFACT => Some(url.as_str()),
            _ => None,
        });
        urls.filter_map(pull_request_of).collect()
    }
}

/// The types of links to the item above, and to what is no work item.
pub(crate) const PARENT: &str = "System.LinkTypes.Hierarchy-Reverse";
pub(crate) const ARTIFACT: &str = "ArtifactLink";
pub(crate) const HYPERLINK: &str = "Hyperlink";

/// A type of links between work items, or from them: its reference name, its name, and the one of the other direction.
#[derive(Debug)]
pub(crate) struct LinkType {
    pub(crate) reference: &'static str,
    pub(crate) name: &'static str,
    /// None for links to something that is no work item.
    pub(crate) reverse: Option<&'static str>,
}

const fn link(reference: &'static str, name: &'static str, reverse: Option<&'static str>) -> LinkType {
    LinkType { reference, name, reverse }
}

/// The types of links.
pub(crate) const LINK_TYPES: [LinkType; 9] = [
    link("System.LinkTypes.Hierarchy-Forward", "Child", Some(PARENT)),
    link(PARENT, "Parent", Some("System.LinkTypes.Hierarchy-Forward")),
    link("System.LinkTypes.Dependency-Forward", "Successor", Some("System.LinkTypes.Dependency-Reverse")),
    link("System.LinkTypes.Dependency-Reverse", "Predecessor", Some("System.LinkTypes.Dependency-Forward")),
    link("System.LinkTypes.Duplicate-Forward", "Duplicate", Some("System.LinkTypes.Duplicate-Reverse")),
    link("System.LinkTypes.Duplicate-Reverse", "Duplicate Of", Some("System.LinkTypes.Duplicate-Forward")),
    link("System.LinkTypes.Related", "Related", Some("System.LinkTypes.Related")),
    link(HYPERLINK, "Hyperlink", None),
    link(ARTIFACT, "Artifact Link", None),
];

/// The tags in the text of their field.
pub(crate) fn split_tags(text: &str) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for tag in text.split([';', ',']).map(str::trim).filter(|tag| !tag.is_empty()) {
        if !all.iter().any(|known| known.to_lowercase() == tag.to_lowercase()) {
            all.push(tag);
        }
    }
    all
}

/// The name of a pull request among all artifacts.
pub(crate) fn artifact_of(project: Uuid, repo: Uuid, pull: i64) -> String {
    format!("{PULL_REQUEST}{project}%2F{repo}%2F{pull}")
}

const PULL_REQUEST: &str = "vstfs:///Git/PullRequestId/";

/// The repository and the number of the pull request that an artifact's name is of.
pub(crate) fn pull_request_of(url: &str) -> Option<(Uuid, i64)> {
    let (start, id) = url.split_at_checked(PULL_REQUEST.len())?;
    let id = start.eq_ignore_ascii_case(PULL_REQUEST).then(|| id.to_lowercase().replace("%2f", "/"))?;
    let mut parts = id.split('/').skip(1);
    Some((Uuid::parse_str(parts.next()?).ok()?, parts.next()?.parse().ok()?))
}

/// All records of work items of a directory, each by its key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct WorkItems {
    pub(crate) all: OrdMap<(Uuid, i64), Arc<WorkItem>>,
    /// (project, item)
    pub(crate) of_projects: OrdSet<(Uuid, i64)>,
    pub(crate) revisions: OrdMap<(Uuid, i64, i64), Arc<Revision>>,
    pub(crate) notes: OrdMap<(Uuid, i64, i64), Arc<Note>>,
    /// The number of the last comment of an account.
    pub(crate) last_notes: OrdMap<Uuid, i64>,
}

impl WorkItems {
    /// The work item of that number in an account, in the recycle bin or not.
    pub(crate) fn get(&self, account: Uuid, id: i64) -> Option<&WorkItem> {
        self.all.get(&(account, id)).map(AsRef::as_ref)
    }

    /// The work items of an account, in the recycle bin or not, by their numbers.
    pub(crate) fn of_account(&self, account: Uuid) -> impl DoubleEndedIterator<Item = &Arc<WorkItem>> {
        self.all.range((account, 0)..=(account, i64::MAX)).map(|(_, item)| item)
    }

    /// The work items of a project of an account, by their numbers.
    pub(crate) fn of_project(
        &self,
        account: Uuid,
        project: Uuid,
    ) -> impl DoubleEndedIterator<Item = &Arc<WorkItem>> {
        let ids = self.of_projects.range((project, 0)..=(project, i64::MAX));
        ids.filter_map(move |(_, id)| self.all.get(&(account, *id)))
    }

    /// The number for the next work item of an account.
    pub(crate) fn next_id(&self, account: Uuid) -> i64 {
        self.of_account(account).next_back().map_or(1, |last| last.id + 1)
    }

    /// The number for the next comment of an account.
    pub(crate) fn next_note(&self, account: Uuid) -> i64 {
        self.last_notes.get(&account).map_or(1, |last| last + 1)
    }

    /// The revisions of an item before its last one, oldest first.
    pub(crate) fn revisions_of(&self, item: &WorkItem) -> impl DoubleEndedIterator<Item = &WorkItem> {
        let (account, id) = (item.account, item.id);
        self.revisions.range((account, id, 0)..=(account, id, i64::MAX)).map(|(_, one)| &one.state)
    }

    /// The comments on an item, oldest first, deleted ones included.
    pub(crate) fn notes_of(&self, item: &WorkItem) -> impl DoubleEndedIterator<Item = &Note> {
        let (account, id) = (item.account, item.id);
        self.notes.range((account, id, 0)..=(account, id, i64::MAX)).map(|(_, note)| note.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_name_pull_requests() {
        let (project, repo) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let name = artifact_of(project, repo, 7);
        assert_eq!(pull_request_of(&name), Some((repo, 7)));
        assert_eq!(pull_request_of(&name.replace("%2F", "%2f")), Some((repo, 7)));
        for other in
            ["", "vstfs:///Git/Commit/x", "vstfs:///Git/PullRequestId/1%2F2%2Fx", "vstfs:///Git/Pullé"]
        {
            assert_eq!(pull_request_of(other), None, "{other}");
        }
    }

    #[test]
    fn tags_are_told_apart() {
        assert_eq!(split_tags(" a; B ,b;; c d"), ["a", "B", "c d"]);
        assert!(split_tags(" ; ").is_empty());
    }
}
