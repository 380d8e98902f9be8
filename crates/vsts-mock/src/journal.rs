//! What was asked of the server: requests and changes of refs, newest last, secrets left out.
//!
//! A request stands in it from its first byte on, so that one still in progress can be seen. The oldest entries go when
//! there are too many.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;

/// How many entries are kept.
const KEPT: usize = 10_000;

/// One entry.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct JournalEntry {
    /// Counts up from 1 and never comes twice.
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    #[serde(flatten)]
    pub(crate) event: Event,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// A request over HTTP. `status` and what follows are null while it is in progress.
    Request {
        method: String,
        path: String,
        service: Option<String>,
        user: Option<String>,
        status: Option<u16>,
        milliseconds: Option<i64>,
        /// Whether nothing here answers such a request.
        unknown: bool,
    },
    /// A command over SSH. `exit_status` and `milliseconds` are null while it is in progress.
    SshRequest {
        /// The user name in the URL: an account, or nothing.
        login: String,
        command: String,
        service: Option<String>,
        user: Option<String>,
        exit_status: Option<u32>,
        milliseconds: Option<i64>,
        /// Whether it is none of the commands that are answered here.
        unknown: bool,
    },
    /// A push changed a ref.
    RefUpdate {
        account: String,
        project: String,
        repo: String,
        user: String,
        name: String,
        old: Option<String>,
        new: Option<String>,
        change: &'static str,
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
        if entries.kept.len() == KEPT {
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
        let entries = self.0.lock().expect("no thread panics while it holds the lock");
        entries.kept.iter().filter(|entry| entry.seq > seq).cloned().collect()
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
    fn entries_are_numbered_amended_and_bounded() {
        let journal = Journal::default();
        for n in 0..KEPT + 5 {
            journal.add(Timestamp::UNIX_EPOCH, request(&n.to_string()));
        }
        let all = journal.after(0);
        assert_eq!((all.len(), all[0].seq), (KEPT, 6));
        journal.amend(1, |_| panic!("it is gone"));
        journal.amend(7, |entry| {
            if let Event::Request { status, .. } = &mut entry.event {
                *status = Some(200);
            }
        });
        let json = serde_json::to_value(&journal.after(6)[0]).expect("serialises");
        assert_eq!((json["kind"].as_str(), json["status"].as_u64()), (Some("request"), Some(200)));
        journal.clear();
        assert_eq!(journal.add(Timestamp::UNIX_EPOCH, request("/")), KEPT as u64 + 6);
    }
}
