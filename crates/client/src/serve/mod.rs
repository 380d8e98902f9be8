//! Serving pages to the user's own browser until Ctrl-C: the listener, the address, the browser.

pub mod browser;

use axum::extract::Request;
use axum::response::Response;
use serde_json::json;
use tokio::sync::oneshot;

use crate::context::Context;
use crate::error::CommandError;
use crate::loopback::{self, Known};
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

/// A server, once its port is known.
#[derive(Debug)]
pub struct Site<H> {
    /// The address that lets a browser in.
    pub url: String,
    /// The line for the user.
    pub status: String,
    /// Connections at once.
    pub connections: usize,
    /// Answers requests.
    pub handler: H,
}

/// Serves what `make` makes for a port, until Ctrl-C.
pub fn run<H, F>(
    ui: &Ui,
    ctx: &Context,
    options: Options,
    make: impl FnOnce(u16) -> Result<Site<H>, CommandError>,
) -> Result<(), CommandError>
where
    H: Fn(Request, Known) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let listener = loopback::listen(options.port).map_err(|error| {
        CommandError::failed(Listen { port: options.port, source: error })
            .hint("{azml} ui, which takes a free port")
    })?;
    let port = listener.local_addr().map_err(CommandError::failed)?.port();
    let Site { url, status, connections, handler } = make(port)?;
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
    ctx.notices.status(&status);
    if options.opens_browser
        && browser::has_display(&ctx.env)
        && let Err(error) = browser::open(&ctx.env, &url)
    {
        ctx.notices.warning(&format!("no browser could be started ({error}): open the address above"));
    }
    let served = loopback::serve(listener, connections, stopped, handler);
    browser::forget_launcher(&ctx.env, std::process::id());
    served.map_err(CommandError::failed)
}

/// A port that can't be had.
#[derive(Debug, thiserror::Error)]
#[error("can't listen at port {port} of this computer")]
struct Listen {
    port: u16,
    #[source]
    source: std::io::Error,
}
