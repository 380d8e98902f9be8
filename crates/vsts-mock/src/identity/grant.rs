//! Grants: short-lived credentials for the large files of one repository, which a server gives to a client that has signed
//! in, and which name everything that they are good for.
//!
//! A grant is a text with a signature by a key that lives as long as the process: after a restart clients ask for new ones,
//! and no secret is stored. It proves who got it, not what they may: rights are looked up again when it is shown, and it
//! ends with the token, the key or the password that it was got with.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use lfs_wire::Oid;
use lfs_wire::batch::Operation;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Secret, SignInError, of_token};
use crate::access::{Permissions, Principal};
use crate::clock::random;
use crate::directory::{Directory, User};

/// The beginning of every grant, by which it is told from a token.
const PREFIX: &str = "lfs1.";

/// The key that signs a server's grants.
pub(crate) struct GrantKey([u8; 32]);

/// The contents of a grant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    pub(crate) operation: Operation,
    pub(crate) repo: Uuid,
    /// The object with its bytes; without one it is good for all requests of the operation.
    pub(crate) object: Option<(Oid, u64)>,
    pub(crate) holder: Holder,
    pub(crate) expires: Timestamp,
}

/// The user who got a grant, and the credential that they had then.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Holder {
    Nobody,
    /// By the token of that id.
    Token(Uuid),
    /// A user, by the SSH key whose data has that hash.
    Key(Uuid, [u8; 32]),
    /// A user, by the password of which that is the hash of what is stored.
    Password(Uuid, [u8; 32]),
}

impl GrantKey {
    pub(crate) fn new() -> Self {
        Self(random())
    }

    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length of key will do");
        mac.update(text.as_bytes());
        mac
    }

    /// Signs a grant.
    pub(crate) fn sign(&self, grant: &Grant) -> Secret {
        let text = grant.text();
        let signature = Oid::from_bytes(self.mac(&text).finalize().into_bytes().into());
        Secret::new(format!("{text}.{signature}"))
    }

    /// Reads a grant; `None` if the text is none, but some other credential.
    pub(crate) fn read(&self, text: &str, now: Timestamp) -> Option<Result<Grant, SignInError>> {
        if !text.starts_with(PREFIX) {
            return None;
        }
        Some(
            self.verified(text)
                .ok_or(SignInError::Wrong)
                .and_then(|grant| if grant.expires <= now { Err(SignInError::Expired) } else { Ok(grant) }),
        )
    }

    fn verified(&self, text: &str) -> Option<Grant> {
        let (text, signature) = text.rsplit_once('.')?;
        let signature: Oid = signature.parse().ok()?;
        self.mac(text).verify_slice(signature.as_bytes()).ok()?;
        Grant::parse(text)
    }
}

impl Grant {
    fn text(&self) -> String {
        let operation = match self.operation {
            Operation::Upload => "upload",
            Operation::Download => "download",
        };
        let (oid, size) = self.object.map_or((String::new(), 0), |(oid, size)| (oid.to_string(), size));
        let hash = |bytes: &[u8; 32]| Oid::from_bytes(*bytes).to_string();
        let (kind, id, by) = match &self.holder {
            Holder::Nobody => ("nobody", Uuid::nil(), String::new()),
            Holder::Token(token) => ("token", *token, String::new()),
            Holder::Key(user, key) => ("key", *user, hash(key)),
            Holder::Password(user, password) => ("password", *user, hash(password)),
        };
        let (repo, expires) = (self.repo, self.expires.as_millisecond());
        format!("{PREFIX}{operation}.{repo}.{oid}.{size}.{kind}.{id}.{by}.{expires}")
    }

