//! A value that a script logged under a name: a number, a text, a list, or other JSON.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

/// The numbers of a metric that was logged more than once; they are in an attachment, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Points, also those that are no number.
    pub count: u64,
    /// The smallest number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The step of the last point, where the script counts steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
}

impl Curve {
    pub(super) fn to_value(self) -> Value {
        serde_json::to_value(self).expect("numbers are JSON")
    }
}

/// One logged value.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "Value")]
pub enum Metric {
    /// A number that JSON can say.
    Number(Number),
    /// A text, and what no JSON number can say: `NaN`, `Infinity`, `-Infinity`.
    Text(String),
    /// A list: its elements make a chart.
    List(Vec<Value>),
    /// Anything else (a table, a truth value), kept as it came.
    Other(Value),
}

impl Metric {
    /// The metric for `value`; a value that is no finite number becomes the text a reader expects.
    pub fn from_f64(value: f64) -> Self {
        match Number::from_f64(value) {
            Some(number) => Self::Number(number),
            None if value.is_nan() => Self::Text("NaN".to_owned()),
            None if value > 0.0 => Self::Text("Infinity".to_owned()),
            None => Self::Text("-Infinity".to_owned()),
        }
    }

    /// The metric that a word on a command line means: a number where it reads as one, a list or
    /// table where it is JSON for one, else a text.
    pub fn from_word(word: &str) -> Self {
        match serde_json::from_str::<Value>(word) {
            Ok(value @ (Value::Number(_) | Value::Array(_) | Value::Object(_))) => Self::from(value),
            _ => Self::Text(word.to_owned()),
        }
    }

    /// The value as JSON.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone()),
            Self::List(items) => Value::Array(items.clone()),
            Self::Other(value) => value.clone(),
        }
    }

    /// The value as a number, where it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => number.as_f64(),
            _ => None,
        }
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.to_value().serialize(to)
    }
}

impl From<Value> for Metric {
    fn from(value: Value) -> Self {
        match value {
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(text),
            Value::Array(items) => Self::List(items),
            other => Self::Other(other),
        }
    }
}
