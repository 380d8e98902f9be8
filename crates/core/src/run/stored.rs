//! Reading a stored record: strict about what it knows, careful with what it does not.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    Curve, Metric,
    record::{RecordError, RunRecord, VERSION},
};

/// The record in `object`.
pub(super) fn read(mut object: Map<String, Value>) -> Result<RunRecord, RecordError> {
    let version = match object.remove("version") {
        Some(Value::Number(n)) if n.as_u64().is_some_and(|n| n > 0) => n.as_u64().unwrap_or_default(),
        other => return Err(malformed("version", other.as_ref())),
    };
    if version != VERSION {
        return Err(RecordError::Newer { version });
    }
    let mut keys = Keys(object);
    let record = RunRecord {
        run_id: keys.parsed("run_id")?,
        run_number: keys.with("run_number", Value::as_u64)?,
        script_name: keys.text("script_name")?,
        arguments: keys.texts("arguments")?,
        target: keys.text("target")?,
        status: keys.parsed("status")?,
        created_utc: keys.parsed("created_utc")?,
        start_time_utc: keys.moment("start_time_utc")?,
        end_time_utc: keys.moment("end_time_utc")?,
        user_id: keys.text("user_id")?,
        exit_code: keys.optional("exit_code", |v| v.as_i64().and_then(|n| n.try_into().ok()))?,
        experiment_id: keys.text("experiment_id")?,
        parent_run_id: keys.optional("parent_run_id", text)?,
        attachments: keys.texts("attachments")?,
        heartbeat_enabled: keys.with("heartbeat_enabled", Value::as_bool)?,
        hidden: keys.with("hidden", Value::as_bool)?,
        name: keys.optional("name", text)?,
        description: keys.optional("description", text)?,
        properties: keys.with("properties", object_of)?.into_iter().collect(),
        metrics: keys.with("metrics", object_of)?.into_iter().map(|(k, v)| (k, Metric::from(v))).collect(),
        curves: keys.optional("curves", curves)?.unwrap_or_default(),
        parameters: keys.optional("parameters", texts_by_name)?.unwrap_or_default(),
        tags: keys.optional("tags", texts_by_name)?.unwrap_or_default(),
        command: keys.optional("command", |value| value.as_array()?.iter().map(text).collect())?,
        edited_utc: keys.moment("edited_utc")?,
        pid: keys.optional("pid", |v| v.as_u64().and_then(|n| n.try_into().ok()))?,
        host: keys.optional("host", text)?,
        extra: {
            keys.0.shift_remove("duration"); // follows from start and end
            keys.0
        },
    };
    Ok(record)
}

/// The keys not read yet.
struct Keys(Map<String, Value>);

impl Keys {
    fn with<T>(&mut self, key: &str, read: impl Fn(&Value) -> Option<T>) -> Result<T, RecordError> {
        let value = self.0.shift_remove(key);
        value.as_ref().and_then(read).ok_or_else(|| malformed(key, value.as_ref()))
    }

    fn optional<T>(
        &mut self,
        key: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, RecordError> {
        match self.0.get(key) {
            None | Some(Value::Null) => {
                self.0.shift_remove(key);
                Ok(None)
            }
            Some(_) => self.with(key, read).map(Some),
        }
    }

    fn text(&mut self, key: &str) -> Result<String, RecordError> {
        self.with(key, text)
    }

    fn texts(&mut self, key: &str) -> Result<Vec<String>, RecordError> {
        self.with(key, |value| value.as_array()?.iter().map(text).collect())
    }

    fn parsed<T: std::str::FromStr>(&mut self, key: &str) -> Result<T, RecordError> {
        self.with(key, |value| value.as_str()?.parse().ok())
    }

    fn moment(&mut self, key: &str) -> Result<Option<Timestamp>, RecordError> {
        self.optional(key, |value| value.as_str()?.parse().ok())
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts_by_name(value: &Value) -> Option<BTreeMap<String, String>> {
    value.as_object()?.iter().map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

fn curves(value: &Value) -> Option<BTreeMap<String, Curve>> {
    serde_json::from_value(value.clone()).ok()
}

fn object_of(value: &Value) -> Option<Map<String, Value>> {
    value.as_object().cloned()
}

fn malformed(key: &str, found: Option<&Value>) -> RecordError {
    let found = match found {
        None => "missing".to_owned(),
        Some(value) => value.to_string().chars().filter(|c| !c.is_control()).take(80).collect(),
    };
    RecordError::Malformed { key: key.to_owned(), found }
}
