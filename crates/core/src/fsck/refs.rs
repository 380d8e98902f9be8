//! The refs: can each be read, and is what it names here?
//!
//! A history branch or runs ref that is damaged or gone gets back to the newest commit that nothing else follows: what
//! the remote had last is only as new as the last sync, so all commits that are here are looked at. One that names a
//! commit which is not here stays until the caller has tried to bring it: an older one in its place would lose runs.

use std::{collections::HashSet, path::PathBuf};

use gix::{ObjectId, Repository};

use super::{Effort, Error, Outcome, Report, damaged::set_aside, places::mended};
use crate::{history::HistoryRepo, io_error::IoError, refs};

/// Checks them.
pub(super) fn check(history: &HistoryRepo, effort: Effort, report: &mut Report) -> Result<(), Error> {
    let mend = effort.mends();
    packed(history, mend, report)?;
    let kept = [history.history_ref(), history.runs_ref()];
    let files = kept.each_ref().map(|name| history.path().join(name.as_bstr().to_string()));
    for Broken { file, id } in broken(history)? {
        let name = file.strip_prefix(history.path()).unwrap_or(&file).to_string_lossy().into_owned();
        let is_kept = files.contains(&file);
        let outcome = match id {
            Some(id) if is_kept && effort < Effort::LastResort => {
                report.missing.push(id);
                Outcome::Left("its commit may be at the remote".to_owned())
            }
            _ if mend => {
                let place = set_aside(&history.own_folder(), &file)?;
                Outcome::Mended(format!("moved to {}", place.display()))
            }
            _ => Outcome::Found,
        };
        report.add(name, "names no commit that is here", outcome);
    }
    let mut commits = None;
    for (name, line) in kept.into_iter().zip([Line::Snapshots, Line::Records]) {
        let file = history.path().join(name.as_bstr().to_string());
        if file.exists() || history.ref_tip(name.as_ref()).ok().flatten().is_some() {
            continue;
        }
        let commits = commits.get_or_insert_with(|| Commits::of(history.git()));
        let (trouble, outcome) = match commits.newest(line, history) {
            Some(tip) => {
                if mend {
                    history.update_ref(&name, None, tip)?;
                }
                let how = format!("set to {}, the newest commit of its kind", tip.to_hex_with_len(10));
                ("gone, and its commits are here", mended(mend, &how))
            }
            // A project without a run has neither of them.
            None if !commits.others(line) => continue,
            None => {
                let how = "bring it from another computer: {azml} project clone URL".to_owned();
                ("gone, and so are its commits", Outcome::Left(how))
            }
        };
        report.add(name.as_bstr().to_string(), trouble, outcome);
    }
    Ok(())
}

/// A damaged `packed-refs` would hide every ref in it.
fn packed(history: &HistoryRepo, mend: bool, report: &mut Report) -> Result<(), Error> {
    let file = history.path().join("packed-refs");
    let Ok(text) = crate::small_file::read_at_most(&file, crate::limits::PACKED_REFS) else { return Ok(()) };
    let is_line = |line: &[u8]| {
        line.is_empty()
            || line.starts_with(b"#")
            || line.strip_prefix(b"^").is_some_and(|rest| ObjectId::from_hex(rest).is_ok())
            || (line.len() > 41 && line[40] == b' ' && ObjectId::from_hex(&line[..40]).is_ok())
    };
    if text.split(|byte| *byte == b'\n').all(is_line) {
        return Ok(());
    }
    if mend {
        set_aside(&history.own_folder(), &file)?;
    }
    report.add("packed-refs", "is not a list of refs", mended(mend, "moved away"));
    Ok(())
}

/// A file of a ref that is no id, or the id of something that is no commit here.
struct Broken {
    file: PathBuf,
    id: Option<ObjectId>,
}

fn broken(history: &HistoryRepo) -> Result<Vec<Broken>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![history.path().join("refs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(IoError::of("list", &folder))?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_some_and(|extension| extension == "lock") {
                continue;
            }
            let text = crate::small_file::read(&path).unwrap_or_default();
            let id = ObjectId::from_hex(text.trim_ascii()).ok();
            let is_commit = id.is_some_and(|id| history.git().find_commit(id).is_ok());
            let is_symbolic = text.starts_with(b"ref: ");
            if !is_commit && !is_symbolic {
                found.push(Broken { file: path, id });
            }
        }
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(found)
}

/// The kind of a ref's commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Snapshots,
    Records,
}

struct Found {
    id: ObjectId,
    line: Line,
    seconds: i64,
}

/// Every commit that is here, by kind, and which of them others follow.
struct Commits {
    found: Vec<Found>,
    followed: HashSet<ObjectId>,
}

impl Commits {
    fn of(repo: &Repository) -> Self {
        let mut commits = Self { found: Vec::new(), followed: HashSet::new() };
        let Ok(all) = repo.objects.iter() else { return commits };
        for id in all.flatten() {
            let Ok(commit) = repo.find_commit(id) else { continue };
            let Some(line) = kind(repo, &commit) else { continue };
            let seconds = commit.time().map_or(0, |time| time.seconds);
            commits.followed.extend(commit.parent_ids().map(gix::Id::detach));
            commits.found.push(Found { id, line, seconds });
        }
        commits
    }

    /// The newest commit of a kind that no other follows; of a line that a ref of the same kind holds already, none.
    fn newest(&self, line: Line, history: &HistoryRepo) -> Option<ObjectId> {
        let prefix = match line {
            Line::Snapshots => refs::HISTORY_PREFIX,
            Line::Records => refs::RUNS_PREFIX,
        };
        let others: HashSet<ObjectId> =
            history.refs_below(prefix).unwrap_or_default().into_iter().map(|(_, tip)| tip).collect();
        self.found
            .iter()
            .filter(|found| found.line == line && !self.followed.contains(&found.id))
            .filter(|found| !others.contains(&found.id))
            .max_by_key(|found| (found.seconds, found.id))
            .map(|found| found.id)
    }
}

impl Commits {
    /// Returns whether there is any of the other kind, so that this one should be there, too.
    fn others(&self, line: Line) -> bool {
        line == Line::Snapshots && self.found.iter().any(|found| found.line == Line::Records)
    }
}

/// Returns whether a commit is a snapshot or a state of the run records. A backup is neither.
fn kind(repo: &Repository, commit: &gix::Commit<'_>) -> Option<Line> {
    let tree = repo.find_tree(commit.tree_id().ok()?).ok()?;
    let has = |name: &str| tree.iter().flatten().any(|entry| entry.filename() == name.as_bytes());
    let message = commit.message_raw().ok()?.to_vec();
    let says = |key: &[u8]| message.split(|byte| *byte == b'\n').any(|line| line.starts_with(key));
    if says(b"Runs: ") && has("v1") {
        return Some(Line::Records);
    }
    let is_backup = says(b"Restored-Tree: ");
    (has(".azureml") && !is_backup).then_some(Line::Snapshots)
}
