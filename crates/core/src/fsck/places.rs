//! The files of the history repository that are not Git's objects: its configuration, the restore journal, the index.

use std::path::Path;

use super::{Error, Outcome, Report, damaged::set_aside};
use crate::{
    history::{self, FOLDER, HistoryRepo},
    id::ProjectId,
    io_error::IoError,
    refs,
    restore::{self, JournalState},
    snapshot::{self, Limits, TreeRequest},
    stat_index::StatIndex,
};

/// Opens the history repository, also one whose `HEAD` or `config` is damaged: they are then made anew.
pub fn open(root: &Path, id: ProjectId, mend: bool) -> Result<(HistoryRepo, Report), Error> {
    let mut report = Report::default();
    let path = root.join(FOLDER);
    let own = path.join("azml");
    let head = path.join("HEAD");
    let is_ours = crate::small_file::read_to_string(&head)
        .is_ok_and(|text| text.trim_end() == format!("ref: {}", refs::history(&id).as_bstr()));
    if path.is_dir() && !is_ours {
        if mend {
            if head.exists() {
                set_aside(&own, &head)?;
            }
            HistoryRepo::init(root, id)?;
        }
        report.add("HEAD", "does not name the project's history branch", mended(mend, "written anew"));
    }
    match HistoryRepo::open(root, id) {
        Err(error @ (history::Error::Open { .. } | history::Error::Config { .. })) if mend => {
            let config = path.join("config");
            let text = crate::small_file::read(&config).unwrap_or_default();
            set_aside(&own, &config)?;
            let history = HistoryRepo::init(root, id)?;
            let how = match remote_in(&text).map(|url| history.set_remote(&url).map(|()| url)) {
                Some(Ok(url)) => Outcome::Mended(format!("written anew, with the remote {url}")),
                _ => Outcome::Left(
                    "written anew, without a remote; if there was one, link it again".to_owned(),
                ),
            };
            report.add("config", chain(&error), how);
            Ok((history, report))
        }
        opened => Ok((opened?, report)),
    }
}

/// The remote's URL in what is left of a configuration.
fn remote_in(text: &[u8]) -> Option<crate::remote_url::RemoteUrl> {
    let text = String::from_utf8_lossy(text);
    let after = text.split("[remote \"origin\"]").nth(1)?;
    let line = after.lines().take_while(|line| !line.starts_with('[')).find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "url").then(|| value.trim().trim_matches('"').to_owned())
    })?;
    crate::remote_url::RemoteUrl::parse_rewritable(&line).ok()
}

/// The journal of a restore: one that can't be read would stop every command.
pub(super) fn journal(history: &HistoryRepo, mend: bool, report: &mut Report) -> Result<(), Error> {
    let JournalState::Damaged(why) = restore::journal_state(history) else { return Ok(()) };
    let outcome = if mend {
        let place = set_aside(&history.own_folder(), &history.restore_journal_path())?;
        let backups = restore::backups(history).unwrap_or_default();
        match backups.first() {
            Some(backup) if is_whole(history, backup) => Outcome::Mended(format!(
                "moved to {}; no restore is half done: the folder is as it was before or after the last one",
                place.display()
            )),
            Some(backup) => Outcome::Left(format!(
                "moved to {}; the restore may be half done, and what the folder was before is backup {}: \
                 {{azml}} project restore --undo",
                place.display(),
                backup.number
            )),
            None => Outcome::Mended(format!("moved to {}; the restore had not begun", place.display())),
        }
    } else {
        Outcome::Found
    };
    report.add("restore journal", why, outcome);
    Ok(())
}

/// Returns whether the folder is exactly what the last restore found, or what it made.
fn is_whole(history: &HistoryRepo, backup: &restore::Backup) -> bool {
    let request = TreeRequest { limits: Limits::NONE, ..TreeRequest::default() };
    let Ok(history) = history.for_question() else { return false };
    let now = snapshot::tree(&history, &request, &snapshot::Silent);
    now.is_ok_and(|now| now.tree == backup.tree || Some(now.tree) == backup.restored)
}

/// The stat index is a cache: a damaged one is removed.
pub(super) fn stat_index(history: &HistoryRepo, mend: bool, report: &mut Report) -> Result<(), Error> {
    let path = history.stat_index_path();
    if path.exists() && StatIndex::read(&path).is_none() {
        if mend {
            forget_stat_index(history)?;
        }
        report.add(
            "stat index",
            "damaged, or of another version",
            mended(mend, "removed; the next snapshot makes it anew"),
        );
    }
    Ok(())
}

/// Removes the stat index: the next snapshot reads every file.
pub(super) fn forget_stat_index(history: &HistoryRepo) -> Result<(), Error> {
    let path = history.stat_index_path();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(IoError::of("remove", &path)(error).into())
        }
        _ => Ok(()),
    }
}

/// Returns the outcome of something that can be mended.
pub(super) fn mended(mend: bool, how: &str) -> Outcome {
    if mend { Outcome::Mended(how.to_owned()) } else { Outcome::Found }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
