//! Looking at one folder: by its listing, or, if it is as the index knows it, without.
//!
//! A folder that has to be listed costs one open, its listing, and a stat call for each file; its entries are merged by
//! name with the index's. A folder whose own stat data is as it was has the names that it had: it costs a stat call
//! itself, and one for each file. What the rules say of a name is asked in both cases, since they may have changed.

use std::{
    ffi::CStr,
    os::fd::{AsFd, OwnedFd},
    sync::atomic::Ordering,
};

use gix::bstr::{BStr, ByteSlice};

use super::{
    classify::{Classified, classify, classify_entry},
    listing::{Listed, extended, is_refused_name, list, own_rules, read_rules},
    node::{Item, Node, system_path},
    state::{Part, Shared, Task},
};
use crate::{
    git_files,
    history::FOLDER,
    ignore,
    io_error::IoError,
    snapshot::{Error, LeftOut, Progress, Why, files},
    stat_index::{Folder, Kind, Known, Stat},
};

/// From so many entries on a known folder is opened: its files' paths are shorter then.
const WORTH_OPENING: usize = 12;
/// Longer paths are not given to the system in one piece.
const LONG_PATH: usize = 1024;

/// Buffers that one thread uses again and again.
#[derive(Default)]
pub(super) struct Buffers {
    listing: Vec<u8>,
    /// The path of what is looked at.
    path: Vec<u8>,
    found: Vec<Listed>,
}

/// Looks at a folder; what is below it becomes tasks.
pub(super) fn scan_dir(
    shared: &Shared<'_>,
    task: Task,
    buffers: &mut Buffers,
    part: &mut Part,
    tasks: &mut Vec<Task>,
) -> Result<(), Error> {
    let number = task.number;
    let node = match unchanged_listing(shared, &task) {
        Some((folder, stat)) => scan_known(shared, task, (folder, stat), buffers, part, tasks)?,
        None => scan_listing(shared, task, buffers, part, tasks)?,
    };
    let here = node.items.len() + node.same.unwrap_or(0);
    let seen = shared.files.fetch_add(here, Ordering::Relaxed) + here;
    shared.scan.observer.progress(Progress::Looking { files: seen });
    part.nodes.push((number, node));
    Ok(())
}

/// The index's folder, if its names are those that the folder has now.
fn unchanged_listing<'a>(shared: &Shared<'a>, task: &Task) -> Option<(Folder<'a>, Stat)> {
    let scan = shared.scan;
    if !scan.trusts_folders || task.tracked_only || task.path.len() > LONG_PATH {
        return None;
    }
    let folder = scan.index?.folder(task.known?);
    let known = folder.stat?;
    let path = if task.path.is_empty() { b".".as_slice() } else { &task.path };
    match files::stat_path(scan.root.as_fd(), path) {
        Ok((Some(Kind::Folder), stat)) if stat == known => Some((folder, stat)),
        _ => None,
    }
}

