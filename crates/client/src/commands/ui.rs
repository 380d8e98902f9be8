//! `azml ui`.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::oneshot;

use crate::context::Context;
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::run::signals::Cancel;
use crate::ui::{Output, Ui};
use crate::workbench::guard::{Guard, Keys};
use crate::workbench::{Workbench, browser, server};

/// Show the runs in a browser: lists, charts, logs, code, and restoring
///
/// Serves the project's pages to this computer alone, at an address that holds this start's key, and opens it. Runs
/// that go on are followed. Restoring shows first what it would change, and can be undone. Ctrl-C ends it.
///
/// Examples: `azml ui`; on a computer that you are signed in to by SSH: `azml ui --no-open --port 8090`, and here `ssh
/// -L 8090:127.0.0.1:8090 HOST`, then open the printed address.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The port to listen at; a free one if it is not given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Only print the address
    #[arg(long)]
    no_open: bool,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Serves until Ctrl-C.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let listener = server::listen(args.port).map_err(|error| {
        CommandError::failed(Listen { port: args.port, source: error })
            .hint("{azml} ui, which takes a free port")
    })?;
    let port = listener.local_addr().map_err(CommandError::failed)?.port();
    let keys = Keys::fresh().map_err(CommandError::failed)?;
    let url = format!("http://127.0.0.1:{port}/?key={}", keys.key);
    let root = opened.project.root().to_owned();
    let guard = Guard::new(keys, port);
    let bench = Workbench::new(guard, &ctx.env, ctx.invoked, ctx.settings.clone(), root);
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
    if !args.no_open
        && browser::has_display(&ctx.env)
        && let Err(error) = browser::open(&ctx.env, &url)
    {
        ctx.notices.warning(&format!("no browser could be started ({error}): open the address above"));
    }
    let served = server::serve(Arc::new(bench), listener, stopped);
    browser::forget_launcher(&ctx.env, std::process::id());
    served.map_err(CommandError::failed)?;
    Ok(Output::Nothing)
}

/// A port that can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't listen at port {port} of this computer")]
struct Listen {
    port: u16,
    #[source]
    source: std::io::Error,
}
