//! The run records: can each be read? One that can't be is taken from the newest state in which it could.

use gix::actor;

use super::{Error, Outcome, Report, places::mended};
use crate::{
    history::HistoryRepo,
    run::{RunStore, Salvage},
};

/// Checks them.
pub(super) fn check(
    history: &HistoryRepo,
    mend: bool,
    by: &actor::Signature,
    report: &mut Report,
) -> Result<(), Error> {
    if history.ref_tip(history.runs_ref().as_ref()).is_err() {
        // That its commit is missing has been told.
        return Ok(());
    }
    let store = RunStore::new(history);
    let Salvage { sound, older, newer, unreadable, lost, newer_layout } = store.look()?;
    report.runs = sound.len() + older.len();
    if let Some(found) = newer_layout {
        let how = "update azml to read them".to_owned();
        report.add("run records", format!("a newer azml wrote them: `{found}`"), Outcome::Left(how));
        return Ok(());
    }
    for run in &newer {
        let how = "update azml to read it; until then it stays as it is".to_owned();
        report.add(format!("run {run}"), "a newer azml wrote its record", Outcome::Left(how));
    }
    for run in unreadable.keys() {
        let how = "it stays as it is and stops nothing; if its computer has it whole, sync there: {azml} history sync";
        report.add(format!("run {run}"), "its record can't be read", Outcome::Left(how.to_owned()));
    }
    if older.is_empty() && lost.is_empty() {
        return Ok(());
    }
    for run in older.keys() {
        let how = "taken from an older state of the records";
        report.add(format!("run {run}"), "its record can't be read", mended(mend, how));
    }
    for run in &lost {
        let how =
            "its record is in no state that is here; it may be at the remote: {azml} history sync".to_owned();
        let outcome = if mend { Outcome::Left(how) } else { Outcome::Found };
        report.add(format!("run {run}"), "its record can't be read", outcome);
    }
    if mend {
        store.write_anew(sound.into_iter().chain(older).chain(unreadable), by)?;
    }
    Ok(())
}
