//! Changing what a run is called: its name, description and tags.

use std::collections::BTreeMap;

use azml_core::run::{Change, RunRecord, RunStore};

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
    let text = |text: &String| Some(secrets.masked(text)).filter(|text| !text.is_empty());
    let name = edit.name.iter().map(|name| Change::Name(text(name)));
    let description = edit.description.iter().map(|description| Change::Description(text(description)));
    let gone = edit.untag.iter().map(|tag| Change::Tag(tag.clone(), None));
    let tags = edit.tags.iter().map(|(tag, text)| Change::Tag(tag.clone(), Some(secrets.masked(text))));
    let changes: Vec<Change> = name.chain(description).chain(gone).chain(tags).collect();
    let store = RunStore::new(&opened.history);
    Ok(store.edit(&record.run_id, &ctx.signature(opened.project.root()), |record| {
        record.edit(now, changes.clone());
    })?)
}
