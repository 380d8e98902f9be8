//! Executing a plan, undoing the last one, and ending what a killed one began.
//!
//! The order, and why: objects of the backup are flushed before the journal names them; the journal
//! is flushed before anything changes; the backup's ref is set before the folder is touched, and by
//! the journal, so that a restore that never began leaves no backup that an undo would take for its
//! own; the folder is flushed before the journal goes.

use std::fs::File;

use gix::{
    ObjectId,
    bstr::{BString, ByteSlice},
};

use super::{
    Change, Context, Error, Plan,
    apply::{ApplyMode, apply},
    backup::{self, Backup},
    disk::{self, Expected, Folders, Found},
    flush,
    journal::Journal,
    plan::{plan_towards, plan_undo},
    steps::{Counter, Steps},
    target::Target,
    work::Direction,
};
use crate::{
    checkout::{self, listing::Entry, path},
    dir::split,
    history::HistoryRepo,
    io_error::IoError,
    large::Tree,
    refs,
};

/// The result of a restore.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Done {
    /// The number of the backup of what was there; `None` if nothing had to be done.
    pub backup: Option<u64>,
    /// The number of files added.
    pub added: usize,
    /// The number of files replaced.
    pub changed: usize,
    /// The number of files removed.
    pub removed: usize,
    /// Files that were edited while the restore was going on: the backup has the edited content.
    pub saved: Vec<BString>,
}

/// The outcome of recovering a killed restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// Nothing: none was under way.
    Nothing,
    /// It was finished.
    Finished(Done),
    /// It could not be finished, and was undone: the folder is as it was before.
    RolledBack {
        /// Files that were edited since: the backup has the edited content.
        saved: Vec<BString>,
    },
}

/// Does what `plan` says, if the folder is still what it was planned for.
pub fn execute(
    history: &HistoryRepo,
    plan: &Plan,
    context: &Context,
    steps: &dyn Steps,
) -> Result<Done, Error> {
    let steps = Counter::new(steps);
    let _lock = lock(history)?;
    recover_locked(history, &steps)?;
    let now = plan_towards(history, &plan.asked, plan.since)?;
    if let Some(path) = plan.difference(&now) {
        return Err(Error::FolderChanged { path });
    }
    carry_out(history, now, context, &steps)
}

/// Makes the folder, or some paths of it, equal to a tree, and says what that was: plan and execution in one, with one look
/// at the folder.
pub fn restore(
    history: &HistoryRepo,
    target: impl Into<Target>,
    context: &Context,
    steps: &dyn Steps,
) -> Result<(Plan, Done), Error> {
    let steps = Counter::new(steps);
    let _lock = lock(history)?;
    recover_locked(history, &steps)?;
    let plan = plan_towards(history, &target.into(), None)?;
    let done = carry_out(history, plan.clone(), context, &steps)?;
    Ok((plan, done))
}

/// Goes back to the newest backup. What it overwrites is backed up in turn, so that it can be undone.
pub fn undo(history: &HistoryRepo, context: &Context, steps: &dyn Steps) -> Result<Done, Error> {
    go_back(history, context, steps).map(|(_, _, done)| done)
}

/// [`undo`], saying to which backup it went and what that was.
pub fn go_back(
    history: &HistoryRepo,
    context: &Context,
    steps: &dyn Steps,
) -> Result<(Backup, Plan, Done), Error> {
    let steps = Counter::new(steps);
    let _lock = lock(history)?;
    recover_locked(history, &steps)?;
    let (backup, plan) = plan_undo(history)?;
    let done = carry_out(history, plan.clone(), context, &steps)?;
    Ok((backup, plan, done))
}

/// Ends what a killed restore began. Every command calls this before it looks at the folder.
///
/// Waits for a restore that is going on in another process. Costs a look for one file when there is
/// nothing to do.
pub fn recover(history: &HistoryRepo, steps: &dyn Steps) -> Result<Recovered, Error> {
    if Journal::read(&history.restore_journal_path())?.is_none() {
        return Ok(Recovered::Nothing);
    }
    let _lock = lock(history)?;
    recover_locked(history, &Counter::new(steps))
}

