//! Bodies of requests. Every field that the service documents is read here, ignored as the service ignores it, or refused
//! by its name; so is a field that nobody documents. None is dropped without a word.

pub(super) mod models;

use axum::body::Body;
use serde_json::{Map, Value};

use super::failure::{Failure, excerpt};
use crate::app::App;
use crate::budget::Permit;
use crate::http::body::{self, BodyError};

/// The treatment of a field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    /// A string that a handler reads.
    Text,
    /// A truth value that a handler reads.
    Flag,
    /// Anything else that a handler reads and checks.
    Any,
    /// Set by the service itself. Clients send it back with the rest of an object.
    Ignored,
    /// Documented, and not done here.
    Unsupported,
    /// An object, or a list of objects.
    Of(&'static Model),
    /// An object whose values are objects, by names that the client chooses.
    MapOf(&'static Model),
}

/// A type of the service's, by its name in the documentation.
#[derive(Debug)]
pub(super) struct Model {
    name: &'static str,
    /// Treatments, each of the fields whose names follow, separated by blanks.
    fields: &'static [(Field, &'static str)],
}

/// Reads a body of JSON: one object of a model, a list of them, or a list in its envelope. Some clients begin it with a byte order
/// mark. The permit is for as long as it is used.
pub(super) async fn read(
    app: &App,
    body: Body,
    limit: usize,
    model: Option<&Model>,
) -> Result<(Value, Option<Permit>), Failure> {
    let whole = body::read(&app.budget, body, limit).await?;
    let value = parse(&whole, model)?;
    Ok((value, Some(whole.permit)))
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::new(error.status(), "VssServiceException", error.to_string())
    }
}

fn parse(bytes: &[u8], model: Option<&Model>) -> Result<Value, Failure> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let value: Value = serde_json::from_slice(bytes).map_err(|error| Failure::bad(not_json(&error)))?;
    let Some(model) = model else { return Ok(value) };
    match value {
        Value::Object(mut fields) if is_envelope(&fields) => match fields.remove("value") {
            Some(list) => model.check(list, ""),
            None => model.check(Value::Object(fields), ""),
        },
        value => model.check(value, ""),
    }
}

/// Returns whether an object is what lists are wrapped in.
fn is_envelope(fields: &Map<String, Value>) -> bool {
    fields.get("value").is_some_and(Value::is_array)
        && fields.keys().all(|name| name == "value" || name == "count")
}

impl Model {
    /// The value with its fields' names as they are documented: the service takes them in any case. Fields that say
    /// nothing are left out.
    fn check(&self, value: Value, path: &str) -> Result<Value, Failure> {
        match value {
            Value::Array(list) => list.into_iter().map(|value| self.check(value, path)).collect(),
            Value::Object(fields) => {
                let mut known = Map::with_capacity(fields.len());
                for (name, value) in fields {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    if let Some((name, value)) = self.field(&name, value, &path)? {
                        known.insert(name.to_owned(), value);
                    }
                }
                Ok(Value::Object(known))
            }
            other => Ok(other),
        }
    }

    fn field(&self, name: &str, value: Value, path: &str) -> Result<Option<(&'static str, Value)>, Failure> {
        let mut all =
            self.fields.iter().flat_map(|(field, names)| names.split(' ').map(move |name| (name, field)));
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((name, field)) = found else {
            // Serialisers of .NET write these two beside the fields.
            return if matches!(name, "$type" | "$id") || says_nothing(&value) {
                Ok(None)
            } else {
                Err(self.unsupported(path))
            };
        };
        let wrong =
            |what: &str| Failure::bad(format!("The field {path:?} of {} has to be {what}.", self.name));
        let value = match (field, value) {
            (Field::Ignored, _) | (_, Value::Null) => return Ok(None),
            (Field::Unsupported, value) if says_nothing(&value) => return Ok(None),
            (Field::Unsupported, _) => return Err(self.unsupported(path)),
            (Field::Text, value @ Value::String(_))
            | (Field::Flag, value @ Value::Bool(_))
            | (Field::Any, value) => value,
            (Field::Text, _) => return Err(wrong("a string")),
            (Field::Flag, Value::String(text)) if text.eq_ignore_ascii_case("true") => Value::Bool(true),
            (Field::Flag, Value::String(text)) if text.eq_ignore_ascii_case("false") => Value::Bool(false),
            (Field::Flag, _) => return Err(wrong("true or false")),
            (Field::Of(model), value @ (Value::Object(_) | Value::Array(_))) => model.check(value, path)?,
            (Field::MapOf(model), Value::Object(entries)) => {
                let checked = entries.into_iter().map(|(key, value)| Ok((key, model.check(value, path)?)));
                Value::Object(checked.collect::<Result<_, Failure>>()?)
            }
            (Field::Of(_) | Field::MapOf(_), _) => return Err(wrong("an object")),
        };
        Ok(Some((name, value)))
    }

