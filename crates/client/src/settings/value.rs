//! Which values settings take.

use std::time::Duration;

use clap::ValueEnum;

use crate::ui::{ColorChoice, OutputFormat};

/// The longest time that makes sense to wait: a week.
const MOST_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of seconds, also with a fraction.
    Seconds,
    /// A format of results.
    Output,
    /// When to use colour.
    Color,
    /// Any text.
    Text,
}

/// What is wrong with a value.
#[derive(Debug, thiserror::Error)]
#[error("it takes {wanted}")]
pub struct ValueError {
    wanted: &'static str,
}

impl Kind {
    /// Whether a value is one.
    pub fn check(self, value: &str) -> Result<(), ValueError> {
        let (fits, wanted) = match self {
            Self::Seconds => (seconds(value).is_some(), "a number of seconds, for example 2.5"),
            Self::Output => {
                (choice::<OutputFormat>(value).is_some(), "one of json, jsonc, table, tsv, yaml, none")
            }
            Self::Color => (choice::<ColorChoice>(value).is_some(), "one of auto, always, never"),
            Self::Text => (true, "any text"),
        };
        if fits { Ok(()) } else { Err(ValueError { wanted }) }
    }

    /// Whether it stands in the file as a number.
    pub(super) fn is_number(self) -> bool {
        self == Self::Seconds
    }
}

/// A time from its number of seconds.
pub(super) fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.trim().parse().ok()?;
    (0.0..=MOST_SECONDS).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// One of the values of a flag.
pub(super) fn choice<T: ValueEnum>(value: &str) -> Option<T> {
    T::from_str(value.trim(), true).ok()
}