/// One restore at a time: the lock goes with its process.
fn lock(history: &HistoryRepo) -> Result<File, Error> {
    let path = history.own_folder().join("restore.lock");
    std::fs::create_dir_all(history.own_folder())
        .map_err(IoError::of("make folder", &history.own_folder()))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(IoError::of("open", &path))?;
    file.lock().map_err(IoError::of("lock", &path))?;
    Ok(file)
}

fn carry_out(
    history: &HistoryRepo,
    mut plan: Plan,
    context: &Context,
    steps: &Counter<'_>,
) -> Result<Done, Error> {
    if !plan.in_the_way.is_empty() && !context.force {
        return Err(Error::InTheWay { paths: plan.in_the_way });
    }
    let forced = take_what_is_in_the_way(history, &mut plan)?;
    if plan.changes.is_empty() {
        return Ok(Done::default());
    }
    let repo = history.git();
    let here = |entry: Entry| repo.has_object(entry.id);
    if let Some(change) = plan.changes.iter().find(|change| !change.after.is_none_or(here)) {
        return Err(Error::Missing { path: change.path.clone() });
    }
    let wanted = plan.changes.iter().filter_map(|change| Some((change.path.as_bstr(), change.after?)));
    let missing = checkout::missing_large(repo, wanted)
        .map_err(|source| Error::Target { tree: plan.target, source })?;
    if !missing.files.is_empty() {
        return Err(Error::LargeMissing(missing));
    }
    if !plan.unignored.is_empty() {
        steps.before("hold back what was ignored")?;
        history.hold_back(&plan.unignored).map_err(Error::History)?;
    }
    steps.before("write the backup")?;
    let unseen = forced.iter().chain(&plan.there_already).map(|(path, entry)| (path.as_ref(), *entry));
    let is_seen = forced.is_empty() && plan.there_already.is_empty();
    let id =
        if is_seen { plan.folder.id } else { backup::add_to_tree(repo, plan.folder.id, unseen.clone())? };
    let has_large = plan.folder.has_large || unseen.clone().any(|(_, entry)| entry.is_large);
    let tree = Tree { id, has_large };
    let commit = backup::write_commit(repo, tree, plan.target, &plan.asked.paths, &context.by)?;
    let journal = Journal {
        number: backup::next_number(history)?,
        backup: commit,
        target: plan.target,
        by: context.by.clone(),
        changes: plan.changes,
    };
    steps.before("flush the backup")?;
    // What a snapshot stores is on the disk already.
    let single = is_seen.then(|| disk::loose_object(&history.path().join("objects"), commit)).flatten();
    if single.is_none() {
        flush::flush(history.path(), Vec::new())?;
    }
    journal.write(&history.restore_journal_path(), single, steps)?;
    finish(history, &journal, true, steps).map_err(|error| match error {
        Error::Stopped { .. } => error,
        error => match roll_back(history, &journal, steps) {
            Ok(_) => Error::Undone(Box::new(error)),
            Err(stopped @ Error::Stopped { .. }) => stopped,
            Err(undoing) => Error::HalfDone { undoing: Box::new(undoing), source: Box::new(error) },
        },
    })
}

