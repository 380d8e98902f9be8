//! The fields by which runs are filtered and sorted, and a run's values of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use azml_core::run::{Metric, RunRecord};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::workbench::format;

/// Something that a run has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    Run,
    Number,
    Status,
    Script,
    Arguments,
    Target,
    User,
    Host,
    Exit,
    Parent,
    Duration,
    Started,
    Age,
    Metric(String),
    Property(String),
    Parameter(String),
    Tag(String),
    /// A metric, else a parameter, a property or a tag.
    Other(String),
}

const NAMED: [(&str, Field); 13] = [
    ("run", Field::Run),
    ("number", Field::Number),
    ("status", Field::Status),
    ("script", Field::Script),
    ("arguments", Field::Arguments),
    ("target", Field::Target),
    ("user", Field::User),
    ("host", Field::Host),
    ("exit", Field::Exit),
    ("parent", Field::Parent),
    ("duration", Field::Duration),
    ("started", Field::Started),
    ("age", Field::Age),
];
const METRICS: &str = "metrics.";
const PROPERTIES: &str = "properties.";
const PARAMETERS: &str = "parameters.";
const TAGS: &str = "tags.";

/// A run's value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Has {
    /// Nothing.
    Nothing,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// When and where it is asked.
#[derive(Clone, Debug)]
pub struct Now {
    /// The time.
    pub time: Timestamp,
    /// The zone that dates are meant in.
    pub zone: TimeZone,
}

impl Field {
    /// The field of that name.
    pub fn parse(name: &str) -> Self {
        if let Some(metric) = name.strip_prefix(METRICS) {
            return Self::Metric(metric.to_owned());
        }
        if let Some(property) = name.strip_prefix(PROPERTIES) {
            return Self::Property(property.to_owned());
        }
        if let Some(name) = name.strip_prefix(PARAMETERS).or_else(|| name.strip_prefix("params.")) {
            return Self::Parameter(name.to_owned());
        }
        if let Some(tag) = name.strip_prefix(TAGS) {
            return Self::Tag(tag.to_owned());
        }
        let named = NAMED.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        named.map_or_else(|| Self::Other(name.to_owned()), |(_, field)| field.clone())
    }

    /// The metric of that name, also where it is called as something else.
    pub fn metric(name: &str) -> Self {
        match Self::parse(name) {
            Self::Other(name) if !name.starts_with('-') => Self::Other(name),
            _ => Self::Metric(name.to_owned()),
        }
    }

    /// Its name, which [`parse`](Self::parse) reads.
    pub fn name(&self) -> String {
        match self {
            Self::Metric(name) => format!("{METRICS}{name}"),
            Self::Property(name) => format!("{PROPERTIES}{name}"),
            Self::Parameter(name) => format!("{PARAMETERS}{name}"),
            Self::Tag(name) => format!("{TAGS}{name}"),
            Self::Other(name) => name.clone(),
            named => NAMED.iter().find(|(_, field)| field == named).map_or("", |(name, _)| name).to_owned(),
        }
    }

    /// The name of a metric, property, parameter or tag, if it is one.
    pub fn logged_name(&self) -> Option<&str> {
        match self {
            Self::Metric(name)
            | Self::Property(name)
            | Self::Parameter(name)
            | Self::Tag(name)
            | Self::Other(name) => Some(name),
            _ => None,
        }
    }

