//! The two services of a Git server and the versions of the protocol they are spoken in.

use std::fmt;
use std::str::FromStr;

/// A service that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Serves fetches and clones.
    UploadPack,
    /// Takes pushes.
    ReceivePack,
}

impl Service {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is none of a service of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a Git service, which are git-upload-pack and git-receive-pack")]
pub struct UnknownService(pub String);

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "git-upload-pack" => Ok(Self::UploadPack),
            "git-receive-pack" => Ok(Self::ReceivePack),
            _ => Err(UnknownService(name.to_owned())),
        }
    }
}

/// A version of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// The original: refs first.
    #[default]
    V0,
    /// The original behind a line that says `version 1`.
    V1,
    /// Commands.
    V2,
}

impl ProtocolVersion {
    /// The highest known version in the value of the `Git-Protocol` header or of `GIT_PROTOCOL`, keys separated by
    /// colons. What is unknown in it is passed over, as Git does.
    pub fn from_git_protocol_value(value: &str) -> Self {
        value
            .split(':')
            .filter_map(|key| match key.trim() {
                "version=1" => Some(Self::V1),
                "version=2" => Some(Self::V2),
                _ => None,
            })
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_known_version_is_picked() {
        for (value, version) in [
            ("", ProtocolVersion::V0),
            ("version=0", ProtocolVersion::V0),
            ("version=1", ProtocolVersion::V1),
            ("version=2", ProtocolVersion::V2),
            ("version=2:version=0", ProtocolVersion::V2),
            ("side-band:version=1:version=9", ProtocolVersion::V1),
            ("version=22", ProtocolVersion::V0),
        ] {
            assert_eq!(ProtocolVersion::from_git_protocol_value(value), version, "{value}");
        }
    }

    #[test]
    fn only_the_two_services_have_names() {
        for service in [Service::UploadPack, Service::ReceivePack] {
            assert_eq!(service.as_str().parse(), Ok(service));
        }
        for name in ["", "upload-pack", "git-upload-archive", "git-upload-pack "] {
            assert_eq!(name.parse::<Service>(), Err(UnknownService(name.to_owned())));
        }
    }
}