/// Makes changes of what is in the way, so that it is backed up and goes.
fn take_what_is_in_the_way(history: &HistoryRepo, plan: &mut Plan) -> Result<Vec<(BString, Entry)>, Error> {
    let mut forced = Vec::new();
    let folders = Folders::open(history.root())?;
    for path in std::mem::take(&mut plan.in_the_way) {
        let cannot = || Error::CannotBackUp { path: path.clone() };
        let Found::File(found) = folders.look(path.as_bstr(), &Expected::default()).map_err(|_| cannot())?
        else {
            return Err(cannot());
        };
        let Some(folder) = folders.of(path.as_bstr())?.folder() else { return Err(cannot()) };
        path::check(path.as_ref(), found.kind == gix::objs::tree::EntryKind::Link).map_err(|_| cannot())?;
        let entry = disk::store(history, &folder, split(path.as_bstr()).1, found.kind);
        let entry = entry.map_err(folders.error("read", path.as_bstr()))?;
        if !entry.is_large && entry.id != found.id {
            return Err(Error::FolderChanged { path });
        }
        match plan.changes.binary_search_by(|change| change.path.cmp(&path)) {
            Ok(at) => plan.changes[at].before = Some(entry),
            Err(at) => {
                plan.changes.insert(at, Change { path: path.clone(), before: Some(entry), after: None });
            }
        }
        forced.push((path, entry));
    }
    Ok(forced)
}

fn recover_locked(history: &HistoryRepo, steps: &Counter<'_>) -> Result<Recovered, Error> {
    let Some(journal) = Journal::read(&history.restore_journal_path())? else {
        return Ok(Recovered::Nothing);
    };
    tracing::warn!(backup = journal.number, "a restore was cut short; finishing it");
    match finish(history, &journal, false, steps) {
        Ok(done) => Ok(Recovered::Finished(done)),
        Err(stopped @ Error::Stopped { .. }) => Err(stopped),
        Err(error) => {
            tracing::warn!(%error, "the restore can't be finished; undoing it");
            match roll_back(history, &journal, steps) {
                Ok(saved) => Ok(Recovered::RolledBack { saved }),
                Err(stopped @ Error::Stopped { .. }) => Err(stopped),
                Err(undoing) => Err(Error::HalfDone { undoing: Box::new(undoing), source: Box::new(error) }),
            }
        }
    }
}

/// From a journal that is on the disk to a restore that is done. `fresh`: nobody has done anything of it yet.
fn finish(history: &HistoryRepo, journal: &Journal, fresh: bool, steps: &Counter<'_>) -> Result<Done, Error> {
    let name = refs::backup(journal.number);
    if history.ref_tip(name.as_ref()).map_err(Error::History)?.is_none() {
        steps.before("keep the backup")?;
        history.update_ref(&name, None, journal.backup).map_err(Error::History)?;
    }
    // Until the journal goes it would set the ref again.
    let name = path::below(history.path(), name.as_bstr());
    let saved =
        apply(history, journal, Direction::Forward, ApplyMode { fresh, also_flush: Some(name) }, steps)?;
    Journal::remove(&history.restore_journal_path(), steps)?;
    backup::prune(history, steps)?;
    let count = |wanted: fn(&Change) -> bool| journal.changes.iter().filter(|change| wanted(change)).count();
    Ok(Done {
        backup: Some(journal.number),
        added: count(|c| c.before.is_none()),
        changed: count(|c| c.before.is_some() && c.after.is_some()),
        removed: count(|c| c.after.is_none()),
        saved,
    })
}

/// From a journal that is on the disk back to what was there before.
fn roll_back(history: &HistoryRepo, journal: &Journal, steps: &Counter<'_>) -> Result<Vec<BString>, Error> {
    let saved = apply(history, journal, Direction::Back, ApplyMode::default(), steps)?;
    Journal::remove(&history.restore_journal_path(), steps)?;
    forget_backup(history, journal.number, journal.backup, steps)?;
    Ok(saved)
}

/// Removes the backup of a restore that was undone, unless something was added to it.
fn forget_backup(
    history: &HistoryRepo,
    number: u64,
    commit: ObjectId,
    steps: &Counter<'_>,
) -> Result<(), Error> {
    let name = refs::backup(number);
    if history.ref_tip(name.as_ref()).map_err(Error::History)? == Some(commit) {
        steps.before("forget the backup")?;
        history.delete_ref(&name, commit).map_err(Error::History)?;
    }
    Ok(())
}