    fn unsupported(&self, path: &str) -> Failure {
        Failure::bad(format!("The field {:?} of {} is not supported by vsts-mock.", excerpt(path), self.name))
    }
}

/// Returns whether a value is the one that clients send for a field that they have not set.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    }
}

/// Explains why a body is no JSON. serde_json does not say that half a pair of surrogates ended an escape too early.
fn not_json(error: &serde_json::Error) -> String {
    let error = error.to_string();
    let surrogate = if error.contains("surrogate") || error.contains("hex escape") {
        " An escape of a surrogate, such as \\ud83d, needs its other half."
    } else {
        ""
    };
    format!("The body is not JSON: {error}.{surrogate}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(value: &Value, model: &Model) -> Result<Value, String> {
        parse(value.to_string().as_bytes(), Some(model)).map_err(|failure| failure.message)
    }

    #[test]
    fn fields_are_read_ignored_or_refused() {
        static INNER: Model = Model { name: "Inner", fields: &[(Field::Text, "text")] };
        static OUTER: Model = Model {
            name: "Outer",
            fields: &[
                (Field::Text, "text"),
                (Field::Flag, "flag"),
                (Field::Any, "any"),
                (Field::Ignored, "id url"),
                (Field::Unsupported, "odd"),
                (Field::Of(&INNER), "inner"),
                (Field::MapOf(&INNER), "map"),
            ],
        };
        let rows = [
            (json!({}), Ok(json!({}))),
            (json!({ "TEXT": "a", "Any": [1], "url": 5 }), Ok(json!({ "text": "a", "any": [1] }))),
            (json!({ "flag": "True", "text": null }), Ok(json!({ "flag": true }))),
            (
                json!({ "odd": false, "other": null, "$type": "x", "flag": false }),
                Ok(json!({ "flag": false })),
            ),
            (json!({ "inner": [{ "Text": "a" }] }), Ok(json!({ "inner": [{ "text": "a" }] }))),
            (json!({ "map": { "K": { "Text": "a" } } }), Ok(json!({ "map": { "K": { "text": "a" } } }))),
            (json!([{ "Text": "a" }]), Ok(json!([{ "text": "a" }]))),
            (json!({ "count": 1, "value": [{ "Text": "a" }] }), Ok(json!([{ "text": "a" }]))),
            (json!({ "odd": true }), Err("The field \"odd\" of Outer is not supported by vsts-mock.")),
            (json!({ "other": 0 }), Err("The field \"other\" of Outer is not supported by vsts-mock.")),
            (
                json!({ "inner": { "x": "y" } }),
                Err("The field \"inner.x\" of Inner is not supported by vsts-mock."),
            ),
            (json!({ "text": 5 }), Err("The field \"text\" of Outer has to be a string.")),
            (json!({ "flag": "yes" }), Err("The field \"flag\" of Outer has to be true or false.")),
            (json!({ "inner": 5 }), Err("The field \"inner\" of Outer has to be an object.")),
        ];
        for (value, expected) in rows {
            assert_eq!(given(&value, &OUTER), expected.map_err(str::to_owned), "{value}");
        }
    }
}
