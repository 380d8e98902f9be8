//! The files that a snapshot takes as large ones: by their size, and what the user's own Git gives to LFS.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use gix::{
    ObjectId,
    attrs::StateRef,
    bstr::{BStr, BString, ByteSlice},
    worktree::stack::state::attributes::Source,
};

use super::scan::{ScanResult, system_path};
use crate::{
    history::HistoryRepo,
    large::{Pointer, Store, Taken},
    small_file,
    user_repo::UserRepo,
};

/// The number of the next scratch file.
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// The rules on large files.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// The store that they go to.
    pub(super) store: Store,
    /// Bytes from which on a file is a large one.
    pub(super) from: u64,
    /// The user's own store of Git LFS, if there is one.
    user: Option<Store>,
    /// The files that the user's attributes give to LFS, of those that are to be read.
    tracked: HashSet<BString>,
    /// True if bytes are stored.
    pub(super) stores: bool,
    /// The pointers that the last snapshot has at the paths of files that may be such a text.
    pub(super) unfilled: HashMap<BString, ObjectId>,
    /// True if a file that is such a text stays a large file.
    pub(super) keeps_pointers: bool,
}

impl Rules {
    pub(super) fn of(history: &HistoryRepo, user: Option<&UserRepo>) -> Self {
        let user =
            user.map(|user| Store::at(user.git().common_dir())).filter(|store| store.folder().is_dir());
        Self {
            store: history.large_files(),
            from: history.large_from(),
            user,
            tracked: HashSet::new(),
            stores: !history.is_for_question(),
            unfilled: HashMap::new(),
            keeps_pointers: false,
        }
    }

    /// The rules on what stays out of the first commit of the user's own repository.
    pub(super) fn of_user_alone(user: &UserRepo, from: u64) -> Self {
        Self {
            store: Store::at(user.git().common_dir()),
            from,
            user: None,
            tracked: HashSet::new(),
            stores: false,
            unfilled: HashMap::new(),
            keeps_pointers: false,
        }
    }

    /// Returns whether the file is taken as a large one. An empty file is its own pointer.
    pub(super) fn takes(&self, path: &BStr, size: u64) -> bool {
        size > 0 && (size >= self.from || self.tracked.contains(path))
    }

    /// Returns whether the user's own store may have the file.
    pub(super) fn user_may_have(&self, path: &BStr) -> bool {
        self.user.is_some() && self.tracked.contains(path)
    }

    /// Takes an object of the user's own store, if that has it.
    pub(super) fn of_user(&self, pointer: &Pointer, to: &Path) -> Option<Taken> {
        let user = self.user.as_ref().filter(|user| user.has(pointer) && !self.store.has(pointer))?;
        user.take_from(pointer, to)
    }

    /// A path for a new file in the scratch folder.
    pub(super) fn scratch(folder: &Path) -> PathBuf {
        folder.join(format!("large-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Asks the user's attributes about the files that are to be read.
    pub(super) fn ask_attributes(&mut self, user: &UserRepo, found: &ScanResult, pending: &[(usize, usize)]) {
        if pending.is_empty() || !mentions_lfs(user, found) {
            return;
        }
        let git = user.git();
        let index = gix::index::State::new(git.object_hash());
        let Ok(mut stack) = git.attributes_only(&index, Source::WorktreeThenIdMapping) else { return };
        let mut outcome = stack.selected_attribute_matches(["filter"]);
        for (number, at) in pending {
            let node = &found.nodes[*number];
            let path = node.path_of(&node.items[*at]);
            let whole = [user.prefix().as_bytes(), &path].concat();
            let Ok(platform) = stack.at_entry(whole.as_bstr(), None) else { continue };
            platform.matching_attributes(&mut outcome);
            let is_lfs =
                |state: StateRef<'_>| matches!(state, StateRef::Value(value) if value.as_bstr() == "lfs");
            if outcome.iter_selected().any(|found| is_lfs(found.assignment.state)) {
                self.tracked.insert(path);
            }
        }
    }
}

/// Returns whether an attributes file of the project says anything of LFS: most projects have none, and no file is asked for
/// then.
fn mentions_lfs(user: &UserRepo, found: &ScanResult) -> bool {
    const FILE: &str = ".gitattributes";
    let says = |path: &Path| small_file::read(path).is_ok_and(|text| text.find("lfs").is_some());
    let mut above = user.root().ancestors().skip(1).take_while(|above| above.starts_with(user.work_tree()));
    says(&user.git().common_dir().join("info/attributes"))
        || above.any(|folder| says(&folder.join(FILE)))
        || found.nodes.iter().any(|node| {
            // Where the index has all items, their names are not here.
            let may_have = node.same.is_some() || node.items.iter().any(|item| node.name(item) == FILE);
            may_have && says(&user.root().join(system_path(node.path.as_bstr())).join(FILE))
        })
}
