//! `--detach`: the run goes on without the terminal that it was started from.

use std::sync::Arc;

use azml_core::run::RunRecord;

use crate::context::Context;
use crate::error::{CommandError, ErrorKind};
use crate::run::console::Console;
use crate::run::detached::{self, Outcome};
use crate::run::streams::Stream;
use crate::ui::{Output, Ui};

/// Starts the azml that watches the run, and says how to follow it.
pub fn start(ui: &Ui, ctx: &Context) -> Result<Output, CommandError> {
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
        Outcome::Ended(status) => {
            let Some(code) = status.code().and_then(|code| u8::try_from(code).ok()) else {
                return Err(CommandError::failed(format!(
                    "the azml that was to watch the run ended: {status}"
                ))
                .hint("nothing runs; run the command again"));
            };
            // It has printed its error.
            Err(CommandError::new(ErrorKind::Told(code), "the run did not start"))
        }
    }
}

/// Leaves the terminal to the azml that started this one.
pub fn leave() {
    detached::leave_session();
    say_started();
}

fn say_started() {
    if let Err(error) = detached::say_started() {
        tracing::warn!(%error, "the terminal can't be left");
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
        say_started();
    }

    fn output(&self, _: Stream, _: &[u8]) {}

    fn is_terminal(&self, _: Stream) -> bool {
        false
    }

    fn ended(&self, _: &str) {}
}
