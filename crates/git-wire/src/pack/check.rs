//! Checking a received pack: its objects by Git's rules, and that all they point to is there.

use gix::hashtable::HashMap;
use gix::objs::Kind;
use gix::{ObjectId, oid};

use super::fsck::{self, Link};
use super::objects::{IdSet, Objects, name_of};
use super::{Connectivity, Disconnected, Error, IngestOptions};

/// More objects that nothing points to than that aren't told.
const MAX_ROOTS: usize = 65_536;

/// What the check found out about a pack on the way.
pub(super) struct Checked {
    /// The objects that no other points to, if all that the pack's objects point to is in the pack: then the pack is
    /// what these reach, and nothing else.
    pub(super) roots: Option<Vec<ObjectId>>,
    /// The objects that the pack's objects point to beyond it.
    pub(super) border: Border,
    /// Missing objects that the pack's objects point to, if they are gathered.
    pub(super) missing: Vec<Disconnected>,
}

/// Objects that a pack's objects point to and that are not in it. They are there, unless missing ones are gathered, and
/// not whether all is that it points to itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Border {
    /// The commits.
    pub(crate) commits: Vec<ObjectId>,
    /// True if there are trees.
    pub(crate) has_trees: bool,
}

/// Checks every object of a pack: `ids` are these, in the pack's order, `is_new` tells them from others, and `objects` has
/// them and those of the repository.
///
/// What is pointed to outside of the pack is there, and no more is known of it.
pub(super) fn all(
    objects: &dyn Objects,
    ids: &[ObjectId],
    is_new: &dyn Fn(&oid) -> bool,
    options: &IngestOptions,
) -> Result<Checked, Error> {
    let mut buffer = Vec::new();
    // What has been found to be there, and of which kind; the first to point there otherwise.
    let mut pointed_to: HashMap<ObjectId, (Kind, ObjectId)> = HashMap::default();
    let mut gitmodules = IdSet::default();
    let mut gitattributes = IdSet::default();
    for id in ids.iter().copied() {
        let (kind, _) = objects.header(&id)?.ok_or(Error::Missing(id))?;
        if kind == Kind::Blob {
            continue;
        }
        objects.expect(&id, kind, &mut buffer)?;
        let mut conflict = None;
        let mut note = |link: Link| match link {
            Link::To(to, kind) => {
                let (known, _) = *pointed_to.entry(to).or_insert((kind, id));
                if known != kind {
                    conflict = Some((to, known, kind));
                }
            }
            Link::Parent(_) if options.shallow.contains(&id) => {}
            Link::Parent(to) => {
                pointed_to.entry(to).or_insert((Kind::Commit, id));
            }
            Link::GitModules(to) => {
                gitmodules.insert(to);
            }
            Link::GitAttributes(to) => {
                gitattributes.insert(to);
            }
        };
        match fsck::object(kind, &buffer, options.fsck, &mut note) {
            Ok(()) => {}
            Err(reason) => return Err(Error::Fsck { id, reason }),
        }
        if let Some((to, one, other)) = conflict {
            let reason = format!("badLink: {to} can't be both a {} and a {}", name_of(one), name_of(other));
            return Err(Error::Fsck { id, reason });
        }
    }
    let missing = match options.connectivity {
        Connectivity::Unchecked => Vec::new(),
        Connectivity::Everything | Connectivity::Gathered => disconnected(objects, is_new, &pointed_to)?,
    };
    if options.connectivity == Connectivity::Everything
        && let Some(first) = missing.first()
    {
        return Err(Error::Disconnected(*first));
    }
    if options.fsck {
        for id in gitmodules {
            special(objects, id, &mut buffer, fsck::gitmodules)?;
        }
        for id in gitattributes {
            special(objects, id, &mut buffer, fsck::gitattributes)?;
        }
    }
    let mut border = Border::default();
    for (to, (kind, _)) in &pointed_to {
        match kind {
            Kind::Commit if !is_new(to) => border.commits.push(*to),
            Kind::Tree if !border.has_trees => border.has_trees = !is_new(to),
            _ => {}
        }
    }
    Ok(Checked { roots: roots(ids, is_new, &pointed_to), border, missing })
}

/// The objects that no other points to; `None` if there are many, or one of the pack points out of it.
fn roots(
    ids: &[ObjectId],
    is_new: &dyn Fn(&oid) -> bool,
    pointed_to: &HashMap<ObjectId, (Kind, ObjectId)>,
) -> Option<Vec<ObjectId>> {
    if pointed_to.keys().any(|to| !is_new(to)) {
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
    is_new: &dyn Fn(&oid) -> bool,
    pointed_to: &HashMap<ObjectId, (Kind, ObjectId)>,
) -> Result<Vec<Disconnected>, Error> {
    let mut missing = Vec::new();
    for (to, (kind, from)) in pointed_to {
        // Blobs of the repository aren't opened: most of what a tree points to is old, and is a blob.
        let is_old_blob = *kind == Kind::Blob && !is_new(to);
        let is_there = if is_old_blob {
            objects.has(to)
        } else {
            match objects.header(to)? {
                Some((found, _)) if found == *kind => true,
                Some((found, _)) => {
                    let reason = format!("badLink: {to} is a {}, not a {}", name_of(found), name_of(*kind));
                    return Err(Error::Fsck { id: *from, reason });
                }
                None => false,
            }
        };
        if !is_there {
            missing.push(Disconnected { from: *from, to: *to, kind: name_of(*kind) });
        }
    }
    Ok(missing)
}

/// Reports what an object of a checked pack points to.
pub(crate) fn links(objects: &dyn Objects, id: ObjectId, note: &mut dyn FnMut(Link)) -> Result<(), Error> {
    let mut buffer = Vec::new();
    let Some(kind) = objects.read(&id, &mut buffer)? else { return Err(Error::Missing(id)) };
    fsck::object(kind, &buffer, false, note).map_err(|reason| Error::Fsck { id, reason })
}

fn special(
    objects: &dyn Objects,
    id: ObjectId,
    buffer: &mut Vec<u8>,
    check: fn(&[u8]) -> Result<(), String>,
) -> Result<(), Error> {
    match objects.read(&id, buffer)? {
        Some(Kind::Blob) => check(buffer).map_err(|reason| Error::Fsck { id, reason }),
        Some(_) => Err(Error::Fsck { id, reason: "gitmodulesBlob: it isn't a blob".to_owned() }),
        // A partial clone.
        None => Ok(()),
    }
}
