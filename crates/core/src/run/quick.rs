//! Reading a stored record in one pass, without a map of values between: ten thousand are read for one list.
//!
//! What is not exactly as [`RunRecord::to_stored`] writes it is left to [`stored`](super::stored), which says what is
//! wrong with it.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{
    Curve, Metric,
    record::{RunRecord, VERSION},
};

/// The record, if it is as this version writes it.
pub(super) fn read(bytes: &[u8]) -> Option<RunRecord> {
    serde_json::from_slice::<Stored>(bytes).ok().map(|stored| stored.0)
}

struct Stored(RunRecord);

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Stored;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a run record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stored, A::Error> {
        let mut parts = Parts::default();
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            parts.take(&key, &mut map)?;
        }
        parts.finish().ok_or_else(|| A::Error::custom("a key is missing")).map(Stored)
    }
}

/// The keys that were met so far.
#[derive(Default)]
struct Parts {
    version: Option<u64>,
    run_id: Option<crate::id::RunId>,
    run_number: Option<u64>,
    script_name: Option<String>,
    arguments: Option<Vec<String>>,
    target: Option<String>,
    status: Option<super::Status>,
    created_utc: Option<Timestamp>,
    start_time_utc: Option<Timestamp>,
    end_time_utc: Option<Timestamp>,
    user_id: Option<String>,
    exit_code: Option<i32>,
    experiment_id: Option<String>,
    parent_run_id: Option<String>,
    attachments: Option<Vec<String>>,
    heartbeat_enabled: Option<bool>,
    hidden: Option<bool>,
    name: Option<String>,
    description: Option<String>,
    properties: Option<BTreeMap<String, Value>>,
    metrics: Option<BTreeMap<String, Value>>,
    curves: BTreeMap<String, Curve>,
    parameters: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    command: Option<Vec<String>>,
    edited_utc: Option<Timestamp>,
    pid: Option<u32>,
    host: Option<String>,
    extra: Map<String, Value>,
}

/// A text that says something else.
fn parsed<'de, T: std::str::FromStr, A: MapAccess<'de>>(map: &mut A) -> Result<Option<T>, A::Error> {
    let Text(text) = map.next_value()?;
    text.parse().map(Some).map_err(|_| A::Error::custom("it does not parse"))
}

fn moment<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Timestamp>, A::Error> {
    let text: Option<Text<'de>> = map.next_value()?;
    text.map(|Text(text)| text.parse().map_err(|_| A::Error::custom("it is no moment"))).transpose()
}

impl Parts {
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "version" => self.version = Some(map.next_value()?),
            "run_id" => self.run_id = parsed(map)?,
            "run_number" => self.run_number = Some(map.next_value()?),
            "script_name" => self.script_name = Some(map.next_value()?),
            "arguments" => self.arguments = Some(map.next_value()?),
            "target" => self.target = Some(map.next_value()?),
            "status" => self.status = parsed(map)?,
            "created_utc" => self.created_utc = parsed(map)?,
            "start_time_utc" => self.start_time_utc = moment(map)?,
            "end_time_utc" => self.end_time_utc = moment(map)?,
            "user_id" => self.user_id = Some(map.next_value()?),
            "exit_code" => self.exit_code = map.next_value()?,
            "experiment_id" => self.experiment_id = Some(map.next_value()?),
            "parent_run_id" => self.parent_run_id = map.next_value()?,
            "attachments" => self.attachments = Some(map.next_value()?),
            "heartbeat_enabled" => self.heartbeat_enabled = Some(map.next_value()?),
            "hidden" => self.hidden = Some(map.next_value()?),
            "name" => self.name = map.next_value()?,
            "description" => self.description = map.next_value()?,
            "properties" => self.properties = Some(map.next_value()?),
            "metrics" => self.metrics = Some(map.next_value()?),
            "curves" => self.curves = map.next_value()?,
            "parameters" => self.parameters = map.next_value()?,
            "tags" => self.tags = map.next_value()?,
            "command" => self.command = map.next_value()?,
            "edited_utc" => self.edited_utc = moment(map)?,
            "pid" => self.pid = map.next_value()?,
            "host" => self.host = map.next_value()?,
            // Follows from start and end.
            "duration" => drop(map.next_value::<serde::de::IgnoredAny>()?),
            key => drop(self.extra.insert(key.to_owned(), map.next_value()?)),
        }
        Ok(())
    }

    fn finish(self) -> Option<RunRecord> {
        self.version.filter(|version| *version == VERSION)?;
        Some(RunRecord {
            run_id: self.run_id?,
            run_number: self.run_number?,
            script_name: self.script_name?,
            arguments: self.arguments?,
            target: self.target?,
            status: self.status?,
            created_utc: self.created_utc?,
            start_time_utc: self.start_time_utc,
            end_time_utc: self.end_time_utc,
            user_id: self.user_id?,
            exit_code: self.exit_code,
            experiment_id: self.experiment_id?,
            parent_run_id: self.parent_run_id,
            attachments: self.attachments?,
            heartbeat_enabled: self.heartbeat_enabled?,
            hidden: self.hidden?,
            name: self.name,
            description: self.description,
            properties: self.properties?,
            metrics: self.metrics?.into_iter().map(|(name, value)| (name, Metric::from(value))).collect(),
            curves: self.curves,
            parameters: self.parameters,
            tags: self.tags,
            command: self.command,
            edited_utc: self.edited_utc,
            pid: self.pid,
            host: self.host,
            extra: self.extra,
        })
    }
}
