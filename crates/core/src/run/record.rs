//! The record of one run, and its two written forms.
//!
//! *Stored*: JSON of one version, keys sorted, a line each, so that two computers write the same
//! bytes for the same record and a change to one value is a small delta. Keys that this version
//! does not know survive a round trip; an unknown newer version is refused. Moments are kept to the
//! microsecond.
//!
//! Keys that most records lack are written only where there is something to say: `parameters` and `tags` (objects of
//! texts), `command` (a list of texts), `curves` (an object by metric: `count`, `min`, `max` and the last `step`),
//! `edited_utc` with `edits` ([`edits`](super::edits)), `pid` and `host`.
//!
//! *Shown*: the Workbench's keys, sorted by their bytes, the metrics lifted to the top level. Parameters and tags stay
//! objects of their own: `[?parameters.lr == '0.1']`.

use std::{borrow::Cow, collections::BTreeMap};

use gix::ObjectId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Curve, Metric, Status, format};
use crate::id::{ProjectId, RunId};

/// One run, as the Workbench describes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunRecord {
    /// Names the run.
    pub run_id: RunId,
    /// Counts the project's runs from 1; 0 until [`RunStore::start`](super::RunStore::start) gives it one.
    pub run_number: u64,
    /// The script, as it was given.
    pub script_name: String,
    /// The script's arguments.
    pub arguments: Vec<String>,
    /// The compute target's name.
    pub target: String,
    /// The run's status.
    pub status: Status,
    /// When the run was submitted.
    pub created_utc: Timestamp,
    /// When the script started.
    pub start_time_utc: Option<Timestamp>,
    /// When the script ended.
    pub end_time_utc: Option<Timestamp>,
    /// The user who submitted it.
    pub user_id: String,
    /// The script's exit code.
    pub exit_code: Option<i32>,
    /// The id of the project that it belongs to.
    pub experiment_id: String,
    /// The run that started this one.
    pub parent_run_id: Option<String>,
    /// The collected files: paths with `/`.
    pub attachments: Vec<String>,
    /// True if somebody reports that it is alive.
    pub heartbeat_enabled: bool,
    /// True if lists leave it out.
    pub hidden: bool,
    /// A name, where the user gave one.
    pub name: Option<String>,
    /// A description, where the user gave one.
    pub description: Option<String>,
    /// More about it; `CommitId` is the snapshot it ran from.
    pub properties: BTreeMap<String, Value>,
    /// The values that the script logged.
    pub metrics: BTreeMap<String, Metric>,
    /// More about the metrics that were logged more than once.
    #[serde(default, deserialize_with = "or_default")]
    pub curves: BTreeMap<String, Curve>,
    /// The run's parameters, by name: learning rates, depths.
    #[serde(default, deserialize_with = "or_default")]
    pub parameters: BTreeMap<String, String>,
    /// The labels that people and tools gave it, by name.
    #[serde(default, deserialize_with = "or_default")]
    pub tags: BTreeMap<String, String>,
    /// The command as it was executed, where it is more than the script and its arguments.
    pub command: Option<Vec<String>>,
    /// When somebody last changed name, description, tags or `hidden` by hand.
    pub edited_utc: Option<Timestamp>,
    /// The script's process, while it runs.
    pub pid: Option<u32>,
    /// The computer that process is on.
    pub host: Option<String>,
    /// Keys that this version does not know, kept for those that do.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The property that names the snapshot.
pub const COMMIT_ID: &str = "CommitId";

/// The key of what stands for a record that can't be read: the reason.
const UNREADABLE: &str = "unreadable";

/// The keys that every record has, but for `host` and `pid`.
const COMMON: [&str; 21] = [
    "arguments",
    "created_utc",
    "description",
    "duration",
    "end_time_utc",
    "exit_code",
    "experiment_id",
    "heartbeat_enabled",
    "hidden",
    "host",
    "name",
    "parent_run_id",
    "pid",
    "properties",
    "run_id",
    "run_number",
    "script_name",
    "start_time_utc",
    "status",
    "target",
    "user_id",
];

/// The keys that a record shows only where there is something to say; a metric never takes their place.
const RARE: [&str; 5] = ["command", "curves", "edited_utc", "parameters", "tags"];

/// The key for the edits by hand.
pub(super) const EDITS: &str = "edits";

