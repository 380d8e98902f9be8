//! Changing what a run is called: its name, description and tags.

use std::collections::BTreeMap;

use azml_core::run::{RunRecord, RunStore};
use jiff::SignedDuration;

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::run::secrets::Secrets;

/// The changes to a run's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// A new name; an empty one takes the name away.
    pub name: Option<String>,
    /// A new description; an empty one takes it away.
    pub description: Option<String>,
    /// Tags to set.
    pub tags: BTreeMap<String, String>,
    /// Tags to take away.
    pub untag: Vec<String>,
}

/// Edits a run's record; gives it as it is kept.
pub fn edit(
    ctx: &Context,
    opened: &Opened,
    record: &RunRecord,
    edit: &Edit,
) -> Result<RunRecord, CommandError> {
    let (now, secrets) = (ctx.env.now(), Secrets::in_project(opened.project.root()));
    let set = |field: &mut Option<String>, text: &Option<String>| {
        if let Some(text) = text {
            *field = Some(secrets.masked(text)).filter(|text| !text.is_empty());
        }
    };
    let change = |record: &mut RunRecord| {
        set(&mut record.name, &edit.name);
        set(&mut record.description, &edit.description);
        record.tags.retain(|name, _| !edit.untag.contains(name));
        record.tags.extend(edit.tags.iter().map(|(name, text)| (name.clone(), secrets.masked(text))));
        // Later than the edit before it, whatever the clock says.
        let after = record.edited_utc.and_then(|at| at.checked_add(SignedDuration::from_micros(1)).ok());
        record.edited_utc = Some(after.map_or(now, |after| after.max(now)));
    };
    let store = RunStore::new(&opened.history);
    Ok(store.edit(&record.run_id, &ctx.signature(opened.project.root()), change)?)
}
