//! Pushing what the remote lacks: in a thread beside something else, or on the occasion of talking to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use azml_core::history::HistoryRepo;
use gix::actor;

use super::runs;
use crate::context::{Context, Opened};
use crate::error::{CommandError, ErrorKind};
use crate::run::delivery::{Asker, Delivery, Outcome};
use crate::run::signals::Cancel;
use crate::sync;
use crate::text::size;
use crate::transport::Remote;

/// Pushes what is unpushed. The caller has another purpose: a failure is a warning.
pub fn push_unpushed(ctx: &Context, opened: &Opened, remote: &Remote) {
    if let Err(error) = push(ctx, opened, remote) {
        ctx.notices.warning(&format!(
            "what is owed to the remote could not be delivered: {}",
            error.chain().join(": ")
        ));
        ctx.notices.hint("{azml} history sync");
    }
}

fn push(ctx: &Context, opened: &Opened, remote: &Remote) -> Result<(), CommandError> {
    if opened.history.unpushed()?.is_empty() && opened.history.large_unpushed()?.is_empty() {
        return Ok(());
    }
    let by = ctx.signature(opened.project.root());
    let pushed = sync::push_history(&opened.history, remote, sync::Context::quiet(&by))?;
    opened.history.set_push_error(None)?;
    if pushed.joins > 0 {
        runs::warn_after_sync(ctx, opened);
    }
    Ok(())
}

/// A thread that pushes beside what azml does.
pub struct Push {
    delivery: Delivery,
    /// True if a push has joined the history with records that others pushed first.
    has_joined: Arc<AtomicBool>,
}

impl Push {
    /// Begins to push what is unpushed by now.
    pub fn start(history: &HistoryRepo, remote: &Remote, by: actor::Signature) -> Result<Self, CommandError> {
        let (history, remote) = (history.clone(), remote.clone());
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
        Ok(Self { delivery, has_joined })
    }

    /// For the thread beside the run that gives signs of life.
    pub fn asker(&self) -> Asker {
        self.delivery.asker()
    }

    /// Pushes what is unpushed by now.
    pub fn push(&self) {
        self.delivery.push();
    }

    /// Pushes what is unpushed by now, unless a push is going on; gives the error of the last one that has ended.
    pub fn push_if_idle(&self) -> Option<CommandError> {
        let failed = std::iter::from_fn(|| self.delivery.ended()).last().and_then(Result::err);
        if self.delivery.is_idle() {
            self.delivery.push();
        }
        failed
    }

    /// Waits briefly for what was asked to be pushed. The next command pushes what is left; `what` is kept.
    pub fn finish(self, ctx: &Context, opened: &Opened, cancel: &Cancel, what: &str) {
        report(ctx, opened, self.delivery, cancel, what);
        if self.has_joined.load(Ordering::Relaxed) {
            runs::warn_after_sync(ctx, opened);
        }
    }
}

/// Says which large files are on this computer alone, and why.
pub fn warn_large_unpushed(ctx: &Context, opened: &Opened) {
    let unpushed = opened.history.large_unpushed().unwrap_or_default();
    if unpushed.is_empty() {
        return;
    }
    let bytes = unpushed.iter().map(|pointer| pointer.size).sum();
    let s = if unpushed.len() == 1 { " is" } else { "s are" };
    let why = opened.history.large_error().map_or_else(String::new, |why| format!(": {why}"));
    ctx.notices.warning(&format!(
        "{} large file{s} on this computer alone ({}){why}",
        unpushed.len(),
        size(bytes)
    ));
}

fn report(ctx: &Context, opened: &Opened, delivery: Delivery, cancel: &Cancel, what: &str) {
    let wait = ctx.settings.push_wait();
    match delivery.finish(wait, cancel) {
        Outcome::Pushed => return warn_large_unpushed(ctx, opened),
        Outcome::Failed(error) => {
            ctx.notices.warning(&format!(
                "the {what} is kept here, but could not be pushed: {}",
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
            ctx.notices.warning(&format!("the {what} is kept here, but {error}"));
        }
    }
    ctx.notices.hint("to deliver it: {azml} history sync");
}
