//! The table of faults: rows that make requests go wrong on purpose, for tests of clients.
//!
//! Every listener asks it: HTTP, whatever is behind the address, once for each request; SSH once for each command; and each push
//! when its refs are to change. Requests to the admin API, which sets the faults, are never asked about. An empty table costs
//! one read of a number.

mod cut;
mod fault;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gix::glob::wildmatch;
use serde::{Deserialize, Serialize};

pub(crate) use cut::Cutting;
pub(crate) use fault::FaultError;
pub use fault::{Fault, FaultKind};

use crate::limits::FAULTS;

/// The method by which a row names commands over SSH.
pub(crate) const SSH: &str = "SSH";

/// The words about maintenance that has no message.
pub(crate) const MAINTENANCE: &str =
    "The repository is in maintenance. Nothing can be pushed to it until that is over.";

/// A request that is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    /// HTTP's method, or [`SSH`]; none for a push.
    pub(crate) method: Option<&'a str>,
    pub(crate) path: &'a str,
    pub(crate) user: Option<&'a str>,
    /// The bytes of its body, if they are announced.
    pub(crate) bytes: Option<u64>,
}

/// The fate of a request.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    pub(crate) delay: Duration,
    /// The row that it meets besides delays.
    pub(crate) fault: Option<Fault>,
}

/// A row of the table, with what it has done so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultRow {
    /// Counts up from 1, and never comes twice.
    pub id: u64,
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
    /// Requests that were in its scope.
    pub seen: u64,
    /// Those of them that it met.
    pub met: u64,
}

impl FaultRow {
    /// Counts a request that is in the row's scope; returns whether it meets the fault.
    fn meets(&mut self, asked: &Asked<'_>) -> bool {
        let Fault { method, path, user, larger_than, skip, count, .. } = &self.fault;
        let is_spent = count.is_some_and(|count| self.met >= count);
        let matches = |wanted: &Option<String>, given: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| given.is_some_and(|given| wanted.eq_ignore_ascii_case(given)))
        };
        let in_scope = !is_spent
            && matches(method, asked.method)
            && matches(user, asked.user)
            && path.as_ref().is_none_or(|pattern| path_matches(pattern, asked.path))
            && larger_than.is_none_or(|most| asked.bytes.is_some_and(|bytes| bytes > most));
        if !in_scope {
            return false;
        }
        self.seen += 1;
        let meets = self.seen > *skip;
        self.met += u64::from(meets);
        meets
    }
}

fn path_matches(pattern: &str, path: &str) -> bool {
    wildmatch(pattern.into(), path.into(), wildmatch::Mode::IGNORE_CASE)
}

/// A row as it is saved.
#[derive(Debug, Serialize, Deserialize)]
struct SavedRow {
    id: u64,
    fault: Fault,
    seen: u64,
    met: u64,
}

/// The table as it is saved.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedFaults {
    last: u64,
    rows: Vec<SavedRow>,
}

#[derive(Debug, Default)]
struct Rows {
    last: u64,
    rows: Vec<FaultRow>,
}

/// The faults of one server.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rows: Mutex<Rows>,
    /// The number of rows, which is read without the lock.
    number: AtomicUsize,
}

impl Faults {
    /// Adds a row; its number.
    pub(crate) fn add(&self, fault: Fault) -> Result<u64, FaultError> {
        fault.check()?;
        self.change(|table| {
            if table.rows.len() == FAULTS {
                return Err(FaultError::full());
            }
            table.last += 1;
            table.rows.push(FaultRow { id: table.last, fault, seen: 0, met: 0 });
            Ok(table.last)
        })
    }

    /// Takes all rows away, and puts these in their place.
    pub(crate) fn replace(&self, faults: &[Fault]) -> Result<(), FaultError> {
        self.clear();
        faults.iter().try_for_each(|fault| self.add(fault.clone()).map(drop))
    }

    /// The table, to be saved.
    pub(crate) fn saved(&self) -> SavedFaults {
        let row = |FaultRow { id, fault, seen, met }| SavedRow { id, fault, seen, met };
        self.change(|table| SavedFaults {
            last: table.last,
            rows: table.rows.iter().cloned().map(row).collect(),
        })
    }

