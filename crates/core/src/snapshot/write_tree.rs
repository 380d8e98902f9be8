//! Stores a folder as a tree: scan, check the limits, read, store, build.

use std::{
    cell::OnceCell,
    io,
    os::fd::AsFd,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use flate2::Compress;
use gix::{
    ObjectId,
    bstr::{BStr, ByteSlice},
};

use super::{
    Error, LeftOut, Limits, Observer, Progress, Why,
    content::{Content, Form, LEVEL, NewLarge, Reader},
    files,
    guard::{self, New},
    large::Rules,
    leave_out::Known,
    scan::{Item, Scan, ScanResult, State, scan, system_path},
    store::Store,
    trees,
};
use crate::{
    ignore,
    io_error::IoError,
    large::{Pointer, Tree},
    limits::READ_TO_COMPARE,
    parallel,
    stat_index::StatIndex,
    user_repo::{Tracked, UserRepo},
};

/// Up to so many new objects are stored as files of their own.
const LOOSE_OBJECTS: usize = 24;
/// And up to so many bytes.
const LOOSE_BYTES: u64 = 4 * 1024 * 1024;
/// The most threads that look, read and compress: the disk serves no more.
pub(super) const THREADS: usize = 8;

/// The places that a folder's content is read from and written to.
pub(super) struct Target<'a> {
    /// The project folder.
    pub(super) root: &'a Path,
    /// The repository's folder `objects`.
    pub(super) objects_folder: std::path::PathBuf,
    /// The objects that it has.
    pub(super) objects: gix::odb::Handle,
    /// A scratch folder on the same file system, made for this alone.
    pub(super) scratch: &'a Path,
    /// When that was made: before the walk, by the clock of the files.
    pub(super) began: (i64, u32),
    pub(super) rules: ignore::Rules,
    pub(super) user: Option<&'a UserRepo>,
    pub(super) limits: Limits,
    /// The repository whose attributes say which files are Git LFS's.
    pub(super) attributes: Option<&'a UserRepo>,
    /// The rules on large files.
    pub(super) large: Rules,
    /// False where large files have no pointers in their places: they stay out.
    pub(super) takes_large: bool,
    /// False if what is stored is for a question, and goes with it.
    pub(super) is_kept: bool,
    /// A file that is the pointer which the last snapshot has in its place stays a large file.
    pub(super) keeps_pointers: bool,
    /// The blob of the pointer that the last snapshot has at a path.
    pub(super) pointer_in_last: &'a dyn Fn(&BStr) -> Option<ObjectId>,
    /// The size of the file that the last snapshot has at a path.
    pub(super) stored_size: &'a dyn Fn(&BStr) -> Option<u64>,
    /// Returns whether the last snapshot has something at a path.
    pub(super) last_has: &'a dyn Fn(&BStr) -> bool,
}

/// A folder's content, all but stored.
pub(super) struct PendingTree<'s> {
    /// To be finished: until then nothing is stored.
    pub(super) store: Store<'s>,
    pub(super) found: ScanResult,
    pub(super) built: trees::Built,
    pub(super) changed: usize,
    pub(super) bytes_new: u64,
    pub(super) left_out: Vec<LeftOut>,
}

/// A file that has to be read: its node's number, its own in the node.
type Pending = (usize, usize);

/// An object to be stored with all others: what it is and its content.
pub(super) type Extra = (ObjectId, gix::objs::Kind, Vec<u8>);