/// The version of the stored form that this code writes and reads.
pub const VERSION: u64 = 1;

/// A stored record that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no JSON object.
    #[error("the record is not a JSON object")]
    NotJson(#[source] serde_json::Error),
    /// Written by a newer azml.
    #[error("the record has version {version}; this azml reads version {VERSION}: a newer azml wrote it")]
    Newer {
        /// The version it has.
        version: u64,
    },
    /// Nothing that azml writes is so long.
    #[error("the record has {bytes} bytes, more than a record can have")]
    TooLarge {
        /// Its length.
        bytes: u64,
    },
    /// A key is missing, or holds what it can't hold.
    #[error("`{key}` of the record is {found}")]
    Malformed {
        /// The key.
        key: String,
        /// The text that is there, made fit to print.
        found: String,
    },
}

impl RunRecord {
    /// The record of a run that is being submitted at `created`.
    pub fn new(
        run_id: RunId,
        experiment: &ProjectId,
        script_name: impl Into<String>,
        created: Timestamp,
    ) -> Self {
        let record = Self::of(run_id, experiment.to_string(), format::to_micros(created));
        Self { script_name: script_name.into(), ..record }
    }

    /// A record of which no more is known.
    pub(super) fn of(run_id: RunId, experiment_id: String, created_utc: Timestamp) -> Self {
        Self {
            run_id,
            run_number: 0,
            script_name: String::new(),
            arguments: Vec::new(),
            target: "local".to_owned(),
            status: Status::Submitting,
            created_utc,
            start_time_utc: None,
            end_time_utc: None,
            user_id: String::new(),
            exit_code: None,
            experiment_id,
            parent_run_id: None,
            attachments: Vec::new(),
            heartbeat_enabled: true,
            hidden: false,
            name: None,
            description: None,
            properties: BTreeMap::new(),
            metrics: BTreeMap::new(),
            curves: BTreeMap::new(),
            parameters: BTreeMap::new(),
            tags: BTreeMap::new(),
            command: None,
            edited_utc: None,
            pid: None,
            host: None,
            extra: Map::new(),
        }
    }

