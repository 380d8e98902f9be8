//! Reading and moving the refs of the history repository.

use gix::{
    ObjectId,
    refs::{
        FullName, FullNameRef, Target,
        transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog},
    },
};

use super::{Error, HistoryRepo, lock};
use crate::id::RunId;
use crate::refs::{self, InboxPart};

/// A ref that the remote lacks, as far as the last sync knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpushed {
    /// The ref.
    pub name: FullName,
    /// The commit it points to here.
    pub ours: ObjectId,
    /// The commit it pointed to on the remote at the last sync.
    pub theirs: Option<ObjectId>,
}

impl HistoryRepo {
    /// The newest snapshot.
    pub fn tip(&self) -> Result<Option<ObjectId>, Error> {
        self.ref_tip(self.history_ref().as_ref())
    }

    /// Returns the commit that a ref points to, if the ref exists.
    pub fn ref_tip(&self, name: &FullNameRef) -> Result<Option<ObjectId>, Error> {
        let failed = |source: gix::Error| Error::ReadRef {
            name: name.as_bstr().to_string(),
            path: self.path.clone(),
            source: Box::new(source),
        };
        match self.git.try_find_reference(name).map_err(failed)? {
            Some(mut reference) => Ok(Some(reference.peel_to_id().map_err(failed)?.detach())),
            None => Ok(None),
        }
    }

    /// Returns the commit that the remote's `name` pointed to at the last sync.
    pub fn tracking_tip(&self, name: &FullNameRef) -> Result<Option<ObjectId>, Error> {
        self.ref_tip(refs::tracking(name).as_ref())
    }

    /// Keeps where the remote has `name` now.
    pub fn set_tracking(&self, name: &FullNameRef, tip: Option<ObjectId>) -> Result<(), Error> {
        let name = refs::tracking(name);
        let _lock = self.lock_refs()?;
        let found = self.ref_tip(name.as_ref())?;
        match tip {
            _ if tip == found => Ok(()),
            Some(new) => self.swap(&name, found, Some(new)),
            None => self.swap(&name, found, None),
        }
    }

    /// The tags of the project's snapshots, by name.
    pub fn tags(&self) -> Result<Vec<(FullName, ObjectId)>, Error> {
        self.refs_below(&refs::tags(&self.id))
    }

    /// Returns the refs that the remote lacks or has otherwise: history branch, run records, attachments; and the tags that it
    /// lacks. One that it has otherwise stays there as it is, and here.
    pub fn unpushed(&self) -> Result<Vec<Unpushed>, Error> {
        let mut unpushed = Vec::new();
        for name in [self.history_ref(), self.runs_ref(), self.attachments_ref()] {
            let Some(ours) = self.ref_tip(name.as_ref())? else { continue };
            let theirs = self.tracking_tip(name.as_ref())?;
            if theirs != Some(ours) {
                unpushed.push(Unpushed { name, ours, theirs });
            }
        }
        for (name, ours) in self.tags()? {
            if self.tracking_tip(name.as_ref())?.is_none() {
                unpushed.push(Unpushed { name, ours, theirs: None });
            }
        }
        Ok(unpushed)
    }

    /// Moves a ref from where the caller last saw it, `expected` (`None`: it was not there), to `new`.
    ///
    /// [`Error::Moved`] when it is elsewhere by now: then nothing has changed.
    pub fn update_ref(
        &self,
        name: &FullName,
        expected: Option<ObjectId>,
        new: ObjectId,
    ) -> Result<(), Error> {
        let _lock = self.lock_refs()?;
        if let Some(inbox) = self.inbox.as_ref().filter(|_| !self.is_attempt_current().unwrap_or(false)) {
            return Err(Error::TakenOver { run: inbox.run.clone() });
        }
        self.swap(name, expected, Some(new))
    }

    /// The refs of runs on other computers that are here, by run and part.
    pub fn inboxes(&self) -> Result<Vec<(RunId, InboxPart, ObjectId)>, Error> {
        let all = self.refs_below(&refs::inboxes(&self.id))?;
        let read = |(name, tip): (FullName, _)| {
            refs::inbox_of(&self.id, name.as_ref()).map(|(run, part)| (run, part, tip))
        };
        Ok(all.into_iter().filter_map(read).collect())
    }

    /// Puts refs of runs on other computers where they are there.
    pub fn put_inboxes(&self, found: &[(FullName, ObjectId)]) -> Result<(), Error> {
        self.change_inboxes(found.iter().map(|(name, tip)| (name.clone(), Some(*tip))).collect())
    }