fn scan_known(
    shared: &Shared<'_>,
    task: Task,
    (folder, stat): (Folder<'_>, Stat),
    buffers: &mut Buffers,
    part: &mut Part,
    tasks: &mut Vec<Task>,
) -> Result<Node, Error> {
    let root = shared.scan.root.as_fd();
    let mut node = Node { known: task.known, stat: Some(stat), ..Node::default() };
    let opened: Option<OwnedFd> =
        if folder.len() < WORTH_OPENING { None } else { files::pass_through(root, &task.path).ok() };
    buffers.start(&task.path);
    let prefix = buffers.path.len();
    // Where the names begin that the system is given: at the root, or here.
    let (at, from) = opened.as_ref().map_or((root, 0), |folder| (folder.as_fd(), prefix));
    let read = |name: &str| match folder.find(name.as_bytes()) {
        Some(_) => read_rules(root, &task.path, name).map_err(unreadable_rules(shared, &task.path)),
        None => Ok(None),
    };
    let (gitignore, amlignore) = (read(".gitignore")?, read(ignore::FILE)?);
    let rules = extended(&task.rules, &task.path, gitignore.as_deref(), amlignore.as_deref());

    let mut changes = Vec::new();
    let mut same = 0;
    for n in 0..folder.len() {
        let entry = folder.entry(n);
        let known = entry.known();
        let is_folder = known.kind == Kind::Folder;
        let path = buffers.with_name(prefix, entry.name);
        let classified = classify(shared, path, is_folder, &rules, &task.nested, false, part)?;
        let Classified::Included { force_included, tracked_only } = classified else {
            changes.push((n, None));
            continue;
        };
        if is_folder {
            let path = path.to_owned();
            let number = shared.folders.fetch_add(1, Ordering::Relaxed);
            node.folders.push(number);
            let (rules, nested) = (rules.clone(), task.nested.clone());
            tasks.push(Task { number, path, rules, known: known.child, tracked_only, nested });
            continue;
        }
        let stated = files::stat_at(at, &buffers.path[from..]).ok();
        let item =
            classify_entry(buffers.path.as_bstr(), entry.name, stated, Some(&known), force_included, part);
        match item {
            Some(item) if item.is_as(&known) => same += usize::from(!item.excluded),
            item => changes.push((n, item)),
        }
    }
    if changes.is_empty() {
        node.same = Some(same);
    } else {
        if changes.iter().any(|(_, item)| item.is_none()) {
            node.stat = None;
        }
        node.take_known(&folder, changes);
        node.folders.clear();
    }
    node.path = task.path;
    Ok(node)
}

fn scan_listing(
    shared: &Shared<'_>,
    task: Task,
    buffers: &mut Buffers,
    part: &mut Part,
    tasks: &mut Vec<Task>,
) -> Result<Node, Error> {
    let scan = shared.scan;
    let mut node = Node { path: task.path, known: task.known, ..Node::default() };
    if buffers.listing.capacity() == 0 {
        buffers.listing.reserve_exact(32 * 1024);
    }
    let opened = files::open_folder(scan.root.as_fd(), &node.path).and_then(|folder| {
        // Before the listing: a name that comes during it makes this old.
        let stat = files::stat_handle(folder.as_fd())?;
        list(&folder, &mut buffers.listing, &mut node.names, &mut buffers.found)?;
        Ok((folder, stat))
    });
    let (folder, stat) = match opened {
        Ok(opened) => opened,
        Err(error) => return cannot_list(shared, node, error, part),
    };
    let names = std::mem::take(&mut node.names);
    let mut found = std::mem::take(&mut buffers.found);
    found.sort_unstable_by(|a, b| names[a.0..a.1].cmp(&names[b.0..b.1]));
    let has_git = found.binary_search_by(|(start, end, _)| names[*start..*end].cmp(b".git")).is_ok();
    let inner = if has_git { task.nested.enter(&scan.root_path, node.path.as_bstr()) } else { None };
    let is_nested = inner.is_some();
    let nested = inner.unwrap_or(task.nested);
    let rules = if task.tracked_only {
        task.rules
    } else {
        let exclude = if is_nested { git_files::exclude(&scan.root_path, node.path.as_bstr()) } else { None };
        let above = extended(&task.rules, &node.path, exclude.as_deref(), None);
        own_rules(&folder, &names, &found, node.path.as_bstr(), &above)
            .map_err(unreadable_rules(shared, &node.path))?
    };
    let mut old = scan.index.zip(task.known).map(|(index, number)| (index.folder(number), 0));
    node.items.reserve_exact(found.len());
    buffers.start(&node.path);
    let prefix = buffers.path.len();
    // A folder with a repository is always listed: that it has one is no entry of the index.
    let mut is_whole = scan.trusts_folders && !task.tracked_only && (!has_git || node.path.is_empty());

    for &(start, end, file_type) in &found {
        let name = names[start..end].as_bstr();
        if name == ".git" || name == FOLDER {
            continue;
        }
        let path = buffers.with_name(prefix, name);
        let stated =
            || files::stat_at(folder.as_fd(), CStr::from_bytes_with_nul(&names[start..=end]).ok()?).ok();
        let before = node.items.len();
        let known = old.as_mut().and_then(|(old, next)| entry_of(old, next, name));
        if is_refused_name(name) {
            part.left_out.push(LeftOut { path: path.to_owned(), why: Why::Name });
            is_whole = false;
            continue;
        }
        let mut seen = None;
        let is_folder = match file_type {
            rustix::fs::FileType::Directory => true,
            rustix::fs::FileType::Unknown => {
                seen = stated();
                matches!(seen, Some((Some(Kind::Folder), _)))
            }
            _ => false,
        };
        match classify(shared, path, is_folder, &rules, &nested, task.tracked_only, part)? {
            Classified::Excluded => {}
            Classified::Included { tracked_only, .. } if is_folder => {
                let number = shared.folders.fetch_add(1, Ordering::Relaxed);
                let (path, known) = (path.to_owned(), known.and_then(|known| known.child));
                let (rules, nested) = (rules.clone(), nested.clone());
                tasks.push(Task { number, path, rules, known, tracked_only, nested });
                node.items.push(Item::folder((start, end), number));
            }
            Classified::Included { force_included, .. } => {
                let seen = seen.or_else(stated);
                let item = classify_entry(path, name, seen, known.as_ref(), force_included, part);
                node.items.extend(item.map(|item| Item { name: (start, end), ..item }));
            }
        }
        is_whole &= node.items.len() > before;
    }
    node.names = names;
    node.stat = is_whole.then_some(stat);
    buffers.found = found;
    Ok(node)
}

/// Returns the index's entry of a name; `next` is where to go on, as names come in order.
fn entry_of(old: &Folder<'_>, next: &mut usize, name: &BStr) -> Option<Known> {
    while *next < old.len() {
        let entry = old.entry(*next);
        match entry.name.cmp(name) {
            std::cmp::Ordering::Less => *next += 1,
            std::cmp::Ordering::Equal => {
                *next += 1;
                return Some(entry.known());
            }
            std::cmp::Ordering::Greater => return None,
        }
    }
    None
}

/// Makes an error of ignore files that are there and can't be taken for rules.
fn unreadable_rules(shared: &Shared<'_>, folder: &[u8]) -> impl FnOnce(std::io::Error) -> Error {
    let path = shared.scan.root_path.join(system_path(folder.as_bstr()));
    move |source| IoError { action: "read the ignore files of", path, source }.into()
}

/// A folder that can't be listed is empty, unless that says more of us than of it.
fn cannot_list(
    shared: &Shared<'_>,
    node: Node,
    error: std::io::Error,
    part: &mut Part,
) -> Result<Node, Error> {
    use rustix::io::Errno;
    let failed = |path, source| Err(IoError { action: "list", path, source }.into());
    let root = &shared.scan.root_path;
    if node.path.is_empty() {
        return failed(root.clone(), error);
    }
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS | Errno::PERM) => {
            part.left_out.push(LeftOut { path: node.path.clone(), why: Why::Unreadable });
        }
        // Gone, or a file or link by now: then it is not there.
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
        _ => return failed(root.join(system_path(node.path.as_bstr())), error),
    }
    Ok(node)
}

impl Buffers {
    /// Begins the paths of a folder's entries.
    fn start(&mut self, folder: &[u8]) {
        self.path.clear();
        self.path.extend_from_slice(folder);
        if !folder.is_empty() {
            self.path.push(b'/');
        }
    }

    /// The path of an entry.
    fn with_name(&mut self, prefix: usize, name: &BStr) -> &BStr {
        self.path.truncate(prefix);
        self.path.extend_from_slice(name);
        self.path.as_bstr()
    }
}
