//! Scripts that a signal has ended: what the run's record and messages say of it.
//!
//! The record has two more keys then, `signal` (its number) and `signal_name`; a third one, `out_of_memory`, if the
//! kernel killed processes for want of memory while the script ran. One whose script never ran has `failure_reason`.

use azml_core::run::RunRecord;

use super::process::{Ended, Exit};
use super::signals::describe as describe_signal;

const SIGNAL: &str = "signal";
const SIGNAL_NAME: &str = "signal_name";
const CORE_DUMPED: &str = "core_dumped";
const OUT_OF_MEMORY: &str = "out_of_memory";
const FAILURE: &str = "failure_reason";
/// A shell's exit code for a command that a signal has ended, less the signal's number.
const SHELLS_OFFSET: i32 = 128;

/// Writes into the record which signal has ended the script, if one has.
pub fn note(record: &mut RunRecord, ended: &Ended) {
    let Some(signal) = ended.signal else { return };
    record.extra.insert(SIGNAL.to_owned(), signal.into());
    if let Some(name) = signal_hook::low_level::signal_name(signal) {
        record.extra.insert(SIGNAL_NAME.to_owned(), name.into());
    }
    if ended.core_dumped {
        record.extra.insert(CORE_DUMPED.to_owned(), true.into());
    }
    if ended.out_of_memory && signal == signal_hook::consts::SIGKILL && ended.exit != Exit::Canceled {
        record.extra.insert(OUT_OF_MEMORY.to_owned(), true.into());
    }
}

/// Writes into the record why the script could not be run.
pub fn note_failure(record: &mut RunRecord, why: &str) {
    record.extra.insert(FAILURE.to_owned(), why.into());
}

/// The reason why the script of a run could not be run.
pub fn failure_of(record: &RunRecord) -> Option<&str> {
    record.extra.get(FAILURE)?.as_str()
}

/// The end of a script, for the control log.
pub fn describe(ended: &Ended) -> String {
    let by = ended.signal.map(describe_signal);
    match (ended.exit, by) {
        (Exit::Code(code), _) => format!("exit code {code}"),
        (Exit::Signal(signal), _) => format!("killed by {}", describe_signal(signal)),
        (Exit::Canceled, Some(by)) => format!("canceled, by {by}"),
        (Exit::Canceled, None) => "canceled".to_owned(),
    }
}

/// The signal that ended a run's script: `signal 9 (SIGKILL)`.
pub fn of_record(record: &RunRecord) -> Option<String> {
    let signal = record.extra.get(SIGNAL)?.as_i64().and_then(|signal| i32::try_from(signal).ok())?;
    let core = if record.extra.contains_key(CORE_DUMPED) { ", core dumped" } else { "" };
    Some(format!("{}{core}", describe_signal(signal)))
}

/// The exit code of a run's program, as a shell would give it; `None` if that is not known, or no code of a failure.
pub fn exit_code(record: &RunRecord) -> Option<u8> {
    let signal = record.extra.get(SIGNAL).and_then(serde_json::Value::as_i64);
    let code = record.exit_code.map(i64::from).or_else(|| Some(signal? + i64::from(SHELLS_OFFSET)))?;
    u8::try_from(code).ok().filter(|code| *code != 0)
}

/// A likely reason, and a remedy.
pub fn hint(record: &RunRecord) -> Option<String> {
    let is_kill = |signal: i64| signal == i64::from(signal_hook::consts::SIGKILL);
    let signal = record.extra.get(SIGNAL).and_then(serde_json::Value::as_i64);
    // A shell tells by its exit code of what it has started.
    let of_child =
        record.exit_code.map(|code| code - SHELLS_OFFSET).filter(|signal| (1..=64).contains(signal));
    if record.extra.contains_key(OUT_OF_MEMORY) {
        return Some("the memory was full: Linux killed a process for it while the script ran".to_owned());
    }
    if signal.is_some_and(is_kill) {
        return Some(
            "did the memory suffice? when it is full Linux kills a process: dmesg | grep -i 'killed process'"
                .to_owned(),
        );
    }
    let child = of_child?;
    let memory =
        if is_kill(child.into()) { "; did the memory suffice? dmesg | grep -i 'killed process'" } else { "" };
    Some(format!(
        "exit code {} is what a shell gives when {} has ended a command{memory}",
        child + SHELLS_OFFSET,
        describe_signal(child)
    ))
}

#[cfg(test)]
mod tests {
    use azml_core::id::{ProjectId, RunId};
    use jiff::Timestamp;

    use super::*;

    fn record() -> RunRecord {
        let id = RunId::new("iris", 5).unwrap();
        RunRecord::new(id, &ProjectId::from_random([7; 16]), "train.py", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_signal_is_in_the_record_and_survives_storing() {
        let mut killed = record();
        note(&mut killed, &Ended { core_dumped: true, ..Ended::by(Exit::Signal(11)) });
        let stored = RunRecord::from_stored(&killed.to_stored()).unwrap();
        assert_eq!(of_record(&stored).as_deref(), Some("signal 11 (SIGSEGV), core dumped"));
        let shown = stored.to_output();
        assert_eq!((&shown["signal"], &shown["signal_name"]), (&11.into(), &"SIGSEGV".into()));
        assert!(shown["exit_code"].is_null());
        let mut fine = record();
        note(&mut fine, &Ended::by(Exit::Code(0)));
        assert_eq!((of_record(&fine), hint(&fine)), (None, None));
    }

    #[test]
    fn the_hint_speaks_of_memory_where_that_is_likely() {
        let mut killed = record();
        note(&mut killed, &Ended { out_of_memory: true, ..Ended::by(Exit::Signal(9)) });
        assert!(hint(&killed).unwrap().contains("memory was full"));
        let mut killed = record();
        note(&mut killed, &Ended::by(Exit::Signal(9)));
        assert!(hint(&killed).unwrap().contains("did the memory suffice"));
        let mut wrapped = record();
        wrapped.exit_code = Some(137);
        assert!(hint(&wrapped).unwrap().contains("signal 9 (SIGKILL)"));
        wrapped.exit_code = Some(3);
        assert_eq!(hint(&wrapped), None);
        let mut canceled = record();
        note(&mut canceled, &Ended { signal: Some(9), out_of_memory: true, ..Ended::by(Exit::Canceled) });
        assert!(!hint(&canceled).unwrap().contains("memory was full"), "azml killed it");
    }
}
