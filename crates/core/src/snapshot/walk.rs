//! Looking at the whole folder: what is there, and what the index already knows of it.
//!
//! Several threads take folders from one heap. A folder costs one open, its listing, and a stat call for each file;
//! its entries are merged by name with the index's. Nothing is read but ignore files. No recursion: a tree may be as
//! deep as the file system allows.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    sync::{
        Condvar, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use gix::{
    ObjectId,
    bstr::{BStr, BString, ByteSlice},
};

use super::{
    Error, LeftOut, Observer, Progress, Why, files,
    listing::{Listed, is_refused_link, is_refused_name, list, own_rules, stat},
    secret,
};
use crate::{
    history::FOLDER,
    ignore::{Rules, Verdict},
    stat_index::{Kind, Stat, StatIndex},
    user_repo::{Tracked, UserRepo},
};

/// What is known of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// As the index has it.
    Known(ObjectId),
    /// New or changed: it has to be read.
    Fresh,
    /// Read and stored.
    Stored(ObjectId),
    /// A folder, by its node's number.
    Folder(usize),
    /// Not in the snapshot after all.
    Gone,
}

/// A file, link or folder.
#[derive(Debug)]
pub(super) struct Item {
    name: (usize, usize),
    pub(super) kind: Kind,
    pub(super) stat: Stat,
    pub(super) state: State,
    /// Its content looks like a secret's.
    pub(super) is_secret: bool,
    /// It is not in the tree, being a secret.
    pub(super) is_out: bool,
    /// `.amlignore` takes it in by name.
    pub(super) taken_back: bool,
}

/// A folder that was looked at.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) path: BString,
    names: Vec<u8>,
    /// By name.
    pub(super) items: Vec<Item>,
    /// Its number in the index, if it was there.
    pub(super) known: Option<u32>,
}

impl Node {
    pub(super) fn name(&self, item: &Item) -> &BStr {
        self.names[item.name.0..item.name.1].as_bstr()
    }

    /// The path of one of its items, relative to the project folder.
    pub(super) fn path_of(&self, item: &Item) -> BString {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(self.name(item));
        path
    }
}

/// All that was found. A folder's number is greater than that of the folder it is in.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) nodes: Vec<Node>,
    pub(super) left_out: Vec<LeftOut>,
}

/// What all threads share.
pub(super) struct Walk<'a> {
    pub(super) root: &'a OwnedFd,
    pub(super) root_path: PathBuf,
    pub(super) rules: Rules,
    /// Asked at most once, by whichever thread comes first.
    pub(super) user: Mutex<Option<UserRepo>>,
    pub(super) index: Option<&'a StatIndex>,
    pub(super) threads: usize,
    pub(super) observer: &'a dyn Observer,
}

struct Task {
    number: usize,
    path: BString,
    rules: Rules,
    known: Option<u32>,
    /// A rule leaves the folder out: only what the user's Git tracks in it is in.
    tracked_only: bool,
}

struct Heap {
    tasks: Vec<Task>,
    busy: usize,
    failed: Option<Error>,
}

struct Shared<'a> {
    walk: &'a Walk<'a>,
    heap: Mutex<Heap>,
    more: Condvar,
    folders: AtomicUsize,
    files: AtomicUsize,
    tracked: OnceLock<Result<Tracked, Error>>,
}

#[derive(Default)]
struct Harvest {
    nodes: Vec<(usize, Node)>,
    left_out: Vec<LeftOut>,
}

/// Looks at the whole folder.
pub(super) fn walk(walk: &Walk<'_>) -> Result<Found, Error> {
    let shared = Shared {
        walk,
        heap: Mutex::new(Heap {
            tasks: vec![Task {
                number: 0,
                path: BString::default(),
                rules: walk.rules.clone(),
                known: walk.index.map(StatIndex::root),
                tracked_only: false,
            }],
            busy: 0,
            failed: None,
        }),
        more: Condvar::new(),
        folders: AtomicUsize::new(1),
        files: AtomicUsize::new(0),
        tracked: OnceLock::new(),
    };
    let harvests: Vec<Harvest> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..walk.threads).map(|_| scope.spawn(|| work(&shared))).collect();
        let mut harvests = vec![work(&shared)];
        harvests.extend(others.into_iter().filter_map(|thread| thread.join().ok()));
        harvests
    });
    let heap = shared.heap.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(error) = heap.failed {
        return Err(error);
    }
    let mut numbered = Vec::with_capacity(shared.folders.load(Ordering::Relaxed));
    let mut left_out = Vec::new();
    for harvest in harvests {
        numbered.extend(harvest.nodes);
        left_out.extend(harvest.left_out);
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    debug_assert!(
        numbered.iter().enumerate().all(|(at, (number, _))| at == *number),
        "every folder is here once"
    );
    left_out.sort_unstable();
    Ok(Found { nodes: numbered.into_iter().map(|(_, node)| node).collect(), left_out })
}

