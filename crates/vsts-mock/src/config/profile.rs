//! Profiles: which service is imitated, and how closely. The one table of what each narrows.
//!
//! | | permissive | vsts | azure-devops |
//! | --- | --- | --- | --- |
//! | imitates | nobody: all that is implemented is offered | VSTS, autumn 2017 | Azure DevOps Services |
//! | Git protocol versions | 0, 1, 2 | 0 | 0 |
//! | atomic pushes, filters, push options | yes | no | no |
//! | SSH takes the first key that signs | no: the first that is registered | yes | yes |
//! | addresses and versions of the REST API | 2018's; versions up to 2025's are taken | 2018's | 2025's |
//! | REST requests that write name a version | no | yes | yes |
//! | largest push | 5 GiB | 5 GiB | 5 GiB |
//! | what the server calls itself | `vsts-mock` | `vsts-mock-team-services` | `vsts-mock-azure-repos` |

use serde::{Deserialize, Serialize};

/// Which service is imitated.
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

/// What a profile amounts to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// The set of Git capabilities.
    pub(crate) git: git_wire::Profile,
    /// Whether the client may choose a version of the Git protocol.
    pub(crate) negotiates_version: bool,
    /// Bytes that a push may have.
    pub(crate) max_push_bytes: u64,
    /// Whether SSH takes whichever key signs first and refuses it only when a command is asked, as the service does:
    /// then a user with several keys has to name the right one.
    pub(crate) takes_first_key: bool,
    /// What the server calls itself on the wire and on its pages.
    pub(crate) product: &'static str,
}

const GIB: u64 = 1 << 30;

impl Profile {
    pub(crate) fn traits(self) -> Traits {
        match self {
            Self::Permissive => Traits {
                git: git_wire::Profile::Permissive,
                negotiates_version: true,
                max_push_bytes: 5 * GIB,
                takes_first_key: false,
                product: "vsts-mock",
            },
            Self::Vsts => Traits {
                git: git_wire::Profile::Vsts,
                negotiates_version: false,
                max_push_bytes: 5 * GIB,
                takes_first_key: true,
                product: "vsts-mock-team-services",
            },
            Self::AzureDevops => Traits {
                git: git_wire::Profile::Vsts,
                negotiates_version: false,
                max_push_bytes: 5 * GIB,
                takes_first_key: true,
                product: "vsts-mock-azure-repos",
            },
        }
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