    /// A run's value of a field.
    pub fn of(&self, record: &RunRecord, now: &Now) -> Has {
        let text = |text: &str| Has::Text(text.to_owned());
        let optional = |found: Option<&str>| found.map_or(Has::Nothing, text);
        match self {
            Self::Run => text(record.run_id.as_str()),
            #[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 runs")]
            Self::Number => Has::Number(record.run_number as f64),
            Self::Status => text(record.status.as_str()),
            Self::Script => text(&record.script_name),
            Self::Arguments => text(&record.arguments.join(" ")),
            Self::Target => text(&record.target),
            Self::User => text(&record.user_id),
            Self::Host => optional(record.host.as_deref()),
            Self::Exit => record.exit_code.map_or(Has::Nothing, |code| Has::Number(code.into())),
            Self::Parent => optional(record.parent_run_id.as_deref()),
            Self::Duration => format::run_time(record, now.time)
                .map_or(Has::Nothing, |length| Has::Number(length.as_secs_f64())),
            Self::Started => Has::Number(seconds(record.start_time_utc.unwrap_or(record.created_utc))),
            Self::Age => Has::Number(now.time.duration_since(record.created_utc).as_secs_f64()),
            Self::Metric(name) => metric(record, name),
            Self::Property(name) => property(record, name),
            Self::Parameter(name) => among(&record.parameters, name),
            Self::Tag(name) => among(&record.tags, name),
            Self::Other(name) => {
                let mut all = [metric(record, name), among(&record.parameters, name), property(record, name)]
                    .into_iter()
                    .filter(|found| *found != Has::Nothing);
                all.next().unwrap_or_else(|| among(&record.tags, name))
            }
        }
    }

    /// A text of a filter as the number that this field is compared with, with the length of what it names.
    pub(super) fn number(&self, text: &str, now: &Now) -> Option<(f64, f64)> {
        let exact = |number: f64| (number, 0.0);
        match self {
            Self::Duration | Self::Age => length(text).map(exact),
            Self::Started => span(text, &now.zone),
            _ => text.parse().ok().map(exact),
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    SignedDuration::new(at.as_second(), at.subsec_nanosecond()).as_secs_f64()
}

/// The value under a name, else under one that differs in case alone.
fn metric(record: &RunRecord, name: &str) -> Has {
    let found = record.metrics.get(name).or_else(|| {
        let mut all = record.metrics.iter();
        all.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, metric)| metric)
    });
    match found {
        None => Has::Nothing,
        Some(Metric::Number(number)) => number.as_f64().map_or(Has::Nothing, Has::Number),
        Some(Metric::Text(text)) => Has::Text(text.clone()),
        Some(other) => Has::Text(format::value(&other.to_value())),
    }
}

/// The value of a parameter or tag: a number, if the text is one.
fn among(texts: &BTreeMap<String, String>, name: &str) -> Has {
    let Some(text) = texts.get(name) else { return Has::Nothing };
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map_or_else(|| Has::Text(text.clone()), Has::Number)
}

fn property(record: &RunRecord, name: &str) -> Has {
    let mut all = record.properties.iter();
    match all.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value) {
        None | Some(Value::Null) => Has::Nothing,
        Some(Value::Number(number)) => number.as_f64().map_or(Has::Nothing, Has::Number),
        Some(other) => Has::Text(format::value(other)),
    }
}

/// `90`, `90s`, `5m`, `2h`, `3d`, in seconds.
fn length(text: &str) -> Option<f64> {
    let (number, unit) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3600.0),
        (at, 'd') => (&text[..at], 86400.0),
        _ => (text, 1.0),
    };
    number.parse::<f64>().ok().map(|number| number * unit)
}

/// A date or a moment, in seconds, and how long it lasts.
fn span(text: &str, zone: &TimeZone) -> Option<(f64, f64)> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some((seconds(at), 1.0));
    }
    let local: DateTime = text.parse().ok()?;
    let lasts = match text.len() {
        0..=10 => 86400.0,
        11..=16 => 60.0,
        _ => 1.0,
    };
    Some((seconds(zone.to_timestamp(local).ok()?), lasts))
}

impl Has {
    /// Numbers before texts, and nothing last, in either direction.
    pub fn order(&self, other: &Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::Nothing, Self::Nothing) => return Ordering::Equal,
            (Self::Nothing, _) => return Ordering::Greater,
            (_, Self::Nothing) => return Ordering::Less,
            (Self::Number(one), Self::Number(two)) => one.total_cmp(two),
            (Self::Text(one), Self::Text(two)) => one.cmp(two),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        };
        if descending { order.reverse() } else { order }
    }
}