    /// Puts a table that was saved in the place of this one.
    pub(crate) fn restore(&self, saved: SavedFaults) {
        let row = |SavedRow { id, fault, seen, met }| FaultRow { id, fault, seen, met };
        self.change(|table| {
            *table = Rows { last: saved.last, rows: saved.rows.into_iter().map(row).collect() }
        });
    }

    /// Removes a row; returns whether there was one of that number.
    pub(crate) fn remove(&self, id: u64) -> bool {
        self.change(|table| {
            let before = table.rows.len();
            table.rows.retain(|row| row.id != id);
            table.rows.len() < before
        })
    }

    pub(crate) fn clear(&self) {
        self.change(|table| table.rows.clear());
    }

    /// All rows, oldest first.
    pub(crate) fn all(&self) -> Vec<FaultRow> {
        self.change(|table| table.rows.clone())
    }

    /// Returns whether no request can meet a fault.
    pub(crate) fn is_empty(&self) -> bool {
        self.number.load(Ordering::Relaxed) == 0
    }

    /// Returns whether a row asks who the client is.
    pub(crate) fn asks_for_users(&self) -> bool {
        !self.is_empty() && self.change(|table| table.rows.iter().any(|row| row.fault.user.is_some()))
    }

    /// Counts a request, and gives what it meets: all delays together, and the first row of another kind.
    pub(crate) fn of_request(&self, asked: &Asked<'_>) -> Fate {
        let mut fate = Fate::default();
        if self.is_empty() {
            return fate;
        }
        self.change(|table| {
            for row in table.rows.iter_mut().filter(|row| !row.fault.kind.is_of_pushes()) {
                let is_delay = row.fault.kind == FaultKind::Latency;
                if (is_delay || fate.fault.is_none()) && row.meets(asked) {
                    if is_delay {
                        fate.delay += Duration::from_millis(row.fault.milliseconds.unwrap_or_default());
                    } else {
                        fate.fault = Some(row.fault.clone());
                    }
                }
            }
        });
        fate
    }

    /// Counts a push, and gives the row that it meets.
    pub(crate) fn of_push(&self, path: &str, user: &str) -> Option<Fault> {
        if self.is_empty() {
            return None;
        }
        let asked = Asked { method: None, path, user: Some(user), bytes: None };
        self.change(|table| {
            let mut rows = table.rows.iter_mut().filter(|row| row.fault.kind.is_of_pushes());
            rows.find_map(|row| row.meets(&asked).then(|| row.fault.clone()))
        })
    }

