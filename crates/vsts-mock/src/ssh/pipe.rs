//! Between a channel of an SSH connection and the blocking engine: a reader and a writer that both hold a few packets at
//! most, so that memory does not grow with what passes through.
//!
//! Both fail when the channel is closed or the connection gone, when the client says nothing for too long, or when it
//! takes nothing for too long.

use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use russh::ChannelWriteHalf;
use russh::server::Msg;
use tokio::sync::mpsc::{Receiver, error::TryRecvError};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::conversations::Turn;
use crate::limits::{Limits, SSH_SILENCE};

/// How much is written before it goes out.
const CHUNK: usize = 64 * 1024;

/// What the client sends.
pub(super) struct Incoming {
    packets: Receiver<Bytes>,
    current: Bytes,
    ended: bool,
    gone: CancellationToken,
    turn: Arc<Turn>,
    /// How long the client may say nothing: less before its first line than afterwards.
    patience: Duration,
}

impl Incoming {
    pub(super) fn new(
        packets: Receiver<Bytes>,
        gone: CancellationToken,
        turn: Arc<Turn>,
        limits: &Limits,
    ) -> Self {
        let patience = Duration::from_secs(limits.ssh_silence_seconds);
        Self { packets, current: Bytes::new(), ended: false, gone, turn, patience }
    }

    fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self.packets.try_recv() {
            Ok(packet) => return Ok(Some(packet)),
            Err(TryRecvError::Disconnected) => return self.at_the_end(),
            Err(TryRecvError::Empty) => {}
        }
        let waiting = async {
            tokio::select! {
                packet = self.packets.recv() => Ok(packet),
                () = self.gone.cancelled() => Err(closed()),
                () = tokio::time::sleep(self.patience) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client is silent")),
            }
        };
        match self.turn.wait(waiting)? {
            Some(packet) => Ok(Some(packet)),
            None => self.at_the_end(),
        }
    }

    /// A client that closes its channel has not ended what it was saying.
    fn at_the_end(&self) -> io::Result<Option<Bytes>> {
        if self.gone.is_cancelled() { Err(closed()) } else { Ok(None) }
    }
}

impl BufRead for Incoming {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.ended {
            match self.next()? {
                Some(packet) => {
                    self.current = packet;
                    self.patience = SSH_SILENCE;
                }
                None => self.ended = true,
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(buffer.len());
        buffer[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

/// What the client is sent.
pub(super) struct Outgoing<'a> {
    channel: &'a ChannelWriteHalf<Msg>,
    pending: BytesMut,
    gone: CancellationToken,
    turn: Arc<Turn>,
    /// How long the client may take nothing.
    patience: Duration,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(
        channel: &'a ChannelWriteHalf<Msg>,
        gone: CancellationToken,
        turn: Arc<Turn>,
        limits: &Limits,
    ) -> Self {
        let patience = Duration::from_secs(limits.write_seconds);
        Self { channel, pending: BytesMut::new(), gone, turn, patience }
    }

    fn send(&mut self) -> io::Result<()> {
        let packet = self.pending.split().freeze();
        let sending = async {
            tokio::select! {
                sent = timeout(self.patience, self.channel.data_bytes(packet)) => match sent {
                    Ok(sent) => sent.map_err(|_| closed()),
                    Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")),
                },
                () = self.gone.cancelled() => Err(closed()),
            }
        };
        self.turn.wait(sending)
    }
}

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() { Ok(()) } else { self.send() }
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone")
}
