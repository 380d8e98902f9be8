//! The arguments of requests: JSON of a body, or a query.

use std::str::FromStr;

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::state::{Point, RunStatus};

/// Reads them as `T`.
pub fn read<T: DeserializeOwned>(method: &str, query: &str, body: &[u8]) -> Result<T, Refusal> {
    let said = |error: serde_json::Error| {
        Refusal::invalid(format!("the request's arguments can't be read: {error}"))
    };
    if method != "GET" {
        return serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(said);
    }
    let mut object = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        object.insert(name.into_owned(), Value::String(value.into_owned()));
    }
    serde_json::from_value(Value::Object(object)).map_err(said)
}

/// The number of results that a page has.
pub fn most(asked: Option<i64>, default: usize, most: usize) -> Result<usize, Refusal> {
    let Some(asked) = asked else { return Ok(default) };
    usize::try_from(asked).ok().filter(|asked| (1..=most).contains(asked)).ok_or_else(|| {
        Refusal::invalid(format!("Invalid value for max_results: {asked}. It must be from 1 to {most}"))
    })
}

/// The place at which a page begins.
pub fn token<T: FromStr + Default>(text: &str) -> Result<T, Refusal> {
    if text.is_empty() {
        return Ok(T::default());
    }
    text.parse().map_err(|_| Refusal::invalid("Invalid page token"))
}

/// A whole number, which a query and the Java client write as text.
pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[expect(clippy::cast_possible_truncation, reason = "a fraction of a millisecond is not kept")]
    parsed(deserializer, "whole number", |number| {
        number.as_i64().or_else(|| number.as_f64().map(|number| number as i64))
    })
}

pub fn maybe_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    struct Whole(#[serde(deserialize_with = "whole")] i64);
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|whole| whole.0))
}

/// A number, or one of the texts for what JSON lacks.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    parsed(deserializer, "number", serde_json::Number::as_f64)
}

/// A number as JSON or as text; `what` names its kind.
fn parsed<'de, D: Deserializer<'de>, T: FromStr>(
    deserializer: D,
    what: &str,
    of: impl FnOnce(&serde_json::Number) -> Option<T>,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let found = match &value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => of(number),
        _ => None,
    };
    found.ok_or_else(|| D::Error::custom(format!("the value {value} is not a {what}")))
}

/// The pairs of a query, in order; a name may come more than once.
#[derive(Clone, Debug, Default)]
pub struct Pairs(pub Vec<(String, String)>);

impl Pairs {
    /// Reads `a=b&c=d`.
    pub fn parse(query: &str) -> Self {
        Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    /// The first value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The whole number of a name.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        let read =
            |text: &str| text.parse().map_err(|_| Refusal::invalid(format!("{name} is no whole number")));
        self.get(name).map(read).transpose()
    }
}

#[derive(Deserialize)]
pub struct Pair {
    pub key: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Deserialize)]
pub struct Metric {
    pub key: String,
    #[serde(deserialize_with = "number")]
    pub value: f64,
    #[serde(default, deserialize_with = "whole")]
    pub timestamp: i64,
    #[serde(default, deserialize_with = "whole")]
    pub step: i64,
}

impl Metric {
    pub fn into_point(self) -> (String, Point) {
        (self.key, Point { value: self.value, step: self.step, time: self.timestamp })
    }
}

/// The run that a request is about; `run_uuid` is its old name.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct OfRun {
    pub run_id: String,
    pub run_uuid: String,
}

impl OfRun {
    pub fn id(&self) -> &str {
        if self.run_id.is_empty() { &self.run_uuid } else { &self.run_id }
    }
}

#[derive(Deserialize)]
pub struct RunAnd<T> {
    #[serde(flatten)]
    pub run: OfRun,
    #[serde(flatten)]
    pub more: T,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Batch {
    pub run_id: String,
    pub metrics: Vec<Metric>,
    pub params: Vec<Pair>,
    pub tags: Vec<Pair>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CreateRun {
    pub user_id: String,
    #[serde(deserialize_with = "maybe_whole")]
    pub start_time: Option<i64>,
    pub run_name: Option<String>,
    pub tags: Vec<Pair>,
}

#[derive(Deserialize)]
pub struct UpdateRun {
    pub status: Option<RunStatus>,
    #[serde(default, deserialize_with = "maybe_whole")]
    pub end_time: Option<i64>,
    pub run_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Search {
    pub experiment_ids: Vec<String>,
    pub filter: String,
    pub run_view_type: String,
    pub view_type: String,
    #[serde(deserialize_with = "maybe_whole")]
    pub max_results: Option<i64>,
    pub order_by: Vec<String>,
    pub page_token: String,
}

#[derive(Deserialize)]
pub struct History {
    pub metric_key: String,
    #[serde(default, deserialize_with = "maybe_whole")]
    pub max_results: Option<i64>,
    #[serde(default)]
    pub page_token: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct CreateModel {
    pub name: String,
    pub source_run_id: Option<String>,
    pub model_type: Option<String>,
    pub params: Vec<Pair>,
    pub tags: Vec<Pair>,
}

/// A name, and what a version of a registered model is made of.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Named {
    pub name: String,
    pub experiment_name: String,
    pub version: String,
    pub source: String,
    pub run_id: Option<String>,
    pub model_id: Option<String>,
    pub tags: Vec<Pair>,
}
