//! Taking a snapshot whenever the project folder has changed and is quiet again.
//!
//! The system tells changes ([`inotify`]); folders that no snapshot looks into are not watched. Where it can't, or has no watch
//! left, the folder is looked at every now and then, by the stat index. The history is locked only while a snapshot is
//! added to it.

mod inotify;
mod once;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use azml_core::history::HistoryRepo;
use azml_core::project::Project;
use azml_core::snapshot::{Filter, Message, Taken, folders};
use crossbeam_channel::{after, never, select};
use gix::bstr::{BStr, BString, ByteSlice as _};
use rustix::io::Errno;

use self::inotify::{Change, Watches};
use self::once::Once;
use super::open::open_and_recover;
use super::push::Push;
use super::snapshots::{self, Described};
use super::{named, snapshot};
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::limits::{WATCH_DEBOUNCES, WATCH_PATHS, WATCH_POLL, WATCH_POLL_SHARE};
use crate::run::signals::Cancel;

/// The options of a watch.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time without a change after which a snapshot is taken.
    pub debounce: Duration,
    /// True to look at the folder every now and then instead of being told.
    pub polls: bool,
    /// True to push snapshots.
    pub pushes: bool,
    /// The subject of the snapshots.
    pub message: Option<String>,
}

/// An event of a watch.
#[derive(Debug)]
pub enum Event {
    /// From now on changes are seen: those in so many folders, or all if it looks by itself.
    Watching { folders: Option<usize> },
    /// A snapshot was taken.
    Taken { described: Box<Described>, changes: Vec<(char, BString)> },
    /// None could be taken; the next change is another chance.
    Failed(CommandError),
}

/// The end of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Somebody ended it.
    Signal,
    /// The project is gone.
    Gone,
}

/// Watches until it is ended by a signal, or the project is gone.
pub fn watch(
    ctx: &Context,
    opened: Opened,
    options: &Options,
    cancel: &Cancel,
    tell: &mut dyn FnMut(Event),
) -> Result<End, CommandError> {
    let ctx = Context {
        env: ctx.env.clone(),
        notices: Arc::new(Once::around(Arc::clone(&ctx.notices))),
        invoked: ctx.invoked,
        settings: ctx.settings.clone(),
    };
    let push = if options.pushes { ctx.remote(&opened, None)? } else { None };
    let by = ctx.signature(opened.project.root());
    let push = push.map(|remote| Push::start(&opened.history, &remote, by)).transpose()?;
    let mut watch = Watch { ctx: &ctx, options, opened, push, watches: None, seen: HashMap::new(), tell };
    if !options.polls {
        match Watches::start() {
            Ok(watches) => watch.watches = Some(watches),
            Err(error) => watch.warn_of_polling(&error),
        }
    }
    let end = watch.run(cancel);
    if let Some(push) = watch.push.take() {
        push.push();
        push.finish(&ctx, &watch.opened, cancel, "snapshot");
    }
    Ok(end)
}

struct Watch<'a> {
    ctx: &'a Context,
    options: &'a Options,
    opened: Opened,
    push: Option<Push>,
    /// `None`: it looks by itself.
    watches: Option<Watches>,
    /// True for the paths whose changes are of interest.
    seen: HashMap<BString, bool>,
    tell: &'a mut dyn FnMut(Event),
}

