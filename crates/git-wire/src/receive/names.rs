//! Names that can't be beside one another: `a` and `a/b`, since one would have to be a file and a folder; `a` and `A`,
//! since on many disks both are one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use bstr::{BStr, BString, ByteSlice};

use super::commands::Request;
use crate::RefRefusal;
use crate::context::Context;
use crate::policy::{RefUpdate, UpdateKind};

/// Refuses to create what would be in the way of another ref. Those that go in the same push make room.
pub(super) fn refuse_conflicts(
    context: &Context<'_>,
    request: &mut Request,
    updates: &mut [Option<RefUpdate>],
) {
    let (mut going, mut coming) = (HashSet::new(), HashSet::new());
    for update in updates.iter().flatten() {
        match update.kind {
            UpdateKind::Delete => going.insert(update.name.as_bstr().to_owned()),
            UpdateKind::Create => coming.insert(update.name.as_bstr().to_owned()),
            UpdateKind::FastForward | UpdateKind::Rewrite => false,
        };
    }
    if coming.is_empty() {
        return;
    }
    let mut twins = if context.options.allow_case_clashes {
        HashMap::new()
    } else {
        let mut twins = existing_twins(context, &coming);
        twins.retain(|_, name| !going.contains(name));
        twins
    };
    let folders = Folders::of(context, &going, &coming);
    for (command, slot) in request.commands.iter_mut().zip(updates) {
        let Some(update) = slot.as_ref().filter(|update| update.kind == UpdateKind::Create) else { continue };
        let name = update.name.as_bstr();
        command.refusal = folders
            .in_the_way_of(name)
            .map(|other| RefRefusal::NameConflict { other: other.to_owned(), name: name.to_owned() })
            .or_else(|| {
                if context.options.allow_case_clashes {
                    return None;
                }
                let key = fold(name).into_owned();
                let twin = twins.entry(key).or_insert_with(|| name.to_owned());
                (twin != name)
                    .then(|| RefRefusal::CaseConflict { other: twin.clone(), name: name.to_owned() })
            });
        if command.refusal.is_some() {
            *slot = None;
        }
    }
}

/// Refs in the way of the new ones, looked up once for each folder. Of `a` and `a/b` in one push the longer one
/// is made, as by Git since 2.51; before, it was the first.
struct Folders {
    /// Names of refs that are there where a new one needs a folder.
    refs: HashSet<BString>,
    /// Folders with refs in them, or for refs that come, where a new ref wants to be; with one of those refs.
    occupied: HashMap<BString, BString>,
}

impl Folders {
    fn of(context: &Context<'_>, going: &HashSet<BString>, coming: &HashSet<BString>) -> Self {
        let store = &context.repo.refs;
        let mut parents: HashMap<&BStr, &BStr> = HashMap::new();
        for name in coming {
            parents.extend(above(name.as_bstr()).map(|folder| (folder, name.as_bstr())));
        }
        let mut refs = HashSet::new();
        let mut occupied = HashMap::new();
        for (folder, name) in parents {
            if coming.contains(folder) {
                occupied.insert(folder.to_owned(), name.to_owned());
            } else if !going.contains(folder) && store.try_find(folder).is_ok_and(|found| found.is_some()) {
                refs.insert(folder.to_owned());
            }
        }
        let packed = store.cached_packed_buffer().ok().flatten();
        let all = store.iter().ok();
        for name in coming {
            if occupied.contains_key(name) {
                continue;
            }
            let folder = BString::from([name.as_slice(), b"/"].concat());
            // Most new names are no folder at all, which is cheaper to see than to list.
            let is_folder = gix::path::from_bstr(name.as_bstr())
                .is_ok_and(|path| context.repo.common_dir().join(path).is_dir())
                || packed.as_ref().is_some_and(|packed| {
                    packed.iter_prefixed(folder.clone()).is_ok_and(|mut found| found.next().is_some())
                });
            if !is_folder {
                continue;
            }
            let Ok(path) = <&gix::path::RelativePath>::try_from(folder.as_bstr()) else { continue };
            let Some(Ok(found)) = all.as_ref().map(|all| all.prefixed(path)) else { continue };
            let other = found
                .filter_map(Result::ok)
                .map(|found| found.name.as_bstr().to_owned())
                .find(|other| !going.contains(other));
            if let Some(other) = other {
                occupied.insert(name.clone(), other);
            }
        }
        Self { refs, occupied }
    }

    fn in_the_way_of(&self, name: &BStr) -> Option<&BStr> {
        above(name)
            .find_map(|folder| self.refs.get(folder))
            .or_else(|| self.occupied.get(name))
            .map(|other| other.as_bstr())
    }
}

/// The folders that `name` is in, those that can be refs themselves.
fn above(name: &BStr) -> impl Iterator<Item = &BStr> {
    name.find_iter(b"/").skip(2).map(move |at| name[..at].as_bstr())
}

/// The name as a disk sees it that doesn't tell cases apart.
fn fold(name: &BStr) -> Cow<'_, BStr> {
    if name.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_lowercase().into())
    }
}

/// The refs that are there and differ from one of `coming` in case only, by what they have in common.
fn existing_twins(context: &Context<'_>, coming: &HashSet<BString>) -> HashMap<BString, BString> {
    let mut search = Search { names: HashSet::new(), folders: HashSet::new(), found: HashMap::new() };
    for name in coming {
        let folded = fold(name.as_bstr()).into_owned();
        search.folders.extend(folded.find_iter(b"/").map(|at| folded[..at].into()));
        search.names.insert(folded);
    }
    let packed = context.repo.refs.cached_packed_buffer().ok().flatten();
    if let Some(Ok(all)) = packed.as_ref().map(|packed| packed.iter()) {
        for reference in all.filter_map(Result::ok) {
            search.look_at(reference.name.as_bstr());
        }
    }
    search.look_below(&context.repo.common_dir().join("refs"), b"refs".as_bstr());
    search.found
}

struct Search {
    names: HashSet<BString>,
    /// The folders that something of these names might be in.
    folders: HashSet<BString>,
    found: HashMap<BString, BString>,
}

impl Search {
    fn look_at(&mut self, name: &BStr) {
        let folded = fold(name);
        if self.names.contains(folded.as_ref()) {
            self.found.insert(folded.into_owned(), name.to_owned());
        }
    }

    /// Looks through a folder, and those below that matter. What can't be read has no refs either.
    fn look_below(&mut self, folder: &Path, name: &BStr) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let file_name = entry.file_name();
            let Ok(file_name) = gix::path::os_str_into_bstr(&file_name) else { continue };
            let path = BString::from([name.as_bytes(), b"/", file_name].concat());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if self.folders.contains(fold(path.as_bstr()).as_ref()) {
                    self.look_below(&entry.path(), path.as_bstr());
                }
            } else {
                self.look_at(path.as_bstr());
            }
        }
    }
}
