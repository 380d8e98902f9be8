//! The name under which azml was started, which messages repeat.

/// The name under which azml was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invoked {
    /// `azml …`
    Azml,
    /// `az ml …`
    AzMl,
}

impl Invoked {
    /// The words that a user types before a command.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Azml => "azml",
            Self::AzMl => "az ml",
        }
    }
}
