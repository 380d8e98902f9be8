//! A command that the tests' own client has asked for: what goes in, what comes out, and how it ends.

use crate::client::Client;
use crate::message::{
    CHANNEL_CLOSE, CHANNEL_DATA, CHANNEL_EOF, CHANNEL_REQUEST, EXTENDED_DATA, Fields, Message,
};

/// A command that has been asked for.
pub(crate) struct Exec<'a> {
    client: &'a mut Client,
    pub(crate) channel: u32,
    out: Vec<u8>,
    err: Vec<u8>,
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: Option<u32>,
}

impl<'a> Exec<'a> {
    pub(crate) fn new(client: &'a mut Client, channel: u32) -> Self {
        Self { client, channel, out: Vec::new(), err: Vec::new() }
    }

    /// Sends data to the command.
    pub(crate) async fn send(&mut self, data: &[u8]) {
        let message = Message::new(CHANNEL_DATA).number(self.channel).string(data);
        self.client.send(&message.0).await.expect("it is sent");
    }

    /// Reads the command's output until it ends in this.
    pub(crate) async fn read_until(&mut self, end: &str) {
        assert!(self.is_let_in(end).await, "{}", String::from_utf8_lossy(&self.err));
    }

    /// Reads the command's output until it ends in this; whether it does, or else complains.
    pub(crate) async fn is_let_in(&mut self, end: &str) -> bool {
        while !self.out.ends_with(end.as_bytes()) {
            let message = self.client.wait_for(&[CHANNEL_DATA, EXTENDED_DATA]).await;
            let mut fields = Fields(&message[5..]);
            if message[0] == EXTENDED_DATA {
                assert_eq!(fields.number(), 1, "the error stream");
                self.err.extend(fields.string());
                return false;
            }
            self.out.extend(fields.string());
        }
        self.out.clear();
        true
    }

    /// Says that nothing more is said, and reads to the end.
    pub(crate) async fn finish(self) -> Ended {
        self.client.send(&Message::new(CHANNEL_EOF).number(self.channel).0).await.expect("it is sent");
        self.ended().await
    }

    /// Reads to the end.
    pub(crate) async fn ended(mut self) -> Ended {
        let mut status = None;
        loop {
            let kinds = [CHANNEL_DATA, EXTENDED_DATA, CHANNEL_REQUEST, CHANNEL_CLOSE];
            let message = self.client.wait_for(&kinds).await;
            let mut fields = Fields(&message[5..]);
            match message[0] {
                CHANNEL_DATA => self.out.extend(fields.string()),
                EXTENDED_DATA => {
                    assert_eq!(fields.number(), 1, "the error stream");
                    self.err.extend(fields.string());
                }
                CHANNEL_REQUEST => {
                    assert_eq!(fields.string(), b"exit-status");
                    status = Some(Fields(&fields.0[1..]).number());
                }
                _ => break,
            }
        }
        self.client.send(&Message::new(CHANNEL_CLOSE).number(self.channel).0).await.expect("it is sent");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { out: text(&self.out), err: text(&self.err), status }
    }
}
