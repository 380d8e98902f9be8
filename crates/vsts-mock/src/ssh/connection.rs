//! One SSH connection: a key proves who it is, and each channel may ask for one command.
//!
//! Passwords, shells, terminals, subsystems, forwarding of ports, displays and agents are refused, and so is every
//! environment variable but `GIT_PROTOCOL`. Whose key it is, is asked of the registry at every command: one that has been
//! taken out of it works no longer, however old the connection.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use russh::keys::{Algorithm, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, Pty};
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::conversation::{self, Caller, Request};
use super::idle_timer::IdleTimer;
use crate::app::App;
use crate::limits::{GIT_PROTOCOL_BYTES, SSH_CHANNELS, SSH_CHANNELS_EVER, SSH_PACKETS};

/// The handler that the library asks about one connection.
pub(super) struct Connection {
    app: Arc<App>,
    idle_timer: IdleTimer,
    caller: Option<Caller>,
    channels: HashMap<ChannelId, Stage>,
    opened: usize,
}

/// The state of a channel.
enum Stage {
    /// Nothing has been asked on it.
    Fresh { channel: ChannelWriteHalf<Msg>, protocol: String },
    /// It answers, or has answered.
    Busy {
        /// None when the client has nothing more to say.
        input: Option<Sender<Bytes>>,
        task: JoinHandle<()>,
        _gone: DropGuard,
    },
}

impl Connection {
    pub(super) fn new(app: Arc<App>, idle_timer: IdleTimer) -> Self {
        Self { app, idle_timer, caller: None, channels: HashMap::new(), opened: 0 }
    }

    /// Returns whether a key is good for signing in: the registry knows it, and the signature is not SHA-1's.
    fn takes(&self, key: &PublicKey, algorithm: &Algorithm) -> Option<String> {
        if *algorithm == (Algorithm::Rsa { hash: None }) {
            return None;
        }
        let blob = STANDARD.encode(key.to_bytes().ok()?);
        let takes_any = self.app.profile.traits().takes_first_key;
        let (directory, now) = (self.app.state.directory(), self.app.clock.now());
        (takes_any || directory.key_by_blob(&blob).is_some_and(|key| key.is_good_at(now))).then_some(blob)
    }

    /// Turns a channel down after it has been opened: `message` for the person, a failure for the program.
    fn turn_down(
        &mut self,
        id: ChannelId,
        message: &'static str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(Stage::Fresh { channel, .. }) = self.channels.remove(&id) else {
            return session.channel_failure(id);
        };
        // A failure alone would keep OpenSSH from showing the message.
        session.channel_success(id)?;
        let beat = self.idle_timer.busy();
        tokio::spawn(async move {
            conversation::refuse(&channel, message).await;
            drop(beat);
        });
        Ok(())
    }
}

fn verdict(is_fine: bool) -> Auth {
    if is_fine { Auth::Accept } else { Auth::reject() }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        _: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(verdict(self.takes(offer.public_key, offer.algorithm).is_some()))
    }

    async fn auth_publickey(
        &mut self,
        login: &str,
        signed: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        let key = self.takes(signed.public_key, signed.algorithm);
        self.caller = key.map(|key| Caller { key, login: login.to_owned() });
        Ok(verdict(self.caller.is_some()))
    }

    async fn auth_succeeded(&mut self, _: &mut Session) -> Result<(), russh::Error> {
        self.idle_timer.signed_in();
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channels.retain(|_, stage| !matches!(stage, Stage::Busy { task, .. } if task.is_finished()));
        if self.channels.len() >= SSH_CHANNELS || self.opened >= SSH_CHANNELS_EVER {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.opened += 1;
        // What the client sends comes by `data`; the half of the channel that would queue it is let go.
        let (_, channel) = channel.split();
        self.channels.insert(channel.id(), Stage::Fresh { channel, protocol: String::new() });
        reply.accept().await;
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        self.channels.remove(&id);
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Result<(), russh::Error> {
        if let Some(Stage::Busy { input, .. }) = self.channels.get_mut(&id) {
            *input = None;
        }
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Result<(), russh::Error> {
        if let Some(Stage::Busy { input: Some(input), .. }) = self.channels.get(&id)
            && input.send(Bytes::copy_from_slice(data)).await.is_err()
        {
            tracing::trace!("the conversation is over, the client still talks");
        }
        Ok(())
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.channels.get_mut(&id) {
            Some(Stage::Fresh { protocol, .. })
                if name == "GIT_PROTOCOL" && value.len() <= GIT_PROTOCOL_BYTES =>
            {
                value.clone_into(protocol);
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some(caller) = self.caller.clone() else { return session.channel_failure(id) };
        let (channel, protocol) = match self.channels.remove(&id) {
            Some(Stage::Fresh { channel, protocol }) => (channel, protocol),
            Some(busy) => {
                self.channels.insert(id, busy);
                return session.channel_failure(id);
            }
            None => return session.channel_failure(id),
        };
        let (input, packets) = mpsc::channel(SSH_PACKETS);
        let gone = CancellationToken::new();
        let line = line[..line.len().min(super::exec_line::SSH_COMMAND_BYTES + 1)].to_vec();
        let work = self.idle_timer.work();
        let request = Request { caller, line, protocol, input: packets, gone: gone.clone(), work };
        let (app, beat) = (self.app.clone(), self.idle_timer.busy());
        let task = tokio::spawn(async move {
            conversation::answer(app, request, Arc::new(channel)).await;
            drop(beat);
        });
        self.channels.insert(id, Stage::Busy { input: Some(input), task, _gone: gone.drop_guard() });
        session.channel_success(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        self.turn_down(id, "Shell access is not supported.", session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_failure(id)
    }
}
