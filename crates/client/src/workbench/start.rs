//! Starting the Workbench: the listener, the key, the browser.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::oneshot;

use super::guard::{Guard, Keys};
use super::{Workbench, browser, server};
use crate::context::Context;
use crate::error::CommandError;
use crate::limits::WORKBENCH_CONNECTIONS;
use crate::loopback;
use crate::ops::open::open_and_recover;
use crate::run::signals::Cancel;
use crate::ui::{Output, Ui};

/// The address and options to serve with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The port; 0 stands for a free one.
    pub port: u16,
    /// Open a browser where there is a display.
    pub opens_browser: bool,
}

/// Serves the pages of the project at `path` until Ctrl-C.
pub fn run(ui: &Ui, ctx: &Context, path: Option<&Path>, options: Options) -> Result<(), CommandError> {
    let opened = open_and_recover(ctx, path)?;
    let listener = loopback::listen(options.port).map_err(|error| {
        CommandError::failed(Listen { port: options.port, source: error })
            .hint("{azml} ui, which takes a free port")
    })?;
    let port = listener.local_addr().map_err(CommandError::failed)?.port();
    let keys = Keys::fresh().map_err(CommandError::failed)?;
    let url = format!("http://127.0.0.1:{port}/?key={}", keys.key);
    let root = opened.project.root().to_owned();
    let guard = Guard::new(keys, port);
    let workbench = Workbench::new(guard, &ctx.env, ctx.invoked, ctx.settings.clone(), root);
    let cancel = Cancel::listen().map_err(CommandError::failed)?;
    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody listens any more if the server has ended by itself.
        if cancel.received().recv().is_ok() && stop.send(()).is_err() {
            tracing::debug!("the server had ended already");
        }
    });
    ui.result(Output::WithText {
        value: json!({"url": url, "port": port, "pid": std::process::id()}),
        text: format!("{url}\n"),
    })?;
    ctx.notices.status(&format!(
        "Serving the Workbench of {} to this computer; Ctrl-C ends it",
        opened.project.name()
    ));
    drop(opened);
    if options.opens_browser
        && browser::has_display(&ctx.env)
        && let Err(error) = browser::open(&ctx.env, &url)
    {
        ctx.notices.warning(&format!("no browser could be started ({error}): open the address above"));
    }
    let workbench = Arc::new(workbench);
    let answer = move |request, known| server::answer(Arc::clone(&workbench), request, known);
    let served = loopback::serve(listener, WORKBENCH_CONNECTIONS, stopped, answer);
    browser::forget_launcher(&ctx.env, std::process::id());
    served.map_err(CommandError::failed)?;
    Ok(())
}

/// A port that can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't listen at port {port} of this computer")]
struct Listen {
    port: u16,
    #[source]
    source: std::io::Error,
}
