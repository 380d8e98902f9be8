//! Taking what runs elsewhere have written into the history: their records into the runs ref, their attachments into theirs, all
//! in one go.

use azml_core::history::{self, HistoryRepo};
use azml_core::id::RunId;
use azml_core::join;
use azml_core::refs::{self, InboxPart};
use azml_core::run::RunStore;
use gix::actor;

use crate::error::CommandError;

/// The most times that a ref is read again because it moved meanwhile.
const TRIES: usize = 20;

/// Takes in what the refs of runs have here. They stay.
pub(super) fn fold(history: &HistoryRepo, runs: &[RunId], by: &actor::Signature) -> Result<(), CommandError> {
    let tips = |part| {
        let tip = |run| history.ref_tip(refs::inbox(history.id(), run, part).as_ref()).transpose();
        runs.iter().filter_map(tip).collect::<Result<Vec<_>, _>>()
    };
    // Before the records that name them.
    let theirs = tips(InboxPart::Attachments)?;
    let name = history.attachments_ref();
    let mut tries = 0;
    loop {
        let ours = history.ref_tip(name.as_ref())?;
        let joined = join::join_all(history.git(), ours, &theirs, by).map_err(CommandError::failed)?;
        let Some(new) = joined.filter(|_| joined != ours) else { break };
        match history.update_ref(&name, ours, new) {
            Err(history::Error::Moved { .. }) if tries < TRIES => tries += 1,
            moved => break moved?,
        }
    }
    let theirs = tips(InboxPart::Records)?;
    RunStore::new(history).take_in(&theirs, by)?;
    for run in runs {
        if history.ref_tip(refs::inbox(history.id(), run, InboxPart::Records).as_ref())?.is_some() {
            // What the submitter kept of it before it was sent gives way to what the node has.
            drop(crate::run::remove_folder(&history.run_folder(run)));
        }
    }
    Ok(())
}
