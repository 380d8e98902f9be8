//! Sockets that listen, for every transport.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::admission::Admission;
use crate::limits::{ACCEPT_PAUSE, BACKLOG};

/// Listens there. As many connections as a burst of clients makes wait to be accepted: the system lets a client whose
/// connection finds no place try again only after a second.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections until `stop` resolves, and attends each one in a task. Returns the tasks that go on.
pub(crate) async fn accept<T: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    admission: &Admission,
    stop: impl Future<Output = ()>,
    attend: impl Fn(TcpStream, SocketAddr) -> T,
) -> JoinSet<()> {
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = &mut stop => return connections,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "the connection keeps its delay");
                }
                connections.spawn(attend(stream, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot take a connection");
                admission.make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
