//! The status of a run.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The status of a run. The names are the Workbench's and are stored as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// The snapshot is made, the script not yet started.
    Submitting,
    /// The run waits on another computer until there is room for it.
    Queued,
    /// The script runs.
    Running,
    /// The script ended with exit code 0.
    Completed,
    /// The script ended otherwise, or could not be started.
    Failed,
    /// The user stopped it.
    Canceled,
    /// The azml that watched it is gone, and nobody knows how the script ended.
    NotResponding,
    /// Stands in a list for a record of a newer version, and is never stored.
    #[serde(skip)]
    Newer,
    /// Stands in a list for a record that can't be read, and is never stored.
    #[serde(skip)]
    Unreadable,
}

impl Status {
    /// Every status of a run. The run list names them by their places, so that new ones come at the end.
    pub const ALL: [Self; 7] = [
        Self::Submitting,
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::NotResponding,
        Self::Queued,
    ];

    /// The name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submitting => "Submitting",
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
            Self::NotResponding => "NotResponding",
            Self::Newer => "newer version",
            Self::Unreadable => "unreadable",
        }
    }

    /// Returns whether the run is over, as far as anybody knows.
    pub fn is_over(self) -> bool {
        !matches!(self, Self::Submitting | Self::Queued | Self::Running)
    }

    /// Ranks reports of one run by what they know: first one that saw it end, then one that lost sight of it, then
    /// one that only saw it begin.
    pub(super) fn knowledge(self) -> u8 {
        match self {
            Self::Submitting | Self::Newer | Self::Unreadable => 0,
            Self::Queued => 1,
            Self::Running => 2,
            Self::NotResponding => 3,
            Self::Completed | Self::Failed | Self::Canceled => 4,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that is no status.
#[derive(Debug, thiserror::Error, PartialEq, Eq, Clone)]
#[error("`{word}` is not a status of a run")]
pub struct UnknownStatus {
    /// The word that was found.
    pub word: String,
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(word: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == word)
            .ok_or_else(|| UnknownStatus { word: word.to_owned() })
    }
}
