//! The output formats of the `az` family: `json`, `jsonc`, `yaml`, `table`, `tsv`, `none`.
//!
//! As in `az`: keys are sorted unless a query has chosen their order; a table leaves out `id`, `type`, `etag`
//! and nested values and capitalises its headers; in `tsv` a nested list is its length, a nested object is
//! empty.

use serde_json::{Map, Value};

use super::escaped;
use super::table::{Numbers, tabulate};
use crate::error::CommandError;

/// A format of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// JSON, indented by two.
    Json,
    /// JSON in colour on a terminal.
    Jsonc,
    /// Aligned columns.
    Table,
    /// Tab-separated values for scripts.
    Tsv,
    /// YAML.
    Yaml,
    /// Nothing.
    None,
}

/// Keys that a table does not show.
const SKIPPED: [&str; 3] = ["id", "type", "etag"];

/// Colour codes used by `jsonc`: keys, strings, other values, back to normal.
pub(super) const COLORS: [&str; 4] = ["\u{1b}[34m", "\u{1b}[32m", "\u{1b}[36m", "\u{1b}[39m"];

impl OutputFormat {
    /// Prints a value; `ordered` says that a query has chosen the order of keys.
    pub(super) fn print(self, value: &Value, ordered: bool, color: bool) -> Result<String, CommandError> {
        let sorted;
        let value = if ordered {
            value
        } else {
            sorted = sort_keys(value);
            &sorted
        };
        Ok(match self {
            Self::Jsonc if color => {
                let mut out = String::new();
                paint(value, 0, &mut out);
                out.push('\n');
                out
            }
            Self::Json | Self::Jsonc => pretty(value),
            Self::Yaml => escaped::yaml(value)?,
            Self::Tsv => tsv(value),
            Self::Table => {
                let rows = rows(value);
                if !rows.is_empty() && rows.iter().all(Map::is_empty) {
                    return Err(CommandError::failed("the result has no fields that fit a table")
                        .hint("choose fields with --query, or print it all with: --output json"));
                }
                tabulate(&rows, Numbers::AsText)
            }
            Self::None => String::new(),
        })
    }
}

fn pretty(value: &Value) -> String {
    let mut out = Vec::new();
    escaped::write_json(&mut out, value).expect("a JSON value can be printed");
    out.push(b'\n');
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// The value with the keys of all its objects sorted.
pub(crate) fn sort_keys(value: &Value) -> Value {
    match value {
        Value::Array(list) => list.iter().map(sort_keys).collect(),
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sort_keys(value))).collect())
        }
        other => other.clone(),
    }
}

fn paint(value: &Value, depth: usize, out: &mut String) {
    let [key_color, text_color, other_color, normal] = COLORS;
    let newline = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Array(list) if !list.is_empty() => {
            out.push('[');
            for (at, item) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                newline(out, depth + 1);
                paint(item, depth + 1, out);
            }
            newline(out, depth);
            out.push(']');
        }
        Value::Object(map) if !map.is_empty() => {
            out.push('{');
            for (at, (key, item)) in map.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                newline(out, depth + 1);
                out.extend([key_color, &escaped::json_text(key), normal, ": "]);
                paint(item, depth + 1, out);
            }
            newline(out, depth);
            out.push('}');
        }
        Value::String(text) => out.extend([text_color, &escaped::json_text(text), normal]),
        other => out.extend([other_color, &other.to_string(), normal]),
    }
}

fn rows(value: &Value) -> Vec<Map<String, Value>> {
    match value {
        Value::Array(list) => list.iter().map(row).collect(),
        other => vec![row(other)],
    }
}

fn row(item: &Value) -> Map<String, Value> {
    match item {
        Value::Object(map) => map
            .iter()
            .filter(|(key, value)| {
                !SKIPPED.contains(&key.as_str())
                    && !value.is_null()
                    && !value.is_array()
                    && !value.is_object()
            })
            .map(|(key, value)| (capitalized(key), value.clone()))
            .collect(),
        Value::Array(list) => {
            list.iter().enumerate().map(|(at, value)| (format!("Column{}", at + 1), value.clone())).collect()
        }
        other => Map::from_iter([("Result".to_owned(), other.clone())]),
    }
}

