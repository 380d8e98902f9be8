//! The listener: takes connections, ends those that take too long, and drains when it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use russh::Disconnect;
use russh::server::{Config, run_stream};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Times;
use super::abortable::Abortable;
use super::connection::Connection;
use super::idle_timer::IdleTimer;
use crate::admission::{Admission, Client, Room};
use crate::app::App;
use crate::limits::{CONNECTION_GRACE, CONNECTION_QUEUE, SSH_DISCONNECT};
use crate::listening;

/// Serves until `stop` is cancelled, then lets what is in progress end.
pub(super) async fn serve(
    listener: TcpListener,
    config: Arc<Config>,
    app: Arc<App>,
    stop: CancellationToken,
    times: Times,
) {
    let room =
        Room { entries: app.limits().ssh_connections, grace: CONNECTION_GRACE, queue: CONNECTION_QUEUE };
    let admission = Admission::new(room);
    let cut = CancellationToken::new();
    // Connections end with the listener, also when it is dropped.
    let _cut_all = cut.clone().drop_guard();
    let attend = |stream, peer: SocketAddr| {
        let (admission, config, app) = (admission.clone(), config.clone(), app.clone());
        let (stop, cut) = (stop.clone(), cut.child_token());
        async move {
            let entering = stop.run_until_cancelled(admission.enter(Client::at(peer.ip())));
            let Some(Some(entry)) = entering.await else {
                tracing::debug!(%peer, "no room for a connection");
                return;
            };
            attend(stream, peer, config, app, IdleTimer::new(times.timeouts, entry), stop.clone(), cut).await;
        }
    };
    let mut connections = listening::accept(listener, &admission, stop.cancelled(), attend).await;
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(times.drain, drained).await.is_err() {
        tracing::warn!("some SSH connections did not end in time");
    }
    cut.cancel();
    connections.shutdown().await;
}

/// Sees one connection through.
async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    config: Arc<Config>,
    app: Arc<App>,
    idle_timer: IdleTimer,
    stop: CancellationToken,
    cut: CancellationToken,
) {
    let line = Abortable::new(stream, cut.clone());
    let started = tokio::select! {
        started = run_stream(config, line, Connection::new(app, idle_timer.clone())) => started,
        () = idle_timer.overdue() => return,
        () = idle_timer.closed().cancelled() => return,
        () = stop.cancelled() => return,
    };
    let mut session = match started {
        Ok(session) => session,
        Err(error) => {
            tracing::debug!(%peer, %error, "no SSH connection came about");
            return;
        }
    };
    let handle = session.handle();
    let reason = tokio::select! {
        ended = &mut session => {
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "an SSH connection ended badly");
            }
            return;
        }
        () = idle_timer.closed().cancelled() => "others want to be served, and this connection waited longest",
        () = idle_timer.overdue() => "the connection was idle for too long",
        () = async { stop.cancelled().await; idle_timer.rest().await } => "the server stops",
    };
    let farewell = async {
        if handle.disconnect(Disconnect::ByApplication, reason.to_owned(), String::new()).await.is_err() {
            tracing::debug!(%peer, "the connection is gone already");
        }
        (&mut session).await
    };
    if tokio::time::timeout(SSH_DISCONNECT, farewell).await.is_err() {
        cut.cancel();
        if let Err(error) = session.await {
            tracing::debug!(%peer, %error, "an SSH connection was cut");
        }
    }
}