    /// Removes the refs of runs on other computers.
    pub fn remove_inboxes(&self, runs: &[RunId]) -> Result<(), Error> {
        let of_run = |run| InboxPart::ALL.map(|part| (refs::inbox(&self.id, run, part), None));
        self.change_inboxes(runs.iter().flat_map(of_run).collect())
    }

    fn change_inboxes(&self, changes: Vec<(FullName, Option<ObjectId>)>) -> Result<(), Error> {
        let _lock = self.lock_refs()?;
        let (mut changed, mut edits) = (Vec::new(), Vec::new());
        for (name, new) in changes {
            let known = self.ref_tip(name.as_ref())?;
            if known != new {
                edits.push(edit(&name, known, new));
                changed.push((name, known, new));
            }
        }
        if self.git.edit_references_as(edits, Some(log_author())).is_ok() {
            return Ok(());
        }
        // One by one, past what a killed process has left.
        changed.iter().try_for_each(|(name, known, new)| self.swap(name, *known, *new))
    }

    /// Removes a ref that is where the caller last saw it.
    pub(crate) fn delete_ref(&self, name: &FullName, expected: ObjectId) -> Result<(), Error> {
        let _lock = self.lock_refs()?;
        self.swap(name, Some(expected), None)
    }

    /// Every ref whose name begins with `prefix` (which ends in `/`), with where it is, by name.
    pub(crate) fn refs_below(&self, prefix: &str) -> Result<Vec<(FullName, ObjectId)>, Error> {
        let failed = |source: gix::Error| Error::ReadRef {
            name: prefix.to_owned(),
            path: self.path.clone(),
            source: Box::new(source),
        };
        let platform = self.git.references().map_err(failed)?;
        let mut found = Vec::new();
        for reference in platform.prefixed(prefix).map_err(failed)? {
            let mut reference = reference.map_err(failed)?;
            let id = reference.peel_to_id().map_err(failed)?.detach();
            found.push((reference.name().to_owned(), id));
        }
        Ok(found)
    }

    fn lock_refs(&self) -> Result<lock::Lock, Error> {
        lock::acquire(&self.own_folder().join("refs.lock"))
    }

    fn swap(&self, name: &FullName, expected: Option<ObjectId>, new: Option<ObjectId>) -> Result<(), Error> {
        let found = self.ref_tip(name.as_ref())?;
        if found != expected {
            return Err(Error::Moved { name: name.as_bstr().to_string(), expected, found });
        }
        if found == new {
            return Ok(());
        }
        let edit = edit(name, expected, new);
        if self.git.edit_references_as(Some(edit.clone()), Some(log_author())).is_ok() {
            return Ok(());
        }
        // We hold the refs lock and have waited: a lock file that is still there is a killed process's.
        self.remove_stale_lock_files(name);
        let Err(source) = self.git.edit_references_as(Some(edit), Some(log_author())) else { return Ok(()) };
        let found = self.ref_tip(name.as_ref())?;
        Err(if found == expected {
            Error::UpdateRef {
                name: name.as_bstr().to_string(),
                path: self.path.clone(),
                source: Box::new(source),
            }
        } else {
            Error::Moved { name: name.as_bstr().to_string(), expected, found }
        })
    }

    fn remove_stale_lock_files(&self, name: &FullName) {
        let lock_file = format!("{}.lock", name.as_bstr());
        for path in [self.path.join(lock_file), self.path.join("packed-refs.lock")] {
            if std::fs::remove_file(&path).is_ok() {
                tracing::warn!(path = %path.display(), "removed the lock file of a process that is gone");
            }
        }
    }
}

/// Moves a ref from where the caller last saw it to `new`, or removes it.
fn edit(name: &FullName, expected: Option<ObjectId>, new: Option<ObjectId>) -> RefEdit {
    let was = match expected {
        Some(id) => PreviousValue::MustExistAndMatch(Target::Object(id)),
        None => PreviousValue::MustNotExist,
    };
    let change = match new {
        Some(id) => Change::Update {
            log: LogChange { mode: RefLog::AndReference, force_create_reflog: false, message: "azml".into() },
            expected: was,
            new: Target::Object(id),
        },
        None => Change::Delete { expected: was, log: RefLog::AndReference },
    };
    RefEdit { change, name: name.clone(), deref: false }
}

/// Returns the author for a reflog, which the history repository does not keep.
fn log_author() -> gix::actor::SignatureRef<'static> {
    gix::actor::SignatureRef { name: "azml".into(), email: "azml".into(), time: "0 +0000" }
}
