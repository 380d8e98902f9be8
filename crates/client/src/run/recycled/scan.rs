//! Comparing a run's folder with what was made in it, without reading any file.
//!
//! A look at every file is most of what a run costs, so all processors take part: each folder is one thread's. No
//! link is followed on the way.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use azml_core::checkout::listing::{Entry, Listing};
use azml_core::parallel;
use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::objs::tree::EntryKind;
use rustix::fs::Dir;

use super::manifest::{Folder, Manifest, State, join, open_folder, open_top};

/// With fewer files than this for each of them, further threads cost more than they bring.
const WORTH_A_THREAD: usize = 500;
/// The bits of a mode that say who may do what.
const PERMISSIONS: u32 = 0o7777;

/// One difference between a run's folder and what was made in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) enum Difference {
    /// A name that was not made there: a file, a link, a folder with all that is in it.
    New,
    /// A file or link that was made there, and of which its state does not tell that it is the same.
    Touched {
        /// The files that were made.
        entry: Entry,
        /// True if its length tells that it is not the same.
        is_resized: bool,
    },
    /// A file or link that was made there is not there any more.
    Gone,
    /// A folder that was made there can't be opened.
    Closed,
    /// A folder that was made there has other permissions.
    Mode,
    /// A file or folder that was made there and is not wanted.
    Unwanted,
}

/// The result.
#[derive(Debug, Default)]
pub(in crate::run) struct Scan {
    /// All differences, in no particular order.
    pub(in crate::run) differences: Vec<(BString, Difference)>,
    /// The number of folders whose state does not tell what is in them.
    pub(super) unsure: usize,
}

/// Compares `work` with what was made there; what is not in `wanted`, if that is given, is not looked at.
pub(in crate::run) fn scan(work: &Path, made: &Manifest, wanted: Option<&Listing>) -> io::Result<Scan> {
    let first =
        Task { above: Arc::new(open_top(work)?), name: None, path: BString::default(), folder: &made.top };
    let scanner = Scanner { mode: made.mode, wanted };
    let threads = parallel::threads(made.top.count() / WORTH_A_THREAD);
    let mut scan = Scan::default();
    for part in parallel::run_tasks(first, threads, |task, part, below| scanner.look(task, part, below))? {
        scan.differences.extend(part.differences);
        scan.unsure += part.unsure;
    }
    Ok(scan)
}

/// A folder to look at.
struct Task<'t> {
    /// The open folder that it is in, or itself.
    above: Arc<OwnedFd>,
    /// `None` for the top, which is open.
    name: Option<&'t BStr>,
    path: BString,
    folder: &'t Folder,
}

struct Scanner<'t> {
    mode: u32,
    wanted: Option<&'t Listing>,
}

impl<'t> Scanner<'t> {
    /// Looks at one folder; those in it go to `below`.
    fn look(&self, task: Task<'t>, scan: &mut Scan, below: &mut Vec<Task<'t>>) -> io::Result<()> {
        let Task { above, name, path, folder } = task;
        let open = match name {
            None => above,
            Some(_) if !self.wanted.is_none_or(|wanted| has_below(wanted, &path)) => {
                scan.differences.push((path, Difference::Unwanted));
                return Ok(());
            }
            Some(name) => match open_folder(&*above, name) {
                Ok(open) => Arc::new(open),
                Err(error) => {
                    match error.kind() {
                        io::ErrorKind::PermissionDenied => {
                            scan.differences.push((path, Difference::Closed));
                            return Ok(());
                        }
                        io::ErrorKind::NotFound => {}
                        // A file or a link by now.
                        _ => scan.differences.push((path.clone(), Difference::New)),
                    }
                    let all = &mut scan.differences;
                    folder.files(path.as_bstr(), &mut |path, _| all.push((path.into(), Difference::Gone)));
                    return Ok(());
                }
            },
        };
        let path = path.as_bstr();
        let state = State::open(&*open)?;
        if state.mode & PERMISSIONS != self.mode & PERMISSIONS {
            scan.differences.push((path.into(), Difference::Mode));
        }
        if folder.state != Some(state) {
            scan.unsure += 1;
            for entry in Dir::read_from(&*open)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                let is_known = folder.has_file(name) || folder.folder(name).is_some();
                if !is_known && name != b"." && name != b".." {
                    scan.differences.push((join(path, name.as_bstr()), Difference::New));
                }
            }
        }
        for file in &folder.files {
            let now = State::at(&*open, file.name.as_bstr());
            let is_same = file.state.is_some() && now.as_ref().ok() == file.state.as_ref();
            if is_same && self.wanted.is_none() {
                continue;
            }
            let below = join(path, file.name.as_bstr());
            let difference = match now {
                Ok(_) if self.wanted.is_some_and(|wanted| wanted.get(&below) != Some(&file.entry)) => {
                    Difference::Unwanted
                }
                Ok(_) if is_same => continue,
                Ok(now) => {
                    let is_resized = file.state.is_some_and(|state| state.size != now.size);
                    Difference::Touched { entry: file.entry, is_resized }
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    scan.differences.push((path.into(), Difference::Closed));
                    return Ok(());
                }
                Err(_) => Difference::Gone,
            };
            scan.differences.push((below, difference));
        }
        below.extend(folder.folders.iter().map(|(name, folder)| Task {
            above: Arc::clone(&open),
            path: join(path, name.as_bstr()),
            name: Some(name.as_bstr()),
            folder,
        }));
        Ok(())
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