    /// Reads what was signed here.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.strip_prefix(PREFIX)?.split('.').collect();
        let &[operation, repo, oid, size, kind, id, by, expires] = fields.as_slice() else { return None };
        let operation = match operation {
            "upload" => Operation::Upload,
            "download" => Operation::Download,
            _ => return None,
        };
        let object = if oid.is_empty() { None } else { Some((oid.parse().ok()?, size.parse().ok()?)) };
        let id = Uuid::parse_str(id).ok()?;
        let hash = || by.parse().ok().map(|hash: Oid| *hash.as_bytes());
        let holder = match kind {
            "nobody" => Holder::Nobody,
            "token" => Holder::Token(id),
            "key" => Holder::Key(id, hash()?),
            "password" => Holder::Password(id, hash()?),
            _ => return None,
        };
        let expires = Timestamp::from_millisecond(expires.parse().ok()?).ok()?;
        Some(Self { operation, repo: Uuid::parse_str(repo).ok()?, object, holder, expires })
    }
}

impl Holder {
    /// The holder that a principal is.
    pub(crate) fn of(directory: &Directory, principal: &Principal) -> Self {
        match (principal.user, principal.token, &principal.key) {
            (None, ..) => Self::Nobody,
            (_, Some(token), _) => Self::Token(token),
            (Some(user), None, Some(key)) => Self::Key(user, hash(key)),
            (Some(user), None, None) => Self::Password(user, password(directory.users.get(&user))),
        }
    }

    /// The principal at this moment, if the credential is still good.
    pub(crate) fn principal(&self, directory: &Directory, now: Timestamp) -> Result<Principal, SignInError> {
        let user = |id: &Uuid| directory.users.get(id).ok_or(SignInError::Wrong);
        let found = |user: &User, key: Option<String>| {
            let (user, name) = (Some(user.id), user.name.clone());
            Ok(Principal { user, name, token: None, key, ceiling: Permissions::ALL })
        };
        match self {
            Self::Nobody => Ok(Principal::anonymous()),
            Self::Token(id) => of_token(directory, directory.tokens.get(id).ok_or(SignInError::Wrong)?, now),
            Self::Key(id, by) => {
                let mut mine = directory.keys.values().filter(|key| key.user == *id && key.is_good_at(now));
                let key = mine.find(|key| hash(&key.blob) == *by).ok_or(SignInError::Wrong)?;
                found(user(id)?, Some(key.blob.clone()))
            }
            Self::Password(id, by) => {
                let user = user(id)?;
                if password(Some(user)) == *by { found(user, None) } else { Err(SignInError::Wrong) }
            }
        }
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

fn password(user: Option<&User>) -> [u8; 32] {
    hash(user.and_then(|user| user.password_hash.as_deref()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant() -> Grant {
        Grant {
            operation: Operation::Upload,
            repo: Uuid::from_u128(1),
            object: Some((Oid::from_bytes([7; 32]), 12)),
            holder: Holder::Password(Uuid::from_u128(2), [9; 32]),
            expires: Timestamp::from_second(100).expect("a time"),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn what_was_signed_is_read_until_it_expires() {
        let key = GrantKey::new();
        let of = |holder: Holder, object| Grant { object, holder, ..grant() };
        let rows = [
            grant(),
            of(Holder::Nobody, None),
            of(Holder::Token(Uuid::from_u128(3)), None),
            Grant { operation: Operation::Download, ..of(Holder::Key(Uuid::from_u128(2), [8; 32]), None) },
        ];
        for grant in rows {
            let signed = key.sign(&grant);
            assert_eq!(key.read(signed.reveal(), at(99)), Some(Ok(grant.clone())));
            assert_eq!(key.read(signed.reveal(), at(100)), Some(Err(SignInError::Expired)));
            let other = GrantKey::new().read(signed.reveal(), at(99));
            assert_eq!(other, Some(Err(SignInError::Wrong)), "the key of another server");
        }
    }

    #[test]
    fn no_changed_text_is_a_grant() {
        let key = GrantKey::new();
        let signed = key.sign(&grant()).reveal().to_owned();
        for at_byte in PREFIX.len()..signed.len() {
            let mut changed = signed.clone().into_bytes();
            changed[at_byte] = if changed[at_byte] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).expect("text");
            assert_eq!(key.read(&changed, at(1)), Some(Err(SignInError::Wrong)), "{changed}");
        }
        assert_eq!(key.read("lfs1.", at(1)), Some(Err(SignInError::Wrong)));
        assert_eq!(key.read("alicepat", at(1)), None);
    }
}
