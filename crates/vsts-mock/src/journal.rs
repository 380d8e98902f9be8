//! The journal: requests to the server and changes of refs, newest last, secrets left out.
//!
//! A request stands in it from its first byte on, so that one still in progress can be seen. The oldest entries go when
//! there are too many.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;

use crate::limits::{JOURNAL_ENTRIES, JOURNAL_TEXT};

/// A client's text as the journal and the log have it: without control characters, and cut.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        if shown.len() + c.len_utf8() > JOURNAL_TEXT {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JournalEntry {
    /// Counts up from 1 and never comes twice.
    pub seq: u64,
    /// The time at which it began.
    pub time: Timestamp,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

impl JournalEntry {
    /// Returns whether it is a request that nothing here answers.
    pub fn is_unknown(&self) -> bool {
        matches!(self.event, Event::Request { unknown: true, .. } | Event::SshRequest { unknown: true, .. })
    }

    /// `request`, `ssh-request`, `ref-update` or `lfs-object`.
    pub fn kind(&self) -> &'static str {
        match self.event {
            Event::Request { .. } => "request",
            Event::SshRequest { .. } => "ssh-request",
            Event::RefUpdate { .. } => "ref-update",
            Event::LfsObject { .. } => "lfs-object",
        }
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// A request over HTTP.
    Request {
        /// `GET`, `POST` and so on.
        method: String,
        /// The path, without its query, in which secrets might be.
        path: String,
        /// The service that it was for: `git-upload-pack`, `experimentation`; nothing for the REST API.
        service: Option<String>,
        /// The user who sent it, once that is known.
        user: Option<String>,
        /// The answer's status; `None` while it is in progress.
        status: Option<u16>,
        /// Its duration; `None` while it is in progress.
        milliseconds: Option<i64>,
        /// True if nothing here answers such a request.
        unknown: bool,
    },
    /// A command over SSH.
    SshRequest {
        /// The user name in the URL: an account, or nothing.
        login: String,
        /// The command.
        command: String,
        /// `git-upload-pack` or `git-receive-pack`.
        service: Option<String>,
        /// The owner of the key that signed.
        user: Option<String>,
        /// Its outcome; `None` while it is in progress.
        exit_status: Option<u32>,
        /// Its duration; `None` while it is in progress.
        milliseconds: Option<i64>,
        /// True if it is none of the commands that are answered here.
        unknown: bool,
    },
    /// A push changed a ref.
    RefUpdate {
        /// The account's name.
        account: String,
        /// The project's name.
        project: String,
        /// The repository's name.
        repo: String,
        /// The user who pushed.
        user: String,
        /// The ref's full name.
        name: String,
        /// Its old value; `None` if it is new.
        old: Option<String>,
        /// Its new value; `None` if it is gone.
        new: Option<String>,
        /// `create`, `fast-forward`, `rewrite` or `delete`.
        change: &'static str,
    },
    /// An object of Git LFS was stored in a repository, or began to be sent from it.
    LfsObject {
        /// The account's name.
        account: String,
        /// The project's name.
        project: String,
        /// The repository's name.
        repo: String,
        /// The user.
        user: String,
        /// The object's id.
        oid: String,
        /// Its bytes.
        size: u64,
        /// `upload` or `download`.
        operation: &'static str,
    },
}

#[derive(Debug, Default)]
struct Entries {
    last: u64,
    kept: VecDeque<JournalEntry>,
}

/// The journal of one server.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Entries>);

impl Journal {
    /// Adds an entry; its number.
    pub(crate) fn add(&self, time: Timestamp, event: Event) -> u64 {
        let mut entries = self.0.lock().expect("no thread panics while it holds the lock");
        entries.last += 1;
        let seq = entries.last;
        if entries.kept.len() == JOURNAL_ENTRIES {
            entries.kept.pop_front();
        }
        entries.kept.push_back(JournalEntry { seq, time, event });
        seq
    }

    /// Changes an entry that is still there.
    pub(crate) fn amend(&self, seq: u64, change: impl FnOnce(&mut JournalEntry)) {
        let mut entries = self.0.lock().expect("no thread panics while it holds the lock");
        let found = entries.kept.binary_search_by_key(&seq, |entry| entry.seq);
        if let Ok(position) = found {
            change(&mut entries.kept[position]);
        }
    }

    /// The entries after that number, oldest first.
    pub(crate) fn after(&self, seq: u64) -> Vec<JournalEntry> {
        self.page(seq, usize::MAX, |_| true).0
    }

    /// The first `top` of the entries after that number that are wanted, oldest first; and whether there are more.
    pub(crate) fn page(
        &self,
        seq: u64,
        top: usize,
        is_wanted: impl Fn(&JournalEntry) -> bool,
    ) -> (Vec<JournalEntry>, bool) {
        let entries = self.0.lock().expect("no thread panics while it holds the lock");
        let start = entries.kept.partition_point(|entry| entry.seq <= seq);
        let mut wanted = entries.kept.range(start..).filter(|entry| is_wanted(entry));
        let page = wanted.by_ref().take(top).cloned().collect();
        (page, wanted.next().is_some())
    }

    pub(crate) fn clear(&self) {
        self.0.lock().expect("no thread panics while it holds the lock").kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Event {
        Event::Request {
            method: "GET".to_owned(),
            path: path.to_owned(),
            service: None,
            user: None,
            status: None,
            milliseconds: None,
            unknown: false,
        }
    }

    #[test]
    fn texts_of_clients_are_cut() {
        assert_eq!(shown("/acme/_git/iris"), "/acme/_git/iris");
        assert_eq!(shown("a\u{1b}[0m"), "a[0m");
        let long = shown(&"ä".repeat(60 << 10));
        assert_eq!((long.len(), long.chars().last()), (JOURNAL_TEXT + "…".len(), Some('…')));
    }

    #[test]
    fn entries_are_numbered_amended_and_bounded() {
        let journal = Journal::default();
        for n in 0..JOURNAL_ENTRIES + 5 {
            journal.add(Timestamp::UNIX_EPOCH, request(&n.to_string()));
        }
        let all = journal.after(0);
        assert_eq!((all.len(), all[0].seq), (JOURNAL_ENTRIES, 6));
        let (page, has_more) = journal.page(7, 2, |entry| entry.seq % 2 == 0);
        assert_eq!((page.iter().map(|entry| entry.seq).collect(), has_more), (vec![8, 10], true));
        let (page, has_more) = journal.page(JOURNAL_ENTRIES as u64 + 3, 2, |_| true);
        assert_eq!((page.len(), has_more), (2, false));
        journal.amend(1, |_| panic!("it is gone"));
        journal.amend(7, |entry| {
            if let Event::Request { status, .. } = &mut entry.event {
                *status = Some(200);
            }
        });
        let json = serde_json::to_value(&journal.after(6)[0]).expect("serialises");
        assert_eq!((json["kind"].as_str(), json["status"].as_u64()), (Some("request"), Some(200)));
        journal.clear();
        assert_eq!(journal.add(Timestamp::UNIX_EPOCH, request("/")), JOURNAL_ENTRIES as u64 + 6);
    }
}
