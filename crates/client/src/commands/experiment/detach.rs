//! `--detach`: the run goes on without the terminal that it was started from.

use std::sync::Arc;

use azml_core::run::RunRecord;

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::run::console::Console;
use crate::run::detached::{self, Outcome};
use crate::run::process::Stream;
use crate::ui::{Output, Ui};

/// Starts the azml that watches the run, and says how to follow it.
pub(super) fn start(ui: &Ui, ctx: &Context) -> Result<Output, CommandError> {
    let mut id = String::new();
    let outcome = detached::start(|line| {
        if let Some(run) = line.strip_prefix(b"RunId: ") {
            String::from_utf8_lossy(run).trim().clone_into(&mut id);
        }
        drop(ui.write_out(line));
    });
    match outcome.map_err(CommandError::failed)? {
        Outcome::Started => {
            ctx.notices.status(&format!("Run {id} goes on by itself"));
            ctx.notices.hint(&format!("its output: {{azml}} history info -r {id} --follow"));
            ctx.notices.hint(&format!("to wait for its end: {{azml}} experiment wait {id}"));
            Ok(Output::Nothing)
        }
        // It has printed its error.
        Outcome::Ended(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            let error = CommandError::new(ErrorKind::Program(code), "the run did not start");
            Err(error.hint("the reason is told above"))
        }
    }
}

/// The console of the azml that watches a detached run: the log alone has the output.
pub(super) struct Detached(pub(super) Arc<Ui>);

impl Console for Detached {
    fn recorded(&self, record: &RunRecord) {
        self.0.recorded(record);
        detached::leave_session();
    }

    fn started(&self) {
        if let Err(error) = detached::say_started() {
            tracing::warn!(%error, "the terminal can't be left");
        }
    }

    fn output(&self, _: Stream, _: &[u8]) {}

    fn is_terminal(&self, _: Stream) -> bool {
        false
    }

    fn ended(&self, _: &str) {}
}
