//! The values that settings take.

use std::time::Duration;

use clap::ValueEnum;

use crate::text::parse_size as size;
use crate::ui::{ColorChoice, OutputFormat};

/// The longest time that makes sense to wait: a week.
const MOST_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// The longest time that makes sense to keep something: a hundred years.
const MOST_DAYS: f64 = 36_500.0;

/// The kind of a setting's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number of seconds, also with a fraction.
    Seconds,
    /// A number of days, also with a fraction.
    Days,
    /// A number of bytes, also with a unit.
    Size,
    /// A format of results.
    Output,
    /// When to use colour.
    Color,
    /// Any text.
    Text,
}

/// The fault of a value.
#[derive(Debug, thiserror::Error)]
#[error("it takes {wanted}")]
pub struct ValueError {
    wanted: &'static str,
}

impl Kind {
    /// Returns whether a value is one.
    pub fn check(self, value: &str) -> Result<(), ValueError> {
        let (fits, wanted) = match self {
            Self::Seconds => (seconds(value).is_some(), "a number of seconds, for example 2.5"),
            Self::Days => (days(value).is_some(), "a number of days, for example 30"),
            Self::Size => (size(value).is_some(), "a size, for example 200MB"),
            Self::Output => {
                (choice::<OutputFormat>(value).is_some(), "one of json, jsonc, table, tsv, yaml, none")
            }
            Self::Color => (choice::<ColorChoice>(value).is_some(), "one of auto, always, never"),
            Self::Text => (true, "any text"),
        };
        if fits { Ok(()) } else { Err(ValueError { wanted }) }
    }

    /// Returns whether it stands in the file as a number.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Seconds | Self::Days)
    }
}

/// A time from its number of seconds.
pub(super) fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.trim().parse().ok()?;
    (0.0..=MOST_SECONDS).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// A time from its number of days.
pub(super) fn days(value: &str) -> Option<Duration> {
    let days: f64 = value.trim().parse().ok()?;
    (0.0..=MOST_DAYS).contains(&days).then(|| Duration::from_secs_f64(days * 24.0 * 3600.0))
}

/// One of the values of a flag.
pub(super) fn choice<T: ValueEnum>(value: &str) -> Option<T> {
    T::from_str(value.trim(), true).ok()
}
