//! Between a channel of an SSH connection and the blocking engine.
//!
//! Reader and writer fail when the channel is closed or the connection gone, when the client sends nothing for too long, or
//! when it takes nothing for too long.

use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::ChannelWriteHalf;
use russh::server::Msg;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::conversations::Turn;
use crate::conversations::stream::{ChunkReader, ChunkWriter, client_gone};
use crate::limits::{Limits, SSH_CHUNK_BYTES, SSH_SILENCE};

/// The bytes that the client sends. It may be silent for less time before its first line than afterwards.
pub(super) fn incoming(
    mut packets: Receiver<Bytes>,
    gone: CancellationToken,
    turn: Arc<Turn>,
    limits: &Limits,
) -> impl BufRead + use<> {
    let mut silence = Duration::from_secs(limits.ssh_silence_seconds);
    ChunkReader::new(move || {
        let packet = match packets.try_recv() {
            Ok(packet) => Some(packet),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => turn.wait(async {
                tokio::select! {
                    packet = packets.recv() => Ok(packet),
                    () = gone.cancelled() => Err(client_gone()),
                    () = sleep(silence) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client is silent")),
                }
            })?,
        };
        silence = SSH_SILENCE;
        // A client that closes its channel has not ended its request.
        if packet.is_none() && gone.is_cancelled() { Err(client_gone()) } else { Ok(packet) }
    })
}

/// The bytes that the client is sent.
pub(super) fn outgoing(
    channel: &ChannelWriteHalf<Msg>,
    gone: CancellationToken,
    turn: Arc<Turn>,
    limits: &Limits,
) -> impl Write {
    let write_timeout = Duration::from_secs(limits.write_seconds);
    ChunkWriter::new(SSH_CHUNK_BYTES, move |packet| {
        turn.wait(async {
            tokio::select! {
                sent = timeout(write_timeout, channel.data_bytes(packet)) => match sent {
                    Ok(sent) => sent.map_err(|_| client_gone()),
                    Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")),
                },
                () = gone.cancelled() => Err(client_gone()),
            }
        })
    })
}
