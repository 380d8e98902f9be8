//! Doing what a journal says, forwards or back, from whatever state a kill left.
//!
//! Each change looks at what is there and does what is left to do, so applying twice is applying
//! once. New content is written beside its place (`.azml-<token>-<i>.part`), renamed to `.new` when it
//! is whole, and put in its place in one step that also takes what was there: displaced content is
//! looked at before it goes, and what neither side of the journal knows is added to the backup. Names
//! are made of the journal alone, so that a recovery finds what a kill left. What can be written at once, without touching
//! what is there, is (`prepare.rs`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use gix::{
    Repository,
    bstr::{BStr, BString, ByteSlice},
};

use super::{
    Change, Error,
    backup::Late,
    disk::{self, Found, Swapped},
    flush,
    journal::Journal,
    prepare::{self, Ready},
    steps::Counter,
};
use crate::{
    checkout::{self, listing::Entry, path::below},
    history::HistoryRepo,
};

/// Towards which side of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the tree that is restored.
    Forward,
    /// Back to what the folder was.
    Back,
}

/// How often a path that changes under our hands is tried again.
pub(super) const TRIES: usize = 8;

/// In which state a journal is applied.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Nothing of it was done before.
    pub(super) fresh: bool,
    /// What is flushed with the folder.
    pub(super) also_flush: Option<PathBuf>,
}

/// Applies `journal`; gives the paths whose content was added to the backup on the way.
pub(super) fn apply(
    history: &HistoryRepo,
    journal: &Journal,
    direction: Direction,
    begun: Begun,
    steps: &Counter<'_>,
) -> Result<Vec<BString>, Error> {
    let Begun { fresh, also_flush } = begun;
    let late = Late {
        history,
        number: journal.number,
        restored: journal.target,
        by: &journal.by,
        saved: Vec::new(),
    };
    let mut work = Work {
        root: history.root(),
        repo: history.git(),
        token: journal.token(),
        changes: &journal.changes,
        direction,
        late,
        steps,
    };
    if !fresh {
        work.sweep()?;
    }
    work.remove_files()?;
    work.remove_folders()?;
    let ready = if fresh { prepare::prepare(&work) } else { Vec::new() };
    work.place_files(&ready)?;
    steps.before("flush the folder")?;
    let mut written = Vec::new();
    let mut parent: Option<(&[u8], bool)> = None;
    for change in &journal.changes {
        let folder = change.path.rfind_byte(b'/').map_or(&b""[..], |end| &change.path[..end]);
        let is_there = match parent {
            Some((known, is_there)) if known == folder => is_there,
            _ => work.parents_are_folders(change.path.as_ref())?,
        };
        parent = Some((folder, is_there));
        let path = below(history.root(), change.path.as_ref());
        // Where the folder is gone, that is so in the next one above it.
        let gone_from = || path.ancestors().skip(1).find(|above| above.is_dir()).map(Path::to_owned);
        written.extend(if is_there { Some(path.clone()) } else { gone_from() });
    }
    written.extend(also_flush);
    flush::flush(history.root(), written)?;
    Ok(work.late.saved)
}

/// A journal being applied.
pub(super) struct Work<'a> {
    pub(super) root: &'a Path,
    pub(super) repo: &'a Repository,
    token: String,
    pub(super) changes: &'a [Change],
    direction: Direction,
    late: Late<'a>,
    pub(super) steps: &'a Counter<'a>,
}

