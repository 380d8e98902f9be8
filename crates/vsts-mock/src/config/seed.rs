//! The seed file: what the server begins with.
//!
//! TOML; every key is optional; a key that is not known is an error that names the line and the key. Applying a seed
//! twice changes nothing: what is there already stays as it is, passwords and token values included.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Deserialize;
use thiserror::Error;

use super::Profile;
use crate::faults::Fault;
use crate::limits::Limits;
use crate::registry::WorkspaceInput;

/// A seed that cannot be read.
#[derive(Debug, Error)]
pub enum SeedError {
    /// The file cannot be read.
    #[error("cannot read the seed file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The text is not a seed; the message shows the line.
    #[error("{message}")]
    Parse {
        /// The fault, and its line.
        message: String,
    },
}

/// The content that the server begins with.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// The service that is imitated, and how closely. The command line wins.
    pub profile: Option<Profile>,
    /// True if addresses other than loopback ones may be bound.
    pub allow_remote: bool,
    /// Hosts besides this computer to which events of service hooks may be sent.
    pub hook_hosts: Vec<String>,
    /// The certificate authorities of receivers of service hooks over HTTPS, as PEM.
    pub hook_ca: String,
    /// True if the pages let everybody in as any of these users with one click: for demonstrations.
    pub demo_sign_in: bool,
    /// Capabilities of the Git protocol that are offered beyond the default.
    pub git: SeedGit,
    /// The bounds of what clients may take up.
    pub limits: Limits,
    /// The users.
    pub users: Vec<SeedUser>,
    /// The accounts, with their projects.
    pub accounts: Vec<SeedAccount>,
    /// The workspaces of the Experimentation service.
    pub experimentation: Vec<SeedWorkspace>,
    /// Requests that go wrong on purpose, for tests of clients.
    pub faults: Vec<Fault>,
    /// The folder from which relative paths in the seed start.
    #[serde(skip)]
    pub base: PathBuf,
}

/// Capabilities of the Git protocol that are offered beyond the default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeedGit {
    /// True if protocol version 2 offers `ref-in-want`, as Git with `uploadpack.allowRefInWant`.
    pub ref_in_want: bool,
}

/// A user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedUser {
    /// The name to sign in with.
    pub name: String,
    /// The e-mail address, which signs in as well.
    pub email: Option<String>,
    /// The password for web sign-in and Basic.
    pub password: Option<String>,
    /// Personal access tokens.
    #[serde(default)]
    pub tokens: Vec<SeedToken>,
    /// SSH public keys.
    #[serde(default)]
    pub ssh_keys: Vec<SeedKey>,
}

/// A personal access token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedToken {
    /// Its name.
    pub name: String,
    /// Its value; without one it is generated, and given in the ready line.
    pub value: Option<String>,
    /// Its scopes; everything by default.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// The time at which it expires (RFC 3339).
    pub expires: Option<Timestamp>,
}

/// An SSH public key, as a line or in a file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedKey {
    /// Its name.
    pub name: String,
    /// The line, as in a `.pub` file,
    pub key: Option<String>,
    /// or a `.pub` file.
    pub file: Option<PathBuf>,
}

/// An account.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedAccount {
    /// `acme` in `acme.visualstudio.com`.
    pub name: String,
    /// Its owner, who administers all of it.
    pub owner: Option<String>,
    /// Further members of Project Collection Administrators.
    #[serde(default)]
    pub administrators: Vec<String>,
    /// Bytes that the objects of Git LFS may have in all its repositories together: a number, or a text such as `"10GB"`.
    #[serde(default, deserialize_with = "crate::limits::bytes_if_any")]
    pub lfs_quota: Option<u64>,
    /// Its projects.
    #[serde(default)]
    pub projects: Vec<SeedProject>,
    /// Entries for all repositories of the account.
    #[serde(default)]
    pub acl: Vec<SeedEntry>,
}

/// A project.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedProject {
    /// Its name; its default repository has the same.
    pub name: String,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// Members of Readers.
    #[serde(default)]
    pub readers: Vec<String>,
    /// Members of Contributors.
    #[serde(default)]
    pub contributors: Vec<String>,
    /// Members of Project Administrators.
    #[serde(default)]
    pub administrators: Vec<String>,
    /// Repositories beside the default one, or more about that one.
    #[serde(default)]
    pub repos: Vec<SeedRepo>,
    /// Entries for all repositories of the project.
    #[serde(default)]
    pub acl: Vec<SeedEntry>,
    /// Its work items, in the order of their numbers.
    #[serde(default)]
    pub work_items: Vec<SeedWorkItem>,
}

