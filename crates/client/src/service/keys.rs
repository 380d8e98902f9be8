//! The user's SSH public keys, kept by the service.

use serde_json::{Value, json};
use ssh_key::{HashAlg, PublicKey};
use ureq::http::Method;

use super::{Service, ServiceError};

const PATH: &str = "/_apis/Token/SessionTokens";
const VERSION: &str = "api-version=5.0-preview.1";

/// A registered key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey {
    pub id: String,
    /// The user's name for it.
    pub name: String,
    /// `SHA256:…`, as OpenSSH prints it.
    pub fingerprint: String,
    pub algorithm: String,
    /// Since when it is registered.
    pub created: String,
    /// When it ends.
    pub expires: Option<String>,
}

impl SshKey {
    fn of(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let public = text("publicData").unwrap_or_default();
        let parsed = PublicKey::from_openssh(public.trim()).ok();
        Some(Self {
            id: text("authorizationId")?,
            name: text("displayName").unwrap_or_default(),
            fingerprint: parsed.as_ref().map(fingerprint).unwrap_or_default(),
            algorithm: public.split_whitespace().next().unwrap_or_default().to_owned(),
            created: text("validFrom").unwrap_or_default(),
            expires: text("validTo").filter(|end| !end.starts_with("9999-")),
        })
    }
}

/// A key's fingerprint as OpenSSH prints it.
pub(crate) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

impl Service {
    /// The keys, oldest first.
    pub fn ssh_keys(&self) -> Result<Vec<SshKey>, ServiceError> {
        let path = format!("{PATH}?isPublic=true&includePublicData=true&{VERSION}");
        let answer = self.ask(Method::GET, &path, None, &[])?;
        let list = answer.value["value"].as_array().ok_or_else(|| self.malformed("which keys there are"))?;
        Ok(list.iter().filter_map(SshKey::of).collect())
    }

    /// Registers a public key.
    pub fn add_ssh_key(&self, name: &str, line: &str) -> Result<SshKey, ServiceError> {
        let path = format!("{PATH}?isPublic=true&{VERSION}");
        let body = json!({ "displayName": name, "publicData": line, "scope": "app_token", "isPublic": true });
        let answer = self.ask(Method::POST, &path, Some(&body), &[])?;
        SshKey::of(&answer.value).ok_or_else(|| self.malformed("what the key's id is"))
    }

    /// Takes a public key out of the registry.
    pub fn remove_ssh_key(&self, id: &str) -> Result<(), ServiceError> {
        let path = format!("{PATH}/{id}?isPublic=true&{VERSION}");
        self.ask(Method::DELETE, &path, None, &[]).map(|_| ())
    }
}
