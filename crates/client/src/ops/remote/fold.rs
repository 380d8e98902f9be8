//! Taking what a run elsewhere has written into the history: its records into the runs ref, its attachments into theirs.

use azml_core::history::{self, HistoryRepo};
use azml_core::id::RunId;
use azml_core::join;
use azml_core::refs::{self, InboxPart};
use azml_core::run::RunStore;
use gix::actor;

use crate::error::CommandError;

/// The most times that a ref is read again because it moved meanwhile.
const TRIES: usize = 20;

/// Takes in what the refs of a run have here. They stay.
pub(super) fn fold(history: &HistoryRepo, run: &RunId, by: &actor::Signature) -> Result<(), CommandError> {
    let tip = |part| history.ref_tip(refs::inbox(history.id(), run, part).as_ref());
    // Before the record that names them.
    if let Some(theirs) = tip(InboxPart::Attachments)? {
        let name = history.attachments_ref();
        let mut tries = 0;
        loop {
            let ours = history.ref_tip(name.as_ref())?;
            let new = match ours {
                None => theirs,
                Some(ours) => {
                    join::join(history.git(), ours, theirs, by).map_err(CommandError::failed)?.tip()
                }
            };
            match history.update_ref(&name, ours, new) {
                Err(history::Error::Moved { .. }) if tries < TRIES => tries += 1,
                moved => break moved?,
            }
        }
    }
    if let Some(theirs) = tip(InboxPart::Records)? {
        RunStore::new(history).merge(theirs, by)?;
        // What the submitter kept of it before it was sent gives way to what the node has.
        let own = history.run_folder(run);
        drop(crate::run::remove_folder(&own));
    }
    Ok(())
}
