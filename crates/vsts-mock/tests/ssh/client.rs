//! An SSH client of the tests' own, small enough to say what no real one would: every message can be sent as bytes.
//!
//! One algorithm of each kind: curve25519, AES-128-GCM, an ed25519 key. The server's signature is not checked.

use std::io;
use std::path::Path;

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::SystemRandom;
use russh::keys::PrivateKey;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode as _;
use russh::keys::ssh_key::Signature;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::exec::Exec;
use crate::message::{
    CHANNEL_FAILURE, CHANNEL_OPEN, CHANNEL_OPEN_CONFIRMATION, CHANNEL_OPEN_FAILURE, CHANNEL_REQUEST,
    CHANNEL_SUCCESS, Fields, KEX, KEX_ECDH_INIT, Message, NEWKEYS, SERVICE_REQUEST, USERAUTH_FAILURE,
    USERAUTH_PK_OK, USERAUTH_REQUEST, USERAUTH_SUCCESS, kexinit,
};
use crate::testbed::Testbed;

pub(crate) const IDENT: &str = "SSH-2.0-test";
/// The bytes that the server may send before the window is enlarged.
const WINDOW: u32 = 1 << 30;

struct Cipher {
    key: LessSafeKey,
    nonce: [u8; 12],
}

impl Cipher {
    fn next(&mut self) -> Nonce {
        let nonce = self.nonce;
        let (_, counter) = self.nonce.split_last_chunk_mut::<8>().expect("twelve bytes");
        *counter = (u64::from_be_bytes(*counter).wrapping_add(1)).to_be_bytes();
        Nonce::assume_unique_for_key(nonce)
    }
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    sending: Option<Cipher>,
    receiving: Option<Cipher>,
    session: Vec<u8>,
    /// The server's first message: what it offers.
    pub(crate) offer: Vec<u8>,
    channels: u32,
}

impl Client {
    /// A connection on which this side has said who it is.
    pub(crate) async fn dial(testbed: &Testbed) -> Self {
        let mut client = Self::dial_silently(testbed).await;
        client.stream.write_all(format!("{IDENT}\r\n").as_bytes()).await.expect("it is sent");
        client
    }

    /// A connection on which nothing has been said.
    pub(crate) async fn dial_silently(testbed: &Testbed) -> Self {
        let address = format!("127.0.0.1:{}", testbed.port());
        let stream = TcpStream::connect(address).await.expect("SSH is listened for");
        Self { stream, sending: None, receiving: None, session: Vec::new(), offer: Vec::new(), channels: 0 }
    }

    /// The line with which the server begins.
    pub(crate) async fn ident(&mut self) -> String {
        let mut ident = Vec::new();
        while !ident.ends_with(b"\r\n") {
            ident.push(self.stream.read_u8().await.expect("the server says who it is"));
        }
        String::from_utf8(ident).expect("text").trim_end().to_owned()
    }

