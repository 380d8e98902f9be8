//! Checking a received pack: its objects by Git's rules, and that all they point to is there.

use std::collections::HashMap;
use std::io::{self, Write};

use bstr::{BString, ByteSlice as _};
use gix::objs::{Kind, TreeRefIter};
use gix::{ObjectId, oid};

use super::fsck::{self, Link};
use super::objects::{IdMap, IdSet, Objects, name_of};
use super::{Connectivity, Disconnected, Error, IngestOptions, ObjectRule};
use crate::Interrupt;
use crate::limits::{MAX_COMPRESSED, MAX_SPECIAL};

/// More objects that nothing points to than that aren't told.
const MAX_ROOTS: usize = 65_536;

/// Findings of the check about a pack.
pub(super) struct Checked {
    /// The objects that no other points to, if all that the pack's objects point to is in the pack: then the pack is
    /// what these reach, and nothing else.
    pub(super) roots: Option<Vec<ObjectId>>,
    /// The objects that the pack's objects point to beyond it.
    pub(super) boundary: Boundary,
    /// Missing objects that the pack's objects point to, if they are gathered.
    pub(super) missing: Vec<Disconnected>,
}

/// Objects that a pack's objects point to and that are not in it. They are there, unless missing ones are gathered, and
/// not whether all is that it points to itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Boundary {
    /// The commits.
    pub(crate) commits: Vec<ObjectId>,
    /// True if there are trees.
    pub(crate) has_trees: bool,
}

/// The received objects, as the check tells them from others.
pub(super) trait New {
    /// The kind of an object, if it is a received one.
    fn kind(&self, id: &oid) -> Option<Kind>;
}

/// Checks the objects of a pack one by one, and keeps what they point to.
pub(super) struct Checker<'o> {
    options: &'o IngestOptions,
    /// The objects pointed to, each with its kind and the first object to point there.
    pointed_to: IdMap<(Kind, ObjectId)>,
    gitmodules: IdSet,
    gitattributes: IdSet,
}

impl<'o> Checker<'o> {
    pub(super) fn new(options: &'o IngestOptions) -> Self {
        Self {
            options,
            pointed_to: IdMap::default(),
            gitmodules: IdSet::default(),
            gitattributes: IdSet::default(),
        }
    }

    /// Checks an object that is no blob.
    pub(super) fn object(&mut self, id: ObjectId, kind: Kind, bytes: &[u8]) -> Result<(), Error> {
        let mut conflict = None;
        let mut note = |link: Link| match link {
            Link::To(to, kind) => {
                let (known, _) = *self.pointed_to.entry(to).or_insert((kind, id));
                if known != kind {
                    conflict = Some((to, known, kind));
                }
            }
            Link::Parent(_) if self.options.shallow.contains(&id) => {}
            Link::Parent(to) => {
                self.pointed_to.entry(to).or_insert((Kind::Commit, id));
            }
            Link::GitModules(to) => {
                self.gitmodules.insert(to);
            }
            Link::GitAttributes(to) => {
                self.gitattributes.insert(to);
            }
        };
        fsck::object(kind, bytes, self.options.fsck, &mut note)
            .map_err(|reason| Error::Fsck { id, reason })?;
        if kind == Kind::Tree && self.options.rules.refuses_case_clashes {
            refuse_case_clash(id, bytes)?;
        }
        conflict.map_or(Ok(()), |(to, one, other)| Err(both(id, to, one, other)))
    }

    /// Adds what another has checked.
    pub(super) fn add(&mut self, other: Self) -> Result<(), Error> {
        for (to, (kind, from)) in other.pointed_to {
            let (known, _) = *self.pointed_to.entry(to).or_insert((kind, from));
            if known != kind {
                return Err(both(from, to, known, kind));
            }
        }
        self.gitmodules.extend(other.gitmodules);
        self.gitattributes.extend(other.gitattributes);
        Ok(())
    }

    /// Looks whether all is there that was pointed to: `ids` are the received objects, in the pack's order, `objects` has
    /// them and those of the repository.
    ///
    /// Checks that the objects pointed to outside of the pack are there; no more is known of them.
    pub(super) fn finish(
        self,
        objects: &dyn Objects,
        ids: &[ObjectId],
        new: &dyn New,
    ) -> Result<Checked, Error> {
        let options = self.options;
        let missing = match options.connectivity {
            Connectivity::Unchecked => Vec::new(),
            Connectivity::Everything | Connectivity::Gathered => {
                disconnected(objects, new, &self.pointed_to, &options.interrupt)?
            }
        };
        if options.connectivity == Connectivity::Everything
            && let Some(first) = missing.first()
        {
            return Err(Error::Disconnected(*first));
        }
        if options.fsck {
            let mut buffer = Vec::new();
            for id in self.gitmodules {
                special(objects, id, &mut buffer, fsck::gitmodules, "gitmodulesLarge", options)?;
            }
            for id in self.gitattributes {
                special(objects, id, &mut buffer, fsck::gitattributes, "gitattributesLarge", options)?;
            }
        }
        if let Some(limit) = options.rules.max_file_bytes {
            for id in ids.iter().filter(|id| new.kind(id) == Some(Kind::Blob)) {
                refuse_large(objects, id, limit, options)?;
            }
        }
        let mut boundary = Boundary::default();
        for (to, (kind, _)) in &self.pointed_to {
            match kind {
                Kind::Commit if new.kind(to).is_none() => boundary.commits.push(*to),
                Kind::Tree if !boundary.has_trees => boundary.has_trees = new.kind(to).is_none(),
                _ => {}
            }
        }
        Ok(Checked { roots: roots(ids, new, &self.pointed_to), boundary, missing })
    }
}

