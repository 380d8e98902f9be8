//! Checks the names of projects.

use std::fmt;

use super::Error;

/// A project's name: 2 to 50 letters, digits, `-` or `_`, the first a letter or digit.
///
/// The union of the Workbench's rule (2-32), the service's (5-50) and of what people did (`_`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProjectName(String);

impl ProjectName {
    /// Checks a name.
    pub fn parse(name: &str) -> Result<Self, Error> {
        let refuse =
            |why| Err(Error::Name { name: name.chars().filter(|c| !c.is_control()).take(80).collect(), why });
        if !(2..=50).contains(&name.chars().count()) {
            return refuse("it has to have 2 to 50 characters");
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return refuse("letters, digits, `-` and `_` are allowed");
        }
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return refuse("it has to begin with a letter or a digit");
        }
        let reserved = ["con", "prn", "aux", "nul"];
        let numbered = |stem| name.len() == 4 && name.to_ascii_lowercase().starts_with(stem);
        if reserved.contains(&name.to_ascii_lowercase().as_str())
            || (numbered("com") || numbered("lpt")) && name.ends_with(|c: char| c.is_ascii_digit())
        {
            return refuse("Windows keeps it for a device");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
