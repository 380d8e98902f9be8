//! The records of the runs that a script began below its own.

use std::path::Path;

use azml_core::run::RunStore;

use super::attachments::Attachments;
use super::logged::Child;
use super::secrets::Secrets;
use super::upload::{self, Limits};
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::metrics;

/// Records them in one commit; the curves of each are an attachment of its own.
pub fn record(
    ctx: &Context,
    opened: &Opened,
    children: Vec<Child>,
    limits: Limits,
    secrets: &Secrets,
) -> Result<(), CommandError> {
    let mut records = Vec::with_capacity(children.len());
    for Child { mut record, points } in children {
        if let Some(points) = points {
            let attachments = Attachments::of(&opened.history, &record.run_id);
            let added = attachments.add(Path::new(metrics::FILE), &points);
            added.map_err(|error| CommandError::file("keep", &points, error))?;
            record.attachments = attachments
                .list()
                .map_err(|error| CommandError::file("read", attachments.folder(), error))?;
            upload::commit(ctx, opened, &attachments, &mut record, limits, secrets)?;
        }
        records.push(record);
    }
    RunStore::new(&opened.history).put_all(&records, &ctx.signature(opened.project.root())).map(drop)?;
    Ok(())
}
