//! JSON and YAML in which no text changes how its surroundings are shown: control characters (C1 as well), marks that
//! reorder text and separators of lines stand as `\u…`. Who parses it gets every text as it was.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;

use azml_core::quote::is_disruptive;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter};
use serde_json::{Map, Serializer, Value};

use crate::error::CommandError;

/// The longest string that has to fit.
const TAKES_ALL: &str = "a string takes all text";

/// Writes a value as indented JSON.
pub(crate) fn write_json(out: impl io::Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Escaping(PrettyFormatter::new())))
}

/// A text as JSON.
pub(super) fn json_text(text: &str) -> String {
    let mut out = Vec::new();
    write_json(&mut out, &text).expect("a text can be written");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// A value as YAML. A text with such characters stands in double quotes, and all others as the library writes them.
pub(super) fn yaml(value: &Value) -> Result<String, CommandError> {
    let mut odd = BTreeSet::new();
    visit(value, &mut |text| {
        if text.contains(is_disruptive_in_line) {
            odd.insert(text.to_owned());
        }
    });
    let write = |value: &Value| serde_yaml_ng::to_string(value).map_err(CommandError::failed);
    if odd.is_empty() {
        return write(value);
    }
    // Each has a word in its place that is in no text, and that needs no quotes.
    let mut mark = "escaped".to_owned();
    let is_taken = |mark: &str| {
        let mut found = false;
        visit(value, &mut |text| found |= text.contains(mark));
        found
    };
    while is_taken(&mark) {
        mark.push('x');
    }
    let odd: Vec<String> = odd.into_iter().collect();
    let word = |at: usize| format!("{mark}-{at}-");
    let mut text =
        write(&replaced(value, &|text| odd.binary_search_by(|odd| odd.as_str().cmp(text)).ok().map(word)))?;
    for (at, odd) in odd.iter().enumerate() {
        text = text.replace(&word(at), &json_text(odd));
    }
    Ok(text)
}

/// The characters that a text in YAML may not have as they are; line feeds and tabs are the library's business.
fn is_disruptive_in_line(c: char) -> bool {
    !matches!(c, '\n' | '\t') && is_disruptive(c)
}

fn visit(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(list) => list.iter().for_each(|item| visit(item, each)),
        Value::Object(map) => {
            for (key, item) in map {
                each(key);
                visit(item, each);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replaced(value: &Value, by: &dyn Fn(&str) -> Option<String>) -> Value {
    let text = |text: &str| by(text).unwrap_or_else(|| text.to_owned());
    match value {
        Value::String(string) => Value::String(text(string)),
        Value::Array(list) => list.iter().map(|item| replaced(item, by)).collect(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, item)| (text(key), replaced(item, by)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// Escapes what a formatter lets pass.
struct Escaping(PrettyFormatter<'static>);

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Most texts are plain, and looked at by the byte.
        if fragment.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
            return out.write_all(fragment.as_bytes());
        }
        let mut text = String::with_capacity(fragment.len());
        for c in fragment.chars() {
            if is_disruptive(c) {
                write!(text, "\\u{:04x}", u32::from(c)).expect(TAKES_ALL);
            } else {
                text.push(c);
            }
        }
        out.write_all(text.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(out, escape)
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Text with everything that terminals and bidirectional layout act on, and with YAML's own marks.
    const TEXT: &str = "[a-z0-9é测 \\n\\t:#'\"\\\\\\-~\u{0}\u{7}\u{1b}\u{7f}\u{85}\u{9b}\u{202e}\u{2066}\u{200f}\u{2028}\u{feff}]{0,12}";

    #[test]
    fn what_acts_on_its_surroundings_is_escaped() {
        let value = json!({"a\u{9b}31m": ["x\u{202e}y", "plain é", "\u{1b}]0;t\u{7}", "\u{7f}"]});
        let mut out = Vec::new();
        write_json(&mut out, &value).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\n  \"a\\u009b31m\": [\n    \"x\\u202ey\",\n    \"plain é\",\n    \"\\u001b]0;t\\u0007\",\n    \"\\u007f\"\n  ]\n}"
        );
        assert_eq!(
            yaml(&value).unwrap(),
            "\"a\\u009b31m\":\n- \"x\\u202ey\"\n- plain é\n- \"\\u001b]0;t\\u0007\"\n- \"\\u007f\"\n"
        );
        assert_eq!(yaml(&json!(["escaped-0-", "\u{9b}"])).unwrap(), "- escaped-0-\n- \"\\u009b\"\n");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_and_none_acts(texts in proptest::collection::vec(TEXT, 0..6)) {
            let value = json!({"list": texts, texts.first().cloned().unwrap_or_default(): 1});
            let mut out = Vec::new();
            write_json(&mut out, &value).unwrap();
            let text = String::from_utf8(out).unwrap();
            prop_assert!(!text.contains(is_disruptive_in_line), "{:?}", text);
            prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
            let text = yaml(&value).unwrap();
            prop_assert!(!text.contains(is_disruptive_in_line), "{:?}", text);
            prop_assert_eq!(&serde_yaml_ng::from_str::<Value>(&text).unwrap(), &value);
        }
    }
}
