//! Scanning the whole folder: its files, and which of them the index knows already.
//!
//! Several threads scan folders ([`dir`]). No file is read but ignore files. There is no recursion: a tree may be as deep as
//! the file system allows.

mod classify;
mod dir;
mod listing;
mod node;
mod state;

use std::sync::atomic::Ordering;

use gix::bstr::BString;

pub(super) use self::{
    node::{Item, Node, ScanResult, State, system_path},
    state::Scan,
};

use self::{
    dir::{Buffers, scan_dir},
    state::{Part, Shared, Task},
};
use super::Error;
use crate::{parallel::run_tasks, stat_index::StatIndex, user_repo::nested::Nested};

/// Scans the whole folder.
pub(super) fn scan(scan: &Scan<'_>) -> Result<ScanResult, Error> {
    let shared = Shared::new(scan);
    let first = Task {
        number: 0,
        path: BString::default(),
        rules: scan.rules.clone(),
        known: scan.index.map(StatIndex::root),
        tracked_only: false,
        nested: Nested::default(),
    };
    let parts = run_tasks(first, scan.threads, |task, state: &mut (Part, Buffers), tasks| {
        scan_dir(&shared, task, &mut state.1, &mut state.0, tasks)
    })?;
    let mut numbered = Vec::with_capacity(shared.folders.load(Ordering::Relaxed));
    let mut left_out = Vec::new();
    for (part, _) in parts {
        numbered.extend(part.nodes);
        left_out.extend(part.left_out);
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    debug_assert!(
        numbered.iter().enumerate().all(|(at, (number, _))| at == *number),
        "every folder is here once"
    );
    left_out.sort_unstable();
    Ok(ScanResult { nodes: numbered.into_iter().map(|(_, node)| node).collect(), left_out })
}