/// Stores the folder's content as a tree, and with it what `extra` makes of the tree.
pub(super) fn write_tree<'t>(
    target: &Target<'t>,
    index: Option<&StatIndex>,
    observer: &dyn Observer,
    extra: &mut dyn FnMut(Tree) -> Result<Option<Extra>, Error>,
) -> Result<PendingTree<'t>, Error> {
    let io = |action| IoError::of(action, target.root);
    let root = files::open_root(target.root).map_err(io("open"))?;
    let threads = parallel::threads(THREADS);
    let mut found = scan(&Scan {
        root: &root,
        root_path: target.root.to_owned(),
        rules: target.rules.clone(),
        user: Mutex::new(target.user.cloned()),
        index,
        trusts_folders: files::tells_changed_folders(root.as_fd()),
        threads,
        observer,
    })?;
    let mut pending: Vec<Pending> = found
        .nodes
        .iter()
        .enumerate()
        .flat_map(|(number, node)| {
            let fresh = node.items.iter().enumerate().filter(|(_, item)| item.state == State::Fresh);
            fresh.map(move |(at, _)| (number, at))
        })
        .collect();
    let mut large = target.large.clone();
    if let Some(user) = target.attributes {
        large.ask_attributes(user, &found, &pending);
    }
    let mut left_out = std::mem::take(&mut found.left_out);
    if !target.takes_large {
        pending.retain(|(number, at)| {
            let node = &mut found.nodes[*number];
            let path = node.path_of(&node.items[*at]);
            let stays = !large.takes(path.as_bstr(), node.items[*at].stat.size);
            if !stays {
                node.items[*at].state = State::Gone;
                left_out.push(LeftOut { path, why: Why::Large });
            }
            stays
        });
    }
    let size = |(number, at): &Pending| found.nodes[*number].items[*at].stat.size;
    if target.takes_large {
        large.keeps_pointers = target.keeps_pointers;
        for file in pending.iter().filter(|file| Pointer::sizes_of_text().contains(&size(file))) {
            let node = &found.nodes[file.0];
            let path = node.path_of(&node.items[file.1]);
            if let Some(pointer) = (target.pointer_in_last)(path.as_bstr()) {
                large.unfilled.insert(path, pointer);
            }
        }
    }
    let (mut total, mut largest, mut large_total) = (0u64, 0, 0u64);
    for file @ (number, at) in &pending {
        let (node, size) = (&found.nodes[*number], size(file));
        if large.takes(node.path_of(&node.items[*at]).as_bstr(), size) {
            large_total = large_total.saturating_add(size);
        } else {
            (total, largest) = (total.saturating_add(size), size.max(largest));
        }
    }
    let limits = target.limits;
    let mut objects = target.objects.clone();
    // An object that is not here is not looked for again and again: nobody else's new objects are needed.
    objects.refresh_never();
    let reader = |form| Reader {
        root: &root,
        objects: objects.clone(),
        form,
        scratch: target.scratch,
        buffer: Vec::new(),
        large: target.takes_large.then_some(&large),
        deflate: Compress::new(LEVEL, true),
    };
    if largest > limits.file || total > limits.total || large_total > limits.large {
        let mut left = READ_TO_COMPARE;
        let known = KnownBy { tracked: OnceCell::new(), target };
        guard::check(&found, &pending, &limits, &known, |path, item| {
            // Of another size than what is stored there, it is new: it is not read to its end to be refused then.
            let size = item.stat.size;
            let is_large = large.takes(path, size);
            if (is_large || size > limits.file) && (target.stored_size)(path) != Some(size) {
                match left.checked_sub(size).filter(|_| !is_large) {
                    Some(rest) => left = rest,
                    None => return Ok(Some(New { id: None, size, is_large })),
                }
            }
            let mut reader = reader(Form::IdOnly);
            let shown = target.root.join(system_path(path));
            let failed = IoError::of("read", &shown);
            match reader.read(path, item.kind, item.force_included).map_err(failed)? {
                Content::Read { new: Some(new), .. } => Ok(Some(New { id: Some(new.id), size, is_large })),
                _ => Ok(None),
            }
        })?;
    }
    let few =
        pending.len() + found.nodes.len().min(pending.len() * 4) <= LOOSE_OBJECTS && total <= LOOSE_BYTES;
    let form = if few { Form::Loose } else { Form::Packed };
    let mut store = Store::new(target.objects_folder.clone(), target.scratch, form, target.is_kept);
    let mut results = Vec::with_capacity(pending.len());
    let mut seen = (0, 0);
    let readers = (0..threads.min(pending.len())).map(|_| reader(form)).collect();
    read_all(&found, &pending, readers, target.root, |number, content| {
        seen = (seen.0 + 1, seen.1 + size(&pending[number]));
        observer.progress(Progress::Storing {
            files: seen.0,
            of_files: pending.len(),
            bytes: seen.1,
            of_bytes: total.saturating_add(large_total),
        });
        let content = match content {
            Content::Read { id, kind, stat, is_secret, new, large, is_unfilled } => {
                new.map_or(Ok(()), |new| store.add(new))?;
                let large = match large {
                    Some(NewLarge::Taken(taken)) => {
                        store.add_large(taken)?;
                        Some(NewLarge::Known)
                    }
                    known => known,
                };
                Content::Read { id, kind, stat, is_secret, new: None, large, is_unfilled }
            }
            other => other,
        };
        results.push((number, content));
        Ok(())
    })?;
    for (number, content) in results {
        let (node, at) = pending[number];
        if let Some(why) = settle(&mut found.nodes[node].items[at], &content) {
            let node = &found.nodes[node];
            left_out.push(LeftOut { path: node.path_of(&node.items[at]), why });
        }
    }
    let mut builder = reader(form);
    let built = trees::build(&found, index, &mut builder, &mut store).map_err(io("store the folders of"))?;
    let bytes_new = store.bytes + store.large_bytes;
    if let Some((id, kind, bytes)) = extra(Tree { id: built.tree, has_large: built.has_large })? {
        let object = builder.object(kind, id, &bytes).map_err(io("store the snapshot of"))?;
        object.map_or(Ok(()), |object| store.add(object)).map_err(io("store the snapshot of"))?;
    }
    left_out.sort_unstable();
    left_out.dedup();
    Ok(PendingTree { found, built, store, changed: pending.len(), bytes_new, left_out })
}

