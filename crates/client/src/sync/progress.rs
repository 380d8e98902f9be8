//! Shows the progress of a conversation with the remote.

use std::path::Path;

use super::{Context, Event};
use crate::context;
use crate::notices::Progress;
use crate::text::size;

/// Runs a step that talks to the remote of the project in `root`, and shows its progress under `label`.
pub fn with_progress<T>(
    ctx: &context::Context,
    root: &Path,
    label: &str,
    step: impl FnOnce(Context<'_>) -> T,
) -> T {
    let by = ctx.signature(root);
    let progress = ctx.notices.progress(label);
    step(Context::watched(&by, &|event| show(event, &*progress)))
}

fn show(event: Event, progress: &dyn Progress) {
    progress.say(&match event {
        Event::Remote(line) => format!("remote: {line}"),
        Event::Received(bytes) => format!("{} received", size(bytes)),
        Event::Sent(bytes) => format!("{} sent", size(bytes)),
        Event::Joining => "joining with what others pushed".to_owned(),
        Event::Waiting { others } => format!("waiting for others who push now; {others} went first"),
    });
}