/// A key as a table's header: its first letter upper-cased.
pub(super) fn capitalized(key: &str) -> String {
    let mut chars = key.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn tsv(value: &Value) -> String {
    let mut out = String::new();
    let items = match value {
        Value::Array(list) => list.iter().collect(),
        other => vec![other],
    };
    for item in items {
        let fields: Vec<String> = match item {
            Value::Object(map) => map.values().map(tsv_field).collect(),
            Value::Array(list) => list.iter().map(tsv_field).collect(),
            Value::Bool(truth) => vec![truth.to_string()],
            other => vec![tsv_field(other)],
        };
        out.push_str(&fields.join("\t"));
        out.push('\n');
    }
    out
}

/// One field, in Python's words, as every script that reads `az … -o tsv` expects them.
fn tsv_field(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => crate::text::clean_line(text),
        Value::Array(list) => list.len().to_string(),
        Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(format: OutputFormat, value: &Value, ordered: bool, expect: &str) {
        assert_eq!(format.print(value, ordered, false).unwrap(), expect);
    }

    #[test]
    fn tables_follow_the_rules_of_az() {
        let value = json!([
            {"name": "b", "id": "x", "nested": {"a": 1}, "count": 1.50},
            {"name": "a", "type": "t", "list": [1], "count": 20},
        ]);
        check(OutputFormat::Table, &value, false, "Count    Name\n-------  ------\n1.5      b\n20       a\n");
        check(OutputFormat::Table, &value, true, "Name    Count\n------  -------\nb       1.5\na       20\n");
        check(OutputFormat::Table, &json!(["x", "y"]), true, "Result\n--------\nx\ny\n");
        check(
            OutputFormat::Table,
            &json!([["x", 1]]),
            true,
            "Column1    Column2\n---------  ---------\nx          1\n",
        );
        check(OutputFormat::Table, &json!([]), false, "");
        assert!(OutputFormat::Table.print(&json!([{"id": 1}]), false, false).is_err());
    }

    #[test]
    fn tsv_is_one_row_per_item() {
        let value = json!([{"b": "x", "a": null, "c": [1, 2], "d": {"e": 1}, "f": true}]);
        check(OutputFormat::Tsv, &value, false, "None\tx\t2\t\tTrue\n");
        check(OutputFormat::Tsv, &value, true, "x\tNone\t2\t\tTrue\n");
        check(OutputFormat::Tsv, &json!(["a", "b"]), true, "a\nb\n");
        check(OutputFormat::Tsv, &json!(true), true, "true\n");
        check(OutputFormat::Tsv, &json!([]), false, "");
    }

    #[test]
    fn json_yaml_and_none() {
        let value = json!({"b": [1, {"z": 1, "y": 2}], "a": "é"});
        check(
            OutputFormat::Json,
            &value,
            false,
            "{\n  \"a\": \"é\",\n  \"b\": [\n    1,\n    {\n      \"y\": 2,\n      \"z\": 1\n    }\n  ]\n}\n",
        );
        check(OutputFormat::Json, &json!([]), false, "[]\n");
        check(OutputFormat::Yaml, &value, true, "b:\n- 1\n- z: 1\n  y: 2\na: é\n");
        check(OutputFormat::None, &value, false, "");
        check(OutputFormat::Jsonc, &json!({"a": 1}), false, "{\n  \"a\": 1\n}\n");
        let painted = OutputFormat::Jsonc.print(&json!({"a": [1, "x"], "e": []}), false, true).unwrap();
        assert_eq!(
            painted.replace('\u{1b}', "^"),
            "{\n  ^[34m\"a\"^[39m: [\n    ^[36m1^[39m,\n    ^[32m\"x\"^[39m\n  ],\n  ^[34m\"e\"^[39m: ^[36m[]^[39m\n}\n"
        );
    }
}
