//! Classifies directory entries: in the snapshot or not, known or to be read.

use gix::bstr::BStr;

use super::{
    listing::is_refused_link,
    node::{Item, State},
    state::{Part, Shared},
};
use crate::{
    ignore::{Rules, Verdict},
    secret,
    snapshot::{Error, LeftOut, Why},
    stat_index::{Kind, Known, Stat},
    user_repo::nested::Nested,
};

/// The class of a directory entry before the file is read.
pub(super) enum Classified {
    /// Not in the snapshot.
    Excluded,
    Included {
        force_included: bool,
        tracked_only: bool,
    },
}

/// Returns the verdict on a path of the rules, of the Git repositories that it lies in and of its name.
pub(super) fn classify(
    shared: &Shared<'_>,
    path: &BStr,
    is_folder: bool,
    rules: &Rules,
    nested: &Nested,
    mut tracked_only: bool,
    part: &mut Part,
) -> Result<Classified, Error> {
    let mut force_included = false;
    if !tracked_only && !rules.is_empty() {
        let verdict = rules.verdict(path, is_folder);
        force_included = verdict == Verdict::ForceIncluded;
        tracked_only = verdict == Verdict::Excluded;
    }
    if tracked_only {
        let mut damaged = |folder: &BStr| {
            part.left_out.push(LeftOut { path: folder.to_owned(), why: Why::Repository });
        };
        if !nested.tracks(path, is_folder, &mut damaged) {
            let tracked = shared.tracked()?;
            if !(if is_folder { tracked.has_below(path) } else { tracked.has_file(path) }) {
                if rules.is_held(path, is_folder) {
                    part.left_out.push(LeftOut { path: path.to_owned(), why: Why::Held });
                }
                return Ok(Classified::Excluded);
            }
        }
    }
    if !is_folder && !force_included && secret::of_name(path).is_some() {
        part.left_out.push(LeftOut { path: path.to_owned(), why: Why::Secret });
        return Ok(Classified::Excluded);
    }
    Ok(Classified::Included { force_included, tracked_only })
}

/// Classifies a file or link by its stat data and its entry in the index; its item's name is the caller's.
pub(super) fn classify_entry(
    path: &BStr,
    name: &BStr,
    seen: Option<(Option<Kind>, Stat)>,
    known: Option<&Known>,
    force_included: bool,
    part: &mut Part,
) -> Option<Item> {
    let (kind, stat) = seen?;
    let mut leave_out = |why| {
        part.left_out.push(LeftOut { path: path.to_owned(), why });
        None
    };
    let kind = match kind {
        Some(Kind::Folder) => return None, // a file when it was listed: it is being replaced at this moment
        Some(kind) => kind,
        None => return leave_out(Why::Special),
    };
    if kind == Kind::Link && is_refused_link(name) {
        return leave_out(Why::Name);
    }
    let mut item = Item::fresh(kind, stat, force_included);
    if let Some(known) = known
        && known.kind == kind
        && known.stat == stat
    {
        item.state = State::Known(known.id);
        item.is_secret = known.is_secret;
        item.is_large = known.is_large;
        item.excluded = known.is_secret && !force_included;
        if item.excluded {
            leave_out(Why::Secret);
        }
        // It was left out without being stored: taken back, it has to be read.
        if known.excluded && !item.excluded {
            item.state = State::Fresh;
        }
    }
    Some(item)
}

impl Item {
    fn fresh(kind: Kind, stat: Stat, force_included: bool) -> Self {
        let state = State::Fresh;
        Self {
            name: (0, 0),
            kind,
            stat,
            state,
            is_secret: false,
            excluded: false,
            is_large: false,
            is_unfilled: false,
            force_included,
        }
    }

    pub(super) fn folder(name: (usize, usize), number: usize) -> Self {
        let state = State::Folder(number);
        Self { name, state, ..Self::fresh(Kind::Folder, Stat::default(), false) }
    }

    /// Returns whether it is in the tree, or out, as the index has it.
    pub(super) fn is_as(&self, known: &Known) -> bool {
        self.state == State::Known(known.id) && self.excluded == known.excluded
    }
}
