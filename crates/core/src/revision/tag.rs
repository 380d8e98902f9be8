//! Names that users give to snapshots. A tag stays where it is: another computer may rely on it.

use gix::{ObjectId, bstr::ByteSlice, refs::FullName};

use super::{Clock, Error};
use crate::{
    history::{self, HistoryRepo},
    id::RunId,
    limits::ID_DIGITS,
    refs,
};

/// The project's tags, by name.
pub fn tags(history: &HistoryRepo) -> Result<Vec<(String, ObjectId)>, Error> {
    let prefix = refs::tags(history.id());
    let found = history.tags()?;
    let name = |name: &FullName| name.as_bstr()[prefix.len()..].to_str_lossy().into_owned();
    Ok(found.into_iter().map(|(full, id)| (name(&full), id)).collect())
}

/// Refuses a name that can't be a new tag's.
pub fn check_tag(history: &HistoryRepo, name: &str, clock: &Clock) -> Result<(), Error> {
    let full = full_name(history, name, clock)?;
    match history.ref_tip(full.as_ref())? {
        Some(of) => Err(Error::TagTaken { name: name.to_owned(), of }),
        None => Ok(()),
    }
}

fn full_name(history: &HistoryRepo, name: &str, clock: &Clock) -> Result<FullName, Error> {
    let refused = |why| Error::TagName { name: name.to_owned(), why };
    let full = refs::tag(history.id(), name).ok_or_else(|| refused("Git takes no such name"))?;
    let is_hex = name.len() >= ID_DIGITS && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex || name.starts_with('-') || name == "HEAD" || name == "@" {
        return Err(refused("it reads as another kind of name"));
    }
    if RunId::parse(name).is_ok() {
        return Err(refused("it reads as a run's id"));
    }
    if clock.parse(name).is_some() {
        return Err(refused("it reads as a time"));
    }
    Ok(full)
}

/// Gives a snapshot a tag. One that it has already is no error.
pub fn set_tag(history: &HistoryRepo, name: &str, commit: ObjectId, clock: &Clock) -> Result<(), Error> {
    let full = full_name(history, name, clock)?;
    let taken = |of| Error::TagTaken { name: name.to_owned(), of };
    match history.ref_tip(full.as_ref())? {
        Some(of) if of == commit => Ok(()),
        Some(of) => Err(taken(of)),
        None => match history.update_ref(&full, None, commit) {
            Err(history::Error::Moved { found: Some(of), .. }) if of != commit => Err(taken(of)),
            Err(history::Error::Moved { .. }) => Ok(()),
            done => Ok(done?),
        },
    }
}
