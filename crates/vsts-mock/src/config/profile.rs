//! Profiles: which service is imitated, and how closely.
//!
//! [`TABLE`] says what each narrows, for people; [`Traits`] says it to the code. A test walks the table and asks a server
//! of each profile for every row.

use serde::{Deserialize, Serialize};

use crate::identity::ssh_key::is_private_key;

/// The service that is imitated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Everything that is implemented, for any client.
    #[default]
    Permissive,
    /// Visual Studio Team Services, autumn 2017.
    Vsts,
    /// Azure DevOps Services.
    AzureDevops,
}

/// One row of the table of profiles.
#[derive(Clone, Copy, Debug)]
pub struct ProfileRow {
    /// The subject of the row.
    pub what: &'static str,
    /// The values of [`Profile::Permissive`], [`Profile::Vsts`] and [`Profile::AzureDevops`].
    pub values: [&'static str; 3],
}

const fn row(what: &'static str, values: [&'static str; 3]) -> ProfileRow {
    ProfileRow { what, values }
}

/// The restrictions of each profile.
const TABLE: &[ProfileRow] = &[
    row("versions of the Git protocol", ["0, 1, 2", "0", "0"]),
    row("partial clones (`filter`)", ["yes", "no", "yes"]),
    row("atomic pushes, push options", ["yes", "no", "no"]),
    row(
        "fetching by a client that lists capabilities without `multi_ack`",
        ["answered", "TF401041", "TF401041"],
    ),
    row("the largest API version told to clients", ["5.0", "5.0", "7.2"]),
    row("the largest API version answered", ["7.2", "5.0", "7.2"]),
    row("an API request that writes and names no version", ["answered", "refused", "refused"]),
    row("personal access tokens by `_apis/tokens/pats`", ["yes", "no", "yes"]),
    row("SSH keys that users register", ["all kinds", "ssh-rsa", "ssh-rsa"]),
    row(
        "an SSH key that nobody has registered",
        ["refused at sign-in", "refused at the command", "refused at the command"],
    ),
    row("Git LFS over SSH", ["yes", "no", "no"]),
    row(
        "what the server calls itself over SSH",
        ["vsts_mock", "vsts_mock_team_services", "vsts_mock_azure_repos"],
    ),
];

/// The settings of a profile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// The set of Git capabilities.
    pub(crate) git: git_wire::Profile,
    /// True if the client may choose a version of the Git protocol.
    pub(crate) negotiates_version: bool,
    /// Bytes that a push may have.
    pub(crate) max_push_bytes: u64,
    /// True if SSH takes whichever key signs first and refuses it only when a command is asked, as the service does:
    /// then a user with several keys has to name the right one.
    pub(crate) takes_first_key: bool,
    /// True if users register RSA keys alone. What the seed and the admin API register may be of any kind.
    pub(crate) registers_rsa_alone: bool,
    /// True if Git LFS is served over SSH.
    pub(crate) lfs_over_ssh: bool,
    /// The server's name on the wire and on its pages.
    pub(crate) product: &'static str,
}

const GIB: u64 = 1 << 30;

impl Profile {
    /// All profiles, in the order of the table's columns.
    pub const ALL: [Self; 3] = [Self::Permissive, Self::Vsts, Self::AzureDevops];
    /// The restrictions of each profile.
    pub const TABLE: &'static [ProfileRow] = TABLE;

    /// The table, in Markdown.
    pub fn table() -> String {
        let names = Self::ALL.map(Self::name);
        let line = |what: &str, values: [&str; 3]| format!("| {what} | {} |\n", values.join(" | "));
        let rows = Self::TABLE.iter().map(|row| line(row.what, row.values));
        line("", names) + "| --- | --- | --- | --- |\n" + &rows.collect::<String>()
    }

    pub(crate) fn traits(self) -> Traits {
        match self {
            Self::Permissive => Traits {
                git: git_wire::Profile::Permissive,
                negotiates_version: true,
                max_push_bytes: 5 * GIB,
                takes_first_key: false,
                registers_rsa_alone: false,
                lfs_over_ssh: true,
                product: "vsts-mock",
            },
            Self::Vsts => Traits {
                git: git_wire::Profile::Vsts,
                negotiates_version: false,
                max_push_bytes: 5 * GIB,
                takes_first_key: true,
                registers_rsa_alone: true,
                lfs_over_ssh: false,
                product: "vsts-mock-team-services",
            },
            Self::AzureDevops => Traits {
                git: git_wire::Profile::AzureDevops,
                negotiates_version: false,
                max_push_bytes: 5 * GIB,
                takes_first_key: true,
                registers_rsa_alone: true,
                lfs_over_ssh: false,
                product: "vsts-mock-azure-repos",
            },
        }
    }

    /// The reason for which users may not register that key. A private key is refused for being one, in any profile, by
    /// whoever parses it.
    pub(crate) fn refuses_key(self, line: &str) -> Option<&'static str> {
        let is_refused = self.traits().registers_rsa_alone
            && !line.trim_start().starts_with("ssh-rsa ")
            && !is_private_key(line);
        is_refused.then_some("Invalid key: Valid keys will start with \"ssh-rsa\".")
    }

    /// The name, as on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permissive => "permissive",
            Self::Vsts => "vsts",
            Self::AzureDevops => "azure-devops",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_table_is_this_one() {
        let document = include_str!("../../README.md");
        assert!(document.contains(&Profile::table()), "README.md should have:\n{}", Profile::table());
    }
}
