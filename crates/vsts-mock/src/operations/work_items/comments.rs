//! Comments on work items. Only their authors change them.

use super::super::refused::Refused;
use super::super::scope::Scope;
use super::{find, stamp};
use crate::access::{Refusal, authorize_work_writing};
use crate::app::App;
use crate::directory::{Directory, Note, WorkItem};

/// The comment of that number on an item, deleted or not.
pub(crate) fn one<'d>(directory: &'d Directory, item: &WorkItem, id: &str) -> Result<&'d Note, Refused> {
    let absent = || Refused::NoPart { what: "comment", id: id.to_owned() };
    let key = (item.account, item.id, id.parse().map_err(|_| absent())?);
    directory.work.notes.get(&key).map(AsRef::as_ref).ok_or_else(absent)
}

/// Adds a comment.
pub(crate) async fn add(
    app: &App,
    scope: Scope<'_>,
    item: &str,
    text: &str,
    is_markdown: bool,
) -> Result<Note, Refused> {
    let mut change = app.state.change().await;
    let (item, project) = find(&change.directory, scope, item)?;
    authorize_work_writing(&change.directory, scope.principal, project)?;
    let item = item.clone();
    let note = change.add_note(&item, text, is_markdown, stamp(app, scope))?;
    change.commit().await?;
    Ok(note)
}

/// Changes the text of a comment.
pub(crate) async fn rewrite(
    app: &App,
    scope: Scope<'_>,
    (item, id): (&str, &str),
    text: &str,
) -> Result<Note, Refused> {
    let mut change = app.state.change().await;
    let note = own(&change.directory, scope, item, id)?;
    let changed = change.rewrite_note(&note, text, stamp(app, scope))?;
    change.commit().await?;
    Ok(changed)
}

/// Deletes a comment.
pub(crate) async fn delete(app: &App, scope: Scope<'_>, item: &str, id: &str) -> Result<(), Refused> {
    let mut change = app.state.change().await;
    let note = own(&change.directory, scope, item, id)?;
    change.delete_note(&note, stamp(app, scope));
    Ok(change.commit().await?)
}

/// A comment that the caller may change.
fn own(directory: &Directory, scope: Scope<'_>, item: &str, id: &str) -> Result<Note, Refused> {
    let (item, project) = find(directory, scope, item)?;
    authorize_work_writing(directory, scope.principal, project)?;
    let note = one(directory, item, id)?;
    if note.is_deleted {
        return Err(Refused::NoPart { what: "comment", id: id.to_owned() });
    }
    if scope.principal.user != Some(note.author) {
        return Err(Refusal::WorkItems.into());
    }
    Ok(note.clone())
}