    /// The snapshot it ran from.
    pub fn commit_id(&self) -> Option<ObjectId> {
        self.properties.get(COMMIT_ID)?.as_str().and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok())
    }

    /// Says which snapshot it ran from.
    pub fn set_commit_id(&mut self, commit: ObjectId) {
        self.properties.insert(COMMIT_ID.to_owned(), Value::String(commit.to_string()));
    }

    /// Returns how long the script ran, once it has ended.
    pub fn duration(&self) -> Option<SignedDuration> {
        let (start, end) = (self.start_time_utc?, self.end_time_utc?);
        Some(format::to_micros(end).duration_since(format::to_micros(start)))
    }

    /// The bytes that are stored.
    pub fn to_stored(&self) -> Vec<u8> {
        let mut all: BTreeMap<String, Value> =
            self.extra.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        all.extend(self.common().map(|(key, value)| (key.to_owned(), value)));
        all.insert("version".to_owned(), VERSION.into());
        all.insert("attachments".to_owned(), self.attachments.clone().into());
        let metrics = self.metrics.iter().map(|(name, metric)| (name.clone(), metric.to_value()));
        all.insert("metrics".to_owned(), Value::Object(metrics.collect()));
        let object: Map<String, Value> = all.into_iter().collect();
        let mut bytes =
            serde_json::to_vec_pretty(&object).expect("text keys and JSON values are always JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Reads what [`to_stored`](Self::to_stored) wrote.
    pub fn from_stored(bytes: &[u8]) -> Result<Self, RecordError> {
        // In one pass, without a map of values: ten thousand are read for one list.
        if let Some(record) = serde_json::from_slice(bytes).ok().and_then(Self::of_this_version) {
            return Ok(record);
        }
        let object: Map<String, Value> = serde_json::from_slice(bytes).map_err(RecordError::NotJson)?;
        match object.get("version").map(Value::as_u64) {
            Some(Some(VERSION)) => {}
            Some(Some(version)) if version > 0 => return Err(RecordError::Newer { version }),
            _ => return Err(malformed(&object, "version")),
        }
        let record = serde_json::from_value(Value::Object(object.clone())).ok();
        record.and_then(Self::of_this_version).ok_or_else(|| why_malformed(&object))
    }

    /// Takes out of the keys of `self` those that are no part of a record.
    fn of_this_version(mut self) -> Option<Self> {
        self.extra.shift_remove("duration"); // follows from start and end
        (self.extra.shift_remove("version")?.as_u64()? == VERSION).then_some(self)
    }

    /// Reads the record that is kept as that of `run`.
    pub(super) fn of_run(run: &RunId, bytes: &[u8]) -> Result<Self, RecordError> {
        let record = Self::from_stored(bytes)?;
        if record.run_id == *run {
            return Ok(record);
        }
        Err(RecordError::Malformed { key: "run_id".to_owned(), found: record.run_id.to_string() })
    }

    /// Returns the entry that lists show for an unreadable record: its id, the reason, and its readable fields.
    pub(super) fn stand_in(run: RunId, bytes: &[u8], why: &RecordError) -> Self {
        let object: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let texts = |key: &str| {
            let pairs = object.get(key).and_then(Value::as_object).into_iter().flatten();
            pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
        };
        let moment = |key: &str| text(key).and_then(|text| text.parse::<Timestamp>().ok());
        let created = i64::try_from(run.epoch_ms()).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let metrics = object.get("metrics").and_then(Value::as_object).cloned().unwrap_or_default();
        Self {
            run_number: object.get("run_number").and_then(Value::as_u64).unwrap_or_default(),
            script_name: text("script_name").unwrap_or_default(),
            target: text("target").unwrap_or_default(),
            status: if matches!(why, RecordError::Newer { .. }) { Status::Newer } else { Status::Unreadable },
            start_time_utc: moment("start_time_utc"),
            end_time_utc: moment("end_time_utc"),
            user_id: text("user_id").unwrap_or_default(),
            heartbeat_enabled: false,
            hidden: object.get("hidden").and_then(Value::as_bool).unwrap_or_default(),
            name: text("name"),
            metrics: metrics.into_iter().map(|(name, value)| (name, Metric::from(value))).collect(),
            parameters: texts("parameters"),
            tags: texts("tags"),
            extra: [(UNREADABLE.to_owned(), Value::String(why.to_string()))].into_iter().collect(),
            host: text("host"),
            ..Self::of(
                run,
                text("experiment_id").unwrap_or_default(),
                moment("created_utc").or(created).unwrap_or_default(),
            )
        }
    }

    /// Why the stored record can't be read, if this only stands for it in a list.
    pub fn why_unreadable(&self) -> Option<&str> {
        let is_stand_in = matches!(self.status, Status::Newer | Status::Unreadable);
        self.extra.get(UNREADABLE).filter(|_| is_stand_in).and_then(Value::as_str)
    }

    /// The form that commands print: metrics in the top level, keys sorted by their bytes.
    ///
    /// `pid` and `host` are there for a run that is alive. A metric that is named like a key of the
    /// record is shown as `metrics.<name>`, and a key of the record is never hidden by it.
    pub fn to_output(&self) -> Map<String, Value> {
        self.to_shown().into_iter().map(|(key, value)| (key.into_owned(), value)).collect()
    }

    /// The same as pairs, sorted by their keys.
    pub fn to_shown(&self) -> Vec<(Cow<'_, str>, Value)> {
        let mut all: Vec<(Cow<'_, str>, Value)> = Vec::with_capacity(32 + self.metrics.len());
        all.extend(self.common().map(|(key, value)| (key.into(), value)));
        all.push(("attachments".into(), self.attachments.join(", ").into()));
        if self.status.is_over() {
            all.retain(|(key, _)| key != "pid" && key != "host");
        }
        let is_known = |all: &[(Cow<'_, str>, Value)], name: &str| all.iter().any(|(key, _)| key == name);
        for (key, value) in &self.extra {
            if key != EDITS && !is_known(&all, key) {
                all.push((key.into(), value.clone()));
            }
        }
        let keys = all.len();
        for (name, metric) in &self.metrics {
            let is_key = RARE.contains(&name.as_str()) || is_known(&all[..keys], name);
            let key = if is_key { format!("metrics.{name}").into() } else { name.into() };
            all.push((key, metric.to_value()));
        }
        all.sort_by(|(one, _), (two, _)| one.cmp(two));
        // A metric may be named as one that gave way to a key: the later stays.
        all.dedup_by(|later, one| {
            let is_same = later.0 == one.0;
            if is_same {
                std::mem::swap(later, one);
            }
            is_same
        });
        all
    }

    /// The value that [`to_shown`](Self::to_shown) has for one key.
    pub fn shown(&self, key: &str) -> Option<Value> {
        if key.starts_with("metrics.") {
            return self.to_shown().into_iter().find(|(name, _)| name == key).map(|(_, value)| value);
        }
        let own = match key {
            "attachments" => Some(self.attachments.join(", ").into()),
            "pid" | "host" if self.status.is_over() => self.extra.get(key).cloned(),
            EDITS => None,
            _ => self.common_value(key).or_else(|| self.extra.get(key).cloned()),
        };
        let metric = || self.metrics.get(key).filter(|_| !RARE.contains(&key)).map(Metric::to_value);
        own.or_else(metric)
    }

    /// The keys that both forms write alike.
    fn common(&self) -> impl Iterator<Item = (&'static str, Value)> {
        COMMON.iter().chain(&RARE).filter_map(|key| Some((*key, self.common_value(key)?)))
    }

    /// The value of one of these keys; `None` if there is nothing to say.
    fn common_value(&self, key: &str) -> Option<Value> {
        let moment = |at: &Option<Timestamp>| at.map_or(Value::Null, |at| format::moment(at).into());
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
        let object = |pairs: Map<String, Value>| (!pairs.is_empty()).then_some(Value::Object(pairs));
        let texts = |pairs: &BTreeMap<String, String>| {
            object(pairs.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect())
        };
        Some(match key {
            "arguments" => self.arguments.clone().into(),
            "created_utc" => format::moment(self.created_utc).into(),
            "description" => text(&self.description),
            "duration" => self.duration().map_or(Value::Null, |d| format::duration(d).into()),
            "end_time_utc" => moment(&self.end_time_utc),
            "exit_code" => self.exit_code.map_or(Value::Null, Value::from),
            "experiment_id" => self.experiment_id.as_str().into(),
            "heartbeat_enabled" => self.heartbeat_enabled.into(),
            "hidden" => self.hidden.into(),
            "host" => self.host.as_deref()?.into(),
            "name" => text(&self.name),
            "parent_run_id" => text(&self.parent_run_id),
            "pid" => self.pid?.into(),
            "properties" => {
                Value::Object(self.properties.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
            }
            "run_id" => self.run_id.as_str().into(),
            "run_number" => self.run_number.into(),
            "script_name" => self.script_name.as_str().into(),
            "start_time_utc" => moment(&self.start_time_utc),
            "status" => self.status.as_str().into(),
            "target" => self.target.as_str().into(),
            "user_id" => self.user_id.as_str().into(),
            "command" => self.command.clone()?.into(),
            "curves" => {
                object(self.curves.iter().map(|(name, curve)| (name.clone(), curve.to_value())).collect())?
            }
            "edited_utc" => format::moment(self.edited_utc?).into(),
            "parameters" => texts(&self.parameters)?,
            "tags" => texts(&self.tags)?,
            _ => return None,
        })
    }
}

/// Reads a value that may be null.
fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Finds the key for which `object` is no record: the first whose value makes a sound record one that can't be read.
fn why_malformed(object: &Map<String, Value>) -> RecordError {
    let id = RunId::new("sound", 0).expect("letters and a time are an id");
    let sound = RunRecord::new(id, &ProjectId::from_random([0; 16]), "", Timestamp::UNIX_EPOCH).to_stored();
    let sound: Map<String, Value> = serde_json::from_slice(&sound).expect("what is stored is an object");
    let is_wrong = |key: &&String| {
        let mut one = sound.clone();
        match object.get(*key) {
            Some(value) => drop(one.insert((*key).clone(), value.clone())),
            None => drop(one.shift_remove(*key)),
        }
        serde_json::from_value::<RunRecord>(Value::Object(one)).is_err()
    };
    let key = sound.keys().chain(object.keys()).find(is_wrong);
    malformed(object, key.map_or("version", String::as_str))
}

fn malformed(object: &Map<String, Value>, key: &str) -> RecordError {
    let found = match object.get(key) {
        None => "missing".to_owned(),
        Some(value) => value.to_string().chars().filter(|c| !c.is_control()).take(80).collect(),
    };
    RecordError::Malformed { key: key.to_owned(), found }
}
