//! Leaving in the last run's folder what the next one can use, and removing all else.
//!
//! A look at every file is most of what a run costs, so all processors take part: each folder is one thread's, and
//! nobody else touches what is in it. No link is followed on the way.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use azml_core::checkout::listing::Listing;
use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::objs::tree::EntryKind;
use rustix::fs::Dir;

use super::as_path;
use super::noted::{self, Folder, State, join, open_folder, open_top};

/// With fewer files than this for each of them, further threads cost more than they bring.
const WORTH_A_THREAD: usize = 500;

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kept {
    /// Whether a file or folder that was made is not there any more.
    pub(super) has_lost: bool,
    /// Of how many folders a look at their state does not tell what is in them.
    pub(super) unsure: usize,
}

/// Leaves at `work` what was made as `top` says, is untouched, and is in `wanted`, if that is given; takes the rest out of
/// `top` as well.
pub(super) fn keep(work: &Path, top: &mut Folder, wanted: Option<&Listing>) -> io::Result<Kept> {
    let open = open_top(work)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads.min(top.count() / WORTH_A_THREAD).max(1);
    let first = Task { above: Arc::new(open), name: None, path: BString::default(), folder: top };
    let keeper = Keeper {
        work,
        wanted,
        heap: Mutex::new(Heap { tasks: vec![first], ..Heap::default() }),
        more: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| keeper.work());
        }
        keeper.work();
    });
    let heap = keeper.heap.into_inner().unwrap_or_else(PoisonError::into_inner);
    heap.failed.map_or(Ok(heap.kept), Err)
}

/// A folder to look at.
struct Task<'t> {
    /// The open folder that it is in, or itself.
    above: Arc<OwnedFd>,
    /// `None` for the top, which is open.
    name: Option<BString>,
    path: BString,
    folder: &'t mut Folder,
}

#[derive(Default)]
struct Heap<'t> {
    tasks: Vec<Task<'t>>,
    busy: usize,
    kept: Kept,
    failed: Option<io::Error>,
}

struct Keeper<'t> {
    work: &'t Path,
    /// What is wanted, if it is not what was made.
    wanted: Option<&'t Listing>,
    heap: Mutex<Heap<'t>>,
    more: Condvar,
}

impl<'t> Keeper<'t> {
    fn heap(&self) -> MutexGuard<'_, Heap<'t>> {
        self.heap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at folders until there are none left.
    fn work(&self) {
        let mut heap = self.heap();
        loop {
            if let Some(task) = heap.tasks.pop() {
                heap.busy += 1;
                drop(heap);
                let (mut kept, mut found) = (Kept::default(), Vec::new());
                let done = self.keep(task, &mut kept, &mut found);
                heap = self.heap();
                heap.busy -= 1;
                heap.kept.has_lost |= kept.has_lost;
                heap.kept.unsure += kept.unsure;
                heap.tasks.append(&mut found);
                if let Err(error) = done {
                    heap.failed.get_or_insert(error);
                    heap.tasks.clear();
                }
                self.more.notify_all();
            } else if heap.busy == 0 {
                return;
            } else {
                heap = self.more.wait(heap).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Looks at one folder; those in it go to `found`.
    fn keep(&self, task: Task<'t>, kept: &mut Kept, found: &mut Vec<Task<'t>>) -> io::Result<()> {
        let Task { above, name, path, folder } = task;
        let open = match &name {
            None => above,
            Some(name) => {
                let is_wanted = self.wanted.is_none_or(|wanted| has_below(wanted, &path));
                match open_folder(&*above, name.as_bstr()) {
                    Ok(open) if is_wanted => Arc::new(open),
                    opened => {
                        kept.has_lost = true;
                        *folder = Folder::default();
                        let is_gone = opened.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
                        return if is_gone { Ok(()) } else { self.remove(path.as_bstr()) };
                    }
                }
            }
        };
        let path = path.as_bstr();
        if !folder.is_untouched(&open) {
            kept.unsure += 1;
            for entry in Dir::read_from(&*open)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                let is_known = folder.has_file(name) || folder.folder(name).is_some();
                if !is_known && name != b"." && name != b".." {
                    self.remove(join(path, name.as_bstr()).as_bstr())?;
                }
            }
        }
        for file in std::mem::take(&mut folder.files) {
            let below = join(path, file.name.as_bstr());
            let is_wanted = self.wanted.is_none_or(|wanted| wanted.get(&below) == Some(&file.entry));
            let now = State::at(&*open, file.name.as_bstr());
            if is_wanted && file.state.is_some() && now.as_ref().ok() == file.state.as_ref() {
                folder.files.push(file);
            } else {
                kept.has_lost = true;
                if now.is_ok() {
                    self.remove(below.as_bstr())?;
                }
            }
        }
        found.extend(folder.folders.iter_mut().map(|(name, folder)| Task {
            above: Arc::clone(&open),
            path: join(path, name.as_bstr()),
            name: Some(name.clone()),
            folder,
        }));
        Ok(())
    }

    /// Removes what is at a path whose folder was reached through no link.
    fn remove(&self, path: &BStr) -> io::Result<()> {
        noted::remove(&self.work.join(as_path(&path.to_owned())))
    }
}

fn has_below(snapshot: &Listing, folder: &BString) -> bool {
    // Another repository's commit is an empty folder.
    if snapshot.get(folder).is_some_and(|entry| entry.kind == EntryKind::Commit) {
        return true;
    }
    let mut prefix = folder.clone();
    prefix.push(b'/');
    snapshot.range(prefix.clone()..).next().is_some_and(|(path, _)| path.starts_with(&prefix))
}
