//! Starting the Workbench.

use std::path::Path;
use std::sync::Arc;

use super::guard::{Guard, Keys};
use super::{Workbench, server};
use crate::context::Context;
use crate::error::CommandError;
use crate::limits::WORKBENCH_CONNECTIONS;
use crate::ops::open::open_and_recover;
use crate::serve::{self, Options, Site};
use crate::ui::Ui;

/// Serves the pages of the project at `path` until Ctrl-C.
pub fn run(ui: &Ui, ctx: &Context, path: Option<&Path>, options: Options) -> Result<(), CommandError> {
    let project = open_and_recover(ctx, path)?.project;
    serve::run(ui, ctx, options, |port| {
        let keys = Keys::fresh().map_err(CommandError::failed)?;
        let url = format!("http://127.0.0.1:{port}/?key={}", keys.key);
        let guard = Guard::new(keys, port);
        let root = project.root().to_owned();
        let workbench = Arc::new(Workbench::new(guard, &ctx.env, ctx.invoked, ctx.settings.clone(), root));
        Ok(Site {
            url,
            status: format!("Serving the Workbench of {} to this computer; Ctrl-C ends it", project.name()),
            connections: WORKBENCH_CONNECTIONS,
            handler: move |request, known| server::answer(Arc::clone(&workbench), request, known),
        })
    })
}