    /// A connection that is encrypted.
    pub(crate) async fn connect(testbed: &Testbed) -> Self {
        let mut client = Self::dial(testbed).await;
        let ident = client.ident().await;
        client.offer = client.receive().await.expect("an offer");
        let ours = kexinit(KEX);
        client.send(&ours.0).await.expect("it is sent");
        let random = SystemRandom::new();
        let secret = EphemeralPrivateKey::generate(&X25519, &random).expect("a key");
        let public = secret.compute_public_key().expect("a key");
        client.send(&Message::new(KEX_ECDH_INIT).string(&public).0).await.expect("it is sent");
        let reply = client.receive().await.expect("a reply");
        let mut fields = Fields(&reply[1..]);
        let (host_key, theirs) = (fields.string(), fields.string());
        let peer = UnparsedPublicKey::new(&X25519, theirs);
        let shared = agree_ephemeral(secret, &peer, <[u8]>::to_vec).expect("a shared secret");
        let mut number: Vec<u8> = shared.into_iter().skip_while(|byte| *byte == 0).collect();
        if number.first().is_some_and(|byte| byte & 0x80 != 0) {
            number.insert(0, 0);
        }
        let hashed = Message::default().string(IDENT).string(&ident).string(&ours.0).string(&client.offer);
        let hashed = hashed.string(host_key).string(&public).string(theirs).string(&number);
        let hash = Sha256::digest(&hashed.0).to_vec();
        client.send(&[NEWKEYS]).await.expect("it is sent");
        assert_eq!(client.receive().await.expect("an answer"), [NEWKEYS]);
        let derive = |letter: u8| {
            let material = Message::default().string(&number);
            Sha256::digest([&material.0, &hash, &[letter][..], &hash].concat()).to_vec()
        };
        let cipher = |nonce: u8, key: u8| Cipher {
            key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &derive(key)[..16]).expect("sixteen bytes")),
            nonce: *derive(nonce).first_chunk().expect("twelve bytes"),
        };
        client.sending = Some(cipher(b'A', b'C'));
        client.receiving = Some(cipher(b'B', b'D'));
        client.session = hash;
        client
    }

    /// A signed-in connection with the key in that file.
    pub(crate) async fn signed_in(testbed: &Testbed, name: &str) -> Self {
        let mut client = Self::connect(testbed).await;
        assert!(client.sign_in("acme", &testbed.path(name)).await, "{name} signs in");
        client
    }

    /// Sends one message in one packet.
    pub(crate) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let (block, counted) = if self.sending.is_some() { (16, 1) } else { (8, 5) };
        let mut padding = block - (message.len() + counted) % block;
        if padding < 4 {
            padding += block;
        }
        let length = u32::try_from(1 + message.len() + padding).expect("short").to_be_bytes();
        let mut body = vec![u8::try_from(padding).expect("short")];
        body.extend(message);
        body.resize(body.len() + padding, 0);
        if let Some(cipher) = &mut self.sending {
            let nonce = cipher.next();
            cipher.key.seal_in_place_append_tag(nonce, Aad::from(length), &mut body).expect("it encrypts");
        }
        self.stream.write_all(&[&length[..], &body].concat()).await
    }

    /// Receives one message.
    pub(crate) async fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).await?;
        let tag = if self.receiving.is_some() { 16 } else { 0 };
        let mut body = vec![0; u32::from_be_bytes(length) as usize + tag];
        self.stream.read_exact(&mut body).await?;
        if let Some(cipher) = &mut self.receiving {
            let nonce = cipher.next();
            cipher.key.open_in_place(nonce, Aad::from(length), &mut body).expect("it decrypts");
            body.truncate(body.len() - tag);
        }
        let padding = usize::from(body[0]);
        Ok(body[1..body.len() - padding].to_vec())
    }

    /// Receives messages until one of that kind comes.
    pub(crate) async fn wait_for(&mut self, kinds: &[u8]) -> Vec<u8> {
        loop {
            let message =
                self.receive().await.unwrap_or_else(|error| panic!("waiting for {kinds:?}: {error}"));
            if kinds.contains(&message[0]) {
                return message;
            }
        }
    }

    /// Returns whether the server ends the connection; its output before is passed over.
    pub(crate) async fn is_ended(&mut self) -> bool {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ended = self.stream.read_to_end(&mut rest).await.is_ok();
        true
    }

    /// Asks for the service of signing in.
    pub(crate) async fn ask_for_auth(&mut self) {
        self.send(&Message::new(SERVICE_REQUEST).string("ssh-userauth").0).await.expect("it is sent");
    }

    /// The beginning of a request to sign in.
    pub(crate) fn auth_request(login: &str, method: &str) -> Message {
        Message::new(USERAUTH_REQUEST).string(login).string("ssh-connection").string(method)
    }

    /// Asks whether a key would do, without a signature.
    pub(crate) async fn offer_key(&mut self, login: &str, key: &Path) -> bool {
        let key = read_key(key);
        let blob = key.public_key().to_bytes().expect("a key");
        let request = Self::auth_request(login, "publickey").byte(0).string("ssh-ed25519").string(blob);
        self.send(&request.0).await.expect("it is sent");
        self.wait_for(&[USERAUTH_PK_OK, USERAUTH_FAILURE]).await[0] == USERAUTH_PK_OK
    }

    /// Shows one key and signs with another, or with the same.
    pub(crate) async fn sign_as(&mut self, login: &str, shown: &Path, signer: &Path) -> bool {
        let blob = read_key(shown).public_key().to_bytes().expect("a key");
        let request = Self::auth_request(login, "publickey").byte(1).string("ssh-ed25519").string(blob);
        let signed = [Message::default().string(&self.session).0, request.0.clone()].concat();
        let signature: Signature = read_key(signer).try_sign(&signed).expect("a signature");
        let mut encoded = Vec::new();
        signature.encode(&mut encoded).expect("a signature");
        self.send(&request.string(encoded).0).await.expect("it is sent");
        self.wait_for(&[USERAUTH_SUCCESS, USERAUTH_FAILURE]).await[0] == USERAUTH_SUCCESS
    }

    /// Signs in with a key.
    pub(crate) async fn sign_in(&mut self, login: &str, key: &Path) -> bool {
        self.ask_for_auth().await;
        self.sign_as(login, key, key).await
    }

    /// Opens a channel of that type; its number at the server, if it is opened.
    pub(crate) async fn open(&mut self, kind: &str, more: &[u8]) -> Option<u32> {
        let id = self.channels;
        self.channels += 1;
        let open = Message::new(CHANNEL_OPEN).string(kind).number(id).number(WINDOW).number(32768);
        self.send(&[open.0, more.to_vec()].concat()).await.expect("it is sent");
        loop {
            let answer = self.wait_for(&[CHANNEL_OPEN_CONFIRMATION, CHANNEL_OPEN_FAILURE]).await;
            let mut fields = Fields(&answer[1..]);
            // To types that it does not know, the server says no twice.
            if fields.number() == id {
                return (answer[0] == CHANNEL_OPEN_CONFIRMATION).then(|| fields.number());
            }
        }
    }

    /// Makes a request on a channel; whether it is granted.
    pub(crate) async fn request(&mut self, channel: u32, kind: &str, more: &[u8]) -> bool {
        let request = Message::new(CHANNEL_REQUEST).number(channel).string(kind).byte(1);
        self.send(&[request.0, more.to_vec()].concat()).await.expect("it is sent");
        self.wait_for(&[CHANNEL_SUCCESS, CHANNEL_FAILURE]).await[0] == CHANNEL_SUCCESS
    }

    /// Asks for a command on a new channel.
    pub(crate) async fn exec(&mut self, line: impl AsRef<[u8]>) -> Exec<'_> {
        let channel = self.open("session", &[]).await.expect("a channel");
        assert!(self.request(channel, "exec", &Message::default().string(line).0).await, "it is answered");
        self.resume(channel)
    }

    /// The command that was asked for on a channel.
    pub(crate) fn resume(&mut self, channel: u32) -> Exec<'_> {
        Exec::new(self, channel)
    }
}

fn read_key(path: &Path) -> PrivateKey {
    let text = std::fs::read_to_string(path).expect("a key was made");
    PrivateKey::from_openssh(text).expect("a key was made")
}
