//! Messages of SSH, as bytes: put together, and taken apart.

pub(crate) const IGNORE: u8 = 2;
pub(crate) const SERVICE_REQUEST: u8 = 5;
pub(crate) const KEXINIT: u8 = 20;
pub(crate) const NEWKEYS: u8 = 21;
pub(crate) const KEX_ECDH_INIT: u8 = 30;
pub(crate) const USERAUTH_REQUEST: u8 = 50;
pub(crate) const USERAUTH_FAILURE: u8 = 51;
pub(crate) const USERAUTH_SUCCESS: u8 = 52;
pub(crate) const USERAUTH_PK_OK: u8 = 60;
pub(crate) const GLOBAL_REQUEST: u8 = 80;
pub(crate) const REQUEST_FAILURE: u8 = 82;
pub(crate) const CHANNEL_OPEN: u8 = 90;
pub(crate) const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
pub(crate) const CHANNEL_OPEN_FAILURE: u8 = 92;
pub(crate) const WINDOW_ADJUST: u8 = 93;
pub(crate) const CHANNEL_DATA: u8 = 94;
pub(crate) const EXTENDED_DATA: u8 = 95;
pub(crate) const CHANNEL_EOF: u8 = 96;
pub(crate) const CHANNEL_CLOSE: u8 = 97;
pub(crate) const CHANNEL_REQUEST: u8 = 98;
pub(crate) const CHANNEL_SUCCESS: u8 = 99;
pub(crate) const CHANNEL_FAILURE: u8 = 100;

/// A message in the making.
#[derive(Clone, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    pub(crate) fn new(kind: u8) -> Self {
        Self(vec![kind])
    }

    pub(crate) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn number(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn string(mut self, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.0.extend(u32::try_from(value.len()).expect("short").to_be_bytes());
        self.0.extend(value);
        self
    }
}

/// The strings and numbers of a received message.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn number(&mut self) -> u32 {
        let (number, rest) = self.0.split_first_chunk::<4>().expect("a number");
        self.0 = rest;
        u32::from_be_bytes(*number)
    }

    pub(crate) fn string(&mut self) -> &'a [u8] {
        let length = self.number() as usize;
        let (string, rest) = self.0.split_at(length);
        self.0 = rest;
        string
    }
}

/// Makes the key exchange message with all that this client offers.
pub(crate) fn kexinit(kex: &str) -> Message {
    let mut offer = Message::new(KEXINIT);
    offer.0.extend([7; 16]);
    for list in [kex, "ssh-ed25519", GCM, GCM, "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""] {
        offer = offer.string(list);
    }
    offer.byte(0).number(0)
}

const GCM: &str = "aes128-gcm@openssh.com";
pub(crate) const KEX: &str = "curve25519-sha256,ext-info-c,kex-strict-c-v00@openssh.com";
