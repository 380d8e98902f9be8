//! Signs of life of a running run, so that other computers can tell a long run from a lost one.
//!
//! Every few minutes the record is written anew, with the time and what was logged so far, and pushed. A run that
//! should be going on and has given no sign for long is shown as `NotResponding`; its record is not touched, for
//! its own computer may just be offline.

use azml_core::run::{RunRecord, format};
use jiff::{SignedDuration, Timestamp};

/// After how long without one a run is shown as not responding.
const SILENCE: SignedDuration = SignedDuration::from_mins(35);
/// The record's key for the last one.
const KEY: &str = "heartbeat_utc";

/// Notes one in the record.
pub fn beat(record: &mut RunRecord, now: Timestamp) {
    record.extra.insert(KEY.to_owned(), format::moment(now).into());
}

/// The run has ended: there is no more need of them.
pub fn end(record: &mut RunRecord) {
    record.extra.shift_remove(KEY);
}

/// Returns whether a run that should be going on has been silent for long.
pub fn is_silent(record: &RunRecord, now: Timestamp) -> bool {
    let last = record.extra.get(KEY).and_then(|value| value.as_str()?.parse().ok());
    let last = last.or(record.start_time_utc).unwrap_or(record.created_utc);
    !record.status.is_over() && now.duration_since(last) > SILENCE
}

#[cfg(test)]
mod tests {
    use azml_core::id::{ProjectId, RunId};
    use azml_core::run::Status;

    use super::*;

    #[test]
    fn a_run_is_silent_after_a_while_and_never_when_it_is_over() {
        let at = |minute: i64| Timestamp::from_second(1_511_000_000 + 60 * minute).unwrap();
        let id = RunId::new("iris", 1_511_000_000_000).unwrap();
        let mut record = RunRecord::new(id, &ProjectId::from_random([1; 16]), "train.py", at(0));
        record.status = Status::Running;
        assert!(!is_silent(&record, at(30)));
        assert!(is_silent(&record, at(36)));
        beat(&mut record, at(20));
        assert!(!is_silent(&record, at(50)));
        assert!(is_silent(&record, at(56)));
        let again = RunRecord::from_stored(&record.to_stored()).unwrap();
        assert!(!is_silent(&again, at(50)) && is_silent(&again, at(56)), "it travels with the record");
        record.status = Status::Completed;
        assert!(!is_silent(&record, at(1000)));
    }
}