impl Work<'_> {
    /// What is to be at a change's place.
    pub(super) fn wanted(&self, change: &Change) -> Option<Entry> {
        match self.direction {
            Direction::Forward => change.after,
            Direction::Back => change.before,
        }
    }

    /// The name beside the place of the `i`th change.
    pub(super) fn beside(&self, i: usize, ending: &str) -> PathBuf {
        let mut place = below(self.root, self.changes[i].path.as_ref());
        place.set_file_name(format!(".azml-{}-{i}.{ending}", self.token));
        place
    }

    /// Removes what an earlier attempt left beside its places; displaced content is saved first.
    fn sweep(&mut self) -> Result<(), Error> {
        for (i, change) in self.changes.iter().enumerate() {
            if !self.parents_are_folders(change.path.as_ref())? {
                continue;
            }
            let part = self.beside(i, "part");
            if disk::lstat(&part)?.is_some() {
                self.steps.before_path("remove an unfinished file of", &change.path)?;
                disk::remove_file(&part)?;
            }
            let new = self.beside(i, "new");
            if disk::lstat(&new)?.is_some() {
                self.discard(i, &new)?;
            }
        }
        Ok(())
    }

    /// Removes the file at `at`, which was displaced from the `i`th place; saves what nobody knows.
    pub(super) fn discard(&mut self, i: usize, at: &Path) -> Result<(), Error> {
        let change = &self.changes[i];
        match disk::look_at(at)? {
            Found::File(entry) => {
                if Some(entry) != change.before
                    && Some(entry) != change.after
                    && !prepare::is_unfinished(self.repo, at, change)
                {
                    self.steps.before_path("save what was edited at", &change.path)?;
                    self.late.save(change.path.as_ref(), entry.kind, &disk::content(at, entry.kind)?)?;
                }
                self.steps.before_path("remove what was at", &change.path)?;
                disk::remove_file(at)
            }
            Found::Nothing | Found::NotReachable => Ok(()),
            Found::Folder | Found::Special => Err(Error::Obstructed { path: change.path.clone() }),
        }
    }

    fn place_files(&mut self, ready: &[Ready]) -> Result<(), Error> {
        for (i, change) in self.changes.iter().enumerate() {
            let Some(wanted) = self.wanted(change) else { continue };
            match ready.get(i) {
                Some(Ready::InPlace) => {}
                Some(Ready::Beside) => self.put_in_place(i, change, wanted)?,
                Some(Ready::Not) | None => self.place_file(i, change, wanted)?,
            }
        }
        Ok(())
    }

    /// Puts what is ready beside its place there: where a file was a moment ago.
    fn put_in_place(&mut self, i: usize, change: &Change, wanted: Entry) -> Result<(), Error> {
        let new = self.beside(i, "new");
        if self.parents_are_folders(change.path.as_ref())? {
            match disk::swap(&new, &below(self.root, change.path.as_ref()))? {
                Swapped::Done => return self.discard(i, &new),
                Swapped::Gone | Swapped::Unsupported => {}
            }
        }
        disk::remove_file(&new)?;
        self.place_file(i, change, wanted)
    }

    fn place_file(&mut self, i: usize, change: &Change, wanted: Entry) -> Result<(), Error> {
        let obstructed = || Error::Obstructed { path: change.path.clone() };
        let place = below(self.root, change.path.as_ref());
        let new = self.beside(i, "new");
        for _ in 0..TRIES {
            match disk::look(self.root, change.path.as_ref())? {
                Found::File(entry) if entry == wanted => return Ok(()),
                Found::Folder | Found::NotReachable | Found::Special => return Err(obstructed()),
                Found::Nothing => {
                    self.make_parents(change)?;
                    self.write_beside(i, change, wanted)?;
                    self.steps.before_path("move into the free place", &change.path)?;
                    if disk::rename_to_free(&new, &place)? {
                        return Ok(());
                    }
                    disk::remove_file(&new)?;
                }
                Found::File(entry) => {
                    self.write_beside(i, change, wanted)?;
                    self.steps.before_path("put in the place of", &change.path)?;
                    match disk::swap(&new, &place)? {
                        Swapped::Done => return self.discard(i, &new),
                        Swapped::Gone => disk::remove_file(&new)?,
                        Swapped::Unsupported => {
                            if Some(entry) != change.before
                                && Some(entry) != change.after
                                && !prepare::is_unfinished(self.repo, &place, change)
                            {
                                let content = disk::content(&place, entry.kind)?;
                                self.late.save(change.path.as_ref(), entry.kind, &content)?;
                            }
                            return fs::rename(&new, &place).map_err(Error::io("replace", &place));
                        }
                    }
                }
            }
        }
        Err(obstructed())
    }

    /// Writes the content for a place beside it; when the name `.new` is there, it is whole.
    fn write_beside(&self, i: usize, change: &Change, wanted: Entry) -> Result<(), Error> {
        let (part, new) = (self.beside(i, "part"), self.beside(i, "new"));
        self.steps.before_path("write the content for", &change.path)?;
        checkout::write_new(self.repo, &part, wanted)?;
        self.steps.before_path("name as whole the content for", &change.path)?;
        fs::rename(&part, &new).map_err(Error::io("rename", &part))
    }

    fn make_parents(&self, change: &Change) -> Result<(), Error> {
        for end in change.path.find_iter("/") {
            let folder = below(self.root, change.path[..end].as_bstr());
            match disk::lstat(&folder)? {
                Some(metadata) if metadata.is_dir() => {}
                Some(_) => return Err(Error::Obstructed { path: change.path.clone() }),
                None => {
                    self.steps.before_path("make a folder for", &change.path)?;
                    fs::create_dir(&folder).map_err(Error::io("make folder", &folder))?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn parents_are_folders(&self, path: &BStr) -> Result<bool, Error> {
        for end in path.find_iter("/") {
            if !disk::lstat(&below(self.root, path[..end].as_bstr()))?
                .is_some_and(|metadata| metadata.is_dir())
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
