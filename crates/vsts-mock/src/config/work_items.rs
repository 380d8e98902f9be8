//! Work items of a seed: made once, so that what was deleted since stays away.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::grants::gives;
use super::seed::{SeedProject, SeedWorkItem};
use crate::directory::work_item::fields;
use crate::directory::{Project, name};
use crate::registry::RegistryError;
use crate::registry::work_items::{Stamp, Step};
use crate::state::Change;

/// Makes the work items of a project that the seed has not given yet.
pub(super) fn give(
    change: &mut Change<'_>,
    account: &str,
    project: &SeedProject,
    is_seed: bool,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let found = change.directory.account(account);
    let owner = found.and_then(|account| account.owner).unwrap_or_default();
    let own = found.and_then(|account| change.directory.project(account.id, &project.name)).cloned();
    let Some(own) = own else { return Ok(()) };
    for (position, item) in project.work_items.iter().enumerate() {
        let place = position.to_string();
        // The project's id is another one if it was made anew.
        let id = own.id.to_string();
        let mark = name::derive(&["seeded", "work item", &id, &place, &item.kind, &item.title]);
        if !is_seed || gives(change, mark, false) {
            make(change, &own, item, owner, now)?;
        }
    }
    Ok(())
}

fn make(
    change: &mut Change<'_>,
    project: &Project,
    item: &SeedWorkItem,
    owner: Uuid,
    now: Timestamp,
) -> Result<(), RegistryError> {
    let by = match &item.created_by {
        None => owner,
        Some(name) => {
            let user = change.directory.user(name).map(|user| user.id);
            user.ok_or_else(|| RegistryError::not_found("user", name))?
        }
    };
    let stamp = Stamp::new(by, now);
    let mut values: Vec<(&str, Value)> = vec![(fields::TITLE, item.title.as_str().into())];
    for (field, text) in [(fields::STATE, &item.state), (fields::ASSIGNED, &item.assigned_to)] {
        values.extend(text.as_deref().map(|text| (field, text.into())));
    }
    values.push((fields::TAGS, item.tags.join("; ").into()));
    values.extend(item.fields.iter().map(|(field, value)| (field.as_str(), value.clone())));
    let step = |(field, value): (&str, Value)| Step::Replace { field: field.to_owned(), value };
    let steps: Vec<Step> = values.into_iter().map(step).collect();
    let made = change.create_work_item(project, &item.kind, &steps, stamp)?;
    for text in &item.comments {
        let present =
            change.directory.work.get(made.account, made.id).cloned().unwrap_or_else(|| made.clone());
        change.add_note(&present, text, false, stamp)?;
    }
    Ok(())
}