fn work(shared: &Shared<'_>) -> Harvest {
    let mut harvest = Harvest::default();
    let mut scratch = Scratch { listing: Vec::with_capacity(32 * 1024), path: Vec::new(), found: Vec::new() };
    let mut heap = shared.heap.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if heap.failed.is_some() {
            return harvest;
        }
        let Some(task) = heap.tasks.pop() else {
            if heap.busy == 0 {
                shared.more.notify_all();
                return harvest;
            }
            heap = shared.more.wait(heap).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        heap.busy += 1;
        drop(heap);
        let mut tasks = Vec::new();
        let done = look(shared, task, &mut scratch, &mut harvest, &mut tasks);
        heap = shared.heap.lock().unwrap_or_else(PoisonError::into_inner);
        heap.busy -= 1;
        if let Err(error) = done {
            heap.failed.get_or_insert(error);
        }
        heap.tasks.append(&mut tasks);
        shared.more.notify_all();
    }
}

/// Buffers that one thread uses again and again.
struct Scratch {
    listing: Vec<u8>,
    path: Vec<u8>,
    found: Vec<Listed>,
}

fn look(
    shared: &Shared<'_>,
    task: Task,
    scratch: &mut Scratch,
    harvest: &mut Harvest,
    tasks: &mut Vec<Task>,
) -> Result<(), Error> {
    let walk = shared.walk;
    let mut node = Node { path: task.path, names: Vec::new(), items: Vec::new(), known: task.known };
    let opened = files::open_folder(walk.root.as_fd(), &node.path).and_then(|folder| {
        list(&folder, &mut scratch.listing, &mut node.names, &mut scratch.found)?;
        Ok(folder)
    });
    let folder = match opened {
        Ok(folder) => folder,
        Err(error) if node.path.is_empty() => {
            return Err(Error::Io { action: "list", path: walk.root_path.clone(), source: error });
        }
        Err(error) => {
            // Gone, or a file by now: then it is not there. Else its owner keeps it from us.
            if matches!(error.raw_os_error(), Some(code) if code == rustix::io::Errno::ACCESS.raw_os_error()
                || code == rustix::io::Errno::PERM.raw_os_error())
            {
                harvest.left_out.push(LeftOut { path: node.path.clone(), why: Why::Unreadable });
            } else if error.kind() != std::io::ErrorKind::NotFound
                && error.kind() != std::io::ErrorKind::NotADirectory
            {
                let path = walk.root_path.join(system_path(node.path.as_bstr()));
                return Err(Error::Io { action: "list", path, source: error });
            }
            harvest.nodes.push((task.number, node));
            return Ok(());
        }
    };
    let names = std::mem::take(&mut node.names);
    scratch.found.sort_unstable_by(|a, b| names[a.0..a.1].cmp(&names[b.0..b.1]));
    let rules = if task.tracked_only {
        task.rules
    } else {
        own_rules(&folder, &names, &scratch.found, node.path.as_bstr(), &task.rules)
    };
    let mut old = walk.index.zip(task.known).map(|(index, number)| (index.folder(number), 0));
    node.items.reserve_exact(scratch.found.len());
    scratch.path.clear();
    scratch.path.extend_from_slice(&node.path);
    if !node.path.is_empty() {
        scratch.path.push(b'/');
    }
    let prefix = scratch.path.len();

    for &(start, end, file_type) in &scratch.found {
        let name = names[start..end].as_bstr();
        if name == ".git" || name == FOLDER {
            continue;
        }
        scratch.path.truncate(prefix);
        scratch.path.extend_from_slice(name);
        let path = scratch.path.as_bstr();
        if is_refused_name(name) {
            harvest.left_out.push(LeftOut { path: path.to_owned(), why: Why::Name });
            continue;
        }
        let mut stated = None;
        let is_folder = match file_type {
            rustix::fs::FileType::Directory => true,
            rustix::fs::FileType::Unknown => {
                stated = stat(&folder, &names, start, end);
                matches!(stated, Some((Some(Kind::Folder), _)))
            }
            _ => false,
        };
        let mut taken_back = false;
        let mut tracked_only = task.tracked_only;
        if !tracked_only && !rules.is_empty() {
            let verdict = rules.verdict(path, is_folder);
            taken_back = verdict == Verdict::TakenBack;
            tracked_only = verdict == Verdict::Out;
        }
        if tracked_only {
            let tracked = shared.tracked()?;
            if !(if is_folder { tracked.has_below(path) } else { tracked.has_file(path) }) {
                continue;
            }
        }
        // What the index knows under this name.
        let mut known = None;
        if let Some((old, next)) = &mut old {
            while *next < old.len() {
                let entry = old.entry(*next);
                match entry.name.cmp(name) {
                    std::cmp::Ordering::Less => *next += 1,
                    std::cmp::Ordering::Equal => {
                        known = Some(entry);
                        *next += 1;
                        break;
                    }
                    std::cmp::Ordering::Greater => break,
                }
            }
        }
        if is_folder {
            let number = shared.folders.fetch_add(1, Ordering::Relaxed);
            tasks.push(Task {
                number,
                path: path.to_owned(),
                rules: rules.clone(),
                known: known.and_then(|entry| entry.child()),
                tracked_only,
            });
            node.items.push(Item::folder((start, end), number));
            continue;
        }
        if !taken_back && secret::is_secret_name(path) {
            harvest.left_out.push(LeftOut { path: path.to_owned(), why: Why::Secret });
            continue;
        }
        let Some((kind, stat)) = stated.or_else(|| stat(&folder, &names, start, end)) else { continue };
        let kind = match kind {
            Some(Kind::Folder) => continue, // a file when it was listed: it is being replaced at this moment
            Some(kind) => kind,
            None => {
                harvest.left_out.push(LeftOut { path: path.to_owned(), why: Why::Special });
                continue;
            }
        };
        if kind == Kind::Link && is_refused_link(name) {
            harvest.left_out.push(LeftOut { path: path.to_owned(), why: Why::Name });
            continue;
        }
        let mut item = Item {
            name: (start, end),
            kind,
            stat,
            state: State::Fresh,
            is_secret: false,
            is_out: false,
            taken_back,
        };
        if let Some(known) = known.map(|entry| entry.known())
            && known.kind == kind
            && known.stat == stat
        {
            item.state = State::Known(known.id);
            item.is_secret = known.is_secret;
            item.is_out = known.is_secret && !taken_back;
            if item.is_out {
                harvest.left_out.push(LeftOut { path: path.to_owned(), why: Why::Secret });
            }
            // It was left out without being stored: taken back, it has to be read.
            if known.is_out && !item.is_out {
                item.state = State::Fresh;
            }
        }
        node.items.push(item);
    }
    node.names = names;
    let seen = shared.files.fetch_add(node.items.len(), Ordering::Relaxed) + node.items.len();
    walk.observer.progress(Progress::Looking { files: seen });
    harvest.nodes.push((task.number, node));
    Ok(())
}

impl Item {
    fn folder(name: (usize, usize), number: usize) -> Self {
        Self {
            name,
            kind: Kind::Folder,
            stat: Stat::default(),
            state: State::Folder(number),
            is_secret: false,
            is_out: false,
            taken_back: false,
        }
    }
}

impl Shared<'_> {
    /// Read when a rule first leaves something out, and then once.
    fn tracked(&self) -> Result<&Tracked, Error> {
        let user = || self.walk.user.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || match &*user() {
            Some(user) => user.tracked().map_err(|source| Error::UserRepo(Box::new(source))),
            None => Ok(Tracked::default()),
        };
        match self.tracked.get_or_init(read) {
            Ok(tracked) => Ok(tracked),
            // The first to meet it reports it; the error itself can't be shared.
            Err(_) => match read() {
                Err(error) => Err(error),
                Ok(_) => Err(Error::Io {
                    action: "read the Git index of",
                    path: self.walk.root_path.clone(),
                    source: std::io::ErrorKind::Interrupted.into(),
                }),
            },
        }
    }
}

/// A path in bytes as the system's.
pub(super) fn system_path(path: &BStr) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt;
    std::path::Path::new(std::ffi::OsStr::from_bytes(path))
}