/// Refuses a folder with two names that a file system without case takes for one.
fn refuse_case_clash(id: ObjectId, bytes: &[u8]) -> Result<(), Error> {
    let mut seen: HashMap<String, BString> = HashMap::new();
    for entry in TreeRefIter::from_bytes(bytes, id.kind()).filter_map(Result::ok) {
        let key = entry.filename.to_str_lossy().to_lowercase();
        if let Some(other) = seen.insert(key, entry.filename.to_owned()) {
            return Err(Error::Rejected {
                rule: ObjectRule::CaseClash,
                kind: "tree",
                id,
                reason: format!("The names '{other}' and '{}' differ in case alone.", entry.filename),
            });
        }
    }
    Ok(())
}

/// Refuses a file that is larger than a limit.
fn refuse_large(objects: &dyn Objects, id: &oid, limit: u64, options: &IngestOptions) -> Result<(), Error> {
    if options.interrupt.is_set() {
        return Err(Error::Interrupted);
    }
    let mut size = objects.header(id)?.map_or(0, |(_, size)| size);
    if size > limit && options.rules.counts_compressed && size <= MAX_COMPRESSED {
        let mut buffer = Vec::new();
        objects.read(id, &mut buffer)?;
        size = compressed(&buffer);
    }
    if size <= limit {
        return Ok(());
    }
    Err(Error::Rejected {
        rule: ObjectRule::FileSize,
        kind: "blob",
        id: id.to_owned(),
        reason: format!("The file has {size} bytes (the limit is {limit} bytes)."),
    })
}

/// The bytes of a file as a repository stores it.
fn compressed(bytes: &[u8]) -> u64 {
    struct Counted(u64);
    impl Write for Counted {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.0 += piece.len() as u64;
            Ok(piece.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut deflate = gix_zlib::stream::deflate::Write::new(Counted(0), gix_zlib::Compression::DEFAULT);
    match deflate.write_all(bytes).and_then(|()| deflate.flush()) {
        Ok(()) => deflate.into_inner().0,
        // Nothing that is counted can fail.
        Err(_) => bytes.len() as u64,
    }
}

fn both(id: ObjectId, to: ObjectId, one: Kind, other: Kind) -> Error {
    let reason = format!("badLink: {to} can't be both a {} and a {}", name_of(one), name_of(other));
    Error::Fsck { id, reason }
}

/// The objects that no other points to; `None` if there are many, or one of the pack points out of it.
fn roots(ids: &[ObjectId], new: &dyn New, pointed_to: &IdMap<(Kind, ObjectId)>) -> Option<Vec<ObjectId>> {
    if pointed_to.keys().any(|to| new.kind(to).is_none()) {
        return None;
    }
    let ids = ids.iter().copied();
    let roots: Vec<ObjectId> = ids.filter(|id| !pointed_to.contains_key(id)).take(MAX_ROOTS + 1).collect();
    (roots.len() <= MAX_ROOTS).then_some(roots)
}

/// Finds what is pointed to and is neither in the pack nor in the repository. The rest is of the kind that the pointer
/// says.
fn disconnected(
    objects: &dyn Objects,
    new: &dyn New,
    pointed_to: &IdMap<(Kind, ObjectId)>,
    interrupt: &Interrupt,
) -> Result<Vec<Disconnected>, Error> {
    let mut missing = Vec::new();
    for (to, (kind, from)) in pointed_to {
        if interrupt.is_set() {
            return Err(Error::Interrupted);
        }
        let found = match new.kind(to) {
            Some(found) => Some(found),
            // Blobs of the repository aren't opened: most of what a tree points to is old, and is a blob.
            None if *kind == Kind::Blob => objects.has(to).then_some(Kind::Blob),
            None => objects.header(to)?.map(|(found, _)| found),
        };
        match found {
            Some(found) if found == *kind => {}
            Some(found) => {
                let reason = format!("badLink: {to} is a {}, not a {}", name_of(found), name_of(*kind));
                return Err(Error::Fsck { id: *from, reason });
            }
            None => missing.push(Disconnected { from: *from, to: *to, kind: name_of(*kind) }),
        }
    }
    Ok(missing)
}

/// Reports what an object of a checked pack points to.
pub(crate) fn links(objects: &dyn Objects, id: ObjectId, note: &mut dyn FnMut(Link)) -> Result<(), Error> {
    let (kind, _) = objects.header(&id)?.ok_or(Error::Missing(id))?;
    if kind == Kind::Blob {
        return Ok(());
    }
    let mut buffer = Vec::new();
    objects.expect(&id, kind, &mut buffer)?;
    fsck::object(kind, &buffer, false, note).map_err(|reason| Error::Fsck { id, reason })
}

fn special(
    objects: &dyn Objects,
    id: ObjectId,
    buffer: &mut Vec<u8>,
    check: fn(&[u8]) -> Result<(), String>,
    too_large: &str,
    options: &IngestOptions,
) -> Result<(), Error> {
    if options.interrupt.is_set() {
        return Err(Error::Interrupted);
    }
    // A partial clone lacks it.
    let Some((kind, size)) = objects.header(&id)? else { return Ok(()) };
    let failed = |reason| Err(Error::Fsck { id, reason });
    if kind != Kind::Blob {
        return failed("gitmodulesBlob: it isn't a blob".to_owned());
    }
    if size > MAX_SPECIAL {
        return failed(format!("{too_large}: it is too large to parse"));
    }
    objects.expect(&id, Kind::Blob, buffer)?;
    check(buffer).or_else(failed)
}
