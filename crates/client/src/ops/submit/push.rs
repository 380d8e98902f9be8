//! The pushes of a run: in a thread beside it, and one after its end that azml waits for briefly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Submission;
use crate::context::{Context, Opened};
use crate::error::{CommandError, ErrorKind};
use crate::ops::runs;
use crate::run::delivery::{Asker, Delivery, Outcome};
use crate::run::signals::Cancel;
use crate::sync;

/// The thread that pushes a run's snapshot and record.
pub(super) struct Push {
    delivery: Delivery,
    /// True if a push has joined the history with records that others pushed first.
    has_joined: Arc<AtomicBool>,
}

impl Submission<'_> {
    /// Begins to push what is recorded by now; `None` without a remote.
    pub(super) fn start_push(&self) -> Result<Option<Push>, CommandError> {
        let Some(remote) = self.plan.remote.clone() else { return Ok(None) };
        let (history, by) = (self.opened.history.clone(), self.by());
        let has_joined = Arc::new(AtomicBool::new(false));
        let joined = Arc::clone(&has_joined);
        let push = move || match sync::push_history(&history, &remote, sync::Context::quiet(&by)) {
            Ok(pushed) => {
                joined.fetch_or(pushed.joins > 0, Ordering::Relaxed);
                Ok(history.set_push_error(None)?)
            }
            Err(error) => {
                history.set_push_error(Some(&error.to_string()))?;
                Err(error.into())
            }
        };
        let delivery = Delivery::start(push).map_err(CommandError::failed)?;
        delivery.push();
        Ok(Some(Push { delivery, has_joined }))
    }
}

impl Push {
    /// For the thread beside the run that gives signs of life.
    pub(super) fn asker(&self) -> Asker {
        self.delivery.asker()
    }

    /// Pushes the end of the run, and waits for that briefly. The next command pushes what is left.
    pub(super) fn finish(self, ctx: &Context, opened: &Opened, cancel: &Cancel) {
        self.delivery.push();
        report(ctx, opened, self.delivery, cancel);
        if self.has_joined.load(Ordering::Relaxed) {
            runs::warn_after_sync(ctx, opened);
        }
    }
}

fn report(ctx: &Context, opened: &Opened, delivery: Delivery, cancel: &Cancel) {
    let wait = ctx.settings.push_wait();
    match delivery.finish(wait, cancel) {
        Outcome::Pushed => return,
        Outcome::Failed(error) => {
            ctx.notices.warning(&format!(
                "the run is kept here, but could not be pushed: {}",
                error.chain().join(": ")
            ));
            if matches!(error.kind, ErrorKind::NotAllowed | ErrorKind::NotFound) {
                error.hints.iter().for_each(|hint| ctx.notices.hint(hint));
            }
        }
        Outcome::Unfinished => {
            // The thread ends with the process; a push cut off leaves no trace at the remote.
            let error = format!("the push took longer than {} s", wait.as_secs_f64());
            if let Err(error) = opened.history.set_push_error(Some(&error)) {
                tracing::warn!(%error, "the push's state can't be kept");
            }
            ctx.notices.warning(&format!("the run is kept here, but {error}"));
        }
    }
    ctx.notices.hint("to deliver it: {azml} history sync");
}
