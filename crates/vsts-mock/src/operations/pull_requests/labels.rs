//! Labels and properties of pull requests.

use serde_json::Value;

use super::super::context::RepoContext;
use super::super::refused::Refused;
use super::{check_facts, edit, no_part};
use crate::directory::PullRequest;
use crate::directory::pull_request::Label;
use crate::limits::{LABEL_CHARS, PROPERTIES, PULL_REQUEST_PARTS};
use crate::registry::random_id;

/// Adds a label, unless there is one of that name, in any case.
pub(super) fn put(pull: &mut PullRequest, name: &str) -> Result<Label, Refused> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LABEL_CHARS || name.chars().any(char::is_control) {
        return Err(Refused::Invalid(format!("A label's name has 1 to {LABEL_CHARS} characters.")));
    }
    if let Some(known) = pull.labels.iter().find(|label| label.name.to_lowercase() == name.to_lowercase()) {
        return Ok(known.clone());
    }
    if pull.labels.len() >= PULL_REQUEST_PARTS {
        return Err(Refused::Invalid(format!("A pull request has at most {PULL_REQUEST_PARTS} labels.")));
    }
    let label = Label { id: random_id(), name: name.to_owned() };
    pull.labels.push(label.clone());
    Ok(label)
}

/// Adds a label. Blocks.
pub(crate) fn add(ctx: &RepoContext, pull: &str, name: &str) -> Result<Label, Refused> {
    Ok(edit(ctx, pull, |_, pull| put(pull, name))?.1)
}

/// The label of that id or name.
pub(crate) fn one<'p>(pull: &'p PullRequest, asked: &str) -> Result<&'p Label, Refused> {
    let is_it = |label: &&Label| {
        label.id.to_string() == asked.to_lowercase() || label.name.to_lowercase() == asked.to_lowercase()
    };
    pull.labels.iter().find(is_it).ok_or_else(|| no_part("label", asked))
}

/// Removes a label. Blocks.
pub(crate) fn remove(ctx: &RepoContext, pull: &str, asked: &str) -> Result<(), Refused> {
    edit(ctx, pull, |_, pull| {
        let id = one(pull, asked)?.id;
        pull.labels.retain(|label| label.id != id);
        Ok(())
    })?;
    Ok(())
}

/// Sets properties; without a value, one is removed. Blocks.
pub(crate) fn set_properties(
    ctx: &RepoContext,
    pull: &str,
    new: &[(String, Option<Value>)],
) -> Result<PullRequest, Refused> {
    let (pull, ()) = edit(ctx, pull, |_, pull| {
        for (name, value) in new {
            match value {
                Some(value) => {
                    check_facts("The property", value)?;
                    pull.properties.insert(name.clone(), value.clone());
                }
                None => drop(pull.properties.remove(name)),
            }
        }
        if pull.properties.len() > PROPERTIES {
            return Err(Refused::Invalid(format!("A pull request has at most {PROPERTIES} properties.")));
        }
        Ok(())
    })?;
    Ok(pull)
}