impl Watch<'_> {
    fn run(&mut self, cancel: &Cancel) -> End {
        // What has changed before counts, too.
        if !self.settle(true) {
            return End::Gone;
        }
        match &self.watches {
            Some(_) => self.follow(cancel),
            None => self.look_again_and_again(cancel),
        }
    }

    /// Waits for changes, and for quiet after them.
    fn follow(&mut self, cancel: &Cancel) -> End {
        let debounce = self.options.debounce;
        // When it changed first and last since the last snapshot.
        let mut since: Option<(Instant, Instant)> = None;
        loop {
            let Some(watches) = &self.watches else { return self.look_again_and_again(cancel) };
            let quiet = since.map_or_else(never, |(first, last)| {
                let due = (last + debounce).min(first + debounce * WATCH_DEBOUNCES);
                after(due.saturating_duration_since(Instant::now()))
            });
            select! {
                recv(cancel.received()) -> _ => {
                    if since.is_some() {
                        self.settle(false);
                    }
                    return End::Signal;
                }
                recv(watches.changes()) -> change => {
                    let Ok(change) = change else {
                        // Nobody tells any more.
                        self.watches = None;
                        continue;
                    };
                    // While one is due, the next change may be any: what it is of is found out only once.
                    if self.concerns(&change, since.is_some()) {
                        let now = Instant::now();
                        since = Some((since.map_or(now, |(first, _)| first), now));
                    }
                }
                recv(quiet) -> _ => {
                    since = None;
                    if !self.settle(true) {
                        return End::Gone;
                    }
                }
            }
        }
    }

    /// Looks at the folder every now and then, at most for a small share of the time.
    fn look_again_and_again(&mut self, cancel: &Cancel) -> End {
        (self.tell)(Event::Watching { folders: None });
        loop {
            let began = Instant::now();
            if !self.settle(false) {
                return End::Gone;
            }
            let pause = (began.elapsed() * WATCH_POLL_SHARE).max(WATCH_POLL).max(self.options.debounce);
            select! {
                recv(cancel.received()) -> _ => {
                    self.settle(false);
                    return End::Signal;
                }
                recv(after(pause)) -> _ => {}
            }
        }
    }

    /// Returns whether a change can be one of the next snapshot.
    fn concerns(&mut self, change: &Change, is_due: bool) -> bool {
        let Some(watches) = &self.watches else { return false };
        let (path, is_folder) = match change {
            Change::Lost => return true,
            Change::At { folder, name, is_folder } => match watches.folder(*folder) {
                Some(folder) if name.is_empty() => (folder.to_owned(), true),
                Some(folder) => (joined(folder, name.as_bstr()), *is_folder),
                None => return false,
            },
        };
        if path.is_empty() {
            return true;
        }
        if let Some(known) = self.seen.get(&path) {
            return *known;
        }
        if is_due {
            return true;
        }
        let takes_in =
            Filter::of(&self.opened.history).is_ok_and(|filter| filter.takes_in(path.as_bstr(), is_folder));
        if self.seen.len() >= WATCH_PATHS {
            self.seen.clear();
        }
        self.seen.insert(path, takes_in);
        takes_in
    }

    /// Takes a snapshot if something has changed; brings the watches up to date before, so that nothing after it is missed.
    /// Gives false if the project is gone.
    fn settle(&mut self, watches: bool) -> bool {
        self.seen.clear();
        let root = self.opened.project.root().to_owned();
        if Project::open(&root).is_err() {
            return false;
        }
        match self.try_to_settle(watches) {
            Ok(()) => {}
            Err(_) if Project::open(&root).is_err() => return false,
            Err(error) => (self.tell)(Event::Failed(error)),
        }
        true
    }

    fn try_to_settle(&mut self, watches: bool) -> Result<(), CommandError> {
        // A restore that is going on is waited for, and one that was cut off is finished.
        self.opened = open_and_recover(self.ctx, Some(self.opened.project.root()))?;
        if watches {
            self.watch_folders()?;
        }
        let message =
            Message { subject: self.options.message.clone().unwrap_or_default(), ..Message::default() };
        let taken = snapshot::take(self.ctx, &self.opened.history, message, false)?;
        if taken.is_new {
            let (described, changes) = described(&self.opened, &taken)?;
            (self.tell)(Event::Taken { described: Box::new(described), changes });
            // A push that is going on is followed by one at the next snapshot, or at the end.
            if let Some(error) = self.push.as_ref().and_then(Push::push_if_idle) {
                self.ctx.notices.warning(&format!(
                    "the snapshots are kept here, but could not be pushed: {}",
                    error.chain().join(": ")
                ));
            }
        }
        Ok(())
    }

    /// Says why the folder is looked at instead of being watched, and what would change that.
    fn warn_of_polling(&self, error: &io::Error) {
        let notices = &self.ctx.notices;
        notices.warning(&format!(
            "the system watches no more folders ({error}): azml looks at the folder every now and then instead"
        ));
        let setting = match Errno::from_io_error(error) {
            Some(Errno::NOSPC) => "max_user_watches=1048576",
            Some(Errno::MFILE) => "max_user_instances=1024",
            _ => return,
        };
        notices.hint(&format!("to have it watch more: sudo sysctl fs.inotify.{setting}"));
    }

    /// Watches the folders that a snapshot looks into, and no others.
    fn watch_folders(&mut self) -> Result<(), CommandError> {
        let Some(watches) = &mut self.watches else { return Ok(()) };
        let before = watches.count();
        // A folder that came while others were looked at is found by the next look.
        loop {
            match watches.update(self.opened.project.root(), &wanted(&self.opened.history)?) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    self.watches = None;
                    self.warn_of_polling(&error);
                    return Ok(());
                }
            }
        }
        if before == 0 {
            let folders = Some(watches.count());
            (self.tell)(Event::Watching { folders });
        }
        Ok(())
    }
}

fn wanted(history: &HistoryRepo) -> Result<Vec<BString>, CommandError> {
    Ok(folders(history)?)
}

fn described(opened: &Opened, taken: &Taken) -> Result<(Described, Vec<(char, BString)>), CommandError> {
    let snapshot = named::Snapshot { commit: taken.commit, tree: taken.tree(), run: None };
    let described = snapshots::describe(opened, &snapshot)?;
    let changes = snapshots::changes(opened, &described)?;
    Ok((described, changes))
}

fn joined(folder: &BStr, name: &BStr) -> BString {
    if folder.is_empty() {
        name.to_owned()
    } else {
        [folder.as_bytes(), b"/", name.as_bytes()].concat().into()
    }
}