    /// The banner of the maintenance that a page is in, or a repository, whose path is `/ACCOUNT/PROJECT/_git/REPOSITORY`. Nothing is
    /// counted.
    pub(crate) fn maintenance(&self, path: &str) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        self.change(|table| {
            let covers = |row: &&FaultRow| {
                let Fault { kind, path: scope, user, count, .. } = &row.fault;
                *kind == FaultKind::Maintenance
                    && user.is_none()
                    && count.is_none_or(|count| row.met < count)
                    && scope.as_ref().is_none_or(|scope| {
                        path_matches(scope, path) || path_matches(&format!("{scope}/*"), path)
                    })
            };
            let row = table.rows.iter().find(covers)?;
            Some(row.fault.message.clone().unwrap_or_else(|| MAINTENANCE.to_owned()))
        })
    }

    fn change<T>(&self, work: impl FnOnce(&mut Rows) -> T) -> T {
        let mut table = self.rows.lock().expect("no thread panics while it holds the lock");
        let value = work(&mut table);
        self.number.store(table.rows.len(), Ordering::Relaxed);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Asked<'_> {
        Asked { method: Some("GET"), path, user: Some("alice"), bytes: Some(10) }
    }

    fn statuses(faults: &Faults, asked: &Asked<'_>, times: usize) -> Vec<Option<u16>> {
        (0..times).map(|_| faults.of_request(asked).fault.and_then(|fault| fault.status)).collect()
    }

    #[test]
    fn a_row_meets_what_is_in_its_scope_after_some_and_no_more_than_it_says() {
        let faults = Faults::default();
        assert!(faults.is_empty() && faults.of_request(&get("/a")).fault.is_none());
        let id = faults.add(Fault::status(503).at("/acme/*/objects/*").skip(1).count(2)).expect("a fault");
        let path = "/acme/_git/iris/info/lfs/objects/00";
        assert_eq!(statuses(&faults, &get("/other"), 2), [None, None]);
        assert_eq!(statuses(&faults, &get(path), 5), [None, Some(503), Some(503), None, None]);
        let row = &faults.all()[0];
        assert_eq!((row.id, row.seen, row.met), (id, 3, 2));
        assert!(faults.remove(id) && !faults.remove(id) && faults.is_empty());
    }

    #[test]
    fn every_part_of_a_scope_counts() {
        let rows = [
            (Fault::status(500), true),
            (Fault::status(500).method("get"), true),
            (Fault::status(500).method("PUT"), false),
            (Fault::status(500).at("/A?b"), true),
            (Fault::status(500).at("/a"), false),
            (Fault::status(500).by("Alice"), true),
            (Fault::status(500).by("bob"), false),
            (Fault::status(500).larger_than(9), true),
            (Fault::status(500).larger_than(10), false),
            (Fault::refuse_push(), false),
        ];
        for (fault, expected) in rows {
            let faults = Faults::default();
            faults.add(fault.clone()).expect("a fault");
            assert_eq!(faults.of_request(&get("/axb")).fault.is_some(), expected, "{fault:?}");
        }
    }

    #[test]
    fn delays_add_up_and_the_first_other_row_counts() {
        let faults = Faults::default();
        for fault in
            [Fault::latency(20), Fault::status(500).count(1), Fault::rate_limit(3), Fault::latency(5)]
        {
            faults.add(fault).expect("a fault");
        }
        let kinds: Vec<_> = (0..2)
            .map(|_| {
                let fate = faults.of_request(&get("/"));
                (fate.delay.as_millis(), fate.fault.map(|fault| fault.kind))
            })
            .collect();
        assert_eq!(kinds, [(25, Some(FaultKind::Status)), (25, Some(FaultKind::RateLimit))]);
    }

    #[test]
    fn pushes_have_rows_of_their_own() {
        let faults = Faults::default();
        faults.add(Fault::status(500)).expect("a fault");
        faults.add(Fault::stale_ref().at("*/_git/iris").by("alice").skip(1).count(1)).expect("a fault");
        let push = |user| faults.of_push("/acme/iris/_git/iris", user).map(|fault| fault.kind);
        assert_eq!(
            [push("bob"), push("alice"), push("alice"), push("alice")],
            [None, None, Some(FaultKind::StaleRef), None]
        );
    }

    #[test]
    fn maintenance_has_a_scope_and_is_of_pushes() {
        let faults = Faults::default();
        let here = "/acme/iris/_git/iris";
        assert_eq!(faults.maintenance(here), None);
        faults.add(Fault::maintenance().at(here).message("Back at noon.")).expect("a fault");
        assert_eq!(faults.maintenance(here).as_deref(), Some("Back at noon."));
        assert!(faults.maintenance("/acme/iris/_git/iris/commits").is_some());
        assert_eq!(faults.maintenance("/acme/iris/_git/iris2"), None);
        assert_eq!(faults.of_push(here, "bob").map(|fault| fault.kind), Some(FaultKind::Maintenance));
        assert!(faults.of_request(&get(here)).fault.is_none(), "reading goes on");
        faults.replace(&[Fault::maintenance()]).expect("a fault");
        assert_eq!(faults.maintenance("/").as_deref(), Some(MAINTENANCE));
    }

    #[test]
    fn the_table_is_bounded() {
        let faults = Faults::default();
        let full = (0..=FAULTS).map(|_| faults.add(Fault::latency(1))).find_map(Result::err);
        assert_eq!(full.map(|error| error.field), Some("faults"));
        faults.replace(&[Fault::expired_token()]).expect("a fault");
        assert_eq!(faults.all().len(), 1);
    }
}