/// A work item.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedWorkItem {
    /// Its type, such as `Bug`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its title.
    pub title: String,
    /// Its state; the first one of its type without it.
    pub state: Option<String>,
    /// The user who made it; the owner of the account without it.
    pub created_by: Option<String>,
    /// The user who works on it.
    pub assigned_to: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Other fields, by their reference names.
    #[serde(default)]
    pub fields: BTreeMap<String, serde_json::Value>,
    /// The comments on it.
    #[serde(default)]
    pub comments: Vec<String>,
}

/// A repository.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedRepo {
    /// Its name.
    pub name: String,
    /// A bare repository's folder, or a bundle, that it begins with.
    pub import: Option<PathBuf>,
    /// True if everybody may read it without signing in.
    #[serde(default)]
    pub public: bool,
    /// Entries for it or one of its branches.
    #[serde(default)]
    pub acl: Vec<SeedEntry>,
}

/// An access control entry.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedEntry {
    /// For whom: a user,
    pub user: Option<String>,
    /// or a group.
    pub group: Option<String>,
    /// The permissions given, by name.
    #[serde(default)]
    pub allow: Vec<String>,
    /// The permissions refused, by name.
    #[serde(default)]
    pub deny: Vec<String>,
    /// The branch that it is about; only for a repository.
    pub branch: Option<String>,
}

/// A workspace of the Experimentation service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedWorkspace {
    /// The Experimentation account.
    pub account: String,
    /// The workspace.
    pub workspace: String,
    /// Its owners.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Its contributors.
    #[serde(default)]
    pub contributors: Vec<String>,
}

impl SeedWorkspace {
    pub(crate) fn input(&self) -> WorkspaceInput<'_> {
        WorkspaceInput {
            account: &self.account,
            name: &self.workspace,
            owners: &self.owners,
            contributors: &self.contributors,
        }
    }
}

impl Seed {
    /// A commented example, which `vsts-mock init` prints.
    pub const EXAMPLE: &str = include_str!("example.toml");

    /// Reads a seed from text; its relative paths start from the current folder.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        toml::from_str(text)
            .map_err(|error| SeedError::Parse { message: error.to_string().trim_end().to_owned() })
    }

    /// Reads a seed from JSON with the same keys, which programs write more easily.
    pub fn parse_json(text: &str) -> Result<Self, SeedError> {
        serde_json::from_str(text).map_err(|error| SeedError::Parse { message: error.to_string() })
    }

    /// Reads a seed file, TOML or `.json`; its relative paths start from its folder.
    pub fn read(path: &Path) -> Result<Self, SeedError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SeedError::Read { path: path.to_owned(), source })?;
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        let parsed = if is_json { Self::parse_json(&text) } else { Self::parse(&text) };
        let mut seed = parsed.map_err(|error| match error {
            SeedError::Parse { message } => {
                SeedError::Parse { message: format!("{}: {message}", path.display()) }
            }
            other @ SeedError::Read { .. } => other,
        })?;
        seed.base = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_as_toml() {
        let example: serde_json::Value = toml::from_str(Seed::EXAMPLE).expect("the example is TOML");
        let seed = Seed::parse_json(&example.to_string()).expect("it is a seed");
        assert_eq!(
            format!("{seed:?}"),
            format!("{:?}", Seed::parse(Seed::EXAMPLE).expect("the example parses"))
        );
        let wrong = Seed::parse_json("{\"users\": [{\"name\": \"a\", \"colour\": \"red\"}]}");
        assert!(wrong.expect_err("no such key").to_string().contains("colour"));
    }

    #[test]
    fn the_example_is_a_seed() {
        let seed = Seed::parse(Seed::EXAMPLE).expect("the example parses");
        assert_eq!(seed.accounts[0].projects[0].name, "iris");
        assert_eq!(seed.profile, Some(Profile::Permissive));
        assert!(Seed::parse("").is_ok(), "every key is optional");
    }

    #[test]
    fn unknown_keys_are_named_with_their_line() {
        let rows = [
            ("profile = \"permissive\"\ncolour = 1\n", 2, "colour"),
            ("[[users]]\nname = \"a\"\npasword = \"x\"\n", 3, "pasword"),
            (
                "[[accounts]]\nname = \"a\"\n[[accounts.projects]]\nname = \"p\"\n\n[[accounts.projects.repos]]\nname = \"r\"\nimported = \"x\"\n",
                8,
                "imported",
            ),
        ];
        for (text, line, key) in rows {
            let message = Seed::parse(text).expect_err("an unknown key").to_string();
            assert!(message.contains(&format!("line {line}")), "{message}");
            assert!(message.contains(&format!("unknown field `{key}`")), "{message}");
        }
    }

    #[test]
    fn a_wrong_type_is_named_with_its_line() {
        let message = Seed::parse("\nallow_remote = \"yes\"\n").expect_err("a wrong type").to_string();
        assert!(message.contains("line 2") && message.contains("allow_remote"), "{message}");
    }
}