/// Decides which lines can leave something out; Git's index is read when it is asked for.
struct KnownBy<'a, 't> {
    tracked: OnceCell<Tracked>,
    target: &'a Target<'t>,
}

impl KnownBy<'_, '_> {
    fn tracked(&self) -> &Tracked {
        let read = || self.target.user.and_then(|user| user.tracked().ok()).unwrap_or_default();
        self.tracked.get_or_init(read)
    }
}

impl Known for KnownBy<'_, '_> {
    fn is_tracked(&self, file: &BStr) -> bool {
        self.tracked().has_file(file)
    }

    fn is_kept(&self, folder: &BStr) -> bool {
        (self.target.last_has)(folder) || self.tracked().has_below(folder)
    }
}

/// Keeps in an item what reading it came to; says why it is left out, if it is.
fn settle(item: &mut Item, content: &Content) -> Option<Why> {
    match *content {
        Content::Read { id, kind, stat, is_secret, ref large, is_unfilled, .. } => {
            (item.state, item.kind, item.stat, item.is_secret) = (State::Stored(id), kind, stat, is_secret);
            item.is_large = large.is_some();
            item.is_unfilled = is_unfilled;
            item.excluded = is_secret && !item.force_included;
            item.excluded.then_some(Why::Secret)
        }
        Content::Gone => {
            item.state = State::Gone;
            None
        }
        Content::Unreadable => {
            item.state = State::Gone;
            Some(Why::Unreadable)
        }
        Content::Changing => {
            item.state = State::Gone;
            Some(Why::Changing)
        }
    }
}

/// Reads files, one thread for each reader, and hands each result to `done` on this one. Memory is bounded: a reader
/// that is far ahead waits.
fn read_all(
    found: &ScanResult,
    pending: &[Pending],
    readers: Vec<Reader<'_>>,
    root: &Path,
    mut done: impl FnMut(usize, Content) -> io::Result<()>,
) -> Result<(), IoError> {
    let read = |reader: &mut Reader<'_>, (node, at): &Pending| {
        let node = &found.nodes[*node];
        let item = &node.items[*at];
        let path = node.path_of(item);
        reader
            .read(path.as_bstr(), item.kind, item.force_included)
            .map_err(IoError::of("read", &root.join(system_path(path.as_bstr()))))
    };
    let mut done = |number, content| done(number, content).map_err(IoError::of("store the content of", root));
    let mut readers = readers;
    if let [reader] = &mut readers[..] {
        return pending.iter().enumerate().try_for_each(|(number, file)| done(number, read(reader, file)?));
    }
    let next = AtomicUsize::new(0);
    let (sender, receiver) = crossbeam_channel::bounded(readers.len());
    std::thread::scope(|scope| {
        for mut reader in readers {
            let (sender, next, read) = (sender.clone(), &next, &read);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(file) = pending.get(number) else { return };
                    if sender.send((number, read(&mut reader, file))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        // Owned here: when this ends early the readers find nobody listening, and end too.
        let receiver = receiver;
        for (number, read) in &receiver {
            done(number, read?)?;
        }
        Ok(())
    })
}
