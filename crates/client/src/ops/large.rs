//! Bringing the bytes of large files here when something needs them.

use azml_core::checkout::{self, LargeMissing};
use azml_core::restore;

use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::sync;

/// Errors that may be about large files which are not here.
pub(super) trait OfLarge: Into<CommandError> {
    /// Those files.
    fn missing(&self) -> Option<&LargeMissing>;
}

impl OfLarge for checkout::Error {
    fn missing(&self) -> Option<&LargeMissing> {
        if let Self::LargeMissing(missing) = self { Some(missing) } else { None }
    }
}

impl OfLarge for restore::Error {
    fn missing(&self) -> Option<&LargeMissing> {
        if let Self::LargeMissing(missing) = self { Some(missing) } else { None }
    }
}

/// Does some work; if large files that it needs are not here, fetches them from the remote and does it again.
pub(super) fn with_large<T, E: OfLarge>(
    ctx: &Context,
    opened: &Opened,
    token: Option<&str>,
    work: impl Fn() -> Result<T, E>,
) -> Result<T, CommandError> {
    match work() {
        Err(error) => {
            let Some(missing) = error.missing() else { return Err(error.into()) };
            let Some(remote) = ctx.remote(opened, token)? else { return Err(error.into()) };
            let pointers: Vec<_> = missing.files.iter().map(|(_, pointer)| *pointer).collect();
            let fetched =
                sync::with_progress(ctx, opened.project.root(), "Fetching large files", |context| {
                    sync::large::fetch(&opened.history, &remote, &pointers, context)
                });
            if let Err(failed) = fetched {
                let error: CommandError = error.into();
                return Err(error.hint(format!(
                    "they can't be fetched: {}",
                    CommandError::from(failed).chain().join(": ")
                )));
            }
            work().map_err(Into::into)
        }
        done => done.map_err(Into::into),
    }
}
