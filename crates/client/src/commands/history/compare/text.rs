//! A comparison as people read it: two tables, then what `git diff` would say.

use azml_core::run::RunRecord;
use serde_json::{Map, Value};

use crate::commands::patch::{self, Paint};
use crate::ops::compare::code::Code;
use crate::ops::compare::records::Line;
use crate::ui::{Numbers, tabulate};

/// The characters of a long value that are shown.
const SHOWN: usize = 60;

/// The style of the text.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Also what is the same.
    pub(super) all: bool,
    pub(super) paint: Paint,
}

/// The whole text.
pub(super) fn render(
    records: &[RunRecord],
    properties: &[Line],
    metrics: &[Line],
    codes: &[Code],
    look: Style,
) -> String {
    let mut out = String::new();
    for (title, lines) in [("Property", properties), ("Metric", metrics)] {
        let shown: Vec<&Line> =
            lines.iter().filter(|line| look.all || (line.differs() && !line.is_identity)).collect();
        if !shown.is_empty() {
            out += &table(title, records, &shown, look);
            out.push('\n');
        }
    }
    for code in codes {
        out += &render_code(code, codes.len() > 1, look);
    }
    if out.is_empty() { "Nothing differs.\n".to_owned() } else { out.trim_end().to_owned() + "\n" }
}

fn table(title: &str, records: &[RunRecord], lines: &[&Line], look: Style) -> String {
    let rows: Vec<Map<String, Value>> = lines
        .iter()
        .map(|line| {
            let mut row = Map::from_iter([(title.to_owned(), Value::from(line.name.clone()))]);
            for (at, (record, value)) in records.iter().zip(&line.values).enumerate() {
                // A run may be compared with itself.
                let is_there = records[..at].iter().any(|other| other.run_id == record.run_id);
                let again = if is_there { format!(" ({})", at + 1) } else { String::new() };
                let header = format!("{}{again}", record.run_id);
                row.insert(header, shown(value).into());
            }
            if title == "Metric" && records.len() == 2 {
                let change = line.difference().filter(|change| *change != 0.0);
                let change = change.map_or_else(String::new, |change| crate::text::signed(change, 6));
                row.insert("Difference".to_owned(), change.into());
            }
            row
        })
        .collect();
    let text = tabulate(&rows, Numbers::AsText);
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{}\n{rest}", look.paint.paint(head, "1"))
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Array(words) if !words.is_empty() && words.iter().all(Value::is_string) => {
            words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn render_code(code: &Code, is_one_of_many: bool, look: Style) -> String {
    let mut out = String::new();
    if is_one_of_many {
        out += &look.paint.paint(&format!("Code of {} and {}", code.from, code.to), "1");
        out.push('\n');
    }
    if code.files.is_empty() {
        return out + "The code is the same.\n\n";
    }
    out += &patch::stat(&code.files, look.paint);
    out.push('\n');
    for file in code.files.iter().filter(|_| code.with_lines) {
        out += &patch::text(file, look.paint);
    }
    out.push('\n');
    out
}
